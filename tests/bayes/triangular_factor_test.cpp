#include "bayes/triangular_factor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "bayes/random_matrix.hpp"

namespace mlff::bayes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::ill_conditioned;
using testing::random_matrix;

// One-shot R with diagonal ≥ 0, by another library's Householder QR.
MatrixXd one_shot(const MatrixXd& A) {
    const MatrixXd packed = Eigen::HouseholderQR<MatrixXd>(A).matrixQR();
    MatrixXd R = MatrixXd(packed.triangularView<Eigen::Upper>()).topRows(A.cols());
    for (Index i = 0; i < R.rows(); ++i)
        if (R(i, i) < 0.0) R.row(i) *= -1.0;
    return R;
}

TEST(TriangularFactor, StreamingEqualsOneShotForAnyBlockSize) {
    const MatrixXd A = random_matrix(2500, 37, 1);  // more rows than two panels hold
    const MatrixXd expected = one_shot(A);
    for (const Index block : {1, 7, 36, 1000, 1024, 2500}) {
        TriangularFactor factor(37);
        for (Index first = 0; first < A.rows(); first += block)
            factor.add_rows(A.middleRows(first, std::min(block, A.rows() - first)));
        EXPECT_EQ(factor.n_rows(), 2500);
        EXPECT_LE((factor.R() - expected).norm(), 1e-13 * expected.norm()) << block;
    }
}

TEST(TriangularFactor, CanBeReadAtAnyTimeAndGoOn) {
    const MatrixXd A = random_matrix(60, 11, 2);
    TriangularFactor factor(11);
    EXPECT_TRUE(factor.R() == MatrixXd::Zero(11, 11));
    for (Index first = 0; first < 60; first += 20) {
        factor.add_rows(A.middleRows(first, 20));
        const MatrixXd expected = one_shot(A.topRows(first + 20));
        EXPECT_LE((factor.R() - expected).norm(), 1e-13 * expected.norm());
    }
}

TEST(TriangularFactor, FewerRowsThanColumnsAndDependentColumnsKeepTheGramMatrix) {
    MatrixXd A = random_matrix(5, 20, 3);
    A.col(4) = A.col(1);
    A.col(7).setZero();
    TriangularFactor factor(20);
    factor.add_rows(A);
    const MatrixXd R = factor.R();
    EXPECT_LE((R.transpose() * R - A.transpose() * A).norm(), 1e-13 * A.squaredNorm());
    EXPECT_TRUE(R.isUpperTriangular(0.0));
    EXPECT_GE(R.diagonal().minCoeff(), 0.0);
}

TEST(TriangularFactor, KeepsSingularValuesThatTheGramMatrixLoses) {
    // Condition 1e12: in AᵀA the smallest singular value would drown, 1e-24 under 1e-16.
    const MatrixXd A = ill_conditioned(3000, 25, 1e12, 4);
    TriangularFactor factor(25);
    for (Index first = 0; first < A.rows(); first += 333)
        factor.add_rows(A.middleRows(first, std::min<Index>(333, A.rows() - first)));
    const VectorXd values = Eigen::JacobiSVD<MatrixXd>(factor.R()).singularValues();
    const VectorXd expected = Eigen::JacobiSVD<MatrixXd>(A).singularValues();
    EXPECT_LE((values - expected).cwiseAbs().maxCoeff(), 1e-14);
    EXPECT_NEAR(values[24] / 1e-12, 1.0, 1e-2);
}

TEST(TriangularFactor, MergeEqualsSeeingAllRows) {
    const MatrixXd A = random_matrix(1500, 30, 5);
    const MatrixXd expected = one_shot(A);
    TriangularFactor left(30), right(30);
    left.add_rows(A.topRows(1100));     // a full panel and a waiting rest
    right.add_rows(A.bottomRows(400));  // only a rest
    left.merge(right);
    EXPECT_EQ(left.n_rows(), 1500);
    EXPECT_EQ(right.n_rows(), 400);
    EXPECT_LE((left.R() - expected).norm(), 1e-13 * expected.norm());
}

TEST(TriangularFactor, MergeOfAFactorWithFewRows) {
    const MatrixXd A = random_matrix(90, 30, 5);
    const MatrixXd expected = one_shot(A);
    TriangularFactor left(30), right(30);
    left.add_rows(A.topRows(84));
    right.add_rows(A.middleRows(84, 4));
    (void)right.R();                  // four rows are in the triangle
    right.add_rows(A.bottomRows(2));  // two wait
    left.merge(right);
    EXPECT_EQ(left.n_rows(), 90);
    EXPECT_LE((left.R() - expected).norm(), 1e-13 * expected.norm());
}

TEST(TriangularFactor, MergeScalesTheOther) {
    const MatrixXd A = random_matrix(40, 6, 6), B = random_matrix(1050, 6, 7);
    MatrixXd stacked(1090, 6);
    stacked << A, -2.5 * B;
    const MatrixXd expected = one_shot(stacked);
    TriangularFactor a(6), b(6);
    a.add_rows(A);
    b.add_rows(B);
    a.merge(b, -2.5);
    EXPECT_LE((a.R() - expected).norm(), 1e-13 * expected.norm());
}

