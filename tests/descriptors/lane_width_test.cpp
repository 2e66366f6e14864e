#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "descriptors/sum_products.hpp"

// lane_width_case.cpp, compiled for registers of 16, 32 and 64 bytes.
namespace mlff_16_bytes::testing {
std::array<std::vector<double>, 2> lane_width_case();
}
namespace mlff_32_bytes::testing {
std::array<std::vector<double>, 2> lane_width_case();
}
namespace mlff_64_bytes::testing {
std::array<std::vector<double>, 2> lane_width_case();
}

namespace {

using namespace mlff::descriptors;
using Eigen::Index;

void expect_equal(const std::vector<double>& some, const std::vector<double>& others, double tolerance) {
    ASSERT_EQ(some.size(), others.size());
    double largest = 0.0;
    for (std::size_t k = 0; k < some.size(); ++k) {
        ASSERT_TRUE(std::isfinite(some[k]) && std::isfinite(others[k])) << k;
        largest = std::max(largest, std::abs(some[k] - others[k]));
    }
    EXPECT_LT(largest, tolerance);
}

TEST(LaneWidth, DescriptorsDoNotDependOnIt) {
    const auto narrow = mlff_16_bytes::testing::lane_width_case();
    const auto middle = mlff_32_bytes::testing::lane_width_case();
    const auto wide = mlff_64_bytes::testing::lane_width_case();
    for (const std::size_t precision : {0U, 1U}) {
        double size = 0.0;
        for (const double x : narrow[precision]) size = std::max(size, std::abs(x));
        ASSERT_GT(size, 0.1);
        const double tolerance = (precision == 0 ? 1e-13 : 1e-5) * size;
        expect_equal(narrow[precision], middle[precision], tolerance);
        expect_equal(narrow[precision], wide[precision], tolerance);
    }
}

template <class Real, Index n>
void check_kernels() {
    const auto at = [](Index k) { return static_cast<std::size_t>(k); };
    // Small integers: the sums are exact in any order.
    std::vector<Real> from(400), to(400, Real(-1));
    for (Index k = 0; k < 400; ++k) from[at(k)] = static_cast<Real>((7 * k) % 23 - 11);

    transpose<Real, n>(2 * n, n, from.data(), 17, to.data(), 19);
    for (Index row = 0; row < 2 * n; ++row)
        for (Index column = 0; column < n; ++column) EXPECT_EQ(to[at(19 * column + row)], from[at(17 * row + column)]);

    Real plain = 0;
    for (Index k = 0; k < n; ++k) plain += from[at(k + 3)];
    EXPECT_EQ((sum<Real, n>(load<Real, n>(from.data() + 3))), plain);

    // Every number of rows: tiles of every height, one and two sets of vectors, and a step between factors.
    for (const Index n_rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13}) {
        const Index n_columns = 16, first = 1, last = 6;
        const auto factors = [&](Index k) { return from.data() + 40 + 30 * k; };
        std::vector<Real> one(at(16 * n_rows)), a(one), b(one);
        sum_products<2, Real, decltype(factors), n>(n_rows, n_columns, first, last, factors, from.data(), 18,
                                                    one.data(), 16);
        sum_products<2, 2, Real, decltype(factors), n>(n_rows, n_columns, first, last, factors,
                                                       {from.data(), from.data() + 100}, 18, {a.data(), b.data()}, 16);
        for (Index r = 0; r < n_rows; ++r)
            for (Index q = 0; q < n_columns; ++q) {
                Real sum_a = 0, sum_b = 0;
                for (Index k = first; k < last; ++k) {
                    sum_a += factors(k)[2 * r] * from[at(18 * k + q)];
                    sum_b += factors(k)[2 * r] * from[at(100 + 18 * k + q)];
                }
                EXPECT_EQ(one[at(16 * r + q)], sum_a) << n << ' ' << n_rows << ' ' << r << ' ' << q;
                EXPECT_EQ(a[at(16 * r + q)], sum_a) << n << ' ' << n_rows << ' ' << r << ' ' << q;
                EXPECT_EQ(b[at(16 * r + q)], sum_b) << n << ' ' << n_rows << ' ' << r << ' ' << q;
            }
    }
}

TEST(LaneWidth, KernelsEqualPlainLoops) {
    check_kernels<double, 2>();
    check_kernels<double, 4>();
    check_kernels<double, 8>();
    check_kernels<float, 4>();
    check_kernels<float, 8>();
}

}  // namespace
