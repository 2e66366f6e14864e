#include "descriptors/three_body.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "descriptors/sum_products.hpp"

namespace mlff::descriptors {
namespace {

using Eigen::Index;
using std::numbers::pi;

constexpr double sqrt2 = std::numbers::sqrt2;

template <class Real>
Real dot(const Real* a, const Real* b, Index n) {
    Real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Index k = 0; k < n; ++k) sum += a[k] * b[k];
    return sum;
}

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
    gradient_offset_.push_back(0);
    c_all_offset_.push_back(0);
    self_offset_.push_back(0);
    weight_offset_.push_back(0);
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l);
        kappa_.push_back(std::sqrt(8.0 * pi * pi / (2.0 * l + 1.0)));
        c_offset_.push_back(c_offset_.back() + (2 * l + 1) * row_size(l));
        gradient_offset_.push_back(gradient_offset_.back() + row_size(l) * padded(2 * l + 1));
        c_all_offset_.push_back(c_all_offset_.back() + (2 * l + 1) * basis_.width(l));
        self_offset_.push_back(self_offset_.back() + n_channels_ * n * basis_.width(l));
        weight_offset_.push_back(weight_offset_.back() + (compression_ == Compression::none
                                                              ? row_size(l) * row_size(l)
                                                              : n_channels_ * n * basis_.width(l)));
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

template <class Real>
void ThreeBody::select(const Environment& environment, BasicWorkspace<Real>& work) const {
    // Counts go two places up and neighbours are then filled in one place up, which leaves first[J] in place.
    work.first.assign(static_cast<std::size_t>(n_channels_) + 2, 0);
    const auto n_neighbors = static_cast<std::size_t>(environment.size());
    for (std::size_t j = 0; j < n_neighbors; ++j)
        work.first[static_cast<std::size_t>(environment.channels[j]) + 2] +=
            environment.distances[j] < basis_.cutoff() ? 1 : 0;
    std::partial_sum(work.first.begin(), work.first.end(), work.first.begin());
    const auto n_inside = static_cast<std::size_t>(work.first.back());
    work.neighbor.resize(n_inside);
    work.r.resize(n_inside);
    for (auto& coordinate : work.unit) coordinate.resize(n_inside + padding);
    for (std::size_t j = 0; j < n_neighbors; ++j) {
        const double r = environment.distances[j], inverse = 1.0 / r;
        if (!(r < basis_.cutoff())) continue;
        const auto k = static_cast<std::size_t>(work.first[static_cast<std::size_t>(environment.channels[j]) + 1]++);
        const double* vector = environment.vectors.data() + 3 * j;
        work.neighbor[k] = static_cast<Index>(j);
        work.r[k] = r;
        for (std::size_t x = 0; x < 3; ++x) work.unit[x][k] = static_cast<Real>(vector[x] * inverse);
    }
    work.first.pop_back();
}

template <class Real>
void ThreeBody::accumulate(BasicWorkspace<Real>& work, AlignedVector<Real>& c, Index channel) const {
    constexpr Index at_once = n_lanes<Real>;
    const Index stride = basis_.padded_size(), n_lm = harmonics_.size();
    const Index begin = work.first[static_cast<std::size_t>(channel)];
    const Index end = work.first[static_cast<std::size_t>(channel) + 1];
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), width = basis_.width(l);
        const Real* h = work.h.data() + basis_.place(l);
        const Real* y = work.y.data() + at_once * l * l;
        Real* own_c = c.data() + c_offset(l) + channel * width;
        Real* self = work.self.data() + self_offset(l) + channel * n * width;
        const auto of_y = [&](Index k) { return y + k / at_once * (n_lm * at_once) + k % at_once; };
        sum_products<at_once>(2 * l + 1, width, begin, end, of_y, h, stride, own_c, row_size(l));
        const auto of_h = [&](Index k) { return h + k * stride; };
        sum_products<1>(n, width, begin, end, of_h, h, stride, self, width);
    }
}

