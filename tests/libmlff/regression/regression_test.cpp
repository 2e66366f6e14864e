#include "libmlff/regression/regression.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>

#include "bayes/kernel.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/regression/reference_selection.hpp"
#include "libmlff/regression/robust_covariance.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::agree;
using testing::rows_of;

const std::vector<int> species = {47, 53};

/// Structures of one composition labelled by a force field and noise; some labels are missing.
std::vector<LabeledStructure> labelled(const ForceField& truth) {
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    ForceFieldCalculator calculator(truth);
    std::vector<LabeledStructure> data;
    for (unsigned k = 0; k < 9; ++k) {
        const Structure structure = testing::jittered_crystal(40 + k, 2, 2.3, species, k % 2 == 1, 0.15);
        const Evaluation result = calculator.evaluate(structure);
        LabeledStructure item{structure, {result.energy + 0.1 * normal(random), result.forces, *result.stress}, ""};
        for (double& f : item.labels.forces->reshaped()) f += 0.05 * normal(random);
        for (double& s : item.labels.stress->reshaped()) s += 0.001 * normal(random);
        if (k == 2) item.labels.stress.reset();
        if (k == 5) item.labels.energy.reset();
        if (k == 7) item.labels.forces.reset();
        data.push_back(std::move(item));
    }
    return data;
}

struct Problem {
    ForceField truth = testing::random_force_field(testing::small_descriptor(), species, 12);
    std::vector<LabeledStructure> data = labelled(truth);

    [[nodiscard]] ForceField fit(const RegressionOptions& options) const {
        RegressionData regression(truth.n_references(), species);
        for (const auto& item : data) regression.add(rows_of(truth, item.structure), item);
        const auto descriptor = std::make_shared<descriptors::Descriptor>(truth.descriptor().options(), 2);
        return mlff::fit(std::move(regression), descriptor, truth.kernel_power(), truth.references(), options, {});
    }
};

double rms(const VectorXd& v) { return v.norm() / std::sqrt(static_cast<double>(v.size())); }

/// All rows of Φ and all labels at once, scaled as method.md section 3 says.
struct Dense {
    MatrixXd Phi;
    VectorXd y;
    double e0 = 0.0;  ///< one composition: the mean energy per atom
    LabelScales scales;
    MatrixXd energy_rows, force_rows;
    VectorXd energies, forces;

    Dense(const Problem& problem, const LabelWeights& weights) {
        std::vector<double> e, s;
        MatrixXd stress_rows;
        std::vector<VectorXd> f;
        const Index n = problem.truth.n_references();
        const auto append = [n](MatrixXd& to, const MatrixXd& columns) {
            to.conservativeResize(to.rows() + columns.cols(), n);
            to.bottomRows(columns.cols()) = columns.transpose();
        };
        for (const auto& [structure, labels, origin, group, weight] : problem.data) {
            const DesignRows rows = rows_of(problem.truth, structure);
            if (labels.energy) append(energy_rows, rows.energy), e.push_back(*labels.energy / 8.0);
            if (labels.forces) append(force_rows, rows.forces), f.emplace_back(labels.forces->reshaped());
            if (labels.stress) {
                append(stress_rows, rows.stress);
                for (const double value : *labels.stress) s.push_back(value);
            }
        }
        e0 = std::accumulate(e.begin(), e.end(), 0.0) / static_cast<double>(e.size());
        energies = Eigen::Map<VectorXd>(e.data(), static_cast<Index>(e.size())).array() - e0;
        forces.resize(force_rows.rows());
        for (std::size_t k = 0; k < f.size(); ++k) forces.segment(24 * static_cast<Index>(k), 24) = f[k];
        const Eigen::Map<Eigen::Matrix<double, 6, Eigen::Dynamic>> stress(s.data(), 6,
                                                                          static_cast<Index>(s.size() / 6));
        scales = {rms(energies) / weights.energy, rms(forces) / weights.force,
                  rms((stress.colwise() - stress.rowwise().mean()).reshaped()) / weights.stress};
        const Index n_e = energies.size(), n_f = forces.size(), n_s = stress.size();
        Phi.resize(n_e + n_f + n_s, n);
        Phi << energy_rows / scales.energy, force_rows / scales.force, stress_rows / scales.stress;
        y.resize(Phi.rows());
        y << energies / scales.energy, forces / scales.force, stress.reshaped() / scales.stress;
    }
};

