#include "descriptors/three_body.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <stdexcept>
#include <string>
#include <utility>

namespace mlff::descriptors {
namespace {

using Eigen::Index;
using std::numbers::pi;
using std::numbers::sqrt2;

/// Σ_m Y_lm(a) Y_lm(a): what an atom contributes with itself.
double self_factor(int l) { return (2.0 * l + 1.0) / (4.0 * pi); }

double dot(const double* a, const double* b, Index n) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (Index k = 0; k < n; ++k) sum += a[k] * b[k];
    return sum;
}

/// y += factor · x
void add_scaled(double* y, double factor, const double* x, Index n) {
#pragma omp simd
    for (Index k = 0; k < n; ++k) y[k] += factor * x[k];
}

void reset(std::vector<double>& v, Index n) { v.assign(static_cast<std::size_t>(n), 0.0); }

}  // namespace

ThreeBody::ThreeBody(const RadialBasisOptions& options, int n_channels, Compression compression,
                     std::vector<int> components)
    : basis_(options),
      harmonics_(options.l_max),
      n_channels_(n_channels),
      compression_(compression),
      kept_(std::move(components)) {
    if (n_channels < 1) throw std::invalid_argument("a descriptor needs at least one species channel");
    c_offset_.push_back(0);
    c_all_offset_.push_back(0);
    self_offset_.push_back(0);
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l);
        kappa_.push_back(std::sqrt(8.0 * pi * pi / (2.0 * l + 1.0)));
        c_offset_.push_back(c_offset_.back() + (2 * l + 1) * row_size(l));
        c_all_offset_.push_back(c_all_offset_.back() + (2 * l + 1) * basis_.width(l));
        self_offset_.push_back(self_offset_.back() + n_channels_ * n * basis_.width(l));
        full_size_ += block_size(l);
    }
    if (all_kept()) return;
    if (kept_.front() < 0 || kept_.back() >= full_size_ ||
        std::adjacent_find(kept_.begin(), kept_.end(), std::greater_equal<>()) != kept_.end())
        throw std::invalid_argument("components must be ascending and between 0 and " + std::to_string(full_size_ - 1));
    first_kept_.push_back(0);
    Index component = 0;
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), all = channels_times(l);
        for (Index a = 0; a < all; ++a)
            for (Index b = compression_ == Compression::none ? a : all;
                 b < (compression_ == Compression::none ? all : all + n); ++b, ++component)
                if (kept_pairs_.size() < kept_.size() && component == kept_[kept_pairs_.size()])
                    kept_pairs_.push_back({a, b});
        first_kept_.push_back(static_cast<Index>(kept_pairs_.size()));
    }
}

Index ThreeBody::block_size(int l) const {
    const Index a = channels_times(l);
    return compression_ == Compression::none ? a * (a + 1) / 2 : a * basis_.count(l);
}