template <class Real>
void ThreeBody::sum_channels(BasicWorkspace<Real>& work, const AlignedVector<Real>& c) const {
    reset(work.c_all, c_all_offset_.back() + padding);
    for (int l = 0; l <= basis_.l_max(); ++l)
        for (Index m = 0; m < 2 * l + 1; ++m)
            for (Index channel = 0; channel < n_channels_; ++channel)
                add_scaled(work.c_all.data() + c_all_offset(l) + m * basis_.width(l), Real(1),
                           c.data() + c_offset(l) + m * row_size(l) + channel * basis_.width(l), basis_.width(l));
}

template <class Real>
void ThreeBody::value(const Environment& environment, BasicWorkspace<Real>& work, AlignedVector<Real>& c,
                      std::type_identity_t<Eigen::Ref<Eigen::VectorX<Real>>> x) const {
    select(environment, work);
    const auto n_inside = static_cast<Index>(work.neighbor.size());
    constexpr Index at_once = n_lanes<Real>;
    const Index n_lm = harmonics_.size();
    reserve(work.h, n_inside * basis_.padded_size());
    reserve(work.y, whole_lanes<Real>(n_inside) * n_lm);
    basis_.values(work.r, work.h.data());
    for (Index k = 0; k < n_inside; k += at_once) {
        const auto unit = [&](std::size_t axis) { return load(work.unit[axis].data() + k); };
        harmonics_.evaluate(unit(0), unit(1), unit(2), as_lanes(work.y) + k / at_once * n_lm);
    }
    // Lanes may be read and written across the end of a block of functions, and of the last one.
    c.resize(static_cast<std::size_t>(c_offset_.back() + slack()));
    work.self.resize(static_cast<std::size_t>(self_offset_.back() + padding));
    for (Index channel = 0; channel < n_channels_; ++channel) accumulate(work, c, channel);
    if (compression_ == Compression::element) sum_channels(work, c);

    // Each row of products ends inside lanes; what is written too much is overwritten by the next row.
    work.packed.resize(static_cast<std::size_t>(full_size_ + padding));
    reserve(work.products, basis_.count(0) * row_size(0) + padding);
    const bool full = compression_ == Compression::none;
    Real* p = work.packed.data();
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), width = basis_.width(l), row = row_size(l);
        const auto factor = static_cast<Real>(full ? sqrt2 * kappa(l) : kappa(l));
        const auto with_self = static_cast<Real>(self_factor(l));
        for (Index channel = 0; channel < n_channels_; ++channel) {
            // Σ_m c_a c_b of every a in this channel, b in this one and in those after it (element: in their sum).
            const Real* own = c.data() + c_offset(l) + channel * width;
            const Real* other = full ? own : work.c_all.data() + c_all_offset(l);
            const Index other_row = full ? row : width, other_size = full ? row - channel * width : width;
            const auto of_own = [&](Index m) { return own + m * row; };
            sum_products<1>(n, other_size, 0, 2 * l + 1, of_own, other, other_row, work.products.data(), other_size);
            const Real* self = work.self.data() + self_offset(l) + channel * n * width;
            for (Index a = 0; a < n; ++a, self += width) {
                const Real* products = work.products.data() + a * other_size;
                const Index begin = full ? a : 0;
                for (Index b = begin; b < n; b += at_once)
                    store(p + b - begin, factor * (load(products + b) - with_self * load(self + b)));
                if (full) *p /= static_cast<Real>(sqrt2);
                p += n - begin;
                for (Index begin_other = width; begin_other < other_size; begin_other += width, p += n)
                    for (Index b = 0; b < n; b += at_once) store(p + b, factor * load(products + begin_other + b));
            }
        }
    }
    if (all_kept()) {
        x = Eigen::Map<const Eigen::VectorX<Real>>(work.packed.data(), full_size_);
    } else {
        for (std::size_t k = 0; k < kept_.size(); ++k)
            x[static_cast<Index>(k)] = work.packed[static_cast<std::size_t>(kept_[k])];
    }
}