/// Σ⁻¹ = s_w P + s_v Σ_c Φ_cᵀΦ_c and Σ⁻¹ w̄ = s_v Σ_c Φ_cᵀ y_c: the rows of the influences are those of the fit,
/// weights of structures, baseline and missing labels included. The covariance is the sum over the structures.
TEST(Regression, InfluencesComeFromTheRowsOfTheFit) {
    Problem problem;
    problem.data[1].weight = 3.0;
    RegressionOptions options;
    options.prior = Prior::identity;
    options.weights = {.energy = 4.0, .force = 1.0, .stress = 0.5};
    const ForceField model = problem.fit(options);
    const Index n = model.n_references();
    const bayes::Posterior& posterior = model.posterior();
    const auto& [s_w, s_v] = std::pair{posterior.evidence().weight_precision, posterior.evidence().noise_precision};
    MatrixXd precision = s_w * MatrixXd::Identity(n, n), C = MatrixXd::Zero(n, n);
    VectorXd right = VectorXd::Zero(n);
    std::vector<const LabeledStructure*> data;
    for (const auto& item : problem.data) {
        data.push_back(&item);
        const MatrixXd rows =
            scaled_rows(rows_of(model, item.structure), item, species, {model.scales(), model.e0()}, options.weights);
        precision += s_v * rows.leftCols(n).transpose() * rows.leftCols(n);
        right += s_v * rows.leftCols(n).transpose() * rows.col(n);
        const VectorXd influence = posterior.influence(rows);
        C += influence * influence.transpose();
    }
    const MatrixXd expected = posterior.factor().transpose() * posterior.factor();
    EXPECT_LE((precision - expected).norm(), 1e-9 * expected.norm());
    EXPECT_LE((right - expected * posterior.weights()).norm(), 1e-7 * right.norm());
    const MatrixXd F = influences_of(model, data, options.weights, no_progress).R();
    EXPECT_LE((F.transpose() * F - C).norm(), 1e-9 * C.norm());
    options.weights.energy = 0.0;  // a kind without weight has no rows
    EXPECT_EQ(scaled_rows(rows_of(model, data[0]->structure), *data[0], species, {model.scales(), model.e0()},
                          options.weights)
                  .rows(),
              3 * data[0]->structure.size() + 6);
}

TEST(Regression, StreamingFitIsTheDenseLeastSquaresSolution) {
    const Problem problem;
    for (const Prior prior : {Prior::identity, Prior::kernel}) {
        RegressionOptions options;
        options.prior = prior;
        options.weights = {.energy = 2.0, .force = 1.0, .stress = 0.5};
        const ForceField fitted = problem.fit(options);
        const bayes::Evidence& evidence = fitted.posterior().evidence();
        ASSERT_EQ(evidence.end, bayes::EvidenceEnd::converged);
        const Dense dense(problem, options.weights);
        EXPECT_NEAR(fitted.scales().energy, dense.scales.energy, 1e-12);
        EXPECT_NEAR(fitted.scales().force, dense.scales.force, 1e-12);
        EXPECT_NEAR(fitted.scales().stress, dense.scales.stress, 1e-12);
        EXPECT_NEAR(fitted.e0()[0], dense.e0, 1e-12);
        EXPECT_NEAR(fitted.e0()[1], dense.e0, 1e-12);

        const Index n = dense.Phi.cols();
        MatrixXd P = MatrixXd::Identity(n, n);
        if (prior == Prior::kernel) {
            P.setZero();
            P.topLeftCorner(12, 12) = bayes::kernel_matrix(problem.truth.references(0).features, 4);
            P.bottomRightCorner(12, 12) = bayes::kernel_matrix(problem.truth.references(1).features, 4);
        }
        MatrixXd stack(dense.Phi.rows() + n, n);
        stack << std::sqrt(evidence.noise_precision) * dense.Phi,
            std::sqrt(evidence.weight_precision) * MatrixXd(P.llt().matrixU());
        VectorXd right = VectorXd::Zero(stack.rows());
        right.head(dense.y.size()) = std::sqrt(evidence.noise_precision) * dense.y;
        const Eigen::HouseholderQR<MatrixXd> qr(stack);
        const VectorXd w = qr.solve(right);
        EXPECT_TRUE(agree(fitted.posterior().weights(), w, 1e-9));

        // Σ⁻¹ = TᵀT = s_w P + s_v ΦᵀΦ, and the training errors.
        const MatrixXd& T = fitted.posterior().factor();
        EXPECT_TRUE(agree(T.transpose() * T, stack.transpose() * stack, 1e-10));
        EXPECT_NEAR(fitted.provenance().rmse_energy, rms(dense.energy_rows * w - dense.energies), 1e-9);
        EXPECT_NEAR(fitted.provenance().rmse_force, rms(dense.force_rows * w - dense.forces), 1e-9);
        EXPECT_EQ(fitted.provenance().n_structures, 9);
        EXPECT_EQ(fitted.provenance().n_atoms, 72);
    }
}