void ThreeBody::evaluate_neighbors(const Environment& environment, Workspace& work) const {
    work.neighbor.clear();
    work.first.assign(1, 0);
    const auto n_neighbors = static_cast<std::size_t>(environment.size());
    for (int channel = 0; channel < n_channels_; ++channel) {
        for (std::size_t j = 0; j < n_neighbors; ++j)
            if (environment.channels[j] == channel && environment.distances[j] < basis_.cutoff())
                work.neighbor.push_back(static_cast<Index>(j));
        work.first.push_back(static_cast<Index>(work.neighbor.size()));
    }
    const auto n_inside = static_cast<Index>(work.neighbor.size());
    const Index stride = basis_.padded_size(), n_lm = harmonics_.size(), n_fours = padded(n_inside) / n_lanes;
    if (static_cast<Index>(work.h.size()) < n_inside * stride) {
        work.h.resize(static_cast<std::size_t>(n_inside * stride));
        work.dh.resize(static_cast<std::size_t>(n_inside * stride));
    }
    if (static_cast<Index>(work.y.size()) < n_fours * n_lm) {
        work.y.resize(static_cast<std::size_t>(n_fours * n_lm));
        work.dy.resize(static_cast<std::size_t>(3 * n_fours * n_lm));
    }
    for (Index k = 0; k < n_inside; ++k)
        basis_.evaluate(environment.distances[static_cast<std::size_t>(work.neighbor[static_cast<std::size_t>(k)])],
                        work.h.data() + k * stride, work.dh.data() + k * stride);
    for (Index four = 0; four < n_fours; ++four) {
        Lanes x = Lanes::Zero(), y = Lanes::Zero(), z = Lanes::Ones();  // what is too many looks along z
        for (Index k = n_lanes * four; k < std::min(n_lanes * (four + 1), n_inside); ++k) {
            const Index j = work.neighbor[static_cast<std::size_t>(k)];
            const Eigen::Vector3d u = environment.vectors.col(j) / environment.distances[static_cast<std::size_t>(j)];
            x[k % n_lanes] = u[0];
            y[k % n_lanes] = u[1];
            z[k % n_lanes] = u[2];
        }
        harmonics_.evaluate(x, y, z, work.y.data() + four * n_lm, work.dy.data() + 3 * four * n_lm);
    }
}

template <int Q>
void ThreeBody::accumulate(Workspace& work, Index channel, Index k) const {
    constexpr auto n_at_once = static_cast<std::size_t>(Q);
    const Index stride = basis_.padded_size(), n_lm = harmonics_.size();
    std::array<const double*, n_at_once> y;
    for (std::size_t q = 0; q < n_at_once; ++q) y[q] = work.harmonics(k + static_cast<Index>(q), n_lm);
    const double* h = work.h.data() + k * stride;
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), width = basis_.width(l), row = row_size(l);
        const double* h_l = h + basis_.place(l);
        double* c = work.c.data() + c_offset(l) + channel * width;
        double* self = work.self.data() + self_offset(l) + channel * n * width;
        for (Index b = 0; b < width; b += n_lanes) {
            std::array<Lanes, n_at_once> h_b;
            for (std::size_t q = 0; q < n_at_once; ++q) h_b[q] = lanes(h_l + static_cast<Index>(q) * stride + b);
            for (Index m = 0; m < 2 * l + 1; ++m) {
                Lanes sum = lanes(c + m * row + b);
                for (std::size_t q = 0; q < n_at_once; ++q) sum += y[q][n_lanes * (l * l + m)] * h_b[q];
                lanes(c + m * row + b) = sum;
            }
            for (Index a = 0; a < n; ++a) {
                Lanes sum = lanes(self + a * width + b);
                for (std::size_t q = 0; q < n_at_once; ++q) sum += h_l[static_cast<Index>(q) * stride + a] * h_b[q];
                lanes(self + a * width + b) = sum;
            }
        }
    }
}