template <class Real>
const Real* ThreeBody::symmetric_weights(int l, const Real* g, Real* W) const {
    constexpr Index at_once = n_lanes<Real>;
    const Index n = basis_.count(l), width = basis_.width(l), row = row_size(l);
    const auto once = static_cast<Real>(kappa(l)), twice = static_cast<Real>(sqrt2 * kappa(l));
    Lanes<Real> position;
    for (Index q = 0; q < at_once; ++q) position[q] = static_cast<Real>(q);
    const Lanes<Real> zero{};
    // The upper triangle, half of the diagonal: each row of g holds the rest of its own channel, then all others.
    for (Index channel = 0; channel < n_channels_; ++channel) {
        for (Index a = n; a < width; ++a) std::fill_n(W + (channel * width + a) * row, row, Real(0));
        for (Index a = 0; a < n; ++a) {
            Real* out = W + (channel * width + a) * row + channel * width;
            for (Index b = a / at_once * at_once; b < width; b += at_once) {
                const auto first = static_cast<Real>(a - b), end = static_cast<Real>(n - b);
                const Lanes<Real> v = load(g + b - a);
                const Lanes<Real> scaled = position == first ? once * v : twice * v;
                store(out + b, position >= first && position < end ? scaled : zero);
            }
            g += n - a;
            for (Index other = channel + 1; other < n_channels_; ++other, g += n)
                for (Index b = 0; b < width; b += at_once)
                    store(out + (other - channel) * width + b,
                          position < static_cast<Real>(n - b) ? twice * load(g + b) : zero);
        }
    }
    for (Index a = 0; a < row; a += at_once)
        for (Index b = a; b < row; b += at_once) {
            if (a != b) {
                transpose(W + a * row + b, row, W + b * row + a, row);
                continue;
            }
            std::array<Real, at_once * at_once> mirrored;
            Real* block = W + a * (row + 1);
            transpose(block, row, mirrored.data(), at_once);
            for (Index k = 0; k < at_once; ++k)
                store(block + k * row, load(block + k * row) + load(mirrored.data() + k * at_once));
        }
    return g;
}

template <class Real>
void ThreeBody::adjoint_of_products(BasicWorkspace<Real>& work, const AlignedVector<Real>& c, const Real* g) const {
    // With W/2 the symmetric matrix of dE/d(Σ_m c_a c_b), κ included:  dE/dc_a = Σ_b W_ab c_b, and the self term
    // contributes -(2l+1)/(4π) Σ_nn' W_nn' h'_n h_n' along the pair.
    reserve(work.gradient, gradient_offset_.back());
    reset(work.weight, compression_ == Compression::none ? 0 : weight_offset_.back());
    reserve(work.weight, weight_offset_.back());
    reserve(work.c_by_m, row_size(0) * padded(2 * basis_.l_max() + 1));
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), width = basis_.width(l), row = row_size(l), n_m = 2 * l + 1;
        const auto once = static_cast<Real>(kappa(l));
        const Real* c_l = c.data() + c_offset(l);
        Real* W = work.weight.data() + weight_offset(l);
        reserve(work.gradient_by_a, padded(n_m) * row);
        Real* gradient = work.gradient_by_a.data();
        if (compression_ == Compression::none) {
            g = symmetric_weights(l, g, W);
            transpose(whole_lanes<Real>(n_m), row, c_l, row, work.c_by_m.data(), padded(n_m));
            const auto of_c = [by_m = work.c_by_m.data(), next = padded(n_m)](Index a) { return by_m + a * next; };
            sum_products<1>(n_m, row, 0, row, of_c, static_cast<const Real*>(W), row, gradient, row);
        } else {
            const Real* c_all = work.c_all.data() + c_all_offset(l);
            std::fill_n(gradient, n_m * row, Real(0));
            reset(work.summed, n_m * width);
            for (Index channel = 0; channel < n_channels_; ++channel)
                for (Index a = 0; a < n; ++a, g += n) {
                    const Index own = channel * width + a;
                    for (Index m = 0; m < n_m; ++m) {
                        gradient[m * row + own] += once * dot(g, c_all + m * width, n);
                        add_scaled(work.summed.data() + m * width, once * c_l[m * row + own], g, n);
                    }
                    for (Index b = 0; b < n; ++b) {
                        W[(channel * n + a) * width + b] += once * g[b];
                        W[(channel * n + b) * width + a] += once * g[b];
                    }
                }
            for (Index m = 0; m < n_m; ++m)
                for (Index channel = 0; channel < n_channels_; ++channel)
                    add_scaled(gradient + m * row + channel * width, Real(1), work.summed.data() + m * width, width);
        }
        transpose(whole_lanes<Real>(n_m), row, static_cast<const Real*>(gradient), row,
                  work.gradient.data() + gradient_offset(l), padded(n_m));
    }
}

