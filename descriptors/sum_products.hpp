#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "descriptors/lanes.hpp"

namespace mlff::descriptors {
namespace detail {

/// A tile of the sums below: n_rows rows of one register for each of the n_vectors vectors.
template <int n_rows, int step, Eigen::Index n, std::size_t n_vectors, class Real, class Factors>
[[gnu::always_inline]] inline void sum_tile(Eigen::Index begin, Eigen::Index end, const Factors& factors,
                                            const std::array<const Real*, n_vectors>& v, Eigen::Index stride,
                                            const std::array<Real*, n_vectors>& out, Eigen::Index row) {
    using Vector = Lanes<Real, n>;
    std::array<std::array<Vector, static_cast<std::size_t>(n_rows)>, n_vectors> sums{};
    for (Eigen::Index k = begin; k < end; ++k) {
        const Real* f = factors(k);
        std::array<Vector, n_vectors> lanes;
        for (std::size_t s = 0; s < n_vectors; ++s) lanes[s] = load<Real, n>(v[s] + k * stride);
#pragma GCC unroll 8
        for (int r = 0; r < n_rows; ++r)
            for (std::size_t s = 0; s < n_vectors; ++s) sums[s][static_cast<std::size_t>(r)] += f[r * step] * lanes[s];
    }
#pragma GCC unroll 8
    for (int r = 0; r < n_rows; ++r)
        for (std::size_t s = 0; s < n_vectors; ++s)
            store<Real, n>(out[s] + r * row, sums[s][static_cast<std::size_t>(r)]);
}

/// Rows of a tile: the sums stay in registers, beside one vector each and one factor.
constexpr int most_rows(std::size_t n_vectors) {
    const int n = static_cast<int>(n_vectors);
    return std::clamp((n_registers - 1) / n - 1, 1, 8);
}

template <int step, Eigen::Index n, std::size_t n_vectors, class Real, class Factors>
void sum_rows(Eigen::Index n_rows, Eigen::Index begin, Eigen::Index end, const Factors& factors,
              const std::array<const Real*, n_vectors>& v, Eigen::Index stride, const std::array<Real*, n_vectors>& out,
              Eigen::Index row) {
    constexpr int most = most_rows(n_vectors);
    Eigen::Index first = 0;
    const auto tile = [&](auto n_here) {
        const auto shifted = [&](Eigen::Index k) { return factors(k) + first * step; };
        auto place = out;
        for (Real*& p : place) p += first * row;
        sum_tile<n_here(), step, n>(begin, end, shifted, v, stride, place, row);
    };
    while (first < n_rows) {
        // The last two tiles have the same height, more or less: a tile of one row would wait for its own sums.
        const Eigen::Index rest = n_rows - first;
        const Eigen::Index n_here = rest <= most ? rest : (rest < 2 * most ? (rest + 1) / 2 : most);
        [&]<int... r>(std::integer_sequence<int, r...>) {
            ((n_here == most - r ? tile(std::integral_constant<int, most - r>{}) : void()), ...);
        }
        (std::make_integer_sequence<int, most>{});
        first += n_here;
    }
}

}  // namespace detail

/// Sums of one or two sets of vectors with the same factors, for n_rows rows r and n_columns columns q (whole lanes):
///
///   out_s[r row + q] = Σ_k factors(k)[r step] v_s[k stride + q],   begin ≤ k < end
template <int step, std::size_t n_sets, class Real, class Factors, Eigen::Index n = n_lanes<Real>>
void sum_products(Eigen::Index n_rows, Eigen::Index n_columns, Eigen::Index begin, Eigen::Index end,
                  const Factors& factors, const std::array<const Real*, n_sets>& v, Eigen::Index stride,
                  const std::array<Real*, n_sets>& out, Eigen::Index row) {
    Eigen::Index q = 0;
    if constexpr (n < padding && n_sets == 1) {  // two registers for every factor that is read
        for (; q + 2 * n <= n_columns; q += 2 * n)
            detail::sum_rows<step, n, 2, Real>(n_rows, begin, end, factors, {v[0] + q, v[0] + q + n}, stride,
                                               {out[0] + q, out[0] + q + n}, row);
    }
    for (; q < n_columns; q += n) {
        auto from = v;
        auto to = out;
        for (const Real*& p : from) p += q;
        for (Real*& p : to) p += q;
        detail::sum_rows<step, n, n_sets, Real>(n_rows, begin, end, factors, from, stride, to, row);
    }
}

template <int step, class Real, class Factors, Eigen::Index n = n_lanes<Real>>
void sum_products(Eigen::Index n_rows, Eigen::Index n_columns, Eigen::Index begin, Eigen::Index end,
                  const Factors& factors, const Real* v, Eigen::Index stride, Real* out, Eigen::Index row) {
    sum_products<step, 1, Real, Factors, n>(n_rows, n_columns, begin, end, factors, {v}, stride, {out}, row);
}

}  // namespace mlff::descriptors
