#include "libmlff/regression/fit_data.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/data/error_report.hpp"
#include "support/files.hpp"
#include "support/force_fields.hpp"
#include "support/silicon.hpp"

namespace mlff {
namespace {

using testing::silicon_data;
using testing::silicon_options;

void quiet(long, long, const std::string&) {}

ForceField fit_quietly(const std::vector<LabeledStructure>& data, const FitOptions& options) {
    return fit_to_data(data, options, {}, quiet);
}

TEST(FitData, PredictsWhatItHasNotSeen) {
    const auto data = silicon_data(40, 1), unseen = silicon_data(15, 2);
    double squared = 0.0, count = 0.0;
    for (const auto& item : unseen) {
        squared += item.labels.forces->squaredNorm();
        count += static_cast<double>(item.labels.forces->size());
    }
    const double rms_force = std::sqrt(squared / count);
    for (const auto method : {SelectionMethod::cholesky, SelectionMethod::cur}) {
        FitOptions options = silicon_options();
        options.selection.method = method;
        ForceFieldCalculator calculator(fit_quietly(data, options));
        EXPECT_EQ(calculator.force_field().n_references(), 60);
        ErrorReport report;
        for (const auto& item : unseen) report.add(item, calculator.evaluate(item.structure));
        EXPECT_LT(report.force.rmse(), 0.05 * rms_force) << rms_force;
        EXPECT_LT(report.energy.rmse(), 0.01);
        EXPECT_LT(report.stress.rmse(), 0.006);
        EXPECT_GT(report.force.rmse(), 0.5 * calculator.force_field().provenance().rmse_force);
    }
}

TEST(FitData, ProvenanceHoldsTheTrainingErrors) {
    const auto data = silicon_data(12, 3);
    ForceFieldCalculator calculator(
        fit_to_data(data, silicon_options(), {.version = {}, .reference = "a test", .settings = {}}, quiet));
    const Provenance& origin = calculator.force_field().provenance();
    ErrorReport report;
    for (const auto& item : data) report.add(item, calculator.evaluate(item.structure));
    EXPECT_EQ(origin.reference, "a test");
    EXPECT_EQ(origin.n_structures, 12);
    EXPECT_EQ(origin.n_atoms, 96);
    EXPECT_NEAR(origin.rmse_energy, report.energy.rmse(), 1e-6 * report.energy.rmse());
    EXPECT_NEAR(origin.rmse_force, report.force.rmse(), 1e-6 * report.force.rmse());
    EXPECT_NEAR(origin.rmse_stress, report.stress.rmse(), 1e-6 * report.stress.rmse());
}

/// The regression and the force field that comes of it compare by the same metric: training errors from the factors are
/// those of predictions, for both priors; smaller models are nested.
TEST(FitData, LearnsAMetric) {
    const auto data = silicon_data(30, 6);
    FitOptions options = silicon_options();
    options.force_field.metric = Metric::learned;
    for (const auto prior : {Prior::identity, Prior::kernel}) {
        options.regression.prior = prior;
        const TrainingPass pass(data, {}, options, quiet);
        ASSERT_EQ(pass.references()[0].metric.rows(), pass.descriptor().size());
        const Validated fit = pass.validate(options.regression);
        ForceFieldCalculator calculator(pass.force_field(fit.solution, {}));
        ErrorReport report;
        for (const auto& item : data) report.add(item, calculator.evaluate(item.structure));
        const Provenance& origin = calculator.force_field().provenance();
        EXPECT_NEAR(origin.rmse_energy, report.energy.rmse(), 1e-6 * report.energy.rmse());
        EXPECT_NEAR(origin.rmse_force, report.force.rmse(), 1e-6 * report.force.rmse());
        EXPECT_NEAR(origin.rmse_stress, report.stress.rmse(), 1e-6 * report.stress.rmse());
        const TrainingPass fewer = pass.with_references(20);
        EXPECT_EQ(fewer.references()[0].images, pass.references()[0].images.leftCols(20));
        EXPECT_LT(calculator.evaluate(data[0].structure, {.spilling = true}).spilling.maxCoeff(), 0.1);
    }
}

/// The first fit that a metric comes from may be the larger one: it goes by the candidates.
TEST(FitData, ForecastCountsTheFirstFitOfAMetric) {
    const auto data = silicon_data(40, 6);
    FitOptions options = silicon_options();
    options.folds = 1;
    options.max_references = 10;
    options.pool = 300;
    const double plain = forecast_fit(data, {}, options).bytes;
    options.force_field.metric = Metric::learned;
    const FitOptions first = first_fit_for_metric(options);
    EXPECT_EQ(first.max_references, 100);
    EXPECT_GT(forecast_fit(data, {}, options).bytes, plain);
    EXPECT_GE(forecast_fit(data, {}, options).bytes, forecast_fit(data, {}, first).bytes);
}

TEST(FitData, KeepsToTheMemoryBudget) {
    const auto data = silicon_data(10, 4);
    FitOptions options = silicon_options();
    const FitForecast in_parts = forecast_fit(data, {}, options);
    EXPECT_EQ(in_parts.folds, 5);
    options.folds = 1;
    const FitForecast free = forecast_fit(data, {}, options);
    EXPECT_GT(in_parts.bytes, free.bytes);
    EXPECT_FALSE(free.reduced);
    EXPECT_EQ(free.max_references, 60);
    EXPECT_EQ(free.n_references, 60);
    options.memory = 1;  // no budget is too small for one reference
    const FitForecast least = forecast_fit(data, {}, options);
    EXPECT_EQ(least.max_references, 1);
    EXPECT_EQ(fit_quietly(data, options).n_references(), 1);
    const double third = least.bytes + (free.bytes - least.bytes) / 3.0;
    options.memory = static_cast<std::int64_t>(third);
    const FitForecast forecast = forecast_fit(data, {}, options);
    EXPECT_TRUE(forecast.reduced);
    EXPECT_LT(forecast.max_references, 60);
    EXPECT_LE(forecast.bytes, third);
    EXPECT_EQ(fit_quietly(data, options).n_references(), forecast.n_references);
    options.folds = 5;  // given up before references are
    options.memory = static_cast<std::int64_t>(free.bytes);
    EXPECT_FALSE(forecast_fit(data, {}, options).reduced);
    EXPECT_LT(forecast_fit(data, {}, options).folds, 5);
}

TEST(FitData, NoMoreReferencesThanAtoms) {
    const auto data = silicon_data(2, 5);
    const FitForecast forecast = forecast_fit(data, {}, silicon_options());
    EXPECT_EQ(forecast.n_references, 16);
    EXPECT_EQ(fit_quietly(data, silicon_options()).n_references(), 16);
}

/// Crystals of lithium and sulphur with forces on sulphur that are twice as large.
std::vector<LabeledStructure> uneven_data(int n) {
    std::vector<LabeledStructure> data;
    for (int k = 0; k < n; ++k) {
        LabeledStructure item{testing::jittered_crystal(static_cast<unsigned>(k), 3, 3.0, {3, 16}), {}, "crystal"};
        item.labels.energy = 0.1 * k;
        item.labels.forces = Matrix3X::Zero(3, item.structure.size());
        for (Eigen::Index i = 0; i < item.structure.size(); ++i)
            (*item.labels.forces)(k % 3, i) = item.structure.species[static_cast<std::size_t>(i)] == 16 ? -2.0 : 1.0;
        data.push_back(item);
    }
    return data;
}

TEST(FitData, SharesReferencesByForces) {
    auto data = uneven_data(12);  // 14 and 13 atoms of lithium and sulphur each
    const std::vector<int> species = {3, 16};
    const double share = 14.0 / (13.0 * 4.0);
    EXPECT_EQ(reference_shares(data, species, ReferenceShares::equal), (std::vector{1.0, 1.0}));
    EXPECT_NEAR(reference_shares(data, species, ReferenceShares::forces)[0], share, 1e-12);
    EXPECT_EQ(reference_shares(data, species, ReferenceShares::forces)[1], 1.0);
    EXPECT_EQ(limits_of({1e-9, 0.26, 1.0}, 50), (std::vector<Eigen::Index>{1, 13, 50}));

    FitOptions options;
    options.force_field.descriptor = testing::small_descriptor();
    options.max_references = 50;
    options.shares = ReferenceShares::forces;
    const FitForecast forecast = forecast_fit(data, {}, options);
    EXPECT_EQ(forecast.references, (std::vector<Eigen::Index>{13, 50}));
    EXPECT_EQ(forecast.candidates, (std::vector<Eigen::Index>{40, 150}));
    EXPECT_EQ(forecast.n_references, 63);
    const TrainingPass pass(data, {}, options, quiet);
    EXPECT_EQ(pass.references()[0].size(), 13);
    EXPECT_EQ(pass.references()[1].size(), 50);
    const TrainingPass fewer = pass.with_references(20);
    EXPECT_EQ(fewer.references()[0].size(), 5);
    EXPECT_EQ(fewer.references()[1].size(), 20);
    EXPECT_EQ(fewer.references()[0].features, pass.references()[0].features.leftCols(5));
    EXPECT_EQ(fewer.data().part(0).n_references(), 25);

    for (auto& item : data) item.labels.forces.reset();  // nothing to go by
    EXPECT_EQ(reference_shares(data, species, ReferenceShares::forces), (std::vector{1.0, 1.0}));
}

/// One composition: e0 is the mean energy per atom, for every species.
TEST(FitData, EnergyZeroOfOneComposition) {
    auto data = silicon_data(6, 6);
    double mean = 0.0;
    for (auto& item : data) {
        item.structure.species[0] = item.structure.species[3] = 32;
        mean += *item.labels.energy / 8.0 / 6.0;
    }
    const ForceField model = fit_quietly(data, silicon_options());
    EXPECT_EQ(model.species(), (std::vector<int>{14, 32}));
    EXPECT_NEAR(model.e0()[0], mean, 1e-12);
    EXPECT_NEAR(model.e0()[1], mean, 1e-12);
}

/// Several compositions: least squares, here with an exact solution.
TEST(FitData, EnergyZeroOfSeveralCompositions) {
    auto data = silicon_data(8, 7);
    for (std::size_t k = 0; k < data.size(); ++k) {
        auto& [structure, labels, origin, group, weight] = data[k];
        for (std::size_t i = 0; i < 1 + k % 3; ++i) structure.species[2 * i] = 32;
        const auto n_ge = static_cast<double>(1 + k % 3);
        labels.energy = -4.0 * (8.0 - n_ge) - 3.5 * n_ge;
    }
    const ForceField model = fit_quietly(data, silicon_options());
    EXPECT_NEAR(model.e0()[0], -4.0, 1e-11);
    EXPECT_NEAR(model.e0()[1], -3.5, 1e-11);
}

TEST(FitData, ProgressIsTold) {
    const auto data = silicon_data(3, 8);
    std::vector<std::string> told;
    (void)fit_to_data(data, silicon_options(), {}, [&](long done, long total, const std::string& what) {
        told.push_back(what + " " + std::to_string(done) + "/" + std::to_string(total));
    });
    ASSERT_EQ(told.size(), 6u);
    EXPECT_EQ(told.front(), "choosing local references 1/3");
    EXPECT_EQ(told.back(), "design matrix 3/3");
}

TEST(FitData, RefusesWhatCannotBeFitted) {
    EXPECT_THROW((void)fit_quietly({}, silicon_options()), InputError);
    auto data = silicon_data(2, 9);
    for (auto& item : data) item.labels = {};
    EXPECT_THROW((void)fit_quietly(data, silicon_options()), InputError);
    LabeledStructure atom{testing::cluster({14}, Matrix3X::Zero(3, 1)), {0.0, {}, {}}, ""};
    EXPECT_THROW((void)fit_quietly({atom}, silicon_options()), InputError);
    FitOptions options = silicon_options();
    options.max_references = 0;
    EXPECT_THROW((void)fit_quietly(silicon_data(2, 9), options), std::invalid_argument);
}

/// Counted, not computed: a forecast needs neither neighbours nor matrices.
TEST(FitData, WhatLapackCannotHoldIsRefusedBeforeTheWork) {
    const auto data_of = [](const std::vector<int>& species) {
        LabeledStructure item;
        item.structure.species = species;
        item.structure.positions.setRandom(3, static_cast<Eigen::Index>(species.size()));
        item.labels.forces = Matrix3X::Ones(3, item.structure.size());
        return std::vector<LabeledStructure>{item};
    };
    const auto one = data_of(std::vector<int>(50'000, 14));
    FitOptions options = silicon_options();
    options.max_references = 40'000;
    EXPECT_EQ(forecast_fit(one, {}, options).n_references, 40'000);
    EXPECT_NO_THROW(require_one_rank(forecast_fit(one, {}, options)));
    options.max_references = 50'000;
    const auto message = [&](const auto& data) {
        return testing::error_of<InputError>([&] { require_one_rank(forecast_fit(data, {}, options)); });
    };
    EXPECT_NE(message(one).find("50000 local references of Si are more than the 46340"), std::string::npos)
        << message(one);
    options.max_references = 10'000;
    options.pool = 40'000;
    options.selection.method = SelectionMethod::cur;
    EXPECT_NE(message(one).find("40000 candidates of Si are more than the 32766"), std::string::npos) << message(one);
    EXPECT_THROW(TrainingPass(one, {}, options, quiet), InputError);

    std::vector<int> two(80'000, 14);
    std::fill(two.begin(), two.begin() + 40'000, 8);
    options = silicon_options();
    options.max_references = 30'000;
    EXPECT_NE(message(data_of(two)).find("more than the 46339"), std::string::npos) << message(data_of(two));
}

}  // namespace
}  // namespace mlff
