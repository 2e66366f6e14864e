#include "bayes/metric.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "bayes/kernel.hpp"
#include "bayes/lapack.hpp"
#include "bayes/random_matrix.hpp"

namespace mlff::bayes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::random_features;
using testing::random_matrix;

double energy(const MatrixXd& B, const VectorXd& w, int power, const VectorXd& x) {
    return w.dot((B.transpose() * x.normalized()).array().pow(power).matrix());
}

/// ⟨g gᵀ⟩ with gradients of E(x/|x|) by finite differences: the tangents are what is left.
TEST(LearnedMetric, IsTheMeanOuterProductOfTheGradients) {
    const MatrixXd B = random_features(6, 9, 0.7, 1), X = random_features(6, 20, 0.7, 2);
    const VectorXd w = random_matrix(9, 1, 3);
    for (const int power : {1, 2, 4}) {
        MatrixXd G = MatrixXd::Zero(6, 6);
        for (Index k = 0; k < 20; ++k) {
            VectorXd g(6);
            for (Index d = 0; d < 6; ++d) {
                const VectorXd step = 1e-5 * VectorXd::Unit(6, d);
                g[d] = (energy(B, w, power, X.col(k) + step) - energy(B, w, power, X.col(k) - step)) / 2e-5;
            }
            G += g * g.transpose() / 20.0;
        }
        const MatrixXd W = learned_metric(B, w, power, X), M = W * W.transpose();
        MatrixXd expected = G / lapack::symmetric_eigen(G).values[5] + 1e-5 * MatrixXd::Identity(6, 6);
        expected /= (X.transpose() * expected * X).diagonal().mean();
        EXPECT_LE((M - expected).norm(), 1e-8 * expected.norm()) << power;
        EXPECT_NEAR((X.transpose() * M * X).diagonal().mean(), 1.0, 1e-12);
    }
}

/// A function of one direction alone: it becomes the one that counts.
TEST(LearnedMetric, ForgetsWhatTheFunctionDoesNotDependOn) {
    MatrixXd B = MatrixXd::Zero(5, 1);
    B(2, 0) = 1.0;
    const MatrixXd X = random_features(5, 50, 0.7, 4);
    const MatrixXd W = learned_metric(B, VectorXd::Ones(1), 2, X);
    const auto eigen = lapack::symmetric_eigen(W * W.transpose());
    EXPECT_GT(eigen.values[4], 4.0 * eigen.values[3]);
    EXPECT_GT(std::abs(eigen.vectors(2, 4)), 0.9);
}

TEST(LearnedMetric, IsTheIdentityWhereThereIsNothingToLearnFrom) {
    const MatrixXd X = random_features(4, 10, 0.7, 5), B = random_features(4, 3, 0.7, 6);
    EXPECT_TRUE(learned_metric(B, VectorXd::Zero(3), 2, X) == MatrixXd::Identity(4, 4));
    EXPECT_TRUE(learned_metric(B, VectorXd::Ones(3), 2, MatrixXd(4, 0)) == MatrixXd::Identity(4, 4));
    EXPECT_TRUE(learned_metric(MatrixXd(4, 0), VectorXd(0), 2, X) == MatrixXd::Identity(4, 4));
    EXPECT_TRUE(learned_metric(B, VectorXd::Ones(3), 2, MatrixXd::Zero(4, 2)) == MatrixXd::Identity(4, 4));
}

TEST(LearnedMetric, RefusesWhatItCannotMean) {
    const MatrixXd X = random_features(4, 10, 0.7, 7);
    EXPECT_THROW((void)learned_metric(X, VectorXd::Ones(9), 2, X), std::invalid_argument);
    EXPECT_THROW((void)learned_metric(X.topRows(3), VectorXd::Ones(10), 2, X), std::invalid_argument);
    EXPECT_THROW((void)learned_metric(X, VectorXd::Constant(10, NAN), 2, X), NumericalError);
}

}  // namespace
}  // namespace mlff::bayes