TEST(TriangularFactor, MergeWithItselfCountsTwice) {
    const MatrixXd A = random_matrix(1030, 5, 8);
    TriangularFactor factor(5);
    factor.add_rows(A);
    factor.merge(factor);
    EXPECT_EQ(factor.n_rows(), 2060);
    const MatrixXd expected = std::sqrt(2.0) * one_shot(A);
    EXPECT_LE((factor.R() - expected).norm(), 1e-13 * expected.norm());
}

TEST(TriangularFactor, FewRowsAreKeptAsTheyAre) {
    const Index n = 2100;  // the panel may have half as many rows, 1050, before there is a triangle
    const MatrixXd A = random_matrix(1060, n, 10);
    TriangularFactor factor(n);
    factor.add_rows(A.topRows(1049));
    EXPECT_EQ(factor.worked_in().size(), 0);
    EXPECT_TRUE(factor.waiting() == A.topRows(1049));
    EXPECT_EQ(TriangularFactor(factor).waiting().rows(), 1049);
    factor.add_rows(A.bottomRows(11));
    EXPECT_EQ(factor.worked_in().rows(), n);
    EXPECT_EQ(factor.waiting().rows(), 10);
    EXPECT_EQ(factor.n_rows(), 1060);
    const MatrixXd R = factor.R();
    EXPECT_LE((R.transpose() * R - A.transpose() * A).norm(), 1e-13 * A.squaredNorm());
}

TEST(TriangularFactor, NormOfAProductNeedsNoFactorisation) {
    const MatrixXd A = random_matrix(1040, 7, 11);
    const VectorXd v = random_matrix(7, 1, 12);
    TriangularFactor factor(7);
    EXPECT_EQ(factor.norm_of_product(v), 0.0);
    factor.add_rows(A);  // a triangle, and 16 rows that wait
    EXPECT_EQ(factor.waiting().rows(), 16);
    EXPECT_NEAR(factor.norm_of_product(v) / (A * v).norm(), 1.0, 1e-13);
    (void)factor.R();
    EXPECT_NEAR(factor.norm_of_product(v) / (A * v).norm(), 1.0, 1e-13);
    EXPECT_THROW((void)factor.norm_of_product(VectorXd::Ones(6)), std::invalid_argument);
}

TEST(TriangularFactor, ScalesAllRowsAndIsMovedOut) {
    const MatrixXd A = random_matrix(1040, 7, 13);
    TriangularFactor factor(7);
    factor.add_rows(A);
    factor.scale(-3.0);
    EXPECT_THROW(factor.scale(INFINITY), std::invalid_argument);
    const MatrixXd R = std::move(factor).R(), expected = 3.0 * one_shot(A);
    EXPECT_LE((R - expected).norm(), 1e-13 * expected.norm());
}

/// What one has worked in and the other has not, in both directions.
TEST(TriangularFactor, MergeWithWaitingRowsOnly) {
    const MatrixXd A = random_matrix(1100, 30, 14);
    const MatrixXd expected = one_shot(A);
    TriangularFactor tall(30), few(30);
    tall.add_rows(A.topRows(1060));
    few.add_rows(A.bottomRows(40));
    TriangularFactor other = few;
    other.merge(tall);
    tall.merge(few);
    for (const auto* factor : {&tall, &other}) {
        EXPECT_EQ(factor->n_rows(), 1100);
        EXPECT_LE((factor->R() - expected).norm(), 1e-13 * expected.norm());
    }
}

TEST(TriangularFactor, ResumesFromAStoredFactor) {
    const MatrixXd A = random_matrix(90, 12, 9);
    TriangularFactor straight(12), first(12);
    first.add_rows(A.topRows(50));
    TriangularFactor resumed(first.R(), first.n_rows());
    EXPECT_TRUE(resumed.R() == first.R());
    resumed.add_rows(A.bottomRows(40));
    straight.add_rows(A);
    EXPECT_EQ(resumed.n_rows(), 90);
    EXPECT_LE((resumed.R() - straight.R()).norm(), 1e-13 * A.norm());
}

TEST(TriangularFactor, RefusesWhatItCannotMean) {
    EXPECT_THROW(TriangularFactor(0), std::invalid_argument);
    EXPECT_THROW(TriangularFactor(MatrixXd::Zero(2, 3), 0), std::invalid_argument);
    EXPECT_THROW(TriangularFactor(MatrixXd::Zero(2, 2), -1), std::invalid_argument);
    EXPECT_THROW(TriangularFactor(MatrixXd::Constant(2, 2, NAN), 1), std::invalid_argument);
    TriangularFactor factor(3);
    EXPECT_THROW(factor.add_rows(MatrixXd::Ones(2, 4)), std::invalid_argument);
    EXPECT_THROW(factor.add_rows(MatrixXd::Constant(1, 3, INFINITY)), std::invalid_argument);
    EXPECT_THROW(factor.merge(TriangularFactor(4)), std::invalid_argument);
    EXPECT_THROW(factor.merge(TriangularFactor(3), NAN), std::invalid_argument);
    EXPECT_EQ(factor.n_rows(), 0);
}

}  // namespace
}  // namespace mlff::bayes