TEST(Regression, FixedPrecisionsStayWhatTheyAre) {
    const Problem problem;
    RegressionOptions options = vasp_regression();
    options.evidence = {.mode = bayes::EvidenceMode::fixed, .weight_precision = 0.1, .noise_precision = 50.0};
    const ForceField fitted = problem.fit(options);
    const Dense dense(problem, options.weights);
    const MatrixXd A = 0.1 * MatrixXd::Identity(24, 24) + 50.0 * dense.Phi.transpose() * dense.Phi;
    const VectorXd w = A.ldlt().solve(50.0 * dense.Phi.transpose() * dense.y);
    EXPECT_EQ(fitted.posterior().evidence().weight_precision, 0.1);
    EXPECT_EQ(fitted.posterior().evidence().noise_precision, 50.0);
    EXPECT_TRUE(agree(fitted.posterior().weights(), w, 1e-8));
}

/// A kind with weight 0 is as good as absent, and takes no part in the fit.
TEST(Regression, AWeightOfZeroLeavesAKindOut) {
    Problem problem;
    RegressionOptions options;
    options.weights.stress = 0.0;
    const ForceField without_weight = problem.fit(options);
    for (auto& item : problem.data) item.labels.stress.reset();
    const ForceField without_labels = problem.fit({});
    EXPECT_TRUE(agree(without_weight.posterior().weights(), without_labels.posterior().weights(), 1e-12));
    EXPECT_GT(without_weight.scales().stress, 0.0);
    EXPECT_TRUE(std::isfinite(without_labels.scales().stress));
}

/// A structure of weight 3 is as good as three of it, in the solution, its covariance, and the errors.
TEST(Regression, AWeightIsANumberOfStructures) {
    const auto data_of = [](const Problem& problem) {
        RegressionData data(problem.truth.n_references(), species);
        for (const auto& item : problem.data) data.add(rows_of(problem.truth, item.structure), item);
        return data;
    };
    const Problem once;
    Problem weighted, repeated;
    for (const std::size_t k : {0u, 5u, 7u}) {  // one with all labels, two that lack one
        weighted.data[k].weight = 3.0;
        for (int copy = 0; copy < 2; ++copy) repeated.data.push_back(repeated.data[k]);
    }
    RegressionOptions options;
    options.evidence = {.mode = bayes::EvidenceMode::fixed, .weight_precision = 0.1, .noise_precision = 50.0};
    // Units of the labels and baseline are not of weights: given here, to compare the rest.
    const LabelUnits units = units_of(data_of(once).labels(), species, options);
    const auto fitted = [&](const Problem& problem) {
        bayes::TriangularFactor all = data_of(problem).in_units(units, options.weights);
        return bayes::fit(std::move(all).R(), 1000, options.evidence, {});
    };
    const bayes::Posterior a = fitted(weighted), b = fitted(repeated), c = fitted(once);
    EXPECT_TRUE(agree(a.weights(), b.weights(), 1e-9));
    EXPECT_FALSE(agree(a.weights(), c.weights(), 1e-3));
    const MatrixXd rows = rows_of(once.truth, once.data[1].structure).forces;
    EXPECT_TRUE(agree(a.variance(rows), b.variance(rows), 1e-8));

    RegressionData parts[2] = {data_of(weighted), data_of(repeated)};
    parts[0].merge(data_of(once));
    parts[1].merge(data_of(once));
    const VectorXd w = 1.1 * a.weights();
    const LabelErrors of_weighted = parts[0].errors(w, units.e0), of_repeated = parts[1].errors(w, units.e0);
    EXPECT_NEAR(of_weighted.energy, of_repeated.energy, 1e-10 * of_repeated.energy);
    EXPECT_NEAR(of_weighted.force, of_repeated.force, 1e-10 * of_repeated.force);
    EXPECT_NEAR(of_weighted.stress, of_repeated.stress, 1e-10 * of_repeated.stress);
    EXPECT_NEAR(of_weighted.energy_typical, of_repeated.energy_typical, 1e-10 * of_repeated.energy_typical);
}

