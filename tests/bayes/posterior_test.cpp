#include "bayes/posterior.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>
#include <vector>

#include "bayes/dense_reference.hpp"
#include "bayes/lapack.hpp"
#include "bayes/random_matrix.hpp"
#include "bayes/triangular_factor.hpp"

namespace mlff::bayes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::ill_conditioned;
using testing::random_features;
using testing::random_matrix;
namespace dense = testing::dense;

MatrixXd triangular_factor(const MatrixXd& Phi, const VectorXd& y) {
    TriangularFactor factor(Phi.cols() + 1);
    MatrixXd rows(Phi.rows(), Phi.cols() + 1);
    rows << Phi, y;
    factor.add_rows(rows);
    return factor.R();
}

// The fixed point by its dense formulas in quadruple precision, until it stands still.
struct DensePair {
    dense::Real s_w = 1, s_v = 1;
};
DensePair dense_maximum(const dense::Matrix& Phi, const dense::Matrix& y, const dense::Matrix& prior) {
    DensePair pair;
    for (int step = 0; step < 1000; ++step) {
        const dense::Fit fit = dense::fit(Phi, y, prior, pair.s_w, pair.s_v);
        const DensePair next{fit.gamma / fit.weight_norm,
                             (static_cast<dense::Real>(Phi.rows()) - fit.gamma) / fit.residual};
        const double change = std::abs(static_cast<double>(next.s_w / pair.s_w) - 1.0);
        pair = next;
        if (change < 1e-12) break;
    }
    return pair;
}

double relative(double value, dense::Real expected) { return value / static_cast<double>(expected) - 1.0; }

MatrixXd block_diagonal(const std::vector<MatrixXd>& blocks) {
    Index n = 0;
    for (const MatrixXd& block : blocks) n += block.rows();
    MatrixXd result = MatrixXd::Zero(n, n);
    Index first = 0;
    for (const MatrixXd& block : blocks) {
        result.block(first, first, block.rows(), block.rows()) = block;
        first += block.rows();
    }
    return result;
}

// Everything a posterior says, against the dense formulas at the same pair.
void expect_dense(const Posterior& posterior, const MatrixXd& Phi, const VectorXd& y, const MatrixXd& prior,
                  double tolerance) {
    const Evidence& evidence = posterior.evidence();
    const dense::Fit expected = dense::fit(dense::Matrix(Phi), dense::Matrix(y), dense::Matrix(prior),
                                           evidence.weight_precision, evidence.noise_precision);
    const VectorXd predicted = product(dense::Matrix(Phi), expected.weights).rounded();
    const double size = y.norm();
    EXPECT_LE((Phi * posterior.weights() - predicted).norm(), tolerance * size);
    EXPECT_NEAR(evidence.residual, static_cast<double>(expected.residual), tolerance * size * size);
    EXPECT_NEAR(evidence.gamma, static_cast<double>(expected.gamma), tolerance * static_cast<double>(Phi.cols()));
    EXPECT_NEAR(relative(evidence.weight_norm, expected.weight_norm), 0.0, tolerance);

    const VectorXd variance = posterior.variance(Phi.transpose());
    const dense::Matrix rows = dense::Matrix(MatrixXd(Phi.transpose()));
    const dense::Matrix spread = product(expected.covariance, rows);
    for (Index i = 0; i < Phi.rows(); ++i) {
        dense::Real sum = 0;
        for (int k = 0; k < rows.rows(); ++k) sum += rows(k, static_cast<int>(i)) * spread(k, static_cast<int>(i));
        EXPECT_NEAR(relative(variance[i], sum), 0.0, tolerance) << i;
        EXPECT_GE(variance[i], 0.0);
    }
}

TEST(Posterior, EqualsTheDenseFormulas) {
    const MatrixXd Phi = random_matrix(40, 8, 1);
    const VectorXd y = Phi * random_matrix(8, 1, 2) + 0.3 * random_matrix(40, 1, 3);
    const Posterior posterior = fit(triangular_factor(Phi, y), 40);
    EXPECT_EQ(posterior.evidence().end, EvidenceEnd::converged);
    expect_dense(posterior, Phi, y, MatrixXd::Identity(8, 8), 1e-12);
    EXPECT_EQ(posterior.noise_variance(), 1.0 / posterior.evidence().noise_precision);
}

