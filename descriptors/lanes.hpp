#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace mlff::descriptors {

/// Rows of numbers are padded to multiples of this, whatever the instruction set: what lies in memory does not depend
/// on it.
constexpr Eigen::Index padding = 8;

constexpr Eigen::Index padded(Eigen::Index n) { return (n + padding - 1) / padding * padding; }

/// Bytes of a vector register, and how many registers there are. This is the one place that knows the instruction set.
/// Tests set the first to try every width.
#if defined(MLFF_REGISTER_BYTES)
constexpr Eigen::Index register_bytes = MLFF_REGISTER_BYTES;
#elif defined(__AVX512F__)
constexpr Eigen::Index register_bytes = 64;
#elif defined(__AVX__)
constexpr Eigen::Index register_bytes = 32;
#else
constexpr Eigen::Index register_bytes = 16;  // SSE2, NEON
#endif
#if defined(__AVX512VL__) || defined(__aarch64__)
constexpr int n_registers = 32;
#else
constexpr int n_registers = 16;
#endif

/// Numbers of a type that are treated at once: a register full, at most the padding.
template <class Real>
constexpr Eigen::Index n_lanes = std::min(register_bytes / static_cast<Eigen::Index>(sizeof(Real)), padding);

template <class Real, Eigen::Index n>
struct LanesOf {
    typedef Real type __attribute__((vector_size(static_cast<std::size_t>(n) * sizeof(Real))));
};

/// n rounded up to whole lanes.
template <class Real>
constexpr Eigen::Index whole_lanes(Eigen::Index n) {
    return (n + n_lanes<Real> - 1) / n_lanes<Real> * n_lanes<Real>;
}

/// n numbers with the operators of one. With more lanes than a register holds the compiler keeps them in memory, which
/// costs three to nine times the time.
template <class Real, Eigen::Index n = n_lanes<Real>>
using Lanes = typename LanesOf<Real, n>::type;

/// The type of one of them; of a number, its own.
template <class Vector>
struct ScalarOf {
    using type = std::remove_cvref_t<decltype(std::declval<Vector&>()[0])>;
};
template <class Real>
requires std::is_arithmetic_v<Real>
struct ScalarOf<Real> {
    using type = Real;
};

/// Lanes from any place, and to any place.
template <class Real, Eigen::Index n = n_lanes<Real>>
inline Lanes<Real, n> load(const Real* p) {
    Lanes<Real, n> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class Real, Eigen::Index n = n_lanes<Real>>
inline void store(Real* p, const std::type_identity_t<Lanes<Real, n>>& v) {
    std::memcpy(p, &v, sizeof v);
}

namespace detail {

/// Lanes of a (numbers from 0 on) and b (from n on), chosen by Place::of for each place of the result.
template <class Place, class Vector, std::size_t... i>
inline Vector shuffle(const Vector& a, const Vector& b, std::index_sequence<i...>) {
    return __builtin_shufflevector(a, b, Place::of(i)...);
}

/// A step of the transposition: the second of two rows `distance` apart gives the first one its lanes with the bit
/// `distance` clear for those with it set.
template <std::size_t n, std::size_t distance, bool first>
struct Exchanged {
    static constexpr std::size_t of(std::size_t i) {
        const bool set = (i & distance) != 0;
        if constexpr (first) return set ? n + i - distance : i;
        return set ? n + i : i + distance;
    }
};

template <std::size_t distance, class Vector, std::size_t n>
inline void exchange(std::array<Vector, n>& rows) {
    if constexpr (distance < n) {
        for (std::size_t k = 0; k < n; ++k) {
            if ((k & distance) != 0) continue;
            const Vector a = rows[k], b = rows[k + distance];
            rows[k] = shuffle<Exchanged<n, distance, true>>(a, b, std::make_index_sequence<n>{});
            rows[k + distance] = shuffle<Exchanged<n, distance, false>>(a, b, std::make_index_sequence<n>{});
        }
        exchange<2 * distance>(rows);
    }
}

template <class Vector, std::size_t... i>
inline auto add_halves(const Vector& v, std::index_sequence<i...>) {
    return __builtin_shufflevector(v, v, i...) + __builtin_shufflevector(v, v, (sizeof...(i) + i)...);
}

}  // namespace detail

template <class Real, Eigen::Index n = n_lanes<Real>>
inline Real sum(const std::type_identity_t<Lanes<Real, n>>& v) {
    if constexpr (n == 2) {
        return v[0] + v[1];
    } else {
        return sum<Real, n / 2>(detail::add_halves(v, std::make_index_sequence<static_cast<std::size_t>(n / 2)>{}));
    }
}

/// Rows to columns: n rows of n lanes, `from_row` apart, become the columns of a square with rows `to_row` apart.
template <class Real, Eigen::Index n = n_lanes<Real>>
inline void transpose(const Real* from, Eigen::Index from_row, Real* to, Eigen::Index to_row) {
    std::array<Lanes<Real, n>, static_cast<std::size_t>(n)> rows;
#pragma GCC unroll 8
    for (Eigen::Index k = 0; k < n; ++k) rows[static_cast<std::size_t>(k)] = load<Real, n>(from + k * from_row);
    detail::exchange<1>(rows);
#pragma GCC unroll 8
    for (Eigen::Index k = 0; k < n; ++k) store<Real, n>(to + k * to_row, rows[static_cast<std::size_t>(k)]);
}

/// The same for matrices: whole lanes of rows and of columns.
template <class Real, Eigen::Index n = n_lanes<Real>>
inline void transpose(Eigen::Index n_rows, Eigen::Index n_columns, const Real* from, Eigen::Index from_row, Real* to,
                      Eigen::Index to_row) {
    for (Eigen::Index row = 0; row < n_rows; row += n)
        for (Eigen::Index column = 0; column < n_columns; column += n)
            transpose<Real, n>(from + row * from_row + column, from_row, to + column * to_row + row, to_row);
}

/// Memory that begins at a line of the cache: no lanes straddle two, whatever the instruction set.
template <class T>
struct CacheLineAllocator {
    using value_type = T;
    static constexpr std::align_val_t alignment{64};

    CacheLineAllocator() = default;
    template <class U>
    CacheLineAllocator(const CacheLineAllocator<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, alignment); }
    bool operator==(const CacheLineAllocator&) const { return true; }
};
template <class Real>
using AlignedVector = std::vector<Real, CacheLineAllocator<Real>>;

/// Numbers as lanes.
template <class Real>
inline Lanes<Real>* as_lanes(AlignedVector<Real>& numbers) {
    return reinterpret_cast<Lanes<Real>*>(numbers.data());
}

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
