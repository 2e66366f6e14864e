#pragma once

#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <type_traits>

#include "descriptors/lanes.hpp"

namespace mlff::descriptors {

/// Sums of one or two vectors of lanes with the same factors:  out_sr = Σ_k factors(k)[r step] v_sk,  begin ≤ k < end,
/// for n_rows rows r. v_sk are `stride` apart, out_sr `row`.
template <int n_rows, int step, std::size_t n_sums, class Real, class Factors>
[[gnu::always_inline]] inline void sum_products(Eigen::Index begin, Eigen::Index end, const Factors& factors,
                                                const std::array<const Real*, n_sums>& v, Eigen::Index stride,
                                                const std::array<Real*, n_sums>& out, Eigen::Index row) {
    std::array<std::array<Lanes<Real>, static_cast<std::size_t>(n_rows)>, n_sums> sums{};
    for (Eigen::Index k = begin; k < end; ++k) {
        const Real* f = factors(k);
        std::array<Lanes<Real>, n_sums> lanes;
        for (std::size_t s = 0; s < n_sums; ++s) lanes[s] = load(v[s] + k * stride);
#pragma GCC unroll 8
        for (int r = 0; r < n_rows; ++r)
            for (std::size_t s = 0; s < n_sums; ++s) sums[s][static_cast<std::size_t>(r)] += f[r * step] * lanes[s];
    }
#pragma GCC unroll 8
    for (int r = 0; r < n_rows; ++r)
        for (std::size_t s = 0; s < n_sums; ++s) store(out[s] + r * row, sums[s][static_cast<std::size_t>(r)]);
}

/// The same for any number of rows, so many at once that eight sums stay in registers.
template <int step, std::size_t n_sums, class Real, class Factors>
void sum_products(Eigen::Index n_rows, Eigen::Index begin, Eigen::Index end, const Factors& factors,
                  const std::array<const Real*, n_sums>& v, Eigen::Index stride, const std::array<Real*, n_sums>& out,
                  Eigen::Index row) {
    constexpr int most = 8 / static_cast<int>(n_sums);
    Eigen::Index first = 0;
    const auto rows = [&](auto n) {
        const auto shifted = [&](Eigen::Index k) { return factors(k) + first * step; };
        auto place = out;
        for (Real*& p : place) p += first * row;
        sum_products<n(), step>(begin, end, shifted, v, stride, place, row);
    };
    for (; first + most <= n_rows; first += most) rows(std::integral_constant<int, most>{});
    switch (n_rows - first) {
        case 1:
            return rows(std::integral_constant<int, 1>{});
        case 2:
            return rows(std::integral_constant<int, 2>{});
        case 3:
            return rows(std::integral_constant<int, 3>{});
        default:
            break;
    }
    if constexpr (most == 8) switch (n_rows - first) {
            case 4:
                return rows(std::integral_constant<int, 4>{});
            case 5:
                return rows(std::integral_constant<int, 5>{});
            case 6:
                return rows(std::integral_constant<int, 6>{});
            case 7:
                return rows(std::integral_constant<int, 7>{});
            default:
                break;
        }
}

template <int step, class Real, class Factors>
void sum_products(Eigen::Index n_rows, Eigen::Index begin, Eigen::Index end, const Factors& factors, const Real* v,
                  Eigen::Index stride, Real* out, Eigen::Index row) {
    sum_products<step, 1, Real>(n_rows, begin, end, factors, {v}, stride, {out}, row);
}

}  // namespace mlff::descriptors
