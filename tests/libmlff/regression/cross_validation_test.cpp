#include "libmlff/regression/cross_validation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "libmlff/data/error_report.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/regression/fit_data.hpp"
#include "support/silicon.hpp"

namespace mlff {
namespace {

using testing::silicon_data;
using testing::silicon_options;

void quiet(long, long, const std::string&) {}

/// Errors by evaluation of the force field, structure by structure.
ErrorReport errors_on(const ForceField& model, const std::vector<LabeledStructure>& data) {
    ForceFieldCalculator calculator(model);
    ErrorReport report;
    for (const auto& item : data) report.add(item, calculator.evaluate(item.structure));
    return report;
}

/// Every third structure from `first` on, or all others.
std::vector<LabeledStructure> part_of(const std::vector<LabeledStructure>& data, std::size_t first, bool others) {
    std::vector<LabeledStructure> part;
    for (std::size_t k = 0; k < data.size(); ++k)
        if ((k % 3 == first) != others) part.push_back(data[k]);
    return part;
}

void expect_close(double a, double b) { EXPECT_NEAR(a, b, 1e-7 * b); }

/// Two routes: errors from triangular factors, and fits to the other parts from scratch that are evaluated as force
/// fields, with the references and precisions of the whole.
TEST(CrossValidation, LeavesOutWhatItPredicts) {
    const auto data = silicon_data(18, 1);
    FitOptions options = silicon_options();
    options.folds = 3;
    const TrainingPass pass(data, {}, options, quiet);
    const Validated fitted = pass.validate(options.regression);
    ErrorReport all;
    double energy = 0.0, force = 0.0, stress = 0.0, typical = 0.0;
    for (std::size_t part = 0; part < 3; ++part) {
        RegressionData others(pass.data().part(0).n_references(), pass.data().part(0).species());
        for (const auto& item : part_of(data, part, true)) {
            Environments environments(others.species(), pass.descriptor().cutoff(), 0.0);
            environments.update(item.structure);
            others.add(design_rows(pass.descriptor(), options.force_field.kernel_power, pass.references(), environments,
                                   item.structure),
                       item);
        }
        const bayes::Evidence& of_all = fitted.solution.posterior.evidence();
        RegressionOptions fixed = options.regression;
        fixed.evidence.mode = bayes::EvidenceMode::fixed;
        fixed.evidence.weight_precision = of_all.weight_precision;
        fixed.evidence.noise_precision = of_all.noise_precision;
        const ForceField model =
            fit(others, std::make_shared<descriptors::Descriptor>(options.force_field.descriptor, 1),
                options.force_field.kernel_power, pass.references(), fixed, {});
        const ErrorReport report = errors_on(model, part_of(data, part, false));
        energy += std::pow(report.energy.rmse(), 2) / 3.0;
        force += std::pow(report.force.rmse(), 2) / 3.0;
        stress += std::pow(report.stress.rmse(), 2) / 3.0;
        ForceFieldCalculator calculator(model);
        std::vector<double> absolute;
        for (const auto& [structure, labels, origin, group, weight] : part_of(data, part, false))
            absolute.push_back(std::abs(calculator.evaluate(structure).energy - *labels.energy) /
                               static_cast<double>(structure.size()));
        std::sort(absolute.begin(), absolute.end());
        ASSERT_EQ(absolute.size(), 6u);  // nine tenths of six are five and two fifths
        typical += (std::accumulate(absolute.begin(), absolute.end() - 1, 0.0) + 0.4 * absolute.back()) / 5.4 / 3.0;
        const ForceField same = pass.force_field_without(static_cast<int>(part), fitted.solution, options.regression);
        expect_close(errors_on(same, part_of(data, part, false)).force.rmse(), report.force.rmse());
    }
    expect_close(fitted.errors.energy, std::sqrt(energy));
    expect_close(fitted.errors.force, std::sqrt(force));
    expect_close(fitted.errors.stress, std::sqrt(stress));
    expect_close(fitted.errors.energy_typical, typical);
    // What a fit has not seen is predicted worse.
    const ForceField model = pass.force_field(fitted.solution, {});
    EXPECT_GT(fitted.errors.force, model.provenance().rmse_force);
    expect_close(errors_on(model, data).force.rmse(), model.provenance().rmse_force);
}

TEST(CrossValidation, HeldOutDataAreNotTrainedOn) {
    const auto data = silicon_data(12, 2), unseen = silicon_data(6, 3);
    const FitOptions options = silicon_options();
    const TrainingPass pass(data, unseen, options, quiet);
    const Validated fitted = pass.validate(options.regression);
    const ForceField model = pass.force_field(fitted.solution, {}), alone = fit_to_data(data, options, {}, quiet);
    EXPECT_EQ(model.provenance().n_structures, 12);
    EXPECT_LT((model.posterior().weights() - alone.posterior().weights()).norm(),
              1e-6 * alone.posterior().weights().norm());
    const ErrorReport report = errors_on(model, unseen);
    expect_close(fitted.errors.energy, report.energy.rmse());
    expect_close(fitted.errors.force, report.force.rmse());
    expect_close(fitted.errors.stress, report.stress.rmse());
}

TEST(CrossValidation, FewerReferencesWithoutAnotherPass) {
    const auto data = silicon_data(15, 4);
    for (const Prior prior : {Prior::identity, Prior::kernel}) {
        FitOptions options = silicon_options();
        options.regression.prior = prior;
        const TrainingPass pass(data, {}, options, quiet);
        const TrainingPass fewer = pass.with_references(20);
        EXPECT_EQ(fewer.max_references(), 20);
        EXPECT_EQ(fewer.references()[0].features, pass.references()[0].features.leftCols(20));
        const Validated fitted = fewer.validate(options.regression);
        const ForceField model = fewer.force_field(fitted.solution, {});
        EXPECT_EQ(model.n_references(), 20);
        expect_close(errors_on(model, data).force.rmse(), model.provenance().rmse_force);
        expect_close(errors_on(model, data).energy.rmse(), model.provenance().rmse_energy);
        EXPECT_GT(fitted.errors.force, pass.validate(options.regression).errors.force);
    }
}

TEST(CrossValidation, NothingToValidate) {
    FitOptions options = silicon_options();
    options.folds = 1;
    const TrainingPass pass(silicon_data(4, 5), {}, options, quiet);
    EXPECT_FALSE(pass.data().can_validate());
    EXPECT_EQ(pass.validate(options.regression).errors.force, 0.0);
    EXPECT_THROW((void)pass.data().training_without(0), std::invalid_argument);
    EXPECT_THROW(PartedData(3, {14}, 0, true), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
