#include "libmlff/production.hpp"

#include <gtest/gtest.h>

#include <random>

#include "libmlff/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "support/files.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using testing::agree;

const std::vector<int> species = {14, 32};

ForceField full_model(int power, int n_references = 12) {
    return testing::random_force_field(testing::small_descriptor(), species, n_references, power);
}

/// Labels of another model beside those of the full one: the error of the full model is that of `share`.
std::vector<LabeledStructure> labelled(const ForceField& model, double share) {
    std::vector<LabeledStructure> data;
    ForceFieldCalculator calculator(model);
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    for (unsigned seed = 0; seed < 6; ++seed) {
        const Structure structure = testing::jittered_crystal(40 + seed, 2, 2.4, species, seed % 2 == 1);
        const Evaluation truth = calculator.evaluate(structure);
        Matrix3X forces = truth.forces;
        const double rms = std::sqrt(forces.squaredNorm() / static_cast<double>(forces.size()));
        for (Index k = 0; k < forces.size(); ++k) forces.data()[k] += share * rms * normal(random);
        data.push_back({structure, {truth.energy, forces, *truth.stress}, "test"});
        *data.back().labels.energy += 0.01 * normal(random) * static_cast<double>(structure.size());
    }
    return data;
}

class Production : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Powers, Production, ::testing::Values(1, 2, 3, 4));

TEST_P(Production, WithAllTermsIsTheForceField) {
    const ForceField full = full_model(GetParam());
    const ProductionTerms terms(full);
    const Structure structure = testing::jittered_crystal(9, 2, 2.4, species, true);
    const Evaluation expected = ForceFieldCalculator(full).evaluate(structure);
    for (const bool single : {false, true}) {
        ForceFieldCalculator calculator(full.with_production(terms.leading(terms.most(), single)));
        const Evaluation result = calculator.evaluate(structure);
        const double tolerance = single ? 2e-4 : 1e-7;
        EXPECT_TRUE(agree(result.atom_energies, expected.atom_energies, tolerance));
        EXPECT_TRUE(agree(result.forces, expected.forces, tolerance));
        EXPECT_TRUE(agree(*result.stress, *expected.stress, tolerance));
        EXPECT_FALSE(single && result.energy == expected.energy) << "single precision is not in use";
    }
}

/// Descriptors, products and adjoint in single precision, sums in double.
TEST_P(Production, SinglePrecisionForcesAreGoodToFiveDigits) {
    const ForceField full = full_model(GetParam());
    const ProductionTerms terms(full);
    ForceFieldCalculator in_double(full.with_production(terms.leading(4, false)));
    ForceFieldCalculator in_single(full.with_production(terms.leading(4, true)));
    for (const bool left_handed : {false, true}) {
        const Structure structure = testing::jittered_crystal(9, 4, 2.4, species, left_handed);
        const Evaluation expected = in_double.evaluate(structure), result = in_single.evaluate(structure);
        const auto rms = [](const Matrix3X& forces) { return forces.norm() / std::sqrt(forces.size()); };
        EXPECT_LT(rms(result.forces - expected.forces), 1e-5 * rms(expected.forces));
        EXPECT_LT((*result.stress - *expected.stress).norm(), 1e-5 * expected.stress->norm());
        EXPECT_LT(std::abs(result.energy - expected.energy), 1e-5 * expected.atom_energies.norm());
        EXPECT_LT(result.forces.rowwise().sum().norm(), 1e-10);  // pairs are summed in double: nothing pushes the whole
        EXPECT_NE(result.forces, expected.forces);
    }
}

TEST_P(Production, SinglePrecisionDoesNotDependOnThePast) {
    const ForceField full = full_model(GetParam());
    const ForceField model = full.with_production(ProductionTerms(full).leading(4, true));
    ForceFieldCalculator used(model);
    Structure structure = testing::jittered_crystal(8, 3, 2.4, species);
    (void)used.evaluate(testing::jittered_crystal(9, 4, 2.1, species));
    (void)used.evaluate(structure);
    for (int step = 0; step < 5; ++step) {
        structure.positions.array() += 0.01 * (structure.positions.array() * 3.0).sin();
        const Evaluation a = used.evaluate(structure), b = ForceFieldCalculator(model).evaluate(structure);
        EXPECT_EQ(a.energy, b.energy);
        EXPECT_EQ(a.forces, b.forces);
        EXPECT_EQ(*a.stress, *b.stress);
    }
}

TEST_P(Production, TruncatedFormsHaveForcesThatAreTheSlopeOfTheirEnergy) {
    const ForceField full = full_model(GetParam());
    ForceFieldCalculator calculator(full.with_production(ProductionTerms(full).leading(4, false)));
    const Structure structure = testing::jittered_crystal(9, 2, 2.4, species, true);
    const Evaluation result = calculator.evaluate(structure);
    for (int c = 0; c < 3; ++c) {
        const double numeric = -testing::derivative([&](double h) {
            return Eigen::VectorXd::Constant(1, calculator.evaluate(testing::moved(structure, 5, c, h)).energy);
        })[0];
        EXPECT_NEAR(result.forces(c, 5), numeric, 1e-7 * std::max(1.0, std::abs(numeric)));
    }
    Voigt slope;
    for (int k = 0; k < 6; ++k)
        slope[k] =
            testing::derivative([&](double h) {
                return Eigen::VectorXd::Constant(1, calculator.evaluate(testing::strained(structure, k, h)).energy);
            })[0] /
            structure.volume();
    EXPECT_TRUE(agree(*result.stress, slope, 1e-7));
}

