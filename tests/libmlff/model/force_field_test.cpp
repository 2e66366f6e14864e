#include "libmlff/model/force_field_calculator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>
#include <random>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "support/allocations.hpp"
#include "support/environments.hpp"
#include "support/files.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using descriptors::Compression;
using descriptors::Normalization;
using Eigen::Index;
using testing::agree;
using testing::cluster;
using testing::jittered_crystal;
using testing::random_force_field;
using testing::small_descriptor;

const std::vector<int> two_species = {47, 53}, four_species = {3, 15, 16, 32};

struct Case {
    std::vector<int> species;
    Normalization normalization;
    Compression compression;
    bool left_handed;
    Metric metric = Metric::plain;

    [[nodiscard]] ForceField force_field() const {
        auto options = small_descriptor();
        options.normalization = normalization;
        options.compression = compression;
        const ForceField plain = random_force_field(options, species);
        return metric == Metric::plain ? plain : testing::with_random_metric(plain);
    }
    /// The larger cell and one that is smaller than both cutoffs.
    [[nodiscard]] std::vector<Structure> structures() const {
        return {jittered_crystal(1, 2, 2.4, species, left_handed), testing::small_cell(species, left_handed)};
    }
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.species.size() << " species " << (c.normalization == Normalization::joint ? "joint" : "separate")
               << (c.compression == Compression::none ? " none" : " element")
               << (c.left_handed ? " left-handed " : " right-handed ") << name_of(c.metric);
}

class ForceFieldCases : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    All, ForceFieldCases,
    ::testing::Values(Case{two_species, Normalization::joint, Compression::none, false},
                      Case{two_species, Normalization::separate, Compression::none, true},
                      Case{two_species, Normalization::joint, Compression::none, true, Metric::learned},
                      Case{four_species, Normalization::separate, Compression::element, false, Metric::learned},
                      Case{two_species, Normalization::joint, Compression::element, true},
                      Case{two_species, Normalization::separate, Compression::element, false},
                      Case{four_species, Normalization::joint, Compression::none, true},
                      Case{four_species, Normalization::separate, Compression::none, false},
                      Case{four_species, Normalization::joint, Compression::element, false},
                      Case{four_species, Normalization::separate, Compression::element, true}));

TEST_P(ForceFieldCases, ForcesAreTheSlopeOfTheEnergy) {
    ForceFieldCalculator calculator(GetParam().force_field());
    for (const Structure& structure : GetParam().structures()) {
        const Evaluation result = calculator.evaluate(structure);
        Matrix3X numeric(3, structure.size());
        for (Index i = 0; i < structure.size(); ++i)
            for (int c = 0; c < 3; ++c)
                numeric(c, i) = -testing::derivative([&](double h) {
                    const double energy = calculator.evaluate(testing::moved(structure, i, c, h)).energy;
                    return Eigen::VectorXd::Constant(1, energy);
                })[0];
        EXPECT_TRUE(agree(result.forces, numeric, 1e-7));
        EXPECT_LT(result.forces.rowwise().sum().norm(), 1e-10);
    }
}

TEST_P(ForceFieldCases, StressIsTheSlopeOfTheEnergyInStrain) {
    ForceFieldCalculator calculator(GetParam().force_field());
    for (const Structure& structure : GetParam().structures()) {
        Voigt numeric;
        for (int k = 0; k < 6; ++k)
            numeric[k] = testing::derivative([&](double h) {
                             const double energy = calculator.evaluate(testing::strained(structure, k, h)).energy;
                             return Eigen::VectorXd::Constant(1, energy);
                         })[0] /
                         structure.volume();
        const Evaluation result = calculator.evaluate(structure);
        ASSERT_TRUE(result.stress);
        EXPECT_TRUE(agree(*result.stress, numeric, 1e-7));
    }
}

TEST_P(ForceFieldCases, EnergyIsTheSumOverKernels) {
    const ForceField force_field = GetParam().force_field();
    ForceFieldCalculator calculator(force_field);
    for (const Structure& structure : GetParam().structures()) {
        Environments environments(force_field.species(), force_field.descriptor().cutoff(), 0.0);
        environments.update(structure);
        const Eigen::MatrixXd features = compute_features(force_field.descriptor(), environments);
        Eigen::VectorXd energies(structure.size());
        for (Index i = 0; i < structure.size(); ++i) {
            const int channel = environments.channel(i);
            const LocalReferences& set = force_field.references(channel);
            const Eigen::VectorXd x = set.in_metric(features.col(i));
            energies[i] = force_field.e0()[channel];
            for (Index b = 0; b < set.size(); ++b)
                energies[i] += force_field.posterior().weights()[force_field.first(channel) + b] *
                               std::pow(x.dot(set.in_metric(set.features.col(b)).col(0)), 4);
        }
        const Evaluation result = calculator.evaluate(structure);
        EXPECT_TRUE(agree(result.atom_energies, energies, 1e-13));
        EXPECT_NEAR(result.energy, energies.sum(), 1e-12);
    }
}

