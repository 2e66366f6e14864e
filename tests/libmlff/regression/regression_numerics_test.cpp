#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "bayes/kernel.hpp"
#include "bayes/lapack.hpp"
#include "bayes/posterior.hpp"
#include "bayes/random_matrix.hpp"
#include "bayes/triangular_factor.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/learning/training_set.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/regression/regression.hpp"
#include "support/extended_precision.hpp"
#include "support/files.hpp"
#include "support/force_fields.hpp"

/// The regression on first-principles data where Φ has a condition number above 1e10, which the normal equations
/// square.
namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
namespace dense = testing::dense;
namespace extended = testing::extended;

const std::vector<int> species = {14};

MatrixXd with_labels(const MatrixXd& columns, const VectorXd& labels) {
    MatrixXd rows(labels.size(), columns.rows() + 1);
    rows << columns.transpose(), labels;
    return rows;
}

/// Every tenth structure of the Si set of Zuo et al. (2020), others to predict, and references that are nearly
/// dependent: 100 atoms whose surroundings are close to the mean, and copies of 20 of them that are off by 1e-2 to
/// 1e-11.5 of a feature vector, as if taken from the next steps of a trajectory. Φ has singular values at every scale.
struct Silicon {
    std::vector<LabeledStructure> train, unseen;
    std::shared_ptr<const descriptors::Descriptor> descriptor =
        std::make_shared<descriptors::Descriptor>(vasp_force_field().descriptor, 1);
    int power;
    std::vector<LocalReferences> references{1};
    std::vector<DesignRows> rows;  ///< of `train`

    Silicon(const std::string& path, int kernel_power) : power(kernel_power) {
        const auto all = read_extxyz(path);
        for (std::size_t k = 0; k < all.size(); ++k) {
            if (k % 10 == 0) train.push_back(all[k]);
            if (k % 70 == 5) unseen.push_back(all[k]);
        }
        MatrixXd pool(descriptor->size(), 0);
        for (const auto& item : train) append(pool, compute_features(*descriptor, environments(item.structure)));
        const VectorXd mean = pool.rowwise().mean();
        std::vector<Index> order(static_cast<std::size_t>(pool.cols()));
        std::iota(order.begin(), order.end(), 0);
        const auto distance = [&](Index i) { return (pool.col(i) - mean).norm(); };
        std::sort(order.begin(), order.end(), [&](Index i, Index j) { return distance(i) < distance(j); });
        order.resize(200);
        const MatrixXd near = pool(Eigen::all, order);
        const auto kept = select(near, power, {.method = SelectionMethod::cholesky, .tolerance = 1e-9}, 100);
        MatrixXd features = near(Eigen::all, kept), copies = features.leftCols(20);
        for (Index k = 0; k < copies.cols(); ++k)
            copies.col(k) += std::pow(10.0, -2.0 - 0.5 * static_cast<double>(k)) * features.col(k + 20);
        append(features, copies.colwise().normalized());
        refer_to(features);
    }

    /// Takes the references afresh and the design rows with them.
    void refer_to(const MatrixXd& features) {
        references[0] = {features, std::vector<int>(static_cast<std::size_t>(features.cols())),
                         std::vector<int>(static_cast<std::size_t>(features.cols()))};
        rows.clear();
        for (const auto& item : train) rows.push_back(rows_of(item.structure));
    }

    [[nodiscard]] DesignRows rows_of(const Structure& structure) const {
        return design_rows(*descriptor, power, references, environments(structure), structure);
    }
    [[nodiscard]] MatrixXd kernel() const { return bayes::kernel_matrix(references[0].features, power); }

    [[nodiscard]] ForceField fit(Prior prior) const {
        RegressionData data(references[0].size(), species);
        for (std::size_t k = 0; k < train.size(); ++k) data.add(rows[k], train[k]);
        return fit(std::move(data), prior);
    }
    [[nodiscard]] ForceField fit(RegressionData data, Prior prior) const {
        RegressionOptions options = vasp_regression();
        options.prior = prior;
        return mlff::fit(std::move(data), descriptor, power, references, options, {});
    }

