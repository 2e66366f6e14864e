#include "md/integrator.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "libmlff/atoms/units.hpp"
#include "support/mechanical_models.hpp"

namespace mlff::md {
namespace {

State one_atom(double mass) {
    Structure structure;
    structure.species = {3};
    structure.positions.resize(3, 1);
    structure.positions << 0.3, -0.2, 0.1;
    State state = make_state(structure);
    state.velocities.resize(3, 1);
    state.velocities << 0.01, 0.02, -0.03;
    state.masses[0] = mass;
    return state;
}

TEST(Integrator, FreeFall) {
    State state = one_atom(2.0);
    Matrix3X force(3, 1);
    force << 0.0, 0.0, -1.0;
    kick(state, force, 10.0);  // −1 eV/Å on 2 amu: −4.824e-3 Å/fs² for 10 fs
    EXPECT_LT((state.velocities.col(0) - Vector3(0.01, 0.02, -0.03 - 0.0482426660616550)).norm(), 1e-15);
    EXPECT_EQ(state.structure.positions.col(0), Vector3(0.3, -0.2, 0.1));
    const Vector3 v = state.velocities.col(0);
    drift(state, 4.0);
    EXPECT_LT((state.structure.positions.col(0) - Vector3(0.3, -0.2, 0.1) - 4.0 * v).norm(), 1e-15);
    EXPECT_EQ(state.velocities.col(0), v);
}

// Verlet turns an oscillator of frequency ω into one of frequency Ω with cos(ΩΔt) = 1 − ω²Δt²/2, exactly: the three
// positions around any step obey x(t+Δt) + x(t−Δt) = 2 cos(ΩΔt) x(t).
TEST(Integrator, HarmonicOscillatorHasTheFrequencyOfVerlet) {
    State state = one_atom(5.0);
    const double k = 3.0, dt = 2.0;
    const double squared = k * units::acceleration / 5.0 * dt * dt;  // (ωΔt)²
    const double Omega = std::acos(1.0 - 0.5 * squared);
    const Vector3 x0 = state.structure.positions.col(0), v0 = state.velocities.col(0);
    const int steps = 1000;
    Vector3 first;
    for (int step = 1; step <= steps; ++step) {
        kick(state, -k * state.structure.positions, 0.5 * dt);
        drift(state, dt);
        kick(state, -k * state.structure.positions, 0.5 * dt);
        if (step == 1) first = state.structure.positions;
    }
    EXPECT_LT((first - (1.0 - 0.5 * squared) * x0 - dt * v0).norm(), 1e-15);
    const Vector3 expected = std::cos(steps * Omega) * x0 + std::sin(steps * Omega) / std::sin(Omega) * dt * v0;
    EXPECT_LT((state.structure.positions - expected).norm(), 1e-11);
    // Without the correction of O(Δt²) to the frequency the phase would be visibly wrong by now.
    EXPECT_GT(std::abs(Omega - std::sqrt(squared)) * steps, 0.01);
}

}  // namespace
}  // namespace mlff::md