void ThreeBody::value(const Environment& environment, Workspace& work, Eigen::Ref<Eigen::VectorXd> x) const {
    evaluate_neighbors(environment, work);
    // Lanes may be read and written across the end of a block of functions, and of the last one.
    reset(work.c, c_offset_.back() + n_lanes);
    reset(work.self, self_offset_.back() + n_lanes);
    for (Index channel = 0; channel < n_channels_; ++channel) {
        Index k = work.first[static_cast<std::size_t>(channel)];
        const Index end = work.first[static_cast<std::size_t>(channel) + 1];
        for (; k + 4 <= end; k += 4) accumulate<4>(work, channel, k);
        for (; k < end; ++k) accumulate<1>(work, channel, k);
    }
    if (compression_ == Compression::element) {
        reset(work.c_all, c_all_offset_.back() + n_lanes);
        for (int l = 0; l <= basis_.l_max(); ++l)
            for (Index m = 0; m < 2 * l + 1; ++m)
                for (Index channel = 0; channel < n_channels_; ++channel)
                    add_scaled(work.c_all.data() + c_all_offset(l) + m * basis_.width(l), 1.0,
                               work.c.data() + c_offset(l) + m * row_size(l) + channel * basis_.width(l),
                               basis_.width(l));
    }

    // Each row of products ends inside lanes; what is written too much is overwritten by the next row.
    work.packed.resize(static_cast<std::size_t>(full_size_ + n_lanes));
    double* p = work.packed.data();
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), width = basis_.width(l), row = row_size(l), n_m = 2 * l + 1;
        const double* c = work.c.data() + c_offset(l);
        const double* self = work.self.data() + self_offset(l);
        // Row of products of `own` with other functions from `begin` to n, less the self term if there is one.
        const auto products = [&](const double* own, const double* other, Index other_row, Index begin,
                                  const double* own_self, double factor) {
            for (Index b = begin; b < n; b += n_lanes) {
                Lanes sum = Lanes::Zero();
                for (Index m = 0; m < n_m; ++m) sum += own[m * row] * lanes(other + m * other_row + b);
                if (own_self != nullptr) sum -= self_factor(l) * lanes(own_self + b);
                lanes(p + b - begin) = factor * sum;
            }
            p += n - begin;
        };
        for (Index channel = 0; channel < n_channels_; ++channel)
            for (Index a = 0; a < n; ++a) {
                const double* own = c + channel * width + a;
                const double* own_self = self + (channel * n + a) * width;
                if (compression_ == Compression::element) {
                    products(own, work.c_all.data() + c_all_offset(l), width, 0, own_self, kappa(l));
                    continue;
                }
                double* diagonal = p;
                products(own, c + channel * width, row, a, own_self, sqrt2 * kappa(l));
                for (Index other = channel + 1; other < n_channels_; ++other)
                    products(own, c + other * width, row, 0, nullptr, sqrt2 * kappa(l));
                *diagonal /= sqrt2;
            }
    }
    if (all_kept()) {
        x = Eigen::Map<const Eigen::VectorXd>(work.packed.data(), full_size_);
    } else {
        for (std::size_t k = 0; k < kept_.size(); ++k)
            x[static_cast<Index>(k)] = work.packed[static_cast<std::size_t>(kept_[k])];
    }
}

void ThreeBody::adjoint_of_products(Workspace& work, const double* g) const {
    // With W/2 the symmetric matrix of dE/d(Σ_m c_a c_b), κ included:  dE/dc_a = Σ_b W_ab c_b, and the self term
    // contributes -(2l+1)/(4π) Σ_nn' W_nn' h'_n h_n' along the pair.
    reset(work.gradient_c, c_offset_.back());
    work.self_weight.resize(static_cast<std::size_t>(self_offset_.back()));
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), width = basis_.width(l), row = row_size(l), n_m = 2 * l + 1;
        const double* c = work.c.data() + c_offset(l);
        double* gradient = work.gradient_c.data() + c_offset(l);
        double* self = work.self_weight.data() + self_offset(l);
        if (compression_ == Compression::none) {
            reset(work.weight, row * row);
            double* W = work.weight.data();
            for (Index channel = 0; channel < n_channels_; ++channel)
                for (Index a = 0; a < n; ++a) {
                    const Index own = channel * width + a;
                    W[own * row + own] = 2.0 * kappa(l) * *g++;
                    for (Index other = channel; other < n_channels_; ++other)
                        for (Index b = other == channel ? a + 1 : 0; b < n; ++b) {
                            const Index place = other * width + b;
                            W[own * row + place] = W[place * row + own] = sqrt2 * kappa(l) * *g++;
                        }
                }
            for (Index m = 0; m < n_m; ++m)
                for (Index b = 0; b < row; b += n_lanes) {
                    Lanes sum = Lanes::Zero();
                    for (Index a = 0; a < row; ++a) sum += c[m * row + a] * lanes(W + a * row + b);
                    lanes(gradient + m * row + b) = sum;
                }
            for (Index channel = 0; channel < n_channels_; ++channel)
                for (Index a = 0; a < n; ++a)
                    std::copy_n(W + (channel * width + a) * row + channel * width, width,
                                self + (channel * n + a) * width);
        } else {
            const double* c_all = work.c_all.data() + c_all_offset(l);
            reset(work.summed, n_m * width);
            std::fill_n(self, n_channels_ * n * width, 0.0);
            for (Index channel = 0; channel < n_channels_; ++channel)
                for (Index a = 0; a < n; ++a, g += n) {
                    const Index own = channel * width + a;
                    for (Index m = 0; m < n_m; ++m) {
                        gradient[m * row + own] += kappa(l) * dot(g, c_all + m * width, n);
                        add_scaled(work.summed.data() + m * width, kappa(l) * c[m * row + own], g, n);
                    }
                    for (Index b = 0; b < n; ++b) {
                        self[(channel * n + a) * width + b] += kappa(l) * g[b];
                        self[(channel * n + b) * width + a] += kappa(l) * g[b];
                    }
                }
            for (Index m = 0; m < n_m; ++m)
                for (Index channel = 0; channel < n_channels_; ++channel)
                    add_scaled(gradient + m * row + channel * width, 1.0, work.summed.data() + m * width, width);
        }
    }
}

