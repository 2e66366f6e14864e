#include "md/state.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "support/mechanical_models.hpp"

namespace mlff::md {
namespace {

State crystal(int n) { return make_state(testing::SpringCrystal(n).structure); }

TEST(State, TakesMassesFromTheElements) {
    const State state = crystal(2);
    EXPECT_EQ(state.velocities.cols(), 0);
    EXPECT_NEAR(state.masses[0], 107.87, 0.01);
    EXPECT_NEAR(state.masses[1], 126.90, 0.01);
    EXPECT_NO_THROW(state.validate());
}

TEST(State, KineticEnergyOfOneAmuAtOneAngstromPerFemtosecond) {
    State state = crystal(2);
    state.velocities.setZero(3, state.size());
    state.masses.setOnes();
    state.velocities(1, 3) = 1.0;
    EXPECT_NEAR(kinetic_energy(state), 0.5 * 103.642697, 1e-5);  // 1 amu (Å/fs)² = 103.6427 eV
    EXPECT_NEAR(temperature(kinetic_energy(state), 21), 103.642697 / (21 * 8.617333262e-5), 1e-1);
    EXPECT_EQ(temperature(0.0, 0), 0.0);
}

TEST(State, PressureOfAnIdealGasAndOfATension) {
    // 1 atom per nm³ at 300 K: 4.14 MPa; kinetic energy 3/2 k_B T.
    const double kinetic = 1.5 * units::boltzmann * 300.0;
    EXPECT_NEAR(pressure(kinetic, Voigt::Zero(), 1000.0), 4.1419e-3, 1e-6);
    Voigt stress;
    stress << 0.01, 0.02, 0.06, 5.0, 6.0, 7.0;
    EXPECT_NEAR(pressure(0.0, stress, 1000.0), -0.03 * units::ev_per_cubic_angstrom_in_gpa, 1e-12);
}

TEST(State, DrawnVelocitiesAreMaxwellsAtTheExactTemperature) {
    State state = crystal(20);
    const Eigen::Index n = state.size();
    Random random(3);
    draw_velocities(state, 450.0, false, random);
    EXPECT_NEAR(temperature(kinetic_energy(state), 3 * n - 3), 450.0, 1e-9);
    EXPECT_LT(drift_velocity(state).norm(), 1e-16);
    for (const int z : {47, 53}) {
        Vector3 second = Vector3::Zero(), fourth = Vector3::Zero();
        double count = 0.0;
        for (Eigen::Index i = 0; i < n; ++i) {
            if (state.structure.species[static_cast<std::size_t>(i)] != z) continue;
            const Eigen::Array3d x = state.velocities.col(i).array() *
                                     std::sqrt(state.masses[i] / (units::boltzmann * 450.0 * units::acceleration));
            second += x.square().matrix();
            fourth += x.square().square().matrix();
            count += 1.0;
        }
        for (int axis = 0; axis < 3; ++axis) {
            EXPECT_NEAR(second[axis] / count, 1.0, 5.0 * std::sqrt(2.0 / count)) << z;
            EXPECT_NEAR(fourth[axis] / count, 3.0, 5.0 * std::sqrt(96.0 / count)) << z;
        }
    }
}

TEST(State, DrawnVelocitiesKeepTheDriftWhereItIsADegreeOfFreedom) {
    State state = crystal(2);
    Random random(4);
    draw_velocities(state, 300.0, true, random);
    EXPECT_NEAR(temperature(kinetic_energy(state), 24), 300.0, 1e-10);
    EXPECT_GT(drift_velocity(state).norm(), 1e-5);
    const Matrix3X before = state.velocities;
    remove_drift(state);
    EXPECT_LT(drift_velocity(state).norm(), 1e-18);
    EXPECT_LT(((before - state.velocities).colwise() - (before - state.velocities).col(0)).norm(), 1e-16);
    draw_velocities(state, 0.0, false, random);
    EXPECT_EQ(kinetic_energy(state), 0.0);
}

TEST(State, WhatIsHeldHasNoVelocityAndNoDegreeOfFreedom) {
    State state = crystal(2);  // 8 atoms
    EXPECT_EQ(degrees_of_freedom(state, true), 24);
    EXPECT_EQ(degrees_of_freedom(state, false), 21);
    state.move_mask.setConstant(3, 8, true);
    state.move_mask.col(2).setConstant(false);
    state.move_mask(2, 5) = false;
    EXPECT_EQ(degrees_of_freedom(state, true), 20);
    EXPECT_EQ(degrees_of_freedom(state, false), 20);  // an atom is held along every axis: no momentum is conserved
    Random random(4);
    draw_velocities(state, 300.0, false, random);
    EXPECT_EQ(state.velocities.col(2), Vector3::Zero());
    EXPECT_EQ(state.velocities(2, 5), 0.0);
    EXPECT_EQ((state.velocities.array() == 0.0).count(), 4);
    EXPECT_NEAR(temperature(kinetic_energy(state), 20), 300.0, 1e-10);
    const Matrix3X before = state.velocities;
    remove_drift(state);
    EXPECT_EQ(state.velocities, before);

    state.move_mask.setConstant(true);
    state.move_mask(2, 5) = false;  // along x and y all move together
    EXPECT_EQ(degrees_of_freedom(state, false), 21);
    draw_velocities(state, 300.0, false, random);
    EXPECT_LT(drift_velocity(state).head<2>().norm(), 1e-17);
    EXPECT_GT(std::abs(drift_velocity(state)[2]), 1e-6);
    state.move_mask.resize(3, 7);
    EXPECT_THROW(state.validate(), InputError);
}

TEST(State, RefusesWhatCannotMove) {
    const auto refused = [](auto&& spoil) {
        State state = crystal(2);
        state.velocities.setZero(3, 8);
        spoil(state);
        EXPECT_THROW(state.validate(), InputError);
    };
    refused([](State& s) { s.masses.conservativeResize(7); });
    refused([](State& s) { s.masses[2] = 0.0; });
    refused([](State& s) { s.masses[2] = std::numeric_limits<double>::infinity(); });
    refused([](State& s) { s.velocities.setZero(3, 7); });
    refused([](State& s) { s.velocities(1, 4) = std::nan(""); });
    refused([](State& s) { s.structure.positions(1, 4) = std::nan(""); });
    refused([](State& s) {
        s = State();
        s.velocities.resize(3, 0);
    });
}

}  // namespace
}  // namespace mlff::md