// Condition 1e12, labels that hold weight in every direction: where the normal equations lose everything.
TEST(Posterior, HoldsAtConditionNumbersAbove1e10) {
    const MatrixXd Phi = ill_conditioned(60, 12, 1e12, 4);
    const VectorXd smooth = Phi * VectorXd::Ones(12) + 1e-6 * random_matrix(60, 1, 6);
    const VectorXd rough = random_matrix(60, 1, 7);
    for (const VectorXd& y : {smooth, rough}) {
        const Posterior posterior = fit(triangular_factor(Phi, y), 60);
        expect_dense(posterior, Phi, y, MatrixXd::Identity(12, 12), 1e-8);
        const Posterior given = fit(triangular_factor(Phi, y), 60,
                                    {.mode = EvidenceMode::fixed, .weight_precision = 1e-13, .noise_precision = 1.0});
        expect_dense(given, Phi, y, MatrixXd::Identity(12, 12), 1e-8);
    }
}

TEST(Posterior, PrecisionsHoldAtConditionNumbersAbove1e10) {
    const MatrixXd Phi = ill_conditioned(60, 12, 1e12, 8);
    const VectorXd y = Phi * VectorXd::Ones(12) + 1e-6 * random_matrix(60, 1, 10);
    const Posterior posterior = fit(triangular_factor(Phi, y), 60);
    ASSERT_EQ(posterior.evidence().end, EvidenceEnd::converged);
    ASSERT_FALSE(posterior.evidence().floored);
    const DensePair expected =
        dense_maximum(dense::Matrix(Phi), dense::Matrix(y), dense::Matrix(MatrixXd::Identity(12, 12)));
    EXPECT_NEAR(relative(posterior.evidence().weight_precision, expected.s_w), 0.0, 1e-6);
    EXPECT_NEAR(relative(posterior.evidence().noise_precision, expected.s_v), 0.0, 1e-6);
}

TEST(Posterior, KernelPriorEqualsTheDenseFormulas) {
    const std::vector<MatrixXd> blocks = {kernel_matrix(random_features(6, 5, 0.7, 11), 3),
                                          kernel_matrix(random_features(6, 1, 0.7, 12), 3),
                                          kernel_matrix(random_features(6, 4, 0.7, 13), 3)};
    const std::vector<CholeskyFactor> prior = {factor_kernel(blocks[0]), factor_kernel(blocks[1]),
                                               factor_kernel(blocks[2])};
    const MatrixXd K = block_diagonal(blocks);
    const MatrixXd Phi = random_matrix(50, 10, 14);
    const VectorXd y = Phi * random_matrix(10, 1, 15) + 0.2 * random_matrix(50, 1, 16);
    const Posterior posterior = fit(triangular_factor(Phi, y), 50, {}, prior);
    ASSERT_EQ(posterior.evidence().end, EvidenceEnd::converged);
    expect_dense(posterior, Phi, y, K, 1e-11);
    const auto& evidence = posterior.evidence();
    EXPECT_NEAR(evidence.log_evidence,
                static_cast<double>(dense::log_evidence(dense::Matrix(Phi), dense::Matrix(y), dense::Matrix(K),
                                                        evidence.weight_precision, evidence.noise_precision)),
                1e-9);
    // One dense block is the same prior.
    const Posterior whole = fit(triangular_factor(Phi, y), 50, {}, std::vector<CholeskyFactor>{factor_kernel(K)});
    EXPECT_LE((whole.weights() - posterior.weights()).norm(), 1e-11 * posterior.weights().norm());
}

// Kernel rows and a kernel prior of condition above 1e9, as in a force field: Gaussian process regression on a subset.
TEST(Posterior, KernelPriorHoldsWhereTheKernelIsIllConditioned) {
    const MatrixXd references = random_features(5, 14, 0.01, 17), points = random_features(5, 60, 0.01, 18);
    const MatrixXd K = kernel_matrix(references, 3), Phi = kernel_matrix(points, references, 3);
    const VectorXd values = lapack::symmetric_eigen(K).values;
    ASSERT_GT(values[13] / values[0], 1e9);
    const VectorXd y = 10.0 * points.row(1).transpose() + 1e-3 * random_matrix(60, 1, 19);
    const CholeskyFactor factor = factor_kernel(K);
    ASSERT_EQ(factor.jitter, 0.0);
    const Posterior posterior = fit(triangular_factor(Phi, y), 60, {}, std::span(&factor, 1));
    EXPECT_EQ(posterior.evidence().end, EvidenceEnd::converged);
    expect_dense(posterior, Phi, y, K, 1e-8);
}

