#include "libmlff/search/model_search.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "libmlff/atoms/errors.hpp"
#include "support/silicon.hpp"

namespace mlff {
namespace {

using testing::silicon_data;
using testing::silicon_options;

void quiet(long, long, const std::string&) {}

TEST(ModelSearch, FindsABetterForceField) {
    const auto data = silicon_data(20, 1), unseen = silicon_data(10, 2);
    FitOptions base = silicon_options();
    base.max_references = 40;
    SearchOptions search;
    search.seconds = 6.0;
    long told = 0;
    search.tell = [&](const Trial&) { ++told; };
    const SearchResult found = search_model(data, unseen, base, search, quiet);
    ASSERT_EQ(static_cast<long>(found.trials.size()), told);
    ASSERT_GE(told, 2);
    const auto best = std::min_element(found.trials.begin(), found.trials.end(),
                                       [](const Trial& a, const Trial& b) { return a.score < b.score; });
    EXPECT_LE(best->score, found.trials.front().score);
    for (const Trial& trial : found.trials) {
        EXPECT_TRUE(std::isfinite(trial.score) && trial.score > 0.0);
        EXPECT_LE(trial.max_references, 40);
        EXPECT_GT(trial.microseconds, 0.0);
    }
    // The pass that comes back is that of the options that come back: what was reported last is what a fit gives.
    const Validated fitted = found.pass.validate(found.options.regression);
    const auto same = [&](const Trial& trial) {
        return std::abs(trial.errors.force / fitted.errors.force - 1.0) < 1e-9;
    };
    EXPECT_TRUE(std::any_of(found.trials.end() - 2, found.trials.end(), same));
    EXPECT_EQ(found.pass.descriptor().options().angular.cutoff, found.options.force_field.descriptor.angular.cutoff);
}

TEST(ModelSearch, SmallerModelsAreLessAccurate) {
    const auto data = silicon_data(20, 3);
    const FitOptions options = silicon_options();
    const TrainingPass pass(data, {}, options, quiet);
    const Validated fitted = pass.validate(options.regression);
    const auto sizes = compare_sizes(pass, fitted, options, data);
    ASSERT_EQ(sizes.size(), 3u);  // 60, 30, 15
    EXPECT_EQ(sizes[0].n_references, 60);
    EXPECT_EQ(sizes[1].n_references, 30);
    EXPECT_EQ(sizes[0].errors.force, fitted.errors.force);
    EXPECT_LT(sizes[0].errors.force, sizes[1].errors.force);
    EXPECT_LT(sizes[1].errors.force, sizes[2].errors.force);
}

TEST(ModelSearch, SmallerDescriptorsAreComparedWithTheOneGiven) {
    const auto data = silicon_data(20, 7);
    FitOptions options = silicon_options();
    options.force_field.keep = 0.5;
    const auto trials = compare_descriptors(data, {}, options, quiet);
    ASSERT_EQ(trials.size(), 5u);  // as given, half, a quarter, smaller l_max, fewer functions; one species
    for (const Trial& trial : trials) {
        EXPECT_TRUE(std::isfinite(trial.score) && trial.score > 0.0);
        EXPECT_LE(trial.descriptor_size, trials[0].descriptor_size);
    }
    const auto angular = [&](const Trial& trial) { return trial.descriptor_size - 6; };
    EXPECT_EQ(angular(trials[1]), (angular(trials[0]) + 1) / 2);
    EXPECT_NE(trials[0].errors.force, trials[2].errors.force);
    EXPECT_EQ(trials[3].force_field.descriptor.angular.l_max, options.force_field.descriptor.angular.l_max - 1);
}

TEST(ModelSearch, EnergyWeightTradesEnergiesForForces) {
    const auto data = silicon_data(20, 4);
    const FitOptions options = silicon_options();
    const TrainingPass pass(data, {}, options, quiet);
    RegressionOptions light = options.regression, heavy = options.regression;
    light.weights.energy = 0.1;
    heavy.weights.energy = 100.0;
    const Validated a = pass.validate(light), b = pass.validate(heavy);
    const auto trained = [&](const Validated& fit) { return pass.force_field(fit.solution, {}).provenance(); };
    EXPECT_GT(a.errors.energy, b.errors.energy);
    EXPECT_GT(trained(a).rmse_energy, trained(b).rmse_energy);
    EXPECT_LT(trained(a).rmse_force, trained(b).rmse_force);
    const WeightedFit best = choose_energy_weight(pass, options.regression);
    const LabelScales deviations = pass.data().training_labels().deviations();
    EXPECT_LE(best.score, score(pass.validate(options.regression).errors, deviations));
    EXPECT_LE(best.score, score(b.errors, deviations));
}

TEST(ModelSearch, RefusesATimeThatIsNone) {
    SearchOptions search;
    search.seconds = 0.0;
    EXPECT_THROW((void)search_model(silicon_data(2, 5), {}, silicon_options(), search, quiet), std::invalid_argument);
}

TEST(ReferenceSelection, GivenReferencesAreTheAtomsNamed) {
    const auto data = silicon_data(3, 6);
    const FitOptions options = silicon_options();
    const descriptors::Descriptor descriptor(options.force_field.descriptor, 1);
    const auto named = gather_references(data, descriptor, {14}, {{.structure = {2, 0}, .atom = {5, 1}}});
    ASSERT_EQ(named[0].size(), 2);
    EXPECT_EQ(named[0].structure, (std::vector<int>{2, 0}));
    Environments environments({14}, descriptor.cutoff(), 0.0);
    environments.update(data[2].structure);
    EXPECT_EQ(named[0].features.col(0), compute_features(descriptor, environments).col(5));
    EXPECT_THROW((void)gather_references(data, descriptor, {14}, {{.structure = {3}, .atom = {0}}}), InputError);
    EXPECT_THROW((void)gather_references(data, descriptor, {14}, {{.structure = {0}, .atom = {8}}}), InputError);
}

/// One training structure in forty has the rare element, and each of the validation data: a sample of three would miss
/// it.
TEST(ModelSearch, ComparesDescriptorsOfDataWithARareElement) {
    LabeledStructure item;
    item.structure = make_supercell(testing::diamond(), {5, 5, 5});
    std::vector<LabeledStructure> training, validation;
    for (int k = 0; k < 40; ++k) {
        item.structure.positions += 0.05 * Matrix3X::Random(3, 1000);
        item.labels.forces = Matrix3X::Random(3, 1000);
        training.push_back(item);
        if (k % 2 == 0) validation.push_back(item);
    }
    training[1].structure.species[3] = 32;
    for (auto& unseen : validation) unseen.structure.species[5] = 32;
    FitOptions options = silicon_options();
    options.max_references = 10;
    options.force_field.descriptor.radial_weight = 1.0;  // one variant: the descriptor as given
    const auto trials = compare_descriptors(training, validation, options, quiet);
    ASSERT_EQ(trials.size(), 1u);
    EXPECT_GT(trials[0].errors.force, 0.0);
}

TEST(ModelSearch, RefusesToChooseWithoutUnseenData) {
    try {
        (void)search_model(silicon_data(1, 9), {}, silicon_options(), {}, quiet);
        FAIL();
    } catch (const InputError& error) {
        EXPECT_NE(std::string(error.what()).find("data.validation"), std::string::npos);
    }
}

}  // namespace
}  // namespace mlff