/// Deviations straight from the design rows: |T⁻ᵀ φ| with Σ⁻¹ = TᵀT.
TEST_P(ForceFieldCases, UncertaintyIsThatOfTheDesignRows) {
    const ForceField force_field = GetParam().force_field();
    ForceFieldCalculator calculator(force_field);
    const Eigen::MatrixXd T = force_field.posterior().factor();
    const Eigen::MatrixXd covariance = (T.transpose() * T).inverse();
    for (const Structure& structure : GetParam().structures()) {
        const Evaluation result = calculator.evaluate(structure, {.uncertainty = true});
        const DesignRows rows = testing::rows_of(force_field, structure);
        const auto deviation = [&](const Eigen::MatrixXd& phi) -> Eigen::VectorXd {
            return (phi.transpose() * covariance * phi).diagonal().cwiseMax(0.0).cwiseSqrt();
        };
        ASSERT_TRUE(result.uncertainty);
        const Uncertainty& u = *result.uncertainty;
        EXPECT_NEAR(u.energy, deviation(rows.energy)[0], 1e-10 * u.energy);
        EXPECT_TRUE(agree(u.stress, deviation(rows.stress), 1e-10));
        EXPECT_TRUE(
            agree(Eigen::Map<const Eigen::VectorXd>(u.forces.data(), u.forces.size()), deviation(rows.forces), 1e-10));
        EXPECT_DOUBLE_EQ(u.noise_energy, 0.02 / std::sqrt(40.0));
        EXPECT_DOUBLE_EQ(u.noise_force, 0.4 / std::sqrt(40.0));
        EXPECT_DOUBLE_EQ(u.noise_stress, 0.003 / std::sqrt(40.0));
    }
}

TEST_P(ForceFieldCases, SymmetryOperationsChangeNothing) {
    ForceFieldCalculator calculator(GetParam().force_field());
    const Structure structure = GetParam().structures().front();
    const Request request{.uncertainty = true, .spilling = true};
    const Evaluation before = calculator.evaluate(structure, request);
    const Matrix3 stress = from_voigt(*before.stress);
    const double tolerance = 1e-10;

    for (const double sign : {1.0, -1.0}) {  // rotation, and rotation with inversion
        const Matrix3 Q = sign * testing::random_rotation(4);
        Structure turned = structure;
        turned.cell = Q * structure.cell;
        turned.positions = Q * structure.positions;
        const Evaluation after = calculator.evaluate(turned, request);
        EXPECT_TRUE(agree(after.atom_energies, before.atom_energies, tolerance));
        EXPECT_TRUE(agree(after.forces, Matrix3X(Q * before.forces), tolerance));
        EXPECT_TRUE(agree(from_voigt(*after.stress), Matrix3(Q * stress * Q.transpose()), tolerance));
        EXPECT_TRUE(agree(after.uncertainty->force_norms(), before.uncertainty->force_norms(), tolerance));
        EXPECT_NEAR(after.uncertainty->energy, before.uncertainty->energy, tolerance * before.uncertainty->energy);
        EXPECT_TRUE(agree(after.spilling, before.spilling, tolerance));
    }

    Structure shifted = structure;
    shifted.positions.colwise() += Vector3(0.7, -11.3, 40.1);
    shifted.positions.col(3) += structure.cell * Vector3(1.0, -2.0, 3.0);  // an image of the atom
    const Evaluation after_shift = calculator.evaluate(shifted, request);
    EXPECT_TRUE(agree(after_shift.atom_energies, before.atom_energies, tolerance));
    EXPECT_TRUE(agree(after_shift.forces, before.forces, tolerance));
    EXPECT_TRUE(agree(*after_shift.stress, *before.stress, tolerance));
    EXPECT_TRUE(agree(after_shift.uncertainty->forces, before.uncertainty->forces, tolerance));

    std::vector<Index> order(static_cast<std::size_t>(structure.size()));
    std::iota(order.begin(), order.end(), Index{0});
    std::mt19937 random(5);
    std::shuffle(order.begin(), order.end(), random);
    Structure permuted = structure;
    for (std::size_t i = 0; i < order.size(); ++i) {
        permuted.positions.col(static_cast<Index>(i)) = structure.positions.col(order[i]);
        permuted.species[i] = structure.species[static_cast<std::size_t>(order[i])];
    }
    const Evaluation after_permutation = calculator.evaluate(permuted, request);
    EXPECT_TRUE(agree(after_permutation.forces, before.forces(Eigen::all, order), tolerance));
    EXPECT_TRUE(agree(after_permutation.atom_energies, before.atom_energies(order), tolerance));
    EXPECT_TRUE(agree(*after_permutation.stress, *before.stress, tolerance));
    EXPECT_TRUE(agree(after_permutation.uncertainty->forces, before.uncertainty->forces(Eigen::all, order), tolerance));

    const Evaluation super = calculator.evaluate(make_supercell(structure, {2, 1, 3}), request);
    EXPECT_TRUE(agree(super.forces, before.forces.replicate(1, 6), tolerance));
    EXPECT_NEAR(super.energy, 6.0 * before.energy, tolerance * std::abs(before.energy));
    EXPECT_TRUE(agree(*super.stress, *before.stress, tolerance));
    EXPECT_NEAR(super.uncertainty->energy, before.uncertainty->energy, tolerance * before.uncertainty->energy);
}

