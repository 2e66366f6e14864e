#include "libmlff/search/compile.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
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

TEST_P(Production, WithAllComponentsIsTheForceField) {
    const Structure structure = testing::jittered_crystal(9, 2, 2.4, species, true);
    for (const auto& [n_references, metric] :
         {std::pair{1, Metric::plain}, {12, Metric::plain}, {12, Metric::learned}}) {
        const ForceField plain = full_model(GetParam(), n_references);
        const ForceField full = metric == Metric::plain ? plain : testing::with_random_metric(plain);
        const ProductionForms forms(full);
        const Evaluation expected = ForceFieldCalculator(full).evaluate(structure);
        for (const bool single : {false, true}) {
            ForceFieldCalculator calculator(full.with_production(forms.leading(forms.most() + 1, single)));
            const Evaluation result = calculator.evaluate(structure);
            const double tolerance = single ? 2e-4 : 1e-7;
            EXPECT_TRUE(agree(result.atom_energies, expected.atom_energies, tolerance)) << n_references;
            EXPECT_TRUE(agree(result.forces, expected.forces, tolerance)) << n_references;
            EXPECT_TRUE(agree(*result.stress, *expected.stress, tolerance)) << n_references;
            EXPECT_FALSE(single && result.energy == expected.energy) << "single precision is not in use";
        }
    }
}

/// Descriptors, products and adjoint in single precision, sums in double.
TEST_P(Production, SinglePrecisionForcesAreGoodToFiveDigits) {
    const ForceField full = full_model(GetParam());
    const ProductionForms forms(full);
    ForceFieldCalculator in_double(full.with_production(forms.leading(4, false)));
    ForceFieldCalculator in_single(full.with_production(forms.leading(4, true)));
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
    const ForceField model = full.with_production(ProductionForms(full).leading(4, true));
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
    ForceFieldCalculator calculator(full.with_production(ProductionForms(full).leading(4, false)));
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
    ForceFieldCalculator before(full), after(full.with_production(ProductionForms(full).leading(3, true)));
    const Evaluation x = before.evaluate(structure, request), y = after.evaluate(structure, request);
    EXPECT_EQ(x.spilling, y.spilling);
    EXPECT_EQ(x.uncertainty->forces, y.uncertainty->forces);
    EXPECT_NE(x.forces, y.forces);
}

/// Where the references differ in three directions only, three components are exact, and fewer are not.
TEST_P(Production, NeedsNoMoreComponentsThanTheReferencesSpan) {
    const int power = GetParam();
    const ForceField full = full_model(power, 40);
    auto references = full.references();
    for (auto& set : references) {
        const Eigen::MatrixXd few = set.features.leftCols(3);
        std::mt19937 random(7);
        std::uniform_real_distribution<double> share(0.2, 0.5);
        for (double& x : set.features.reshaped()) x = 0.0;
        for (Index b = 0; b < set.size(); ++b)
            for (Index k = 0; k < 3; ++k) set.features.col(b) += share(random) * few.col(k);
    }
    const ForceField model(std::make_shared<descriptors::Descriptor>(full.descriptor().options(), full.n_channels()),
                           power, full.species(), references, full.e0(), full.posterior(), full.scales(), {});
    const ProductionForms forms(model);
    const Structure structure = testing::jittered_crystal(9, 2, 2.4, species, true);
    const Evaluation expected = ForceFieldCalculator(model).evaluate(structure);
    const auto with = [&](Index n) {
        return ForceFieldCalculator(model.with_production(forms.leading(n, false))).evaluate(structure);
    };
    const double tolerance = power == 2 ? 1e-10 : 1e-6;  // of gradients only the squares are known
    EXPECT_TRUE(agree(with(3).atom_energies, expected.atom_energies, tolerance));
    EXPECT_TRUE(agree(with(3).forces, expected.forces, tolerance));
    if (power == 1)
        EXPECT_EQ(forms.most(), 0);
    else
        EXPECT_FALSE(agree(with(2).forces, expected.forces, 1e-4));
    if (power == 2) {
        EXPECT_EQ(forms.most(), 3);  // a component is a term; the references are gone
        EXPECT_EQ(forms.leading(9, false).expansions[0].weights.size(), 3);
    }
}

