// Thermostats in full runs against the exact canonical distribution. Error bars come from block means; a bound of four
// of them is exceeded by chance once in sixteen thousand, and the seeds are fixed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "libmlff/atoms/units.hpp"
#include "md/driver.hpp"
#include "runs.hpp"
#include "support/mechanical_models.hpp"
#include "support/time_series.hpp"

namespace mlff::md {
namespace {

using testing::blocked_mean;
using testing::erlang_cumulative;
using testing::kolmogorov_distance;
using testing::nvt;
using testing::scatter;
using testing::SpringCrystal;
using testing::SpringNetwork;
using testing::Wells;

constexpr double temperature_asked = 400.0;
constexpr double kT = units::boltzmann * temperature_asked;

void expect_mean(const std::vector<double>& series, double expected, const char* what, double tolerance = 0.0) {
    const auto [mean, error] = blocked_mean(series);
    EXPECT_NEAR(mean, expected, 4.0 * error + tolerance) << what;
}

/// Number of independent values that a mean over the series is worth.
double independent_values(const std::vector<double>& series) {
    return std::pow(scatter(series) / blocked_mean(series).error, 2);
}

class Crystal : public ::testing::TestWithParam<ThermostatType> {};

// Kinetic energy of N_f degrees of freedom: K/(k_B T) is Γ(N_f/2), so T has the relative variance 2/N_f. Positions:
// k_B T = ⟨|∇E|²⟩/⟨∇²E⟩ (Rugh, Phys. Rev. Lett. 78, 772 (1997)).
TEST_P(Crystal, IsCanonical) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, 1.5);
    const Eigen::Index n_free = degrees_of_freedom(GetParam(), make_state(crystal.structure));
    const double shape = 0.5 * static_cast<double>(n_free);
    // Thermostats that scale all velocities alike exchange no energy between the modes of a nearly harmonic crystal, so
    // that positions of one run say less than their blocks suggest: several runs, each from velocities of its own.
    constexpr int n_runs = 10;
    std::vector<double> kinetic, square, balance;
    double curvature = 0.0;
    for (int run = 0; run < n_runs; ++run) {
        DynamicsOptions options = nvt(GetParam(), temperature_asked, 2.0, 30000);
        options.seed = static_cast<std::uint64_t>(1 + run);
        Driver driver(springs, make_state(crystal.structure), options);
        double sum = 0.0, sum_of_curvatures = 0.0, n = 0.0;
        driver.run([&](const StepReport& report) {
            if (report.step <= 2000) return true;
            const double x = report.kinetic / kT;
            kinetic.push_back(x);
            square.push_back((x - shape) * (x - shape) / shape);
            sum += report.evaluation.forces.squaredNorm() - kT * springs.laplacian();
            sum_of_curvatures += kT * springs.laplacian();
            n += 1.0;
            return true;
        });
        balance.push_back(sum / n);
        curvature += sum_of_curvatures / n / n_runs;
    }
    // 0.1 % for the error of the full-step velocities, (ωΔt)²/4.
    expect_mean(kinetic, shape, "kinetic energy / k_B T", 1e-3 * shape);
    expect_mean(square, 1.0, "variance of the kinetic energy", 2e-3);
    const double error = scatter(balance) / std::sqrt(n_runs - 1.0);
    // Student's t with 9 degrees of freedom exceeds 5 once in 1,400.
    EXPECT_NEAR(std::accumulate(balance.begin(), balance.end(), 0.0) / n_runs, 0.0, 5.0 * error)
        << "|gradient|² − k_B T Laplacian";
    EXPECT_LT(error, 0.02 * curvature);  // the bound means something
    if (n_free % 2 == 0) {
        const auto cumulative = [&](double x) { return erlang_cumulative(static_cast<int>(n_free / 2), x); };
        const double independent = std::min(independent_values(kinetic), independent_values(square));
        EXPECT_LT(kolmogorov_distance(kinetic, cumulative) * std::sqrt(independent), 1.95);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Crystal,
                         ::testing::Values(ThermostatType::nose_hoover, ThermostatType::langevin,
                                           ThermostatType::csvr));

// BAOAB samples the positions of oscillators without any error in Δt, ⟨x²⟩ = k_B T/k, and their velocities at full
// steps with ⟨m v²⟩ = k_B T (1 − (ωΔt)²/4): Leimkuhler & Matthews (2013), section 5. The steps here are very long.
TEST(LangevinDynamics, WellsHaveExactVariancesAtLongSteps) {
    Structure structure;
    structure.species = {6, 14, 47, 53};
    structure.positions = Matrix3X::Zero(3, 4);
    const State initial = make_state(structure);
    const double dt = 5.0;
    const Eigen::Vector4d step_times_frequency(0.3, 0.6, 0.9, 1.2);
    const Eigen::VectorXd stiffness =
        initial.masses.array() * (step_times_frequency.array() / dt).square() / units::acceleration;
    Wells wells(structure.positions, stiffness);
    Driver driver(wells, initial, nvt(ThermostatType::langevin, temperature_asked, dt, 400000));
    std::vector<std::vector<double>> positions(4), velocities(4);
    driver.run([&](const StepReport& report) {
        for (Eigen::Index i = 0; i < 4; ++i) {
            const auto k = static_cast<std::size_t>(i);
            positions[k].push_back(report.state.structure.positions.col(i).squaredNorm() * stiffness[i] / (3.0 * kT));
            velocities[k].push_back(report.state.velocities.col(i).squaredNorm() * initial.masses[i] /
                                    (3.0 * kT * units::acceleration));
        }
        return true;
    });
    for (Eigen::Index i = 0; i < 4; ++i) {
        const auto k = static_cast<std::size_t>(i);
        expect_mean(positions[k], 1.0, "⟨x²⟩ k/k_B T");
        expect_mean(velocities[k], 1.0 - std::pow(step_times_frequency[i], 2) / 4.0, "⟨v²⟩ m/k_B T");
        EXPECT_LT(blocked_mean(positions[k]).error, 0.02);
    }
}

}  // namespace
}  // namespace mlff::md