TEST_P(ForceFieldCases, IsSmoothWhereAPairCrossesACutoff) {
    const ForceField force_field = GetParam().force_field();
    const int a = force_field.species()[0], b = force_field.species()[1];
    ForceFieldCalculator calculator(force_field, 0.0);
    const auto options = force_field.descriptor().options();
    // Two triplets, so that each atom keeps two neighbours; the nearest atoms of the two cross a cutoff.
    const Vector3 direction = Vector3(1.0, -2.0, -2.0) / 3.0;
    const auto at = [&](double distance) {
        Matrix3X positions(3, 6);
        positions.col(0).setZero();
        positions.col(1) << 0.3, 1.9, 0.2;
        positions.col(2) << -0.1, 0.4, 2.1;
        for (int k = 0; k < 3; ++k) positions.col(3 + k) = -positions.col(k);
        positions.rightCols(3).colwise() += distance * direction;
        return calculator.evaluate(cluster({a, b, b, b, a, a}, positions));
    };
    for (const double cutoff : {options.radial.cutoff, options.angular.cutoff}) {
        const double step = 1e-6;
        const Evaluation inside = at(cutoff - step), outside = at(cutoff + step), far_inside = at(cutoff - 0.4);
        EXPECT_FALSE(inside.stress);
        EXPECT_GT(std::abs(far_inside.energy - outside.energy), 1e-5);  // the pair does interact
        const double work = 2.0 * step * inside.forces.rightCols(3).rowwise().sum().dot(direction);
        EXPECT_LT(std::abs(inside.energy - outside.energy - work), 1e-5 * step);
        EXPECT_LT((inside.forces - outside.forces).cwiseAbs().maxCoeff(), 1e2 * step);
    }
}

TEST(ForceField, AnAtomWithoutNeighboursHasItsOwnEnergyAndNoForce) {
    for (const auto normalization : {Normalization::joint, Normalization::separate}) {
        auto options = small_descriptor();
        options.normalization = normalization;
        const ForceField force_field = random_force_field(options, two_species);
        ForceFieldCalculator calculator(force_field);
        Matrix3X positions(3, 3);
        positions.col(0).setZero();
        positions.col(1) << 2.0, 0.5, 0.1;
        positions.col(2) << 0.0, 0.0, 30.0;
        Structure structure = cluster({47, 53, 53}, positions);
        for (const bool periodic : {false, true}) {
            if (periodic) {
                structure.cell = 60.0 * Matrix3::Identity();
                structure.periodic = {true, true, true};
            }
            const Evaluation result = calculator.evaluate(structure, {.uncertainty = true, .spilling = true});
            EXPECT_EQ(result.atom_energies[2], force_field.e0()[1]);
            EXPECT_EQ(result.forces.col(2), Vector3(Vector3::Zero()));
            EXPECT_EQ(result.uncertainty->forces.col(2), Vector3(Vector3::Zero()));
            EXPECT_EQ(result.spilling[2], 1.0);  // the least known of all
            EXPECT_LT(result.spilling.head(2).maxCoeff(), 1.0);
            EXPECT_TRUE(result.forces.allFinite() && result.uncertainty->forces.allFinite());
            EXPECT_GT(result.forces.col(0).norm(), 1e-3);
            EXPECT_EQ(result.stress.has_value(), periodic);
        }
        const Evaluation alone = calculator.evaluate(cluster({53}, Matrix3X::Zero(3, 1)), {.uncertainty = true});
        EXPECT_EQ(alone.energy, force_field.e0()[1]);
        // The prior's deviation of the energy of an atom; two of one species err alike, others on their own.
        const double prior = 1.0 / std::sqrt(force_field.posterior().evidence().weight_precision);
        EXPECT_DOUBLE_EQ(alone.uncertainty->energy, prior);
        Matrix3X far = Matrix3X::Zero(3, 3);
        far(0, 1) = 40.0;
        far(0, 2) = 80.0;
        const Evaluation three = calculator.evaluate(cluster({53, 53, 47}, far), {.uncertainty = true});
        EXPECT_DOUBLE_EQ(three.uncertainty->energy, prior * std::sqrt(5.0) / 3.0);
        EXPECT_EQ(three.uncertainty->forces, Matrix3X(Matrix3X::Zero(3, 3)));
    }
}