template <class Real>
std::array<Lanes<Real>, 3> ThreeBody::pair_gradients(BasicWorkspace<Real>& work, Index channel, Index k,
                                                     Index n_here) const {
    // Lanes of neighbours that are too many hold numbers of no account.
    constexpr Index at_once = n_lanes<Real>;
    const auto place = static_cast<std::size_t>(k);
    const auto r = std::span(work.r).subspan(place, static_cast<std::size_t>(n_here));
    const std::array<Lanes<Real>, 3> unit = {load(work.unit[0].data() + k), load(work.unit[1].data() + k),
                                             load(work.unit[2].data() + k)};
    basis_.evaluate(r, work.h.data(), work.dh.data());
    harmonics_.evaluate(unit[0], unit[1], unit[2], as_lanes(work.y), as_lanes(work.dy));
    for (Index b = 0; b < basis_.padded_size(); b += at_once) {
        transpose(work.h.data() + b, basis_.padded_size(), work.h_by_n.data() + b * at_once, at_once);
        transpose(work.dh.data() + b, basis_.padded_size(), work.dh_by_n.data() + b * at_once, at_once);
    }
    // Σ_lm Y_lm Σ_n dE/dc_nlm h'_nl, less the self terms; and Σ_lm ∇Y_lm Σ_n dE/dc_nlm h_nl
    Lanes<Real> along{}, across_x{}, across_y{}, across_z{};
    for (int l = 0; l <= basis_.l_max(); ++l) {
        const Index n = basis_.count(l), width = basis_.width(l), row = row_size(l), n_m = 2 * l + 1;
        const bool full = compression_ == Compression::none;
        const Index next = padded(n_m);
        const Real* gradient = work.gradient.data() + gradient_offset(l) + channel * width * next;
        const Real* self = work.weight.data() + weight_offset(l) + channel * (full ? width * (row + 1) : n * width);
        const Index self_row = full ? row : width;
        const Real* const h_by_n = work.h_by_n.data() + basis_.place(l) * at_once;
        const Real* const dh_by_n = work.dh_by_n.data() + basis_.place(l) * at_once;
        const auto of_c = [&](Index a) { return gradient + a * next; };
        const auto of_self = [&](Index b) { return self + b * self_row; };  // symmetric: column b
        sum_products<1, 2, Real>(n_m, at_once, 0, n, of_c, {dh_by_n, h_by_n}, at_once,
                                 {work.radial.data(), work.tangential.data()}, at_once);
        sum_products<1>(n, at_once, 0, n, of_self, h_by_n, at_once, work.with_self.data(), at_once);
        const Lanes<Real>*y = as_lanes(work.y) + l * l, *dy = as_lanes(work.dy) + 3 * l * l;
        const Lanes<Real>*radial = as_lanes(work.radial), *tangential = as_lanes(work.tangential);
        const Lanes<Real>*with_self = as_lanes(work.with_self), *dh = as_lanes(work.dh_by_n) + basis_.place(l);
        for (std::size_t m = 0; m < static_cast<std::size_t>(n_m); ++m) {
            along += radial[m] * y[m];
            across_x += tangential[m] * dy[3 * m];
            across_y += tangential[m] * dy[3 * m + 1];
            across_z += tangential[m] * dy[3 * m + 2];
        }
        Lanes<Real> self_sum{};
        for (std::size_t a = 0; a < static_cast<std::size_t>(n); ++a) self_sum += with_self[a] * dh[a];
        along -= static_cast<Real>(self_factor(l)) * self_sum;
    }
    // dE/dr = r̂ along + (1 − r̂ r̂ᵀ) across / r
    Lanes<Real> inverse_r{};
    for (std::size_t q = 0; q < r.size(); ++q) inverse_r[q] = static_cast<Real>(1.0 / r[q]);
    along -= inverse_r * (unit[0] * across_x + unit[1] * across_y + unit[2] * across_z);
    return {unit[0] * along + inverse_r * across_x, unit[1] * along + inverse_r * across_y,
            unit[2] * along + inverse_r * across_z};
}

