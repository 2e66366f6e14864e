#include "bayes/kernel.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bayes/lapack.hpp"
#include "bayes/random_matrix.hpp"
#include "support/finite_difference.hpp"

namespace mlff::bayes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::random_features;
using testing::random_matrix;

TEST(Kernel, MatrixEqualsTheNaiveLoop) {
    const MatrixXd X = random_matrix(13, 9, 1), Y = random_matrix(13, 21, 2);
    for (int power = 1; power <= 7; ++power) {
        const MatrixXd K = kernel_matrix(X, Y, power);
        ASSERT_EQ(K.rows(), 9);
        ASSERT_EQ(K.cols(), 21);
        for (Index i = 0; i < 9; ++i)
            for (Index j = 0; j < 21; ++j) {
                double s = 0.0, expected = 1.0;
                for (Index d = 0; d < 13; ++d) s += X(d, i) * Y(d, j);
                for (int k = 0; k < power; ++k) expected *= s;
                // s itself carries rounding of the order 1e-15 |x||y|, amplified by ζ s^(ζ−1)
                const double size = X.col(i).norm() * Y.col(j).norm();
                ASSERT_LE(std::abs(K(i, j) - expected), 1e-14 * power * std::pow(size, power));
            }
    }
}

TEST(Kernel, OddPowersKeepTheSignAndEvenPowersDropIt) {
    for (int power = 1; power <= 6; ++power) {
        MatrixXd s = MatrixXd::Constant(1, 1, -0.5);
        kernel_value(s, power);
        EXPECT_EQ(s(0, 0), std::ldexp(power % 2 == 1 ? -1.0 : 1.0, -power));
    }
}

TEST(Kernel, SelfMatrixIsSymmetricToTheLastBitAndEqualsTheGeneralOne) {
    const MatrixXd X = random_features(17, 40, 0.3, 3);
    const MatrixXd K = kernel_matrix(X, 4);
    EXPECT_TRUE(K == K.transpose());
    EXPECT_LE((K - kernel_matrix(X, X, 4)).cwiseAbs().maxCoeff(), 1e-14);
    EXPECT_LE((K.diagonal() - VectorXd::Ones(40)).cwiseAbs().maxCoeff(), 1e-14);
}

TEST(Kernel, SelfMatrixIsPositiveSemidefinite) {
    for (int power = 1; power <= 5; ++power) {
        const VectorXd values = lapack::symmetric_eigen(kernel_matrix(random_matrix(6, 50, 4), power)).values;
        EXPECT_GE(values[0], -1e-13 * values[49]) << power;
    }
}

TEST(Kernel, DerivativeMatchesFiniteDifferences) {
    const VectorXd s = (VectorXd(5) << -1.0, -0.3, 0.0, 0.4, 1.0).finished();
    for (int power = 1; power <= 6; ++power) {
        MatrixXd value = s, derivative(5, 1);
        kernel_value_and_derivative(value, derivative, power);
        const auto energy = [power](const VectorXd& x) {
            MatrixXd k = x;
            kernel_value(k, power);
            return k.sum();
        };
        EXPECT_TRUE(testing::gradient_matches(energy, s, derivative.col(0), 1e-5, 1e-8)) << power;
        MatrixXd same = s;
        kernel_value(same, power);
        EXPECT_LE((value - same).norm(), 1e-15) << power;
    }
}

TEST(Kernel, SameSimilarityGivesTheSameBitsWhereverItStands) {
    MatrixXd s = MatrixXd::Constant(1600, 3, 0.987654321), derivative(1600, 3), value = s;
    kernel_value(s, 4);
    kernel_value_and_derivative(value, derivative, 5);
    EXPECT_TRUE((s.array() == s(0, 0)).all());
    EXPECT_TRUE((value.array() == value(0, 0)).all());
    EXPECT_TRUE((derivative.array() == derivative(0, 0)).all());
    EXPECT_NEAR(s(1599, 2), std::pow(0.987654321, 4), 1e-15);
    EXPECT_NEAR(derivative(1599, 2), 5.0 * std::pow(0.987654321, 4), 1e-15);
}

TEST(Kernel, RefusesWhatItCannotMean) {
    MatrixXd s = MatrixXd::Ones(2, 2), other = MatrixXd::Ones(2, 3);
    EXPECT_THROW(kernel_value(s, 0), std::invalid_argument);
    EXPECT_THROW(kernel_value_and_derivative(s, other, 2), std::invalid_argument);
    EXPECT_THROW((void)kernel_matrix(s, MatrixXd::Ones(3, 2), 2), std::invalid_argument);
}

TEST(FactorKernel, NeedsNoJitterWhereTheMatrixIsDefinite) {
    const MatrixXd K = kernel_matrix(random_matrix(20, 12, 5), 2);
    const CholeskyFactor factor = factor_kernel(K);
    EXPECT_EQ(factor.jitter, 0.0);
    EXPECT_LE((factor.L * factor.L.transpose() - K).norm(), 1e-14 * K.norm());
}

TEST(FactorKernel, ReportsTheJitterThatASemidefiniteMatrixNeeds) {
    MatrixXd X = random_features(10, 60, 0.2, 6);
    X.rightCols(30) = X.leftCols(30);  // rank 30 at most
    const MatrixXd K = kernel_matrix(X, 4);
    const CholeskyFactor factor = factor_kernel(K);
    EXPECT_GT(factor.jitter, 0.0);
    EXPECT_LE(factor.jitter, 1e-12);
    MatrixXd regularised = K;
    regularised.diagonal().array() += factor.jitter * K.diagonal().maxCoeff();
    EXPECT_LE((factor.L * factor.L.transpose() - regularised).norm(), 1e-14 * K.norm());
}

TEST(FactorKernel, RefusesWhatIsNoKernelMatrix) {
    MatrixXd indefinite = MatrixXd::Identity(4, 4);
    indefinite(2, 2) = -1e-3;
    EXPECT_THROW((void)factor_kernel(indefinite), NumericalError);
    EXPECT_THROW((void)factor_kernel(MatrixXd::Zero(3, 3)), NumericalError);
    EXPECT_THROW((void)factor_kernel(MatrixXd::Ones(2, 3)), std::invalid_argument);
    EXPECT_THROW((void)factor_kernel(MatrixXd::Constant(2, 2, NAN)), std::invalid_argument);
}

}  // namespace
}  // namespace mlff::bayes
