#pragma once

#include <Eigen/Core>
#include <array>
#include <cstring>
#include <vector>

namespace mlff::descriptors {

constexpr Eigen::Index n_lanes = 8;

/// n rounded up to whole lanes.
constexpr Eigen::Index padded(Eigen::Index n) { return (n + n_lanes - 1) / n_lanes * n_lanes; }

template <class Real>
struct LanesOf;
template <>
struct LanesOf<double> {
    typedef double type __attribute__((vector_size(n_lanes * sizeof(double))));
};
template <>
struct LanesOf<float> {
    typedef float type __attribute__((vector_size(n_lanes * sizeof(float))));
};

/// Eight numbers that are treated at once, with the operators of one: as many registers as the processor needs.
template <class Real>
using Lanes = typename LanesOf<Real>::type;

/// The type of one of them; of a number, its own.
template <class Vector>
struct ScalarOf {
    using type = Vector;
};
template <>
struct ScalarOf<Lanes<double>> {
    using type = double;
};
template <>
struct ScalarOf<Lanes<float>> {
    using type = float;
};

/// Lanes from any place, and to any place.
template <class Real>
inline Lanes<Real> load(const Real* p) {
    Lanes<Real> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class Real>
inline void store(Real* p, const Lanes<Real>& v) {
    std::memcpy(p, &v, sizeof v);
}

template <class Real>
inline Real sum(const Lanes<Real>& v) {
    const auto four = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
    const auto two = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
    return two[0] + two[1];
}

/// Rows to columns: eight rows of lanes, `from_row` apart, become eight columns of a block with rows `to_row` apart.
template <class Real>
inline void transpose(const Real* from, Eigen::Index from_row, Real* to, Eigen::Index to_row) {
    using Eight = std::array<Lanes<Real>, n_lanes>;
    Eight a, b;
    for (std::size_t k = 0; k < n_lanes; ++k) a[k] = load(from + static_cast<Eigen::Index>(k) * from_row);
    for (std::size_t k = 0; k < n_lanes; k += 2) {  // pairs, then fours, then eights
        b[k] = __builtin_shufflevector(a[k], a[k + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        b[k + 1] = __builtin_shufflevector(a[k], a[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (const std::size_t k : {0U, 1U, 4U, 5U}) {
        a[k] = __builtin_shufflevector(b[k], b[k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        a[k + 2] = __builtin_shufflevector(b[k], b[k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (std::size_t k = 0; k < 4; ++k) {
        b[k] = __builtin_shufflevector(a[k], a[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        b[k + 4] = __builtin_shufflevector(a[k], a[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (std::size_t k = 0; k < n_lanes; ++k) store(to + static_cast<Eigen::Index>(k) * to_row, b[k]);
}

/// The same for blocks: whole lanes of rows and of columns.
template <class Real>
inline void transpose(Eigen::Index n_rows, Eigen::Index n_columns, const Real* from, Eigen::Index from_row, Real* to,
                      Eigen::Index to_row) {
    for (Eigen::Index row = 0; row < n_rows; row += n_lanes)
        for (Eigen::Index column = 0; column < n_columns; column += n_lanes)
            transpose(from + row * from_row + column, from_row, to + column * to_row + row, to_row);
}

/// Begins where lanes do not straddle lines of the cache.
template <class Real>
using AlignedVector = std::vector<Real, Eigen::aligned_allocator<Real>>;

template <class Real>
inline void reset(AlignedVector<Real>& v, Eigen::Index n) {
    v.assign(static_cast<std::size_t>(n), Real(0));
}

/// At least n elements; what they hold is of no account.
template <class Vector>
inline void reserve(Vector& v, Eigen::Index n) {
    if (static_cast<Eigen::Index>(v.size()) < n) v.resize(static_cast<std::size_t>(n));
}

/// y += factor · x
template <class Real>
inline void add_scaled(Real* y, Real factor, const Real* x, Eigen::Index n) {
    for (Eigen::Index k = 0; k < n; ++k) y[k] += factor * x[k];
}

}  // namespace mlff::descriptors