TEST(ForceField, RefusesASpeciesThatItDoesNotKnow) {
    ForceFieldCalculator calculator(random_force_field(small_descriptor(), two_species));
    Structure structure = jittered_crystal(1, 2, 2.4, two_species);
    structure.species[4] = 16;
    const std::string message = testing::error_of<InputError>([&] { (void)calculator.evaluate(structure, Request{}); });
    EXPECT_NE(message.find("S (atom 5)"), std::string::npos) << message;
    EXPECT_NE(message.find("Ag, I"), std::string::npos) << message;
}

TEST(ForceField, RefusesAtomsThatAreTooCloseAndGoesOnAfterwards) {
    const ForceField force_field = random_force_field(small_descriptor(), two_species);
    ForceFieldCalculator calculator(force_field);
    const Structure structure = jittered_crystal(1, 3, 2.4, two_species);
    const Evaluation before = calculator.evaluate(structure);
    Structure close = structure;
    close.positions.col(20) = close.positions.col(7) + Vector3(0.03, 0.0, -0.04);
    const std::string message = testing::error_of<InputError>([&] { (void)calculator.evaluate(close, Request{}); });
    EXPECT_NE(message.find("atom 8 (I) and atom 21 (Ag) are 0.05 Å apart"), std::string::npos) << message;
    EXPECT_EQ(calculator.evaluate(structure).forces, before.forces);
}

TEST(ForceField, RefusesPartsThatDoNotFit) {
    const ForceField good = random_force_field(small_descriptor(), two_species);
    const auto descriptor = std::make_shared<descriptors::Descriptor>(small_descriptor(), 2);
    const auto make = [&](std::vector<LocalReferences> references, const Eigen::VectorXd& e0) {
        return ForceField(descriptor, 4, two_species, std::move(references), e0, good.posterior(), {}, {});
    };
    EXPECT_NO_THROW((void)make(good.references(), good.e0()));
    EXPECT_THROW((void)make(good.references(), Eigen::VectorXd::Zero(3)), std::invalid_argument);
    EXPECT_THROW((void)make({good.references(0)}, good.e0()), std::invalid_argument);
    auto references = good.references();
    references[1].features.conservativeResize(Eigen::NoChange, 3);
    references[1].structure.resize(3);
    references[1].atom.resize(3);
    EXPECT_THROW((void)make(references, good.e0()), std::invalid_argument);
    references = good.references();
    references[0].features.conservativeResize(3, Eigen::NoChange);
    EXPECT_THROW((void)make(references, good.e0()), std::invalid_argument);
    references = good.references();
    references[0].atom.pop_back();
    EXPECT_THROW((void)make(references, good.e0()), std::invalid_argument);
    references = good.references();
    references[1].features(2, 3) = NAN;
    EXPECT_THROW((void)make(references, good.e0()), std::invalid_argument);
    EXPECT_THROW((void)make(good.references(), Eigen::VectorXd::Constant(2, NAN)), std::invalid_argument);
    EXPECT_EQ(good.with_calibration({.energy = 1.0, .force = 5.0, .stress = 1.0}).calibration().force, 5.0);
    EXPECT_THROW((void)good.with_calibration({.energy = 1.0, .force = 0.0, .stress = 1.0}), std::invalid_argument);
    EXPECT_THROW((void)good.with_calibration({.energy = NAN, .force = 1.0, .stress = 1.0}), std::invalid_argument);
}