    /// Hands out the rows [Φ y] of every structure, energy, forces and stress, in their physical units with e0 taken
    /// off, and their scale.
    template <typename Visit>
    void for_each_block(const ForceField& fitted, Visit visit) const {
        for (std::size_t k = 0; k < train.size(); ++k) {
            const auto& [structure, labels, origin, group, weight] = train[k];
            const double energy = *labels.energy / static_cast<double>(structure.size()) - fitted.e0()[0];
            visit(with_labels(rows[k].energy, VectorXd::Constant(1, energy)), fitted.scales().energy);
            visit(with_labels(rows[k].forces, labels.forces->reshaped()), fitted.scales().force);
            visit(with_labels(rows[k].stress, *labels.stress), fitted.scales().stress);
        }
    }
    [[nodiscard]] extended::Problem problem(const ForceField& fitted) const {
        extended::Problem result(fitted.n_references());
        for_each_block(fitted, [&](const MatrixXd& block, double scale) { result.add(block, scale); });
        return result;
    }

 private:
    [[nodiscard]] Environments environments(const Structure& structure) const {
        Environments result(species, descriptor->cutoff(), 0.0);
        result.update(structure);
        return result;
    }
    static void append(MatrixXd& to, const MatrixXd& columns) {
        to.conservativeResize(columns.rows(), to.cols() + columns.cols());
        to.rightCols(columns.cols()) = columns;
    }
};

double root(dense::Real value) { return static_cast<double>(dense::square_root(value)); }
double off(double value, dense::Real expected) { return static_cast<double>(value / expected) - 1.0; }

/// Evidence to 1e-6; residual, and predictions for structures outside of the training set, to `tolerance`, against the
/// evidence maximum in quadruple precision.
void expect_agreement(const Silicon& silicon, const ForceField& fitted, const extended::Problem& problem,
                      const extended::Prior& prior, double tolerance) {
    const extended::Point best = problem.maximum(prior);
    ASSERT_NEAR(off(1.0, best.weight_precision / best.noise_precision / best.ratio), 0.0, 1e-14);
    const bayes::Evidence& evidence = fitted.posterior().evidence();
    ASSERT_EQ(evidence.end, bayes::EvidenceEnd::converged);
    ASSERT_FALSE(evidence.floored);
    EXPECT_NEAR(off(evidence.weight_precision, best.weight_precision), 0.0, 1e-6);
    EXPECT_NEAR(off(evidence.noise_precision, best.noise_precision), 0.0, 1e-6);
    EXPECT_NEAR(off(evidence.gamma, best.gamma), 0.0, 1e-6);

    const double residual = root(best.residual);
    EXPECT_NEAR(std::sqrt(evidence.residual), residual, tolerance * residual);
    const dense::Matrix weights{MatrixXd(fitted.posterior().weights())};
    EXPECT_NEAR(root(problem.residual(weights)), residual, tolerance * residual);

    ForceFieldCalculator calculator(fitted);
    for (const auto& [structure, labels, origin, group, weight] : silicon.unseen) {
        const DesignRows rows = silicon.rows_of(structure);
        const auto expect_predicted = [&](const VectorXd& found, const MatrixXd& columns, double scale) {
            const VectorXd expected = product(dense::Matrix(MatrixXd(columns.transpose())), best.weights).rounded();
            EXPECT_LE((found - expected).cwiseAbs().maxCoeff<Eigen::PropagateNaN>(), tolerance * scale);
        };
        const Evaluation result = calculator.evaluate(structure);
        const double energy = result.energy / static_cast<double>(structure.size()) - fitted.e0()[0];
        expect_predicted(VectorXd::Constant(1, energy), rows.energy, fitted.scales().energy);
        expect_predicted(result.forces.reshaped(), rows.forces, fitted.scales().force);
        expect_predicted(*result.stress, rows.stress, fitted.scales().stress);

        const VectorXd variance = fitted.posterior().variance(rows.stress);
        for (Index k = 0; k < variance.size(); ++k)
            EXPECT_NEAR(off(variance[k], best.variance(dense::Matrix(MatrixXd(rows.stress.col(k))))), 0.0, 1e-6);
    }
}

class RegressionStream : public ::testing::Test {
 protected:
    void SetUp() override {
        path_ = testing::shared_data("mlearn/Si_train.xyz.gz");
        if (path_.empty()) GTEST_SKIP() << "reference data not found; set MLFF_SHARED";
    }
    std::string path_;
};

