#pragma once

#include "md/state.hpp"

namespace mlff::md {

/// The two exact flows that velocity Verlet is made of (Swope et al., J. Chem. Phys. 76, 637 (1982)). They know no
/// thermostat; how the step is put together from them and a thermostat stands in driver.hpp.

/// v += (F/m) duration. `forces` in eV/Å, 3 × n_atoms; `duration` in fs; positions stay.
void kick(State& state, const Matrix3X& forces, double duration);

/// r += v duration. Velocities stay.
void drift(State& state, double duration);

}  // namespace mlff::md