TEST_P(Production, KeepsErrorEstimatesAndSpillingFactors) {
    const ForceField full = full_model(GetParam());
    const Structure structure = testing::jittered_crystal(9, 2, 2.4, species, false);
    const Request request{.uncertainty = true, .spilling = true};
    ForceFieldCalculator before(full), after(full.with_production(ProductionTerms(full).leading(3, true)));
    const Evaluation x = before.evaluate(structure, request), y = after.evaluate(structure, request);
    EXPECT_EQ(x.spilling, y.spilling);
    EXPECT_EQ(x.uncertainty->forces, y.uncertainty->forces);
    EXPECT_NE(x.forces, y.forces);
}

TEST(ProductionTerms, QuadraticFormNeedsNoMoreTermsThanTheDescriptorHasComponents) {
    const ForceField full = full_model(2, 60);
    const ProductionTerms terms(full);
    EXPECT_LE(terms.most(), full.descriptor().size());
    EXPECT_GT(terms.most(), 10);
}

TEST(Compile, TakesTheSmallestFormWithinTheLoss) {
    const ForceField full = full_model(2, 40);
    const auto data = labelled(full, 0.05);
    std::vector<ProductionTrial> trials;
    const auto form_for = [&](double loss) {
        trials.clear();
        CompileOptions options;
        options.max_loss = loss;
        options.tell = [&](const ProductionTrial& trial) { trials.push_back(trial); };
        return *compile(full, data, "test data", options).production();
    };
    const ProductionForm tight = form_for(0.001), loose = form_for(0.2);
    EXPECT_LE(tight.loss, 0.001);
    EXPECT_LE(loose.loss, 0.2);
    EXPECT_GT(loose.loss, tight.loss);
    EXPECT_LT(loose.weights[0].size(), tight.weights[0].size());
    EXPECT_EQ(loose.measured_on, "test data");
    EXPECT_EQ(trials.front().loss, 0.0);
    // Just fewer terms lose too much.
    const Index n = std::max(loose.weights[0].size(), loose.weights[1].size());
    bool refused = false;
    for (const auto& trial : trials) refused |= trial.n_terms < n && trial.loss > 0.2 && trial.n_terms > n * 9 / 10 - 2;
    EXPECT_TRUE(refused);
    // Compiled once more, it starts from the local references.
    const ForceField again = compile(full.with_production(loose), data, "test data", {.max_loss = 0.001});
    EXPECT_EQ(again.production()->weights[0].size(), tight.weights[0].size());
}

TEST(Compile, RefusesDataThatTellNothing) {
    const ForceField full = full_model(2);
    auto data = labelled(full, 0.0);
    EXPECT_THROW((void)compile(full, data, "d.xyz", {}), InputError);
    for (auto& item : data) item.labels.forces.reset();
    EXPECT_THROW((void)compile(full, data, "d.xyz", {}), InputError);
    EXPECT_THROW((void)compile(full, data, "d.xyz", {.max_loss = -1.0}), std::invalid_argument);
}

TEST(ProductionForm, ComesBackFromTheFileBitForBit) {
    const testing::TemporaryDirectory folder;
    const ForceField full = full_model(3);
    ProductionForm form = ProductionTerms(full).leading(5, true);
    form.loss = 0.007;
    form.measured_on = "validation.xyz";
    write_model(folder.file("m.h5"), full.with_production(form));
    const ForceField read = read_model(folder.file("m.h5"));
    ASSERT_TRUE(read.production());
    EXPECT_EQ(read.production()->terms, form.terms);
    EXPECT_EQ(read.production()->weights, form.weights);
    EXPECT_EQ(read.production()->single_precision, true);
    EXPECT_EQ(read.production()->loss, 0.007);
    EXPECT_EQ(read.production()->measured_on, "validation.xyz");
    write_model(folder.file("plain.h5"), full);
    EXPECT_FALSE(read_model(folder.file("plain.h5")).production());
}

TEST(ProductionForm, OfTheWrongShapeIsRefused) {
    const ForceField full = full_model(3);
    ProductionForm form = ProductionTerms(full).leading(5, true);
    form.weights[1].conservativeResize(4);
    EXPECT_THROW((void)full.with_production(form), std::invalid_argument);
    form = ProductionTerms(full).leading(5, true);
    form.terms[0](0, 0) = NAN;
    EXPECT_THROW((void)full.with_production(form), std::invalid_argument);
    form = ProductionTerms(full).leading(5, true);
    form.terms.pop_back();
    EXPECT_THROW((void)full.with_production(form), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
