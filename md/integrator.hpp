#pragma once

#include "md/state.hpp"

namespace mlff::md {

/// The two exact flows that make up velocity Verlet (Swope et al., J. Chem. Phys. 76, 637 (1982)), without a
/// thermostat; driver.hpp describes the step.

/// v += (F/m) duration. `forces` in eV/Å, 3 × n_atoms; `duration` in fs; positions do not change.
void kick(State& state, const Matrix3X& forces, double duration);

/// r += v duration. Velocities do not change.
void drift(State& state, double duration);

}  // namespace mlff::md
