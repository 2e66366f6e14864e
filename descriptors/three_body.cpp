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
        c_offset_.push_back(c_offset_.back() + (2 * l + 1) * channels_times(l));
        c_all_offset_.push_back(c_all_offset_.back() + (2 * l + 1) * n);
        self_offset_.push_back(self_offset_.back() + n_channels_ * n * n);
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

void ThreeBody::value(const Environment& environment, Workspace& work, Eigen::Ref<Eigen::VectorXd> x) const {
    const Index stride = basis_.padded_size(), n_lm = harmonics_.size();
    work.neighbor.clear();
    const auto n_neighbors = static_cast<std::size_t>(environment.size());
    for (std::size_t j = 0; j < n_neighbors; ++j)
        if (environment.distances[j] < basis_.cutoff()) work.neighbor.push_back(static_cast<Index>(j));
    const auto n_inside = static_cast<Index>(work.neighbor.size());
    if (static_cast<Index>(work.h.size()) < n_inside * stride) {
        work.h.resize(static_cast<std::size_t>(n_inside * stride));
        work.dh.resize(static_cast<std::size_t>(n_inside * stride));
        work.y.resize(static_cast<std::size_t>(n_inside * n_lm));
        work.dy.resize(3, n_inside * n_lm);
    }
    reset(work.c, c_offset_.back());
    reset(work.self, self_offset_.back());
    for (Index k = 0; k < n_inside; ++k) {
        const Index j = work.neighbor[static_cast<std::size_t>(k)];
        const double r = environment.distances[static_cast<std::size_t>(j)];
        const int channel = environment.channels[static_cast<std::size_t>(j)];
        double* h = work.h.data() + k * stride;
        double* y = work.y.data() + k * n_lm;
        basis_.evaluate(r, h, work.dh.data() + k * stride);
        harmonics_.evaluate(environment.vectors.col(j) / r, y, work.dy.data() + 3 * k * n_lm);
        for (int l = 0; l <= basis_.l_max(); ++l) {
            const Index n = basis_.count(l), all = channels_times(l);
            const double* h_l = h + basis_.offset(l);
            double* c = work.c.data() + c_offset_[static_cast<std::size_t>(l)] + channel * n;
            for (int m = 0; m < 2 * l + 1; ++m) add_scaled(c + m * all, y[l * l + m], h_l, n);
            double* self = work.self.data() + self_offset_[static_cast<std::size_t>(l)] + channel * n * n;
            for (Index a = 0; a < n; ++a) add_scaled(self + a * n, h_l[a], h_l, n);
        }
    }
    if (compression_ == Compression::element) {
        reset(work.c_all, c_all_offset_.back());
        for (int l = 0; l <= basis_.l_max(); ++l)
            for (Index m = 0; m < 2 * l + 1; ++m)
                for (Index channel = 0; channel < n_channels_; ++channel)
                    add_scaled(work.c_all.data() + c_all_offset_[static_cast<std::size_t>(l)] + m * basis_.count(l),
                               1.0,
                               work.c.data() + c_offset_[static_cast<std::size_t>(l)] + m * channels_times(l) +
                                   channel * basis_.count(l),
                               basis_.count(l));
    }

    double* p = x.data();
    if (all_kept()) {
        x.setZero();
    } else {
        reset(work.packed, full_size_);
        p = work.packed.data();
    }
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), all = channels_times(l);
        const double* c = work.c.data() + c_offset_[static_cast<std::size_t>(l)];
        const double* c_all = work.c_all.data() + c_all_offset_[static_cast<std::size_t>(l)];
        for (Index a = 0; a < all; ++a) {
            const Index channel = a / n;
            const double* self =
                work.self.data() + self_offset_[static_cast<std::size_t>(l)] + channel * n * n + (a % n) * n;
            if (compression_ == Compression::none) {
                // Row a of the upper triangle: b = a..all-1; the self term ends with the channel of a.
                const Index length = all - a, same = (channel + 1) * n - a;
                for (Index m = 0; m < 2 * l + 1; ++m) add_scaled(p, c[m * all + a], c + m * all + a, length);
                add_scaled(p, -self_factor(l), self + a % n, same);
                for (Index b = 0; b < length; ++b) p[b] *= b == 0 ? kappa(l) : sqrt2 * kappa(l);
                p += length;
            } else {
                for (Index m = 0; m < 2 * l + 1; ++m) add_scaled(p, c[m * all + a], c_all + m * n, n);
                add_scaled(p, -self_factor(l), self, n);
                for (Index b = 0; b < n; ++b) p[b] *= kappa(l);
                p += n;
            }
        }
    }
    for (std::size_t k = 0; k < kept_.size(); ++k)
        x[static_cast<Index>(k)] = work.packed[static_cast<std::size_t>(kept_[k])];
}