TEST(Posterior, IdentityPriorIsTheKernelPriorOfOrthonormalReferences) {
    const MatrixXd Phi = random_matrix(30, 6, 20);
    const VectorXd y = random_matrix(30, 1, 21);
    const MatrixXd R = triangular_factor(Phi, y);
    const CholeskyFactor unit{MatrixXd::Identity(6, 6), 0.0};
    const Posterior a = fit(R, 30), b = fit(R, 30, {}, std::span(&unit, 1));
    EXPECT_LE((a.weights() - b.weights()).norm(), 1e-13 * a.weights().norm());
    EXPECT_NEAR(a.evidence().log_evidence, b.evidence().log_evidence, 1e-10);
}

// One parameter φ, m labels: Σ⁻¹ = s_w + s_v |φ|², w̄ = s_v Σ φ·y.
TEST(Posterior, OneParameterHasItsClosedForm) {
    const VectorXd phi = (VectorXd(3) << 1.0, -2.0, 0.5).finished(), y = (VectorXd(3) << 2.1, -3.9, 1.2).finished();
    const double s_w = 0.4, s_v = 7.0;
    const Posterior posterior = fit(triangular_factor(phi, y), 3,
                                    {.mode = EvidenceMode::fixed, .weight_precision = s_w, .noise_precision = s_v});
    const double covariance = 1.0 / (s_w + s_v * 5.25), product = 2.1 + 7.8 + 0.6;
    EXPECT_NEAR(posterior.weights()[0], s_v * covariance * product, 1e-14);
    EXPECT_NEAR(posterior.variance(MatrixXd::Constant(1, 1, 3.0))[0], 9.0 * covariance, 1e-14);
    EXPECT_NEAR(posterior.evidence().gamma, s_v * 5.25 * covariance, 1e-14);
    const VectorXd left = y - phi * posterior.weights()[0];
    EXPECT_NEAR(posterior.evidence().residual, left.squaredNorm(), 1e-14);
}

TEST(Posterior, FixedPairIsTikhonovRegularisation) {
    // w̃ = V diag(S/(S² + s_w/s_v)) Uᵀ y: only the ratio matters.
    const MatrixXd Phi = ill_conditioned(50, 9, 1e6, 22);
    const VectorXd y = random_matrix(50, 1, 24);
    const Eigen::JacobiSVD<MatrixXd> svd(Phi, Eigen::ComputeThinU | Eigen::ComputeThinV);
    const Eigen::ArrayXd S = svd.singularValues().array();
    for (const double ratio : {1e-9, 1e-7, 1e-1}) {
        const VectorXd expected =
            svd.matrixV() * (S / (S.square() + ratio) * (svd.matrixU().transpose() * y).array()).matrix();
        for (const double s_v : {1.0, 32.0}) {
            const Posterior posterior =
                fit(triangular_factor(Phi, y), 50,
                    {.mode = EvidenceMode::fixed, .weight_precision = ratio * s_v, .noise_precision = s_v});
            EXPECT_LE((posterior.weights() - expected).norm(), 1e-9 * expected.norm()) << ratio;
        }
    }
}

TEST(Posterior, PrecisionsOfAnotherFitNeedNoSpectrum) {
    const MatrixXd Phi = ill_conditioned(50, 9, 1e6, 22), K = random_matrix(9, 9, 23);
    const MatrixXd R = triangular_factor(Phi, random_matrix(50, 1, 24));
    const CholeskyFactor prior = factor_kernel(K.transpose() * K);
    const EvidenceOptions fixed{.mode = EvidenceMode::fixed, .weight_precision = 1e-5, .noise_precision = 4.0};
    const Posterior whole = fit(R, 50, fixed, std::span(&prior, 1));
    const Posterior quick = fit_with_precisions(R, 50, whole.evidence(), std::span(&prior, 1));
    EXPECT_EQ(quick.weights(), whole.weights());
    EXPECT_EQ(quick.factor(), whole.factor());
    EXPECT_EQ(quick.noise_variance(), 0.25);
    EXPECT_EQ(quick.evidence().gamma, 0.0);  // not worked out
    MatrixXd broken = R;
    broken(0, 3) = std::nan("");
    EXPECT_THROW((void)fit_with_precisions(broken, 50, whole.evidence()), std::invalid_argument);
}