TEST_P(Production, OfASpeciesThatNeverHadANeighbour) {
    const ForceField full = full_model(GetParam());
    auto references = full.references();
    references[1].features.setZero();
    const ForceField model(std::make_shared<descriptors::Descriptor>(full.descriptor().options(), full.n_channels()),
                           GetParam(), full.species(), references, full.e0(), full.posterior(), full.scales(), {});
    const ProductionForm form = ProductionForms(model).leading(2, false);
    EXPECT_EQ(form.expansions[1].weights.size(), 0);
    const Structure structure = testing::jittered_crystal(9, 2, 2.4, species, true);
    const Evaluation expected = ForceFieldCalculator(model).evaluate(structure);
    const auto with = [&](const ProductionForm& given) {
        return ForceFieldCalculator(model.with_production(given)).evaluate(structure);
    };
    EXPECT_TRUE(with(form).forces.allFinite());
    EXPECT_TRUE(agree(with(ProductionForms(model).leading(99, false)).forces, expected.forces, 1e-7));
}

/// The constant and the linear part are exact: near the centre of the references the energy hardly needs components.
TEST(ProductionForms, AreExactToSecondOrderAtTheCentre) {
    const ForceField full = full_model(3, 30);
    const auto& references = full.references(0).features;
    const Eigen::VectorXd centre = references.rowwise().mean();
    const Eigen::VectorXd weights = full.posterior().weights().segment(full.first(0), references.cols());
    const Expansion<double> form = ProductionForms(full).leading(1, false).expansions[0];
    EXPECT_TRUE(agree(form.centre, centre, 1e-12));
    const Eigen::ArrayXd c = (references.transpose() * centre).array();
    EXPECT_NEAR(form.constant, (weights.array() * c.cube()).sum(), 1e-10);
    EXPECT_TRUE(agree(form.slope, (references * (weights.array() * 3.0 * c.square()).matrix()).eval(), 1e-10));
}

class Compile : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Powers, Compile, ::testing::Values(2, 4));

TEST_P(Compile, TakesTheSmallestFormWithinTheLoss) {
    const ForceField full = full_model(GetParam(), 40);
    const auto data = labelled(full, 0.05);
    std::vector<ProductionTrial> trials;
    const auto form_for = [&](double loss) {
        trials.clear();
        CompileOptions options;
        options.max_loss = loss;
        options.tell = [&](const ProductionTrial& trial) { trials.push_back(trial); };
        return *compile(full, data, "test data", options).production();
    };
    const double much = GetParam() == 2 ? 0.05 : 0.2;
    const ProductionForm tight = form_for(0.001), loose = form_for(much);
    EXPECT_LE(tight.loss, 0.001);
    EXPECT_LE(loose.loss, much);
    EXPECT_GT(loose.loss, tight.loss);
    const auto components = [](const ProductionForm& form) {
        return std::max(form.expansions[0].n_components(), form.expansions[1].n_components());
    };
    EXPECT_LT(components(loose), components(tight));
    EXPECT_EQ(loose.measured_on, "test data");
    EXPECT_EQ(trials.front().loss, 0.0);
    // Just fewer components lose too much.
    const Index n = components(loose);
    bool refused = false;
    for (const auto& trial : trials)
        refused |= trial.n_components < n && trial.loss > much && trial.n_components > n * 9 / 10 - 2;
    EXPECT_TRUE(refused);
    // Compiled once more, it starts from the local references.
    const ForceField again = compile(full.with_production(loose), data, "test data", {.max_loss = 0.001});
    EXPECT_EQ(components(*again.production()), components(tight));
}

