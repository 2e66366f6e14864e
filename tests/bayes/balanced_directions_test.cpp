#include "bayes/balanced_directions.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "bayes/lapack.hpp"

namespace mlff::bayes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd random_matrix(Index rows, Index columns, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    return MatrixXd::NullaryExpr(rows, columns, [&] { return normal(random); });
}

TEST(BalancedDirections, DiagonaliseTheFormAndWhitenThePoints) {
    const MatrixXd points = random_matrix(7, 30, 1);
    const MatrixXd half = random_matrix(7, 7, 2), A = half + half.transpose();
    const auto directions = balanced_directions(points * points.transpose(), A);
    ASSERT_EQ(directions.values.size(), 7);
    const MatrixXd& P = directions.P;
    EXPECT_LT((P * directions.values.asDiagonal() * P.transpose() - A).norm(), 1e-11 * A.norm());
    EXPECT_LT((P.transpose() * points * points.transpose() * P - MatrixXd::Identity(7, 7)).norm(), 1e-10);
    EXPECT_LT((P.transpose() * directions.V - MatrixXd::Identity(7, 7)).norm(), 1e-11);
    for (Index k = 1; k < 7; ++k) EXPECT_GE(std::abs(directions.values[k - 1]), std::abs(directions.values[k]));
    EXPECT_LT(directions.values.minCoeff(), 0.0);  // signs are kept
    EXPECT_GT(directions.values.maxCoeff(), 0.0);
}

/// Σ over the points of (what the leading n leave out of Aᵀ-images)² cannot be made smaller by any other n directions:
/// Eckart and Young for M = G^T Y, the matrix of the products of gradients and points.
TEST(BalancedDirections, LeadingOnesAreTheBestLowRankApproximation) {
    const MatrixXd Y = random_matrix(6, 40, 3), G = random_matrix(6, 25, 4);
    const auto directions = balanced_directions(Y * Y.transpose(), G * G.transpose());
    const MatrixXd M = G.transpose() * Y;
    const VectorXd singular_squares = lapack::symmetric_eigen(M * M.transpose()).values;  // ascending
    for (Index n = 1; n < 6; ++n) {
        const MatrixXd kept = G.transpose() * directions.V.leftCols(n) * (directions.P.leftCols(n).transpose() * Y);
        EXPECT_NEAR((M - kept).squaredNorm(), singular_squares.head(25 - n).sum(), 1e-9 * M.squaredNorm()) << n;
    }
}

TEST(BalancedDirections, LeaveOutWhereThereIsNothing) {
    MatrixXd points = random_matrix(8, 20, 5);
    points.topRows(2).setZero();
    MatrixXd G = random_matrix(8, 20, 6);
    G.bottomRows(3).setZero();
    const auto directions = balanced_directions(points * points.transpose(), G * G.transpose());
    EXPECT_EQ(directions.values.size(), 3);  // components 2, 3 and 4 have both
    EXPECT_EQ(balanced_directions(MatrixXd::Zero(4, 4), MatrixXd::Identity(4, 4)).values.size(), 0);
}

TEST(BalancedDirections, RefuseNonsense) {
    const MatrixXd one = MatrixXd::Identity(3, 3);
    EXPECT_THROW((void)balanced_directions(one, MatrixXd::Identity(2, 2)), std::invalid_argument);
    EXPECT_THROW((void)balanced_directions(MatrixXd::Ones(3, 2), one), std::invalid_argument);
    MatrixXd nan = one;
    nan(2, 1) = NAN;
    EXPECT_THROW((void)balanced_directions(nan, one), NumericalError);
    EXPECT_THROW((void)balanced_directions(one, nan), NumericalError);
}

}  // namespace
}  // namespace mlff::bayes