TEST(Posterior, VarianceOfAnUnseenDirectionIsThatOfThePrior) {
    MatrixXd Phi = random_matrix(40, 6, 25);
    Phi.col(4).setZero();
    const VectorXd y = Phi * VectorXd::Ones(6) + 0.1 * random_matrix(40, 1, 26);
    const Posterior posterior = fit(triangular_factor(Phi, y), 40);
    const MatrixXd directions = MatrixXd::Identity(6, 6);
    const VectorXd variance = posterior.variance(directions);
    EXPECT_NEAR(variance[4] * posterior.evidence().weight_precision, 1.0, 1e-12);
    for (const Index seen : {0, 1, 2, 3, 5}) EXPECT_LT(variance[seen], 0.1 * variance[4]);
    EXPECT_NEAR(posterior.weights()[4], 0.0, 1e-14);
}

TEST(Posterior, MoreDataNeverRaiseTheVariance) {
    const MatrixXd Phi = random_matrix(60, 7, 27);
    const VectorXd y = random_matrix(60, 1, 28);
    const EvidenceOptions given{.mode = EvidenceMode::fixed, .weight_precision = 0.5, .noise_precision = 2.0};
    const MatrixXd rows = random_matrix(7, 100, 29);
    VectorXd before = rows.colwise().squaredNorm().transpose() / 0.5;
    for (const Index seen : {1, 5, 20, 60}) {
        const VectorXd now = fit(triangular_factor(Phi.topRows(seen), y.head(seen)), seen, given).variance(rows);
        EXPECT_LE((now - before).maxCoeff(), 1e-12);
        EXPECT_GT(now.minCoeff(), 0.0);
        before = now;
    }
}

TEST(Posterior, PermutingTheRowsOrTheBasisChangesNothing) {
    const MatrixXd Phi = random_matrix(40, 7, 30);
    const VectorXd y = Phi * VectorXd::Ones(7) + 0.1 * random_matrix(40, 1, 31);
    const Posterior one = fit(triangular_factor(Phi, y), 40);
    const Posterior rows = fit(triangular_factor(Phi.colwise().reverse(), y.reverse()), 40);
    const Posterior basis = fit(triangular_factor(Phi.rowwise().reverse(), y), 40);
    EXPECT_LE((one.weights() - rows.weights()).norm(), 1e-12);
    EXPECT_LE((one.weights() - basis.weights().reverse()).norm(), 1e-12);
    const MatrixXd phi = random_matrix(7, 20, 32);
    EXPECT_LE((one.variance(phi) - rows.variance(phi)).norm(), 1e-12);
    EXPECT_LE((one.variance(phi) - basis.variance(phi.colwise().reverse())).norm(), 1e-12);
}

TEST(Posterior, RestoredFromItsPartsItIsTheSameToTheLastBit) {
    const MatrixXd Phi = random_matrix(30, 9, 33);
    const Posterior posterior = fit(triangular_factor(Phi, random_matrix(30, 1, 34)), 30);
    const Posterior restored(posterior.weights(), posterior.factor(), posterior.evidence());
    const MatrixXd rows = random_matrix(9, 17, 35);
    EXPECT_TRUE(restored.variance(rows) == posterior.variance(rows));
    EXPECT_TRUE(restored.weights() == posterior.weights());
    EXPECT_TRUE(posterior.factor().isUpperTriangular(0.0));
}

TEST(Posterior, DegenerateProblemsHaveAFiniteAnswer) {
    const MatrixXd Phi = random_matrix(12, 5, 36);
    MatrixXd deficient = Phi;
    deficient.col(2) = deficient.col(0);
    const VectorXd y = random_matrix(12, 1, 37), zero = VectorXd::Zero(12);
    const auto expect_finite = [](const MatrixXd& features, const VectorXd& labels) {
        const Posterior posterior = fit(triangular_factor(features, labels), features.rows());
        EXPECT_TRUE(posterior.weights().allFinite());
        const VectorXd variance = posterior.variance(features.transpose());
        EXPECT_TRUE(variance.allFinite());
        EXPECT_GE(variance.minCoeff(), 0.0);
    };
    expect_finite(Phi, zero);
    expect_finite(deficient, y);
    expect_finite(deficient, deficient * VectorXd::Ones(5));
    expect_finite(MatrixXd::Zero(12, 5), y);
    expect_finite(MatrixXd::Zero(12, 5), zero);
    expect_finite(Phi.topRows(2), y.head(2));
}