TEST(CompileErrors, DataThatTellNothing) {
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
    ProductionForm form = ProductionForms(full).leading(5, true);
    form.loss = 0.007;
    form.measured_on = "validation.xyz";
    write_model(folder.file("m.h5"), full.with_production(form));
    const ForceField read = read_model(folder.file("m.h5"));
    ASSERT_TRUE(read.production());
    for (std::size_t s = 0; s < 2; ++s) {
        const Expansion<double>&a = read.production()->expansions[s], &b = form.expansions[s];
        EXPECT_EQ(a.constant, b.constant);
        EXPECT_EQ(a.centre, b.centre);
        EXPECT_EQ(a.slope, b.slope);
        EXPECT_EQ(a.projection, b.projection);
        EXPECT_EQ(a.terms, b.terms);
        EXPECT_EQ(a.similarities, b.similarities);
        EXPECT_EQ(a.weights, b.weights);
    }
    EXPECT_GT(form.expansions[0].projection.cols(), 0);
    EXPECT_EQ(read.production()->single_precision, true);
    EXPECT_EQ(read.production()->loss, 0.007);
    EXPECT_EQ(read.production()->measured_on, "validation.xyz");
    write_model(folder.file("plain.h5"), full);
    EXPECT_FALSE(read_model(folder.file("plain.h5")).production());
}

/// Models compiled before there was a centre have terms and weights alone.
TEST_P(Production, OfAnEarlierFileIsExpandedAboutZero) {
    if (!testing::python_has("h5py")) GTEST_SKIP() << "python3 has no h5py";
    const testing::TemporaryDirectory folder;
    const ForceField full = full_model(GetParam());
    ProductionForm form;
    for (int channel = 0; channel < 2; ++channel) {
        const Eigen::VectorXd zero = Eigen::VectorXd::Zero(full.descriptor().size());
        const auto& features = full.references(channel).features;
        const Eigen::VectorXd weights = full.posterior().weights().segment(full.first(channel), features.cols());
        form.expansions.push_back({.centre = zero,
                                   .slope = GetParam() == 1 ? (features * weights).eval() : zero,
                                   .projection = {},
                                   .terms = features,
                                   .similarities = Eigen::VectorXd::Zero(features.cols()),
                                   .weights = weights});
    }
    form.single_precision = false;
    const Structure structure = testing::jittered_crystal(9, 2, 2.4, species, true);
    const Evaluation expected = ForceFieldCalculator(full).evaluate(structure);
    EXPECT_TRUE(
        agree(ForceFieldCalculator(full.with_production(form)).evaluate(structure).forces, expected.forces, 1e-9));
    write_model(folder.file("m.h5"), full.with_production(form));
    ASSERT_TRUE(testing::python(folder,
                                "import h5py, sys\n"
                                "with h5py.File(sys.argv[1], 'r+') as f:\n"
                                "    for symbol in ('Si', 'Ge'):\n"
                                "        for name in ('constant', 'centre', 'slope', 'similarities'):\n"
                                "            del f['production'][symbol][name]\n",
                                folder.file("m.h5")));
    EXPECT_TRUE(
        agree(ForceFieldCalculator(read_model(folder.file("m.h5"))).evaluate(structure).forces, expected.forces, 1e-9));
}

TEST(ProductionForm, OfTheWrongShapeIsRefused) {
    const ForceField full = full_model(3);
    const ProductionForm good = ProductionForms(full).leading(5, true);
    const auto refused = [&](auto&& spoil) {
        ProductionForm form = good;
        spoil(form);
        EXPECT_THROW((void)full.with_production(form), std::invalid_argument);
    };
    EXPECT_NO_THROW((void)full.with_production(good));
    refused([](auto& form) { form.expansions.pop_back(); });
    refused([](auto& form) { form.expansions[1].weights.conservativeResize(4); });
    refused([](auto& form) { form.expansions[1].similarities.conservativeResize(4); });
    refused([](auto& form) { form.expansions[0].slope.conservativeResize(4); });
    refused([](auto& form) { form.expansions[0].centre.conservativeResize(4); });
    refused([](auto& form) { form.expansions[0].projection.conservativeResize(Eigen::NoChange, 3); });
    refused([](auto& form) { form.expansions[0].terms(0, 0) = NAN; });
    refused([](auto& form) { form.expansions[0].constant = NAN; });
}

}  // namespace
}  // namespace mlff
