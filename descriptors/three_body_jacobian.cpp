#include <algorithm>
#include <numbers>

#include "descriptors/three_body.hpp"

namespace mlff::descriptors {

using Eigen::Index;
using std::numbers::sqrt2;

void ThreeBody::jacobian(const Environment& environment, Workspace& work, const AlignedVector<double>& c,
                         Eigen::MatrixXd& out) const {
    // dc_alm/dr = δ_J (h'_nl r̂ Y_lm + h_nl ∇Y_lm), so Σ_m dc_a c_b = h'_n r̂ U_b + h_n V_b with the projections
    // U_b = Σ_m Y_lm c_b (row 0 of `projected`) and V_b = Σ_m ∇Y_lm c_b (rows 1 to 3).
    select(environment, work);
    const Index stride = basis_.padded_size(), n_lm = harmonics_.size();
    const auto n_inside = static_cast<Index>(work.neighbor.size());
    out.resize(size(), 3 * n_inside);
    if (compression_ == Compression::element) sum_channels(work, c);
    reserve(work.h, n_inside * stride);
    reserve(work.dh, n_inside * stride);
    basis_.evaluate(work.r, work.h.data(), work.dh.data());
    constexpr Index at_once = n_lanes<double>;
    reserve(work.y, at_once * n_lm);
    reserve(work.dy, at_once * 3 * n_lm);
    for (std::size_t k = 0; k < work.neighbor.size(); ++k) {
        const Index j = work.neighbor[k], row = static_cast<Index>(k);
        const int channel = environment.channels[static_cast<std::size_t>(j)];
        const double r = environment.distances[static_cast<std::size_t>(j)];
        const Eigen::Vector3d unit = environment.vectors.col(j) / r;
        const Index lane = row % at_once;
        if (lane == 0) {
            const auto some = [&](std::size_t x) { return load(work.unit[x].data() + row); };
            harmonics_.evaluate(some(0), some(1), some(2), as_lanes(work.y), as_lanes(work.dy));
        }
        Index first = 0;
        for (int l = 0; l <= basis_.l_max(); ++l) {
            const Index n = basis_.count(l), all = channels_times(l), n_m = 2 * l + 1;
            const bool full = compression_ == Compression::none;
            const double* h = work.h.data() + row * stride + basis_.place(l);
            const double* dh = work.dh.data() + row * stride + basis_.place(l);
            const double* c_l = c.data() + c_offset(l);
            const double* c_all = full ? nullptr : work.c_all.data() + c_all_offset(l);
            // One projection of every a and, compressed, one more of the sums over channels.
            const Index width = full ? all : all + n;
            reset(work.projected, 4 * width);
            double* projected = work.projected.data();
            for (Index m = 0; m < n_m; ++m) {
                const double* y = work.y.data() + (l * l + m) * at_once + lane;
                const double* dy = work.dy.data() + 3 * (l * l + m) * at_once + lane;
                const Eigen::Vector3d gradient(dy[0], dy[at_once], dy[2 * at_once]);
                const Eigen::Vector3d tangential = (gradient - unit * unit.dot(gradient)) / r;
                for (Index x = 0; x < 4; ++x) {
                    const double factor = x == 0 ? *y : tangential[x - 1];
                    for (Index own = 0; own < n_channels_; ++own)
                        add_scaled(projected + x * width + own * n, factor,
                                   c_l + m * row_size(l) + own * basis_.width(l), n);
                    if (!full) add_scaled(projected + x * width + all, factor, c_all + m * basis_.width(l), n);
                }
            }
            if (!all_kept()) {
                for (Index i = first; i < first_kept_[static_cast<std::size_t>(l) + 1]; ++i) {
                    const auto [a, b] = kept_pairs_[static_cast<std::size_t>(i)];
                    const Index n_a = a % n, n_b = b % n;
                    const bool a_inside = a / n == channel, b_inside = !full || b / n == channel;
                    for (Index x = 0; x < 3; ++x) {
                        const double e = unit[x];
                        const double* U = projected;
                        const double* V = projected + (x + 1) * width;
                        double sum = 0.0;
                        if (a_inside) sum += dh[n_a] * e * U[b] + h[n_a] * V[b];
                        if (b_inside) sum += dh[n_b] * e * U[a] + h[n_b] * V[a];
                        if (a_inside && b_inside) sum -= self_factor(l) * e * (dh[n_a] * h[n_b] + h[n_a] * dh[n_b]);
                        out(i, 3 * row + x) = (full && a != b ? sqrt2 * kappa(l) : kappa(l)) * sum;
                    }
                }
                first = first_kept_[static_cast<std::size_t>(l) + 1];
                continue;
            }
            for (Index x = 0; x < 3; ++x) {
                double* p = out.data() + (3 * row + x) * out.outerStride() + first;
                const double e = unit[x];
                const double* U = projected;
                const double* V = projected + (x + 1) * width;
                for (Index a = 0; a < all; ++a) {
                    const bool inside = a / n == channel;
                    const Index own = a % n;
                    const Index length = full ? all - a : n;
                    std::fill_n(p, length, 0.0);
                    if (inside) {
                        const Index start = full ? a : all;
                        add_scaled(p, dh[own] * e, U + start, length);
                        add_scaled(p, h[own], V + start, length);
                    }
                    // b (or n') in this neighbour's channel
                    const Index begin = full ? std::max(channel * n, a) : 0, end = full ? (channel + 1) * n : n;
                    const Index skip = full ? begin - channel * n : 0;
                    const double self = inside ? self_factor(l) * e : 0.0;
                    double* q = p + (full ? begin - a : 0);
                    for (Index b = 0; b < end - begin; ++b) {
                        const double h_b = h[skip + b], dh_b = dh[skip + b];
                        q[b] += dh_b * e * U[a] + h_b * V[a] - self * (dh[own] * h_b + h[own] * dh_b);
                    }
                    for (Index b = 0; b < length; ++b) p[b] *= full && b > 0 ? sqrt2 * kappa(l) : kappa(l);
                    p += length;
                }
            }
            first += block_size(l);
        }
    }
}

}  // namespace mlff::descriptors