template <class Real>
void ThreeBody::adjoint(const Environment& environment, BasicWorkspace<Real>& work, const AlignedVector<Real>& c,
                        const std::type_identity_t<Eigen::Ref<const Eigen::VectorX<Real>>>& g,
                        std::type_identity_t<Eigen::Ref<Eigen::Matrix3X<Real>>> pairs) const {
    constexpr Index at_once = n_lanes<Real>;
    if (compression_ == Compression::element) sum_channels(work, c);
    if (all_kept()) {
        reserve(work.packed, full_size_ + padding);  // read in lanes, across the end
        std::copy_n(g.data(), full_size_, work.packed.data());
    } else {
        reset(work.packed, full_size_ + padding);
        for (std::size_t k = 0; k < kept_.size(); ++k)
            work.packed[static_cast<std::size_t>(kept_[k])] = g[static_cast<Index>(k)];
    }
    adjoint_of_products(work, c, static_cast<const Real*>(work.packed.data()));
    // Radial functions and harmonics are found once more, for a few neighbours at once: cheaper than to keep them.
    select(environment, work);
    const Index n_functions = basis_.padded_size(), n_lm = harmonics_.size(), most = 2 * basis_.l_max() + 1;
    for (auto* numbers : {&work.h, &work.dh, &work.h_by_n, &work.dh_by_n, &work.with_self})
        reserve(*numbers, at_once * n_functions);
    for (auto* numbers : {&work.radial, &work.tangential}) reserve(*numbers, at_once * most);
    reserve(work.y, at_once * n_lm);
    reserve(work.dy, at_once * 3 * n_lm);
    for (Index channel = 0; channel < n_channels_; ++channel) {
        const Index end = work.first[static_cast<std::size_t>(channel) + 1];
        for (Index k = work.first[static_cast<std::size_t>(channel)]; k < end; k += at_once) {
            const Index n_here = std::min(at_once, end - k);
            const auto [x, y, z] = pair_gradients(work, channel, k, n_here);
            for (Index q = 0; q < n_here; ++q)
                pairs.col(work.neighbor[static_cast<std::size_t>(k + q)]) += Eigen::Vector3<Real>(x[q], y[q], z[q]);
        }
    }
}

// For three_body_jacobian.cpp.
template void ThreeBody::select(const Environment&, BasicWorkspace<double>&) const;
template void ThreeBody::sum_channels(BasicWorkspace<double>&, const AlignedVector<double>&) const;
template void ThreeBody::value(const Environment&, BasicWorkspace<double>&, AlignedVector<double>&,
                               Eigen::Ref<Eigen::VectorXd>) const;
template void ThreeBody::value(const Environment&, BasicWorkspace<float>&, AlignedVector<float>&,
                               Eigen::Ref<Eigen::VectorXf>) const;
template void ThreeBody::adjoint(const Environment&, BasicWorkspace<double>&, const AlignedVector<double>&,
                                 const Eigen::Ref<const Eigen::VectorXd>&, Eigen::Ref<Eigen::Matrix3Xd>) const;
template void ThreeBody::adjoint(const Environment&, BasicWorkspace<float>&, const AlignedVector<float>&,
                                 const Eigen::Ref<const Eigen::VectorXf>&, Eigen::Ref<Eigen::Matrix3Xf>) const;

}  // namespace mlff::descriptors
