#include "descriptors/spherical_harmonics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "support/environments.hpp"
#include "support/finite_difference.hpp"

using namespace mlff;
using descriptors::SphericalHarmonics;

namespace {

Eigen::VectorXd values(const SphericalHarmonics& harmonics, const Eigen::Vector3d& r) {
    Eigen::VectorXd y(harmonics.size());
    const Eigen::Vector3d u = r.normalized();
    harmonics.evaluate(u[0], u[1], u[2], y.data());
    return y;
}

}  // namespace

TEST(SphericalHarmonics, AdditionTheorem) {
    const SphericalHarmonics harmonics(8);
    const auto points = mlff::testing::random_environment(6, 1, 1.0, 1.0, 3);
    for (Eigen::Index i = 0; i < 6; ++i)
        for (Eigen::Index j = 0; j < 6; ++j) {
            const Eigen::VectorXd a = values(harmonics, points.vectors.col(i)),
                                  b = values(harmonics, points.vectors.col(j));
            const double cosine = std::clamp(points.vectors.col(i).dot(points.vectors.col(j)), -1.0, 1.0);
            for (int l = 0; l <= 8; ++l)
                EXPECT_NEAR(a.segment(l * l, 2 * l + 1).dot(b.segment(l * l, 2 * l + 1)),
                            (2 * l + 1) / (4.0 * std::numbers::pi) * std::legendre(static_cast<unsigned>(l), cosine),
                            1e-13);
        }
}

TEST(SphericalHarmonics, Orthonormal) {
    // Product quadrature, exact for the degrees in play: uniform in φ, midpoint-free Gauss in z by fine Simpson.
    const SphericalHarmonics harmonics(4);
    Eigen::MatrixXd overlap = Eigen::MatrixXd::Zero(harmonics.size(), harmonics.size());
    const int n_z = 400, n_phi = 16;
    for (int k = 0; k <= n_z; ++k) {
        const double z = -1.0 + 2.0 * k / n_z, rho = std::sqrt(std::max(0.0, 1.0 - z * z));
        const double weight = (k == 0 || k == n_z ? 1.0 : (k % 2 ? 4.0 : 2.0)) * (2.0 / n_z) / 3.0;
        for (int q = 0; q < n_phi; ++q) {
            const double phi = 2.0 * std::numbers::pi * q / n_phi;
            const Eigen::VectorXd y = values(harmonics, {rho * std::cos(phi), rho * std::sin(phi), z});
            overlap += weight * 2.0 * std::numbers::pi / n_phi * y * y.transpose();
        }
    }
    EXPECT_LT((overlap - Eigen::MatrixXd::Identity(harmonics.size(), harmonics.size())).cwiseAbs().maxCoeff(), 1e-7);
}

TEST(SphericalHarmonics, GradientAlsoAtThePoles) {
    const SphericalHarmonics harmonics(6);
    for (const Eigen::Vector3d& r : {Eigen::Vector3d(0.3, -1.2, 0.7), Eigen::Vector3d(0, 0, 2.0),
                                     Eigen::Vector3d(0, 0, -0.5), Eigen::Vector3d(-1.5, 0, 0)}) {
        Eigen::VectorXd y(harmonics.size());
        Eigen::Matrix3Xd gradient(3, harmonics.size());
        const Eigen::Vector3d u = r.normalized();
        harmonics.evaluate(u[0], u[1], u[2], y.data(), gradient.data());
        EXPECT_EQ(y, values(harmonics, r));
        gradient -= (u * (u.transpose() * gradient)).eval();
        for (Eigen::Index lm = 0; lm < harmonics.size(); ++lm)
            EXPECT_TRUE(
                mlff::testing::gradient_matches([&](const Eigen::VectorXd& x) { return values(harmonics, x)[lm]; }, r,
                                                gradient.col(lm) / r.norm(), 1e-5, 1e-8))
                << lm;
    }
}

template <class Real>
class LanesOfHarmonics : public ::testing::Test {};
using BothPrecisions = ::testing::Types<double, float>;
TYPED_TEST_SUITE(LanesOfHarmonics, BothPrecisions);

TYPED_TEST(LanesOfHarmonics, EqualOneByOne) {
    using Lanes = descriptors::Lanes<TypeParam>;
    const SphericalHarmonics harmonics(7);
    const auto points = mlff::testing::random_environment(descriptors::n_lanes<TypeParam>, 1, 1.0, 1.0, 5);
    const auto n = static_cast<std::size_t>(harmonics.size());
    Lanes x, y, z;
    for (Eigen::Index q = 0; q < descriptors::n_lanes<TypeParam>; ++q) {
        const auto u = points.vectors.col(q).normalized().template cast<TypeParam>().eval();
        x[q] = u[0];
        y[q] = u[1];
        z[q] = u[2];
    }
    std::vector<Lanes> value(n), only_value(n), gradient(3 * n);
    harmonics.evaluate(x, y, z, value.data(), gradient.data());
    harmonics.evaluate(x, y, z, only_value.data());
    const double tolerance = 20.0 * static_cast<double>(std::numeric_limits<TypeParam>::epsilon());
    for (Eigen::Index q = 0; q < descriptors::n_lanes<TypeParam>; ++q) {
        Eigen::VectorXd one(harmonics.size());
        Eigen::Matrix3Xd slope(3, harmonics.size());
        harmonics.evaluate(double{x[q]}, double{y[q]}, double{z[q]}, one.data(), slope.data());
        for (std::size_t lm = 0; lm < n; ++lm) {
            EXPECT_NEAR(double{value[lm][q]}, one[static_cast<Eigen::Index>(lm)], tolerance);
            EXPECT_EQ(value[lm][q], only_value[lm][q]);
            for (std::size_t c = 0; c < 3; ++c)
                EXPECT_NEAR(double{gradient[3 * lm + c][q]},
                            slope(static_cast<Eigen::Index>(c), static_cast<Eigen::Index>(lm)), 10.0 * tolerance);
        }
    }
}