TEST(Posterior, RefusesWhatItCannotMean) {
    const MatrixXd R = MatrixXd::Identity(4, 4);
    EXPECT_THROW((void)fit(MatrixXd::Ones(3, 4), 5), std::invalid_argument);
    EXPECT_THROW((void)fit(MatrixXd::Ones(1, 1), 5), std::invalid_argument);
    EXPECT_THROW((void)fit(R, 0), std::invalid_argument);
    for (const Index column : {1, 3}) {
        MatrixXd not_finite = R;
        not_finite(0, column) = NAN;
        EXPECT_THROW((void)fit(not_finite, 5), std::invalid_argument);
    }
    const CholeskyFactor small{MatrixXd::Identity(2, 2), 0.0}, zero{MatrixXd::Zero(3, 3), 0.0};
    EXPECT_THROW((void)fit(R, 5, {}, std::span(&small, 1)), std::invalid_argument);
    EXPECT_THROW((void)fit(R, 5, {}, std::span(&zero, 1)), std::invalid_argument);
    EXPECT_THROW(Posterior(VectorXd::Ones(2), MatrixXd::Identity(3, 3), {}), std::invalid_argument);
    EXPECT_THROW(Posterior(VectorXd::Ones(2), MatrixXd::Zero(2, 2), {}), std::invalid_argument);
    EXPECT_THROW(Posterior(VectorXd::Constant(2, NAN), MatrixXd::Identity(2, 2), {}), std::invalid_argument);
    const Posterior posterior(VectorXd::Ones(2), MatrixXd::Identity(2, 2), {});
    EXPECT_THROW((void)posterior.variance(MatrixXd::Ones(3, 1)), std::invalid_argument);
}

/// Of a structure with one row the influence is exactly what a fit without it shows (Sherman and Morrison).
TEST(Posterior, InfluenceIsTheChangeOfTheWeightsWithoutARow) {
    const MatrixXd Phi = ill_conditioned(30, 7, 1e3, 51);
    const VectorXd y = random_matrix(30, 1, 52);
    const Posterior all = fit(triangular_factor(Phi, y), 30);
    for (const Index left_out : {0, 13, 29}) {
        MatrixXd rest(29, 7), row(1, 8);
        VectorXd labels(29);
        rest << Phi.topRows(left_out), Phi.bottomRows(29 - left_out);
        labels << y.head(left_out), y.tail(29 - left_out);
        row << Phi.row(left_out), y[left_out];
        const Posterior without = fit_with_precisions(triangular_factor(rest, labels), 29, all.evidence());
        const VectorXd influence = all.influence(row);
        EXPECT_LE((all.weights() - without.weights() - influence).norm(), 1e-9 * influence.norm()) << left_out;
        EXPECT_GT(influence.norm(), 1e-4);
    }
}

/// Of a structure with several rows: s_v Σ Σ_i φ_iᵀ r_i/(1 − h_i), written out.
TEST(Posterior, InfluenceAndRobustVarianceInClosedForm) {
    const MatrixXd Phi = ill_conditioned(40, 6, 1e2, 53), probe = random_matrix(9, 6, 54);
    const VectorXd y = random_matrix(40, 1, 55);
    const Posterior posterior = fit(triangular_factor(Phi, y), 40);
    const double s_v = posterior.evidence().noise_precision;
    const MatrixXd Sigma = (posterior.factor().transpose() * posterior.factor()).inverse();
    MatrixXd C = MatrixXd::Zero(6, 6);
    TriangularFactor influences(6);
    for (Index first = 0; first < 40; first += 8) {
        MatrixXd rows(8, 7);
        rows << Phi.middleRows(first, 8), y.segment(first, 8);
        VectorXd g = VectorXd::Zero(6);
        for (Index i = first; i < first + 8; ++i) {
            const double h = s_v * Phi.row(i).dot(Sigma * Phi.row(i).transpose());
            g += s_v * Phi.row(i).transpose() * (y[i] - Phi.row(i).dot(posterior.weights())) / (1.0 - h);
        }
        const VectorXd influence = posterior.influence(rows);
        EXPECT_LE((influence - Sigma * g).norm(), 1e-9 * influence.norm());
        influences.add_rows(influence.transpose());
        C += Sigma * g * g.transpose() * Sigma;
    }
    const Posterior robust = posterior.with_covariance(influences.R());
    const VectorXd variance = robust.variance(probe.transpose());
    for (Index i = 0; i < 9; ++i)
        EXPECT_NEAR(variance[i], probe.row(i).dot(C * probe.row(i).transpose()), 1e-9 * variance.maxCoeff());
    EXPECT_EQ(robust.weights(), posterior.weights());
    EXPECT_GT((variance - posterior.variance(probe.transpose())).norm(), 1e-3 * variance.norm());
    EXPECT_EQ(robust.with_covariance({}).variance(probe.transpose()), posterior.variance(probe.transpose()));
    EXPECT_THROW((void)posterior.with_covariance(MatrixXd::Identity(5, 5)), std::invalid_argument);
    EXPECT_THROW((void)posterior.with_covariance(MatrixXd::Constant(6, 6, NAN)), std::invalid_argument);
    EXPECT_THROW((void)posterior.influence(MatrixXd::Ones(2, 6)), std::invalid_argument);
    EXPECT_THROW((void)Posterior(posterior.weights(), {}, posterior.evidence()).influence(MatrixXd::Ones(2, 7)),
                 std::logic_error);
}