/// More atoms than one batch, spread over the threads.
TEST(ForceField, ThreadsAgreeAndTheSameNumberGivesTheSameBits) {
    const ForceField force_field = random_force_field(small_descriptor(), two_species);
    const Structure structure = jittered_crystal(8, 5, 2.4, two_species);
    const auto evaluate = [&](int n_threads) {
        const testing::Threads threads(n_threads);
        ForceFieldCalculator calculator(force_field);
        return calculator.evaluate(structure, {.uncertainty = true, .spilling = true});
    };
    const Evaluation one = evaluate(1), two = evaluate(2);
    EXPECT_NEAR(one.energy, two.energy, 1e-12 * std::abs(one.energy));
    EXPECT_TRUE(agree(two.forces, one.forces, 1e-12));
    EXPECT_TRUE(agree(*two.stress, *one.stress, 1e-12));
    EXPECT_TRUE(agree(two.uncertainty->forces, one.uncertainty->forces, 1e-12));
    EXPECT_TRUE(agree(two.spilling, one.spilling, 1e-12));
    for (const int n_threads : {1, 2}) {
        const Evaluation& first = n_threads == 1 ? one : two;
        const Evaluation again = evaluate(n_threads);
        EXPECT_EQ(again.energy, first.energy);
        EXPECT_EQ(again.atom_energies, first.atom_energies);
        EXPECT_EQ(again.forces, first.forces);
        EXPECT_EQ(*again.stress, *first.stress);
        EXPECT_EQ(again.uncertainty->forces, first.uncertainty->forces);
        EXPECT_EQ(again.spilling, first.spilling);
    }
}

TEST(ForceField, AnAllocationThatFailsInAThreadIsAnException) {
    if (!testing::can_fail_allocations()) GTEST_SKIP() << "malloc is not ours";
    const testing::Threads threads(2);
    const ForceField force_field = random_force_field(small_descriptor(), two_species);
    const Structure structure = jittered_crystal(1, 4, 2.4, two_species);
    // A calculator of its own for each trial: later ones find what they need in its workspace.
    const auto work = [&] { (void)ForceFieldCalculator(force_field).evaluate(structure); };
    work();  // starts the threads
    EXPECT_GT(testing::fail_each_allocation(testing::Where::parallel_regions, 3, work), 5);
}

/// A calculator that has seen other structures before answers with the same bits as a fresh one.
TEST(ForceField, TheAnswerDoesNotDependOnThePast) {
    const ForceField force_field = random_force_field(small_descriptor(), two_species);
    ForceFieldCalculator used(force_field);
    Structure structure = jittered_crystal(8, 3, 2.4, two_species);
    (void)used.evaluate(jittered_crystal(9, 4, 2.1, two_species), {.uncertainty = true, .spilling = true});
    (void)used.evaluate(structure, {.uncertainty = true});
    for (int step = 0; step < 5; ++step) {
        structure.positions.array() += 0.01 * (structure.positions.array() * 3.0).sin();
        ForceFieldCalculator fresh(force_field);
        const Evaluation a = used.evaluate(structure, {.uncertainty = true});
        const Evaluation b = fresh.evaluate(structure, {.uncertainty = true});
        EXPECT_EQ(a.energy, b.energy);
        EXPECT_EQ(a.forces, b.forces);
        EXPECT_EQ(*a.stress, *b.stress);
        EXPECT_EQ(a.uncertainty->forces, b.uncertainty->forces);
    }
}

TEST(ForceField, SpillingIsSmallForAReferenceAndLargeForAStranger) {
    const ForceField plain = random_force_field(small_descriptor(), two_species);
    for (const ForceField& force_field : {plain, testing::with_random_metric(plain)}) {
        ForceFieldCalculator calculator(force_field);
        // Reference 0 of channel 0 is atom 0 of the crystal of seed 100.
        const Structure known = jittered_crystal(100, 2, 2.4, two_species, false, 0.2);
        EXPECT_LT(calculator.evaluate(known, {.spilling = true}).spilling[0], 1e-6);
        Matrix3X positions = Matrix3X::Zero(3, 2);
        positions(0, 1) = 1.2;
        const Evaluation dimer = calculator.evaluate(cluster({47, 53}, positions), {.spilling = true});
        EXPECT_GT(dimer.spilling.minCoeff(), 0.1);
        EXPECT_LE(dimer.spilling.maxCoeff(), 1.0);
        EXPECT_EQ(calculator.evaluate(known).spilling.size(), 0);
        EXPECT_FALSE(calculator.evaluate(known).uncertainty);
    }
}

}  // namespace
}  // namespace mlff
