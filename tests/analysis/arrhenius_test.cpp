#include "analysis/arrhenius.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::error_of;

constexpr double boltzmann = 8.617333262e-5;  ///< [eV/K]

std::vector<RateAtTemperature> rates(double relative_error) {
    std::vector<RateAtTemperature> points;
    for (const double t : {300.0, 400.0, 500.0, 650.0, 900.0}) {
        const double rate = 3e-3 * std::exp(-0.25 / (boltzmann * t));
        points.push_back({t, rate, relative_error > 0.0 ? std::optional(relative_error * rate) : std::nullopt});
    }
    return points;
}

TEST(Arrhenius, ExactRatesGiveBackTheirLine) {
    const auto points = rates(0.1);
    const ArrheniusFit fit = fit_arrhenius(points);
    EXPECT_NEAR(fit.activation_energy, 0.25, 1e-12);
    EXPECT_NEAR(fit.prefactor, 3e-3, 1e-12);
    // Equal relative errors: the textbook error of a slope, σ/√Σ(x − x̄)².
    double mean = 0.0, squares = 0.0;
    for (const auto& p : points) mean += 1.0 / (boltzmann * p.temperature) / 5.0;
    for (const auto& p : points) squares += std::pow(1.0 / (boltzmann * p.temperature) - mean, 2);
    EXPECT_NEAR(fit.activation_energy_error.value(), 0.1 / std::sqrt(squares), 1e-12);
    EXPECT_NEAR(fit.log_prefactor_error.value(), 0.1 * std::sqrt(0.2 + mean * mean / squares), 1e-12);
    EXPECT_NEAR(fit_arrhenius(rates(0.0)).activation_energy_error.value(), 0.0, 1e-9);
    const auto bare = rates(0.0);
    EXPECT_FALSE(fit_arrhenius(std::span(bare).first(2)).activation_energy_error);
}

TEST(Arrhenius, ErrorsAreHonest) {
    std::mt19937_64 random(4);
    std::normal_distribution<double> normal;
    constexpr int n_trials = 400;
    double found = 0.0, claimed = 0.0;
    for (int trial = 0; trial < n_trials; ++trial) {
        auto points = rates(0.1);
        for (auto& p : points) p.rate *= std::exp(0.1 * normal(random));
        const ArrheniusFit fit = fit_arrhenius(points);
        found += std::pow(fit.activation_energy - 0.25, 2) / n_trials;
        claimed += std::pow(*fit.activation_energy_error, 2) / n_trials;
    }
    // χ² per degree of freedom counts only where it exceeds one: a little on the safe side.
    EXPECT_GT(claimed / found, 0.9);
    EXPECT_LT(claimed / found, 1.8);
}

TEST(Arrhenius, RefusesWhatIsNoLine) {
    auto points = rates(0.1);
    EXPECT_NE(error_of<InputError>([&] { (void)fit_arrhenius(std::span(points).first(1)); }).find("two different"),
              std::string::npos);
    points[1].temperature = points[0].temperature;
    EXPECT_NE(error_of<InputError>([&] { (void)fit_arrhenius(std::span(points).first(2)); }).find("two different"),
              std::string::npos);
    points[2].rate = -1.0;
    EXPECT_NE(error_of<InputError>([&] { (void)fit_arrhenius(points); }).find("the rate at 500 K is -1"),
              std::string::npos);
    points[2].temperature = 0.0;
    EXPECT_NE(error_of<InputError>([&] { (void)fit_arrhenius(points); }).find("temperature is 0"), std::string::npos);
}

}  // namespace
}  // namespace mlff::analysis
