#include "bayes/lapack.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "bayes/random_matrix.hpp"

namespace mlff::bayes::lapack {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::random_matrix;

MatrixXd upper(const MatrixXd& a) { return a.triangularView<Eigen::Upper>(); }

// One column panel, several, and a last one of odd width; more and fewer rows than columns.
class StackRows : public ::testing::TestWithParam<std::pair<int, int>> {};

TEST_P(StackRows, KeepsTheGramMatrix) {
    const auto [m, n] = GetParam();
    MatrixXd R = upper(random_matrix(n, n, 1));
    MatrixXd B = random_matrix(m, n, 2);
    const MatrixXd expected = R.transpose() * R + B.transpose() * B;
    stack_rows(R, B);
    const MatrixXd triangle = upper(R);
    EXPECT_LE((triangle.transpose() * triangle - expected).norm(), 1e-13 * expected.norm());
}
INSTANTIATE_TEST_SUITE_P(Shapes, StackRows,
                         ::testing::Values(std::pair{1, 1}, std::pair{3, 40}, std::pair{200, 40}, std::pair{100, 255},
                                           std::pair{100, 257}, std::pair{300, 530}));

// To rounding only: a threaded BLAS divides its sums by the number of threads.
TEST(Lapack, StackRowsIsTheSameForAnyNumberOfThreads) {
    const int n = 600;
    const MatrixXd start = upper(random_matrix(n, n, 3)), rows = random_matrix(150, n, 4);
    const int n_threads = omp_get_max_threads();
    MatrixXd one = start, many = start, B = rows;
    omp_set_num_threads(1);
    stack_rows(one, B);
    B = rows;
    omp_set_num_threads(3);
    stack_rows(many, B);
    omp_set_num_threads(n_threads);
    EXPECT_LE((upper(one) - upper(many)).norm(), 1e-14 * upper(one).norm());
}

TEST(Lapack, StackRowsAcceptsAPartOfAMatrixAndLeavesTheRestAlone) {
    const MatrixXd storage = random_matrix(20, 7, 5);
    MatrixXd R = MatrixXd::Zero(7, 7), used = storage;
    stack_rows(R, used.topRows(12));
    const MatrixXd expected = storage.topRows(12).transpose() * storage.topRows(12);
    EXPECT_LE((upper(R).transpose() * upper(R) - expected).norm(), 1e-13 * expected.norm());
    EXPECT_TRUE(used.bottomRows(8) == storage.bottomRows(8));
}

TEST(Lapack, StackTriangleKeepsTheGramMatrixAndReadsOnlyTriangles) {
    for (const int n : {1, 5, 90}) {
        MatrixXd R = random_matrix(n, n, 6), B = random_matrix(n, n, 7);
        const MatrixXd expected = upper(R).transpose() * upper(R) + upper(B).transpose() * upper(B);
        stack_triangle(R, B);
        EXPECT_LE((upper(R).transpose() * upper(R) - expected).norm(), 1e-13 * expected.norm()) << n;
    }
}

TEST(Lapack, SingularProjectionAgreesWithAFullDecomposition) {
    for (const int n : {1, 2, 60}) {
        const MatrixXd A = random_matrix(n, n, 8);
        const VectorXd b = random_matrix(n, 1, 9);
        const SingularProjection result = singular_projection(A, b);
        const Eigen::JacobiSVD<MatrixXd> svd(A, Eigen::ComputeFullU | Eigen::ComputeFullV);
        EXPECT_LE((result.values - svd.singularValues()).norm(), 1e-13 * svd.singularValues()[0]);
        const VectorXd expected = svd.matrixU().transpose() * b;  // up to the sign of each vector
        EXPECT_LE((result.projections.cwiseAbs() - expected.cwiseAbs()).norm(), 1e-11 * b.norm());
    }
}

TEST(Lapack, SingularProjectionOfZero) {
    const SingularProjection result = singular_projection(MatrixXd::Zero(4, 4), VectorXd::Ones(4));
    EXPECT_TRUE(result.values == VectorXd::Zero(4));
    EXPECT_NEAR(result.projections.norm(), 2.0, 1e-14);
}

TEST(Lapack, SingularProjectionRefusesWhatIsNotFinite) {
    MatrixXd A = MatrixXd::Identity(3, 3);
    EXPECT_THROW((void)singular_projection(A, VectorXd::Constant(3, NAN)), NumericalError);
    A(0, 1) = INFINITY;
    EXPECT_THROW((void)singular_projection(A, VectorXd::Ones(3)), NumericalError);
}

TEST(Lapack, SymmetricEigenRebuildsTheMatrix) {
    const MatrixXd half = random_matrix(30, 30, 10);
    const MatrixXd A = half + half.transpose();
    const SymmetricEigen eigen = symmetric_eigen(A);
    EXPECT_LE((eigen.vectors * eigen.values.asDiagonal() * eigen.vectors.transpose() - A).norm(), 1e-13 * A.norm());
    EXPECT_LE((eigen.vectors.transpose() * eigen.vectors - MatrixXd::Identity(30, 30)).norm(), 1e-12);
    for (int i = 1; i < 30; ++i) EXPECT_LE(eigen.values[i - 1], eigen.values[i]);
}

TEST(Lapack, CholeskyRebuildsTheMatrixAndRefusesAnIndefiniteOne) {
    const MatrixXd half = random_matrix(30, 40, 11);
    const MatrixXd A = half * half.transpose();
    MatrixXd L = A;
    ASSERT_TRUE(cholesky_in_place(L));
    EXPECT_LE((L * L.transpose() - A).norm(), 1e-13 * A.norm());
    EXPECT_EQ(L(0, 29), 0.0);
    MatrixXd indefinite = A;
    indefinite(3, 3) = -1.0;
    EXPECT_FALSE(cholesky_in_place(indefinite));
}

TEST(Lapack, RefusesSizesThatDisagree) {
    MatrixXd R = MatrixXd::Zero(3, 3), wide = MatrixXd::Zero(2, 4), tall = MatrixXd::Zero(4, 3);
    EXPECT_THROW(stack_rows(R, wide), std::invalid_argument);
    EXPECT_THROW(stack_rows(tall, tall), std::invalid_argument);
    EXPECT_THROW(stack_triangle(R, tall), std::invalid_argument);
    EXPECT_THROW((void)singular_projection(R, VectorXd::Zero(2)), std::invalid_argument);
    EXPECT_THROW((void)symmetric_eigen(tall), std::invalid_argument);
}

TEST(Lapack, NumericalErrorCarriesItsNumbers) {
    const NumericalError error("fit", 12, 7, 1e9);
    EXPECT_EQ(error.rows, 12);
    EXPECT_EQ(error.columns, 7);
    EXPECT_EQ(error.condition, 1e9);
    EXPECT_STREQ(error.what(), "fit of a 12 x 7 matrix failed (condition number 1e+09)");
}

// What 32-bit integers can count is known before anything is allocated.
TEST(Lapack, SizesBeyond32BitsAreRefused) {
    EXPECT_EQ(eigen_workspace(1000), 2'006'001);
    EXPECT_EQ(eigen_workspace(50'000), 5'000'300'001);
    constexpr std::int64_t most = std::numeric_limits<int>::max();
    EXPECT_LE(eigen_workspace(largest_eigen_order), most);
    EXPECT_GT(eigen_workspace(largest_eigen_order + 1), most);
    EXPECT_LE(std::int64_t{largest_order} * largest_order, most);
    EXPECT_GT(std::int64_t{largest_order + 1} * (largest_order + 1), most);

    EXPECT_EQ(countable(most, "numbers"), std::numeric_limits<int>::max());
    EXPECT_THROW((void)countable(most + 1, "numbers"), std::length_error);
    EXPECT_NO_THROW(require_order(largest_order, largest_order, "fit"));
    try {
        require_order(50'000, largest_order, "fit");
        FAIL();
    } catch (const std::length_error& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find("fit of order 50000"), std::string::npos) << message;
        EXPECT_NE(message.find("46340"), std::string::npos) << message;
    }
}

}  // namespace
}  // namespace mlff::bayes::lapack
