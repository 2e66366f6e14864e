#include "md/integrator.hpp"

#include "libmlff/atoms/units.hpp"

namespace mlff::md {

void kick(State& state, const Matrix3X& forces, double duration) {
    for (Eigen::Index i = 0; i < state.size(); ++i)
        state.velocities.col(i) += (duration * units::acceleration / state.masses[i]) * forces.col(i);
}

void drift(State& state, double duration) { state.structure.positions += duration * state.velocities; }

}  // namespace mlff::md