template <int Q>
[[gnu::always_inline]] inline void ThreeBody::pair_gradient(const PairTerms& term, Index b, Lanes& radial,
                                                            std::array<Lanes, 3>& tangential) {
    constexpr auto n_at_once = static_cast<std::size_t>(Q);
    std::array<Lanes, n_at_once> along, across_x, across_y, across_z, with_self;
    for (std::size_t q = 0; q < n_at_once; ++q)
        along[q] = across_x[q] = across_y[q] = across_z[q] = with_self[q] = Lanes::Zero();
    for (Index m = 0; m < term.n_m; ++m) {
        const double y = term.y[n_lanes * m];
        const double d_x = term.dy[n_lanes * 3 * m], d_y = term.dy[n_lanes * (3 * m + 1)],
                     d_z = term.dy[n_lanes * (3 * m + 2)];
        for (std::size_t q = 0; q < n_at_once; ++q) {
            const Lanes g_m = lanes(term.gradient + m * term.row + b + static_cast<Index>(q) * n_lanes);
            along[q] += y * g_m;
            across_x[q] += d_x * g_m;
            across_y[q] += d_y * g_m;
            across_z[q] += d_z * g_m;
        }
    }
    for (Index a = 0; a < term.n; ++a)
        for (std::size_t q = 0; q < n_at_once; ++q)
            with_self[q] += term.h[a] * lanes(term.self + a * term.width + b + static_cast<Index>(q) * n_lanes);
    for (std::size_t q = 0; q < n_at_once; ++q) {
        const Lanes h = lanes(term.h + b + static_cast<Index>(q) * n_lanes);
        radial += lanes(term.dh + b + static_cast<Index>(q) * n_lanes) * (along[q] - term.self_factor * with_self[q]);
        tangential[0] += h * across_x[q];
        tangential[1] += h * across_y[q];
        tangential[2] += h * across_z[q];
    }
}

Eigen::Vector3d ThreeBody::pair_gradient(const Workspace& work, Index channel, Index k, const Eigen::Vector3d& unit,
                                         double r) const {
    const double* y = work.harmonics(k, harmonics_.size());
    const double* dy = work.harmonic_gradients(k, harmonics_.size());
    const double* h = work.h.data() + k * basis_.padded_size();
    const double* dh = work.dh.data() + k * basis_.padded_size();
    Lanes radial = Lanes::Zero();
    std::array<Lanes, 3> tangential = {Lanes::Zero(), Lanes::Zero(), Lanes::Zero()};
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), width = basis_.width(l);
        const PairTerms term{.n_m = 2 * l + 1,
                             .n = n,
                             .width = width,
                             .row = row_size(l),
                             .y = y + n_lanes * l * l,
                             .dy = dy + n_lanes * 3 * l * l,
                             .h = h + basis_.place(l),
                             .dh = dh + basis_.place(l),
                             .gradient = work.gradient_c.data() + c_offset(l) + channel * width,
                             .self = work.self_weight.data() + self_offset(l) + channel * n * width,
                             .self_factor = self_factor(l)};
        Index b = 0;
        for (; b + 2 * n_lanes <= width; b += 2 * n_lanes) pair_gradient<2>(term, b, radial, tangential);
        if (b < width) pair_gradient<1>(term, b, radial, tangential);
    }
    return radial.sum() * unit + Eigen::Vector3d(tangential[0].sum(), tangential[1].sum(), tangential[2].sum()) / r;
}