/// The parameter is the power of the kernel.
class RegressionNumerics : public RegressionStream, public ::testing::WithParamInterface<int> {
 protected:
    void SetUp() override {
        RegressionStream::SetUp();
        if (!extended::available()) GTEST_SKIP() << "the compiler has no type of 34 digits";
    }
};

TEST_P(RegressionNumerics, HoldAtConditionNumbersAbove1e12) {
    const Silicon silicon(path_, GetParam());
    const ForceField identity = silicon.fit(Prior::identity), kernel = silicon.fit(Prior::kernel);
    const extended::Problem problem = silicon.problem(identity);
    ASSERT_GT(problem.condition(), 1e12);
    const Index n = identity.n_references();
    expect_agreement(silicon, identity, problem, extended::Prior(dense::Matrix(MatrixXd(MatrixXd::Identity(n, n)))),
                     1e-8);

    // K_BB of such references is singular to double precision: the prior is what its factor says. It lets weights grow
    // to 1e8 that nearly cancel in a prediction, so that double precision leaves it eight digits fewer.
    const dense::Matrix L(bayes::factor_kernel(silicon.kernel()).L);
    expect_agreement(silicon, kernel, problem, extended::Prior(product(L, transposed(L))), 1e-6);
}

/// What the selection keeps of the same references: K_BB has a condition number above 1e10, and the prior is K_BB
/// itself.
TEST_P(RegressionNumerics, HoldWithTheKernelPriorOfSelectedReferences) {
    Silicon silicon(path_, GetParam());
    const MatrixXd candidates = silicon.references[0].features;
    const SelectionOptions options{.method = SelectionMethod::cholesky, .tolerance = 1e-9};
    const auto kept = select(candidates, silicon.power, options, candidates.cols());
    ASSERT_LT(kept.size(), static_cast<std::size_t>(candidates.cols()));
    silicon.refer_to(candidates(Eigen::all, kept));
    const MatrixXd K = silicon.kernel();
    const VectorXd values = bayes::lapack::symmetric_eigen(K).values;
    ASSERT_GT(values[values.size() - 1], 1e10 * values[0]);
    ASSERT_EQ(bayes::factor_kernel(K).jitter, 0.0);
    const ForceField fitted = silicon.fit(Prior::kernel);
    expect_agreement(silicon, fitted, silicon.problem(fitted), extended::Prior(dense::Matrix(K)), 1e-8);
}

INSTANTIATE_TEST_SUITE_P(KernelPower, RegressionNumerics, ::testing::Values(2, 4));

/// The reference of these tests against plainer formulas.
TEST(ExtendedPrecision, EqualsTheDenseFormulas) {
    if (!extended::available()) GTEST_SKIP() << "the compiler has no type of 34 digits";
    const MatrixXd Phi = testing::ill_conditioned(40, 6, 1e11, 1), K = testing::random_matrix(6, 6, 3);
    const VectorXd y = Phi * VectorXd::Ones(6) + 1e-3 * testing::random_matrix(40, 1, 4);
    const dense::Matrix phi(Phi), labels{MatrixXd(y)};
    const extended::Prior prior(dense::Matrix(MatrixXd(MatrixXd::Identity(6, 6) + K * K.transpose())));
    extended::Problem problem(6);
    problem.add(8.0 * with_labels(Phi.topRows(15).transpose(), y.head(15)), 8.0);
    problem.add(with_labels(Phi.bottomRows(25).transpose(), y.tail(25)), 1.0);
    EXPECT_NEAR(problem.condition() / 1e11, 1.0, 1e-3);

    const extended::Point best = problem.maximum(prior);
    const dense::Real s_w = best.weight_precision, s_v = best.noise_precision;
    const dense::Fit expected = dense::fit(phi, labels, prior.precision, s_w, s_v);
    EXPECT_NEAR(off(root(best.residual), dense::square_root(expected.residual)), 0.0, 1e-12);
    EXPECT_NEAR(off(static_cast<double>(best.gamma), expected.gamma), 0.0, 1e-12);
    EXPECT_NEAR(off(static_cast<double>(best.weight_norm), expected.weight_norm), 0.0, 1e-12);
    const dense::Matrix row{MatrixXd(Phi.row(7).transpose())};
    const auto variance = static_cast<double>(best.variance(row));
    EXPECT_NEAR(off(variance, extended::dot(row, product(expected.covariance, row))), 0.0, 1e-12);
    const long double highest = dense::log_evidence(phi, labels, prior.precision, s_w, s_v);
    for (const double factor : {1e-9, 1e-3, 0.99, 1.01, 1e3, 1e9}) {
        EXPECT_LT(dense::log_evidence(phi, labels, prior.precision, s_w * factor, s_v), highest) << factor;
        EXPECT_LT(dense::log_evidence(phi, labels, prior.precision, s_w, s_v * factor), highest) << factor;
        EXPECT_LT(dense::log_evidence(phi, labels, prior.precision, s_w * factor, s_v * factor), highest) << factor;
    }
}

