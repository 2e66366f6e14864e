#include "libmlff/regression/calibration.hpp"
#include "libmlff/model/force_field_calculator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <stdexcept>

#include "support/silicon.hpp"

namespace mlff {
namespace {

/// A structure without forces, and a prediction of it whose deviations and errors the caller fills in.
struct Case {
    LabeledStructure truth;
    Evaluation prediction;

    explicit Case(Eigen::Index n_atoms) {
        truth.structure.species.assign(static_cast<std::size_t>(n_atoms), 14);
        truth.structure.positions = Matrix3X::Zero(3, n_atoms);
        truth.labels = {0.0, Matrix3X::Zero(3, n_atoms), Voigt::Zero()};
        prediction.forces = Matrix3X::Zero(3, n_atoms);
        prediction.stress = Voigt::Zero();
        prediction.uncertainty.emplace();
        prediction.uncertainty->forces = Matrix3X::Zero(3, n_atoms);
    }
};

/// Deviations that spread over a decade, and errors k σ N(0, 1) of forces (two species, k and 2 k), energies (2 k) and
/// stresses (3 k). With `unrelated`, the errors have nothing to do with the deviations.
CalibrationData synthetic(double k, int n_structures, bool unrelated = false, std::size_t capacity = 100'000) {
    std::mt19937_64 random(3);
    std::normal_distribution<double> normal;
    const auto deviation = [&] { return 0.01 * std::exp(0.5 * normal(random)); };
    const auto error = [&](double sigma) { return (unrelated ? deviation() : sigma) * normal(random); };
    CalibrationData data(capacity);
    for (int s = 0; s < n_structures; ++s) {
        Case item(32);
        Uncertainty& sigma = *item.prediction.uncertainty;
        for (Eigen::Index i = 0; i < 32; ++i) {
            if (i % 4 == 0) item.truth.structure.species[static_cast<std::size_t>(i)] = 32;
            const double atom = deviation();  // of like size in x, y and z, as in reality
            for (int c = 0; c < 3; ++c) {
                sigma.forces(c, i) = atom;
                item.prediction.forces(c, i) = (i % 4 == 0 ? 2.0 : 1.0) * k * error(atom);
            }
        }
        sigma.energy = deviation();
        item.prediction.energy = 32.0 * 2.0 * k * error(sigma.energy);
        for (int c = 0; c < 6; ++c) {
            sigma.stress[c] = deviation();
            (*item.prediction.stress)[c] = 3.0 * k * error(sigma.stress[c]);
        }
        data.add(item.truth, item.prediction);
    }
    return data;
}

std::vector<ErrorPair> gaussian_pairs(double k, int n) {
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal;
    std::vector<ErrorPair> pairs;
    for (int i = 0; i < n; ++i) {
        const double sigma = std::exp(normal(random));
        pairs.push_back({sigma, k * sigma * normal(random)});
    }
    return pairs;
}

/// e/(f σ) = (k/f) N(0, 1): with X and Z normal, the area is |P(|X| < |Z| f/k) − 1/2| = |(2/π) arctan(f/k) − 1/2|.
TEST(Calibration, AreaInClosedForm) {
    for (const double k : {0.2, 1.0, 3.0, 10.0}) {
        const auto pairs = gaussian_pairs(k, 20000);
        for (const double factor : {1.0, 2.5}) {
            const double area = std::abs(2.0 / std::numbers::pi * std::atan(factor / k) - 0.5);
            EXPECT_NEAR(miscalibration_area(pairs, factor), area, 0.006) << k << ", " << factor;
        }
    }
    EXPECT_EQ(miscalibration_area({}, 1.0), 0.0);
    EXPECT_EQ(miscalibration_area({{1.0, 0.0}}, 1.0), 0.5);               // never off
    EXPECT_EQ(miscalibration_area({{1e-9, 1.0}, {0.0, 0.1}}, 1.0), 0.5);  // always off, and sure
    // One label at p = 1/2: observed 0 below and 1 above.
    EXPECT_NEAR(miscalibration_area({{1.0, -0.67448975019608174}}, 1.0), 0.25, 1e-12);
}

TEST(Calibration, FindsTheFactors) {
    const CalibrationReport report = synthetic(3.0, 1000).report();
    EXPECT_EQ(report.n_structures, 1000);
    EXPECT_EQ(report.n_atoms, 32000);
    EXPECT_EQ(report.force.n_labels, 96000);
    EXPECT_EQ(report.energy.n_labels, 1000);
    EXPECT_EQ(report.stress.n_labels, 6000);
    // The median of |N(0, 1)| from n values scatters by 1.17/sqrt(n); three times that is allowed.
    EXPECT_NEAR(report.force_by_species.at(14).scale, 3.0, 3.0 * 0.013);
    EXPECT_NEAR(report.force_by_species.at(32).scale, 6.0, 6.0 * 0.025);
    // Both species together: half of all errors lie within the middle half of their common normal distribution.
    const double middle = 0.67448975 * report.force.scale / std::numbers::sqrt2;
    EXPECT_NEAR(0.75 * std::erf(middle / 3.0) + 0.25 * std::erf(middle / 6.0), 0.5, 0.005);
    EXPECT_NEAR(report.energy.scale, 6.0, 6.0 * 0.11);
    EXPECT_NEAR(report.stress.scale, 9.0, 9.0 * 0.045);
    EXPECT_EQ(report.calibration().force, report.force.scale);
    EXPECT_EQ(report.calibration().energy, report.energy.scale);
    EXPECT_EQ(report.calibration().stress, report.stress.scale);
    EXPECT_EQ(report.calibration().force_factor(32), report.force_by_species.at(32).scale);
    EXPECT_EQ(report.calibration().force_factor(79), report.force.scale);
    // The robust covariance: the factor of the forces serves all.
    EXPECT_EQ(report.calibration(true).energy, report.force.scale);
    EXPECT_EQ(report.calibration(true).stress, report.force.scale);
    // With a factor for each species the coverage of all forces is right, with one it is not.
    const CalibrationReport again = synthetic(3.0, 1000).report(report.calibration());
    EXPECT_LT(again.force.model.area, 0.01);
    EXPECT_LT(2.0 * again.force.model.area, again.force.scaled.area);
    EXPECT_EQ(again.force_by_species.at(32).model.factor, report.force_by_species.at(32).scale);
}

TEST(Calibration, ExpectedErrorsOfAPrediction) {
    Structure structure;
    structure.species = {14, 32};
    Uncertainty sigma;
    sigma.energy = 0.5;
    sigma.forces = Matrix3X::Zero(3, 2);
    sigma.forces.col(0) << 2.0, 1.0, 2.0;
    sigma.forces.col(1) << 0.0, 4.0, 3.0;
    sigma.stress[2] = 3.0;
    const ExpectedErrors errors = expected_errors(structure, sigma,
                                                  {.energy = 2.0,
                                                   .force = 10.0,
                                                   .stress = 4.0,
                                                   .force_floor = std::sqrt(3.0),
                                                   .stress_floor = 5.0,
                                                   .force_of_species = {{32, 0.8}}});
    EXPECT_EQ(errors.energy, 1.0);
    EXPECT_NEAR(errors.forces[0], std::hypot(30.0, 3.0), 1e-12);
    EXPECT_NEAR(errors.forces[1], 5.0, 1e-12);
    EXPECT_NEAR(errors.stress[0], 5.0, 1e-12);
    EXPECT_NEAR(errors.stress[2], 13.0, 1e-12);
}

TEST(Calibration, AreaAndCurvesBeforeAndAfter) {
    const CalibrationReport report = synthetic(3.0, 1000).report({.energy = 1.0, .force = 1.0, .stress = 4.0});
    for (const auto* quantity : {&report.force_by_species.at(14), &report.force_by_species.at(32), &report.stress}) {
        EXPECT_NEAR(quantity->raw.area, 0.5 - 2.0 / std::numbers::pi * std::atan(1.0 / quantity->scale), 0.01);
        EXPECT_LT(quantity->scaled.area, 0.015);
        ASSERT_EQ(quantity->scaled.coverage.size(), 21u);
        for (const CoveragePoint& point : quantity->scaled.coverage)
            EXPECT_NEAR(point.observed, point.nominal, 0.03) << point.nominal;
        ASSERT_EQ(quantity->reliability.size(), 10u);
        long n = 0;
        double last = 0.0;
        for (const ReliabilityBin& bin : quantity->reliability) {
            EXPECT_NEAR(bin.error, quantity->scale * bin.estimate, 0.1 * bin.error);
            EXPECT_GT(bin.estimate, last);
            last = bin.estimate;
            n += bin.n_labels;
        }
        EXPECT_EQ(n, quantity->n_labels);
        EXPECT_GT(last, 4.0 * quantity->reliability.front().estimate);
    }
    EXPECT_EQ(report.stress.model.factor, 4.0);
    EXPECT_NEAR(report.stress.model.area, 0.5 - 2.0 / std::numbers::pi * std::atan(4.0 / 9.0), 0.015);
    EXPECT_EQ(report.energy.model.area, report.energy.raw.area);
}

TEST(Calibration, RankCorrelationTellsWhetherTheBadAtomsAreFound) {
    const CalibrationReport good = synthetic(3.0, 300).report(), useless = synthetic(3.0, 300, true).report();
    EXPECT_GT(good.rank_correlation, 0.5);
    EXPECT_GT(good.rank_correlation_within, 0.5);
    EXPECT_NEAR(useless.rank_correlation, 0.0, 0.05);
    EXPECT_NEAR(useless.rank_correlation_within, 0.0, 0.05);
    // The mean size of the errors is right even so, the bins show that the order is not.
    const QuantityCalibration& stress = useless.stress;
    EXPECT_NEAR(stress.reliability.front().error, stress.reliability.back().error,
                0.4 * stress.reliability.back().error);
}

/// Estimates that know the structures but not their atoms.
TEST(Calibration, RankCorrelationWithinStructuresIsApart) {
    std::mt19937_64 random(11);
    std::normal_distribution<double> normal;
    CalibrationData data;
    for (int s = 0; s < 100; ++s) {
        Case item(16);
        const double level = std::exp(normal(random));
        for (Eigen::Index i = 0; i < 16; ++i) {
            item.prediction.uncertainty->forces.col(i).setConstant(level * (1.0 + 0.001 * normal(random)));
            for (int c = 0; c < 3; ++c) item.prediction.forces(c, i) = level * normal(random);
        }
        data.add(item.truth, item.prediction);
    }
    const CalibrationReport report = data.report();
    EXPECT_GT(report.rank_correlation, 0.7);
    EXPECT_NEAR(report.rank_correlation_within, 0.0, 0.1);
}

TEST(Calibration, RankCorrelationInClosedForm) {
    EXPECT_DOUBLE_EQ(rank_correlation({1.0, 2.0, 30.0}, {0.1, 0.2, 0.3}), 1.0);
    EXPECT_DOUBLE_EQ(rank_correlation({1.0, 2.0, 30.0}, {3.0, 2.0, 1.0}), -1.0);
    // Ranks 0 1 2 3 and 1 0 3 2: 1 − 6 Σ d²/(n (n² − 1)) = 1 − 24/60.
    EXPECT_NEAR(rank_correlation({1.0, 2.0, 3.0, 4.0}, {2.0, 1.0, 4.0, 3.0}), 0.6, 1e-15);
    // Ties share their mean rank: 0.5 0.5 2 against 0 1 2.
    EXPECT_NEAR(rank_correlation({1.0, 1.0, 2.0}, {1.0, 2.0, 3.0}), std::sqrt(0.75), 1e-15);
    EXPECT_EQ(rank_correlation({1.0, 1.0}, {1.0, 2.0}), 0.0);
    EXPECT_EQ(rank_correlation({}, {}), 0.0);
    EXPECT_THROW((void)rank_correlation({1.0}, {}), std::invalid_argument);
}

/// An even share of the labels, the same one at every run.
TEST(Calibration, ASampleStandsForAll) {
    const CalibrationReport all = synthetic(3.0, 500).report(), part = synthetic(3.0, 500, false, 2000).report(),
                            again = synthetic(3.0, 500, false, 2000).report();
    EXPECT_NEAR(part.force.scale, all.force.scale, 0.08 * all.force.scale);
    EXPECT_NE(part.force.scale, all.force.scale);
    EXPECT_EQ(part.force.n_labels, all.force.n_labels);
    long n = 0;
    for (const ReliabilityBin& bin : part.force.reliability) n += bin.n_labels;
    EXPECT_GE(n, 3 * 500);
    EXPECT_LE(n, 3 * 2000);
    EXPECT_NEAR(part.force.raw.area, all.force.raw.area, 0.02);
    EXPECT_NEAR(part.rank_correlation, all.rank_correlation, 0.06);
    EXPECT_NE(part.rank_correlation, all.rank_correlation);
    EXPECT_EQ(part.rank_correlation, again.rank_correlation);
    EXPECT_EQ(part.force.scaled.area, again.force.scaled.area);
}

/// As it would if means were taken.
TEST(Calibration, OneBrokenStructureDoesNotSetTheFactor) {
    CalibrationData data = synthetic(3.0, 100);
    const double before = data.report().force_by_species.at(14).scale;
    Case broken(32);
    broken.prediction.uncertainty->forces.setConstant(0.01);
    broken.prediction.forces.setConstant(10.0);
    data.add(broken.truth, broken.prediction);
    EXPECT_NEAR(data.report().force_by_species.at(14).scale, before, 0.03 * before);
}

/// Components that symmetry makes vanish, of which only rounding is left, change nothing.
TEST(Calibration, RoundingIsLeftOut) {
    std::mt19937_64 random(13);
    std::normal_distribution<double> normal;
    CalibrationData with, without;
    for (int s = 0; s < 100; ++s) {
        Case item(8), crystal(8);
        for (Eigen::Index i = 0; i < 8; ++i)
            for (int c = 0; c < 3; ++c) {
                item.prediction.uncertainty->forces(c, i) = 0.01;
                item.prediction.forces(c, i) = 0.01 * normal(random);
                crystal.prediction.uncertainty->forces(c, i) = 1e-17 * static_cast<double>(i);
                crystal.prediction.forces(c, i) = 1e-10 * normal(random);
            }
        with.add(item.truth, item.prediction);
        with.add(crystal.truth, crystal.prediction);
        without.add(item.truth, item.prediction);
    }
    EXPECT_EQ(with.report().force.scale, without.report().force.scale);
    EXPECT_EQ(with.report().force.scaled.area, without.report().force.scaled.area);
    EXPECT_NEAR(without.report().force.scale, 1.0, 0.1);
    EXPECT_EQ(with.report().rank_correlation, without.report().rank_correlation);
    // An error where the model is sure is no rounding.
    CalibrationData sure;
    Case item(2);
    item.prediction.uncertainty->forces.col(0).setConstant(0.01);
    item.prediction.forces.setConstant(0.01);
    sure.add(item.truth, item.prediction);
    EXPECT_EQ(sure.report().force.raw.coverage[20 - 1].observed, 0.5);
    // Its label has noise: it sets the floor and does not count for the factor.
    EXPECT_NEAR(sure.report().force.floor, 0.01, 1e-15);
    EXPECT_NEAR(sure.report().force.scale, 1.0 / 0.67448975, 1e-6);
    EXPECT_EQ(sure.report().force.scaled.coverage[20 - 1].observed, 1.0);
    EXPECT_EQ(sure.report().calibration().force_floor, sure.report().force.floor);
    EXPECT_NEAR(without.report().force.floor, 0.02 * 0.01, 1e-5);
}

TEST(Calibration, WithoutLabelsNothingIsSaid) {
    Case item(4);
    item.truth.labels = {};
    CalibrationData data;
    data.add(item.truth, item.prediction);
    const CalibrationReport report = data.report();
    for (const auto* quantity : {&report.energy, &report.force, &report.stress}) {
        EXPECT_EQ(quantity->n_labels, 0);
        EXPECT_EQ(quantity->scale, 1.0);
        EXPECT_EQ(quantity->raw.area, 0.0);
        EXPECT_TRUE(quantity->reliability.empty() && quantity->raw.coverage.empty());
    }
    EXPECT_EQ(report.rank_correlation, 0.0);
    item.truth.labels.energy = 0.0;  // no error and no deviation: no factor
    data.add(item.truth, item.prediction);
    EXPECT_EQ(data.report().energy.scale, 1.0);
    item.prediction.uncertainty.reset();
    EXPECT_THROW(data.add(item.truth, item.prediction), std::invalid_argument);
    EXPECT_THROW((void)CalibrationData(0), std::invalid_argument);
}

/// A real fit: factors of validation data bring the coverage of other data closer to what it should be.
TEST(Calibration, HoldsOnDataItHasNotSeen) {
    const ForceField model = fit_to_data(testing::silicon_data(30, 1), testing::silicon_options(), {},
                                         [](long, long, const std::string&) {});
    const auto check = [](const ForceField& force_field, unsigned seed) {
        ForceFieldCalculator calculator(force_field);
        CalibrationData data;
        for (const auto& item : testing::silicon_data(15, seed))
            data.add(item, calculator.evaluate(item.structure, {.uncertainty = true}));
        return data.report(force_field.calibration());
    };
    const ForceField calibrated = model.with_calibration(check(model, 2).calibration());
    const CalibrationReport report = check(calibrated, 3);
    EXPECT_GT(calibrated.calibration().force, 1.5);
    EXPECT_NEAR(report.force.scale, calibrated.calibration().force, 0.35 * report.force.scale);
    for (const auto* quantity : {&report.energy, &report.force, &report.stress})
        EXPECT_LT(quantity->model.area, 0.5 * quantity->raw.area);
    EXPECT_LT(report.force.model.area, 0.1);
    EXPECT_GT(report.rank_correlation, 0.2);
}

}  // namespace
}  // namespace mlff