void ThreeBody::adjoint(const Environment& environment, Workspace& work, const Eigen::Ref<const Eigen::VectorXd>& g,
                        Eigen::Ref<Eigen::Matrix3Xd> pairs) const {
    if (all_kept()) {
        adjoint_of_products(work, g.data());
    } else {
        reset(work.packed, full_size_);
        for (std::size_t k = 0; k < kept_.size(); ++k)
            work.packed[static_cast<std::size_t>(kept_[k])] = g[static_cast<Index>(k)];
        adjoint_of_products(work, work.packed.data());
    }
    for (Index channel = 0; channel < n_channels_; ++channel)
        for (Index k = work.first[static_cast<std::size_t>(channel)];
             k < work.first[static_cast<std::size_t>(channel) + 1]; ++k) {
            const Index j = work.neighbor[static_cast<std::size_t>(k)];
            const double r = environment.distances[static_cast<std::size_t>(j)];
            pairs.col(j) += pair_gradient(work, channel, k, environment.vectors.col(j) / r, r);
        }
}

void ThreeBody::jacobian(const Environment& environment, Workspace& work, Eigen::Ref<Eigen::MatrixXd> out) const {
    // dc_alm/dr = δ_J (h'_nl r̂ Y_lm + h_nl ∇Y_lm), so Σ_m dc_a c_b = h'_n r̂ U_b + h_n V_b with the projections
    // U_b = Σ_m Y_lm c_b (row 0 of `projected`) and V_b = Σ_m ∇Y_lm c_b (rows 1 to 3).
    const Index stride = basis_.padded_size(), n_lm = harmonics_.size();
    for (std::size_t k = 0; k < work.neighbor.size(); ++k) {
        const Index j = work.neighbor[k], row = static_cast<Index>(k);
        const int channel = environment.channels[static_cast<std::size_t>(j)];
        const double r = environment.distances[static_cast<std::size_t>(j)];
        const Eigen::Vector3d unit = environment.vectors.col(j) / r;
        const double* y = work.harmonics(row, n_lm);
        const double* dy = work.harmonic_gradients(row, n_lm);
        Index first = 0;
        for (int l = 0; l <= basis_.l_max(); ++l) {
            const Index n = basis_.count(l), all = channels_times(l), n_m = 2 * l + 1;
            const bool full = compression_ == Compression::none;
            const double* h = work.h.data() + row * stride + basis_.place(l);
            const double* dh = work.dh.data() + row * stride + basis_.place(l);
            const double* c = work.c.data() + c_offset(l);
            const double* c_all = work.c_all.data() + c_all_offset(l);
            // One projection of every a and, compressed, one more of the sums over channels.
            const Index width = full ? all : all + n;
            reset(work.projected, 4 * width);
            double* projected = work.projected.data();
            for (Index m = 0; m < n_m; ++m)
                for (Index x = 0; x < 4; ++x) {
                    const Index lm = l * l + m;
                    const double factor = x == 0 ? y[n_lanes * lm] : dy[n_lanes * (3 * lm + x - 1)] / r;
                    for (Index own = 0; own < n_channels_; ++own)
                        add_scaled(projected + x * width + own * n, factor, c + m * row_size(l) + own * basis_.width(l),
                                   n);
                    if (!full) add_scaled(projected + x * width + all, factor, c_all + m * basis_.width(l), n);
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