void expect_same(const Silicon& silicon, const bayes::Posterior& a, const bayes::Posterior& b,
                 const LabelScales& unit) {
    EXPECT_NEAR(a.evidence().weight_precision / b.evidence().weight_precision, 1.0, 1e-8);
    EXPECT_NEAR(a.evidence().noise_precision / b.evidence().noise_precision, 1.0, 1e-8);
    EXPECT_NEAR(a.evidence().residual / b.evidence().residual, 1.0, 1e-8);
    const VectorXd difference = a.weights() - b.weights();
    for (const auto& item : silicon.unseen) {
        const DesignRows rows = silicon.rows_of(item.structure);
        EXPECT_LE((rows.energy.transpose() * difference).cwiseAbs().maxCoeff<Eigen::PropagateNaN>(),
                  1e-8 * unit.energy);
        EXPECT_LE((rows.forces.transpose() * difference).cwiseAbs().maxCoeff<Eigen::PropagateNaN>(), 1e-8 * unit.force);
        EXPECT_LE((rows.stress.transpose() * difference).cwiseAbs().maxCoeff<Eigen::PropagateNaN>(),
                  1e-8 * unit.stress);
    }
}

/// Structures in order, in reverse order, and each kind of label as a structure of its own.
TEST_F(RegressionStream, OrderOfTheStructuresDoesNotMatter) {
    const Silicon silicon(path_, 4);
    const ForceField expected = silicon.fit(Prior::identity);
    ASSERT_EQ(expected.posterior().evidence().end, bayes::EvidenceEnd::converged);
    RegressionData reversed(expected.n_references(), species), divided = reversed;
    for (std::size_t k = silicon.train.size(); k-- > 0;) {
        reversed.add(silicon.rows[k], silicon.train[k]);
        const auto& [structure, labels, origin, group, weight] = silicon.train[k];
        divided.add(silicon.rows[k], {structure, {.energy = labels.energy, .forces = {}, .stress = {}}, ""});
        divided.add(silicon.rows[k], {structure, {.energy = {}, .forces = labels.forces, .stress = {}}, ""});
        divided.add(silicon.rows[k], {structure, {.energy = {}, .forces = {}, .stress = labels.stress}, ""});
    }
    for (RegressionData* data : {&reversed, &divided})
        expect_same(silicon, silicon.fit(std::move(*data), Prior::identity).posterior(), expected.posterior(),
                    expected.scales());
}

/// All rows in one block, row by row with a factorisation after each, and in two halves that are merged: the ways of a
/// stream, and of several processes.
TEST_F(RegressionStream, SizeOfTheBlocksDoesNotMatter) {
    const Silicon silicon(path_, 4);
    const ForceField fitted = silicon.fit(Prior::identity);
    const Index n = fitted.n_references();
    MatrixXd all(0, n + 1);
    silicon.for_each_block(fitted, [&](const MatrixXd& block, double scale) {
        all.conservativeResize(all.rows() + block.rows(), Eigen::NoChange);
        all.bottomRows(block.rows()) = block / scale;
    });
    bayes::TriangularFactor whole(n + 1), single(n + 1), first(n + 1), second(n + 1);
    whole.add_rows(all);
    for (Index k = all.rows() - 1; k >= 0; --k) {
        single.add_rows(all.row(k));
        (void)single.R();
    }
    const Index half = all.rows() / 2;
    first.add_rows(all.topRows(half));
    second.add_rows(all.bottomRows(all.rows() - half));
    first.merge(second);
    for (bayes::TriangularFactor* factor : {&whole, &single, &first}) {
        ASSERT_EQ(factor->n_rows(), all.rows());
        expect_same(silicon, bayes::fit(factor->R(), factor->n_rows()), fitted.posterior(), fitted.scales());
    }
}

}  // namespace
}  // namespace mlff