TEST(SpillingFactor, IsZeroOnReferencesAndOneOnOrthogonalVectors) {
    MatrixXd references = MatrixXd::Zero(20, 8);
    references.topRows(10) = random_features(10, 8, 0.5, 38);
    MatrixXd others = MatrixXd::Zero(20, 3);
    others.bottomRows(10) = random_features(10, 3, 0.5, 39);
    const SpillingFactor spilling(factor_kernel(kernel_matrix(references, 4)));
    const VectorXd on = spilling(kernel_matrix(references, 4), VectorXd::Ones(8));
    const VectorXd off = spilling(kernel_matrix(references, others, 4), VectorXd::Ones(3));
    EXPECT_LE(on.maxCoeff(), 1e-12);
    EXPECT_GE(on.minCoeff(), 0.0);
    EXPECT_TRUE(off == VectorXd::Ones(3));
}

TEST(SpillingFactor, EqualsTheDenseFormula) {
    const MatrixXd references = random_features(6, 9, 0.3, 40), points = 1.7 * random_features(6, 25, 0.5, 41);
    const MatrixXd K = kernel_matrix(references, 2), K_bx = kernel_matrix(references, points, 2);
    const VectorXd self = kernel_matrix(points, 2).diagonal();
    const VectorXd spilling = SpillingFactor(factor_kernel(K))(K_bx, self);
    const MatrixXd explained = solved(dense::cholesky(dense::Matrix(K)), dense::Matrix(K_bx)).rounded();
    for (Index i = 0; i < 25; ++i)
        EXPECT_NEAR(spilling[i], 1.0 - K_bx.col(i).dot(explained.col(i)) / self[i], 1e-9) << i;
    EXPECT_GT(spilling.maxCoeff(), 1e-3);
    EXPECT_LE(spilling.maxCoeff(), 1.0);
}

TEST(SpillingFactor, SemidefiniteKernelAndAtomsWithoutNeighbours) {
    MatrixXd references = random_features(5, 20, 0.1, 42);
    references.rightCols(10) = references.leftCols(10);
    const CholeskyFactor factor = factor_kernel(kernel_matrix(references, 4));
    EXPECT_GT(factor.jitter, 0.0);
    const SpillingFactor spilling(factor);
    const VectorXd known = spilling(kernel_matrix(references, 4), VectorXd::Ones(20));
    EXPECT_GE(known.minCoeff(), 0.0);
    EXPECT_LE(known.maxCoeff(), 1e-10);
    EXPECT_EQ(spilling(MatrixXd::Zero(20, 1), VectorXd::Zero(1))[0], 1.0);
}

TEST(SpillingFactor, RefusesWhatItCannotMean) {
    EXPECT_THROW(SpillingFactor({MatrixXd::Zero(2, 2), 0.0}), std::invalid_argument);
    EXPECT_THROW(SpillingFactor({MatrixXd::Ones(2, 3), 0.0}), std::invalid_argument);
    const SpillingFactor spilling({MatrixXd::Identity(2, 2), 0.0});
    EXPECT_THROW((void)spilling(MatrixXd::Ones(3, 1), VectorXd::Ones(1)), std::invalid_argument);
    EXPECT_THROW((void)spilling(MatrixXd::Ones(2, 2), VectorXd::Ones(1)), std::invalid_argument);
}

}  // namespace
}  // namespace mlff::bayes