void ThreeBody::adjoint(const Environment& environment, Workspace& work, const Eigen::Ref<const Eigen::VectorXd>& g,
                        Eigen::Ref<Eigen::Matrix3Xd> pairs) const {
    // With W the symmetric matrix of dE/d(Σ_m c_a c_b), κ included:  dE/dc_a = 2 Σ_b W_ab c_b, and the self term
    // contributes -(2l+1)/(4π) · 2 Σ_nn' W_nn' h'_n h_n' along the pair.
    reset(work.gradient_c, c_offset_.back());
    reset(work.self_weight, self_offset_.back());
    const double* g_row = g.data();
    if (!all_kept()) {
        reset(work.packed, full_size_);
        for (std::size_t k = 0; k < kept_.size(); ++k)
            work.packed[static_cast<std::size_t>(kept_[k])] = g[static_cast<Index>(k)];
        g_row = work.packed.data();
    }
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), all = channels_times(l), n_m = 2 * l + 1;
        const double* c = work.c.data() + c_offset_[static_cast<std::size_t>(l)];
        double* gradient = work.gradient_c.data() + c_offset_[static_cast<std::size_t>(l)];
        double* self = work.self_weight.data() + self_offset_[static_cast<std::size_t>(l)];
        if (compression_ == Compression::none) {
            reset(work.weight, all * all);
            double* W = work.weight.data();
            for (Index a = 0; a < all; ++a) {
                W[a * all + a] = kappa(l) * g_row[0];
                for (Index b = a + 1; b < all; ++b) W[a * all + b] = W[b * all + a] = kappa(l) / sqrt2 * g_row[b - a];
                g_row += all - a;
            }
            for (Index m = 0; m < n_m; ++m)
                for (Index b = 0; b < all; ++b) add_scaled(gradient + m * all, 2.0 * c[m * all + b], W + b * all, all);
            for (Index a = 0; a < all; ++a) std::copy_n(W + a * all + a / n * n, n, self + a * n);
        } else {
            const double* c_all = work.c_all.data() + c_all_offset_[static_cast<std::size_t>(l)];
            reset(work.summed, n_m * n);
            for (Index m = 0; m < n_m; ++m)
                for (Index a = 0; a < all; ++a) {
                    gradient[m * all + a] += kappa(l) * dot(g_row + a * n, c_all + m * n, n);
                    add_scaled(work.summed.data() + m * n, kappa(l) * c[m * all + a], g_row + a * n, n);
                }
            for (Index m = 0; m < n_m; ++m)
                for (Index channel = 0; channel < n_channels_; ++channel)
                    add_scaled(gradient + m * all + channel * n, 1.0, work.summed.data() + m * n, n);
            for (Index a = 0; a < all; ++a)
                for (Index b = 0; b < n; ++b)
                    self[a * n + b] = 0.5 * kappa(l) * (g_row[a * n + b] + g_row[(a / n * n + b) * n + a % n]);
            g_row += all * n;
        }
    }

    const Index stride = basis_.padded_size(), n_lm = harmonics_.size();
    for (std::size_t k = 0; k < work.neighbor.size(); ++k) {
        const Index j = work.neighbor[k], row = static_cast<Index>(k);
        const int channel = environment.channels[static_cast<std::size_t>(j)];
        const double r = environment.distances[static_cast<std::size_t>(j)];
        const double* y = work.y.data() + row * n_lm;
        const double* dy = work.dy.data() + 3 * row * n_lm;
        double radial = 0.0;
        Eigen::Vector3d tangential = Eigen::Vector3d::Zero();
        for (int l = 0; l <= basis_.l_max(); ++l) {
            const Index n = basis_.count(l), all = channels_times(l);
            const double* h = work.h.data() + row * stride + basis_.offset(l);
            const double* dh = work.dh.data() + row * stride + basis_.offset(l);
            const double* gradient = work.gradient_c.data() + c_offset_[static_cast<std::size_t>(l)] + channel * n;
            for (int m = 0; m < 2 * l + 1; ++m) {
                const double* g_m = gradient + m * all;
                double along = 0.0, across = 0.0;
#pragma omp simd reduction(+ : along, across)
                for (Index a = 0; a < n; ++a) {
                    along += g_m[a] * dh[a];
                    across += g_m[a] * h[a];
                }
                radial += along * y[l * l + m];
                const double* d = dy + 3 * (l * l + m);
                tangential += across * Eigen::Vector3d(d[0], d[1], d[2]);
            }
            const double* self = work.self_weight.data() + self_offset_[static_cast<std::size_t>(l)] + channel * n * n;
            double sum = 0.0;
            for (Index a = 0; a < n; ++a) sum += dh[a] * dot(self + a * n, h, n);
            radial -= 2.0 * self_factor(l) * sum;
        }
        pairs.col(j) += (radial * environment.vectors.col(j) + tangential) / r;
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
        const double* y = work.y.data() + row * n_lm;
        const double* dy = work.dy.data() + 3 * row * n_lm;
        Index first = 0;
        for (int l = 0; l <= basis_.l_max(); ++l) {
            const Index n = basis_.count(l), all = channels_times(l), n_m = 2 * l + 1;
            const bool full = compression_ == Compression::none;
            const double* h = work.h.data() + row * stride + basis_.offset(l);
            const double* dh = work.dh.data() + row * stride + basis_.offset(l);
            const double* c = work.c.data() + c_offset_[static_cast<std::size_t>(l)];
            const double* c_all = work.c_all.data() + c_all_offset_[static_cast<std::size_t>(l)];
            // One projection of every a and, compressed, one more of the sums over channels.
            const Index width = full ? all : all + n;
            reset(work.projected, 4 * width);
            double* projected = work.projected.data();
            for (Index m = 0; m < n_m; ++m)
                for (Index x = 0; x < 4; ++x) {
                    const double factor = x == 0 ? y[l * l + m] : dy[3 * (l * l + m) + x - 1] / r;
                    add_scaled(projected + x * width, factor, c + m * all, all);
                    if (!full) add_scaled(projected + x * width + all, factor, c_all + m * n, n);
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