TEST(Regression, CompositionEnergies) {
    Problem problem;
    // Energies that are those of the atoms alone, in three compositions: least squares finds them.
    for (std::size_t k = 0; k < problem.data.size(); ++k) {
        auto& [structure, labels, origin, group, weight] = problem.data[k];
        for (std::size_t i = 0; i < k % 3; ++i) structure.species[2 * i] = 53;
        double energy = 0.0;
        for (const int z : structure.species) energy += z == 47 ? -3.25 : -1.75;
        labels.energy = energy;
    }
    const ForceField free = problem.fit({});
    EXPECT_NEAR(free.e0()[0], -3.25, 1e-11);
    EXPECT_NEAR(free.e0()[1], -1.75, 1e-11);
    RegressionOptions options;
    options.atom_energies = {{53, -1.0}, {47, -2.0}};
    const ForceField given = problem.fit(options);
    EXPECT_EQ(given.e0()[0], -2.0);
    EXPECT_EQ(given.e0()[1], -1.0);
    options.atom_energies.erase(53);
    EXPECT_THROW((void)problem.fit(options), InputError);
}

TEST(Regression, RefusesWhatCannotBeFitted) {
    Problem problem;
    RegressionOptions options;
    options.weights = {.energy = 0.0, .force = 0.0, .stress = 0.0};
    EXPECT_THROW((void)problem.fit(options), std::invalid_argument);
    options.weights = {.energy = 1.0, .force = -1.0, .stress = 0.0};
    EXPECT_THROW((void)problem.fit(options), std::invalid_argument);
    RegressionData data(24, species);
    EXPECT_THROW(data.add(rows_of(problem.truth, testing::small_cell(species, false)), problem.data[0]),
                 std::invalid_argument);
    for (auto& item : problem.data) item.labels = {};
    EXPECT_THROW((void)problem.fit({}), InputError);
}

/// The typical error is that of all structures, not of the first ones; its sample does not depend on order or ranks.
TEST(Regression, TheTypicalErrorIsOfAllStructures) {
    constexpr std::size_t n = 3 * RegressionData::kept_energies;
    std::vector<LabeledStructure> data;
    for (std::size_t k = 0; k < n; ++k) {
        LabeledStructure item;
        item.structure = testing::cluster({47}, Matrix3X::Constant(3, 1, 0.01 * static_cast<double>(k)));
        item.labels.energy = k < n / 2 ? 0.0 : 1.0;
        data.push_back(item);
    }
    DesignRows rows;
    rows.energy = MatrixXd::Zero(1, 1);
    const auto gathered = [&](const auto& order) {
        RegressionData regression(1, species);
        for (const std::size_t k : order) regression.add_without_forces(rows, data[k]);
        return regression;
    };
    const auto typical = [](const RegressionData& regression) {
        return regression.errors(VectorXd::Zero(1), VectorXd::Zero(2)).energy_typical;
    };
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const double all = typical(gathered(order));
    EXPECT_NEAR(all, 4.0 / 9.0, 0.07);  // half of them, less a tenth of all
    std::vector<std::size_t> backwards(order.rbegin(), order.rend());
    EXPECT_EQ(typical(gathered(backwards)), all);
    RegressionData merged = gathered(std::vector(order.begin() + 900, order.end()));
    merged.merge(gathered(std::vector(order.begin(), order.begin() + 900)));
    EXPECT_EQ(typical(merged), all);
    Message message;
    merged.write(message);
    EXPECT_EQ(typical(RegressionData::read(message)), all);
}

/// An atom of another species would be counted in the column of the labels.
TEST(Regression, RefusesAnotherSpecies) {
    DesignRows rows;
    rows.energy = MatrixXd::Ones(1, 1);
    rows.forces = MatrixXd::Ones(1, 3);
    LabeledStructure item;
    item.structure = testing::cluster({14}, Matrix3X::Zero(3, 1));
    item.labels.energy = -1.0;
    item.labels.forces = Matrix3X::Ones(3, 1);
    RegressionData data(1, species);
    EXPECT_THROW(data.add(rows, item), std::invalid_argument);
    EXPECT_EQ(data.labels().n_structures(), 0);
    LabelStatistics labels;
    labels.add(item);
    EXPECT_THROW((void)labels.composition_energies(species), std::invalid_argument);
    EXPECT_THROW((void)reference_shares({item}, species, ReferenceShares::forces), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
