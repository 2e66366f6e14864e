#include "md/thermostat.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "support/mechanical_models.hpp"
#include "support/time_series.hpp"

namespace mlff::md {
namespace {

using testing::erlang_cumulative;
using testing::kolmogorov_distance;

// 27 atoms, 78 internal degrees of freedom, drawn at temperature T and scaled to it.
State atoms_at(double temperature, Eigen::Index n_free = 78) {
    State state = make_state(testing::SpringCrystal(3).structure);
    Random random(21);
    draw_velocities(state, temperature, n_free == 81, random);
    return state;
}

double thermal_energy(double temperature, Eigen::Index n_free) {
    return 0.5 * units::boltzmann * temperature * static_cast<double>(n_free);
}

TEST(ThermostatOptions, NamesFieldValueAndBound) {
    const auto message = [](ThermostatOptions options) -> std::string {
        try {
            options.validate(2.0);
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(message({.type = ThermostatType::nose_hoover}), "");
    EXPECT_EQ(message({.type = ThermostatType::none, .period = -1.0}), "");
    EXPECT_EQ(message({.type = ThermostatType::csvr, .period = 0.0}), "thermostat period is 0 fs; it must be positive");
    EXPECT_NE(message({.type = ThermostatType::langevin, .period = std::nan("")}), "");
    EXPECT_NE(message({.type = ThermostatType::nose_hoover, .period = 19.9}), "");
    EXPECT_EQ(message({.type = ThermostatType::nose_hoover, .period = 20.0}), "");
    EXPECT_EQ(message({.type = ThermostatType::nose_hoover, .period = 100.0, .chain_length = 0}),
              "thermostat chain_length is 0; it must be in 1..100");
}

TEST(Thermostat, CountsDegreesOfFreedom) {
    const auto atoms = [](Eigen::Index n) {
        Structure structure;
        structure.species.assign(static_cast<std::size_t>(n), 47);
        structure.positions = Matrix3X::Random(3, n);
        return make_state(structure);
    };
    EXPECT_EQ(degrees_of_freedom(ThermostatType::none, atoms(5)), 12);
    EXPECT_EQ(degrees_of_freedom(ThermostatType::csvr, atoms(5)), 12);
    EXPECT_EQ(degrees_of_freedom(ThermostatType::nose_hoover, atoms(5)), 12);
    EXPECT_EQ(degrees_of_freedom(ThermostatType::langevin, atoms(5)), 15);
    EXPECT_EQ(make_thermostat({.type = ThermostatType::none}, atoms(1)), nullptr);
    EXPECT_NE(make_thermostat({.type = ThermostatType::langevin}, atoms(1)), nullptr);
    EXPECT_THROW((void)make_thermostat({.type = ThermostatType::nose_hoover}, atoms(1)), InputError);
    EXPECT_THROW((void)make_thermostat({.type = ThermostatType::csvr}, atoms(1)), InputError);
}

TEST(Langevin, OneStepHasTheMeanAndVarianceOfOrnsteinUhlenbeck) {
    const Langevin langevin(50.0);
    const double duration = 30.0, temperature = 400.0, c = std::exp(-0.6);
    const State start = atoms_at(900.0, 81);
    Bath bath;
    bath.random = Random(22);
    const int n_trials = 2000;
    double mean = 0.0, square = 0.0, books = 0.0;
    for (int trial = 0; trial < n_trials; ++trial) {
        State state = start;
        bath.energy = 0.0;
        langevin.apply(state, bath, temperature, duration);
        books = std::max(books, std::abs(kinetic_energy(state) + bath.energy - kinetic_energy(start)));
        for (Eigen::Index i = 0; i < state.size(); ++i) {
            const double width =
                std::sqrt((1.0 - c * c) * units::boltzmann * temperature * units::acceleration / state.masses[i]);
            const Eigen::Array3d x = (state.velocities.col(i) - c * start.velocities.col(i)).array() / width;
            mean += x.sum();
            square += x.square().sum();
        }
    }
    const double n = 81.0 * n_trials;
    EXPECT_NEAR(mean / n, 0.0, 4.0 / std::sqrt(n));
    EXPECT_NEAR(square / n, 1.0, 4.0 * std::sqrt(2.0 / n));
    EXPECT_LT(books, 1e-13);
}

// K' of one step from a given K is K̄(1 − c)/N_f times a non-central χ² of N_f degrees of freedom and non-centrality
// λ = c N_f K/((1 − c) K̄): mean c K + (1 − c) K̄, variance 2 (K̄ (1 − c)/N_f)² (N_f + 2λ).
TEST(VelocityRescaling, OneStepHasTheMeanAndVarianceOfTheExactPropagator) {
    const double temperature = 400.0;
    const State start = atoms_at(900.0);
    const double before = kinetic_energy(start), target = thermal_energy(temperature, 78);
    for (const double duration : {5.0, 60.0, 2000.0}) {
        const double c = std::exp(-duration / 100.0);
        const VelocityRescaling csvr(100.0, 78);
        Bath bath;
        bath.random = Random(23);
        const int n_trials = 40000;
        double mean = 0.0, square = 0.0;
        for (int trial = 0; trial < n_trials; ++trial) {
            State state = start;
            bath.energy = 0.0;
            csvr.apply(state, bath, temperature, duration);
            const double change = kinetic_energy(state) - before;
            mean += change / n_trials;
            square += change * change / n_trials;
            ASSERT_NEAR(change + bath.energy, 0.0, 1e-13);
        }
        const double lambda = c * 78 * before / ((1.0 - c) * target);
        const double variance = 2.0 * std::pow(target * (1.0 - c) / 78, 2) * (78 + 2.0 * lambda);
        EXPECT_NEAR(before + mean, c * before + (1.0 - c) * target, 4.0 * std::sqrt(variance / n_trials)) << duration;
        EXPECT_NEAR((square - mean * mean) / variance, 1.0, 0.04) << duration;
    }
}

TEST(VelocityRescaling, TurnsVelocitiesAroundAsOftenAsThePropagatorSays) {
    // For N_f = 3 and a long step the sign of the factor is that of a normal deviate; for a short step it is +1.
    const auto share_turned = [](double duration) {
        Structure pair;
        pair.species = {47, 53};
        pair.positions = Matrix3X::Random(3, 2);
        State state = make_state(pair);
        Bath bath;
        bath.random = Random(24);
        draw_velocities(state, 300.0, false, bath.random);
        const VelocityRescaling csvr(100.0, 3);
        const int n_trials = 4000;
        int turned = 0;
        for (int trial = 0; trial < n_trials; ++trial) {
            const Vector3 before = state.velocities.col(0);
            csvr.apply(state, bath, 300.0, duration);
            const Vector3 after = state.velocities.col(0);
            EXPECT_LT(before.cross(after).norm(), 1e-12 * before.norm() * after.norm());
            turned += after.dot(before) < 0.0 ? 1 : 0;
        }
        return turned / 4000.0;
    };
    EXPECT_NEAR(share_turned(3000.0), 0.5, 4.0 * std::sqrt(0.25 / 4000));
    EXPECT_LT(share_turned(0.01), 0.01);
}

// Free atoms reach the canonical distribution whatever the length of a step: K/(k_B T) is Γ(N_f/2).
TEST(VelocityRescaling, FreeAtomsAreCanonical) {
    State state = atoms_at(100.0);
    const VelocityRescaling csvr(100.0, 78);
    Bath bath;
    bath.random = Random(25);
    std::vector<double> series;
    for (int step = 0; step < 40000; ++step) {
        csvr.apply(state, bath, 500.0, 250.0);
        if (step >= 10) series.push_back(kinetic_energy(state) / (units::boltzmann * 500.0));
    }
    const double independent = static_cast<double>(series.size()) * std::tanh(0.5 * 2.5);  // (1 − c)/(1 + c)
    const auto cumulative = [](double x) { return erlang_cumulative(39, x); };
    EXPECT_LT(kolmogorov_distance(series, cumulative) * std::sqrt(independent), 1.95);
}

class Chain : public ::testing::TestWithParam<int> {};

TEST_P(Chain, KeepsItsExtendedEnergyToFourthOrder) {
    const NoseHooverChain chain(100.0, GetParam(), 78);
    const auto drift_of_energy = [&](double duration) {
        State state = atoms_at(900.0);
        Bath bath;
        bath.variables.assign(chain.n_variables(), 0.0);
        const double before = kinetic_energy(state);
        double worst = 0.0;
        for (int step = 0; step * duration < 239.9; ++step) {
            chain.apply(state, bath, 400.0, duration);
            worst = std::max(worst, std::abs(kinetic_energy(state) + bath.energy - before));
        }
        return worst;
    };
    const double coarse = drift_of_energy(1.6), fine = drift_of_energy(0.8);
    EXPECT_LT(coarse, 1e-4 * thermal_energy(400.0, 78));
    EXPECT_NEAR(std::log2(coarse / fine), 4.0, 0.3);
}

TEST_P(Chain, RunsBackwards) {
    const NoseHooverChain chain(100.0, GetParam(), 78);
    const State start = atoms_at(900.0);
    State state = start;
    Bath bath;
    bath.variables.assign(chain.n_variables(), 0.0);
    const auto run_and_turn = [&] {
        for (int step = 0; step < 100; ++step) chain.apply(state, bath, 400.0, 5.0);
        state.velocities *= -1.0;
        for (double& zeta : bath.variables) zeta *= -1.0;
    };
    run_and_turn();
    EXPECT_GT((state.velocities + start.velocities).norm(), 1e-3 * start.velocities.norm());
    run_and_turn();
    EXPECT_LT((state.velocities - start.velocities).norm(), 1e-10 * start.velocities.norm());
    EXPECT_NEAR(bath.energy, 0.0, 1e-7);
    for (const double zeta : bath.variables) EXPECT_NEAR(zeta, 0.0, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Lengths, Chain, ::testing::Values(1, 2, 3, 5));

// A small disturbance of K of free atoms swings, for one link, with  d²δK/dt² = −2 N_f k_B T/Q₁ δK = −2 (2π/period)²
// δK; in a solid half of the energy is potential, the factor 2 is gone and the period is the one asked for.
TEST(NoseHooverChain, SwingsWithThePeriodAskedFor) {
    const NoseHooverChain chain(100.0, 1, 78);
    State state = atoms_at(404.0);
    Bath bath;
    bath.variables.assign(1, 0.0);
    const double step = 0.05, target = thermal_energy(400.0, 78);
    std::vector<double> crossings;
    for (int k = 0; crossings.size() < 9; ++k) {
        ASSERT_LT(k, 100000);
        const double before = kinetic_energy(state) - target;
        chain.apply(state, bath, 400.0, step);
        const double after = kinetic_energy(state) - target;
        if (before * after <= 0.0) crossings.push_back(step * (k + before / (before - after)));
    }
    EXPECT_NEAR((crossings.back() - crossings.front()) / 4.0, 100.0 / std::numbers::sqrt2, 0.05);
}

TEST(NoseHooverChain, ChangingTheTemperatureMovesNoEnergy) {
    const NoseHooverChain chain(100.0, 3, 78);
    State state = atoms_at(300.0);
    Bath bath;
    bath.variables.assign(3, 0.0);
    const double before = kinetic_energy(state);
    for (int step = 0; step < 500; ++step) {
        chain.apply(state, bath, 300.0 + 2.0 * step, 1.0);
        ASSERT_NEAR(kinetic_energy(state) + bath.energy, before, 1e-5 * before);
    }
    EXPECT_GT(kinetic_energy(state), 3.0 * before);
}

}  // namespace
}  // namespace mlff::md
