#include "md/state.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::md {

void State::validate() const {
    structure.validate();
    if (size() == 0) throw InputError("the structure has no atoms; molecular dynamics needs at least one");
    if (masses.size() != size()) throw InputError(fmt::format("{} masses for {} atoms", masses.size(), size()));
    if (velocities.cols() != 0 && velocities.cols() != size())
        throw InputError(fmt::format("{} velocities for {} atoms", velocities.cols(), size()));
    if (move_mask.cols() != 0 && move_mask.cols() != size())
        throw InputError(fmt::format("{} flags of the move mask for {} atoms", move_mask.cols(), size()));
    for (Eigen::Index i = 0; i < size(); ++i)
        if (!(masses[i] > 0.0 && std::isfinite(masses[i])))
            throw InputError(fmt::format("mass of atom {} is {} amu; it must be positive", i + 1, masses[i]));
    for (Eigen::Index i = 0; i < velocities.cols(); ++i)
        if (!velocities.col(i).allFinite())
            throw InputError(fmt::format("velocity of atom {} is not a finite number", i + 1));
}

State make_state(const Structure& structure, const Matrix3X& velocities) {
    State state;
    state.structure = structure;
    state.velocities = velocities;
    state.masses.resize(static_cast<Eigen::Index>(structure.species.size()));
    for (Eigen::Index i = 0; i < state.masses.size(); ++i)
        state.masses[i] = atomic_mass(structure.species[static_cast<std::size_t>(i)]);
    return state;
}

double kinetic_energy(const State& state) {
    double twice = 0.0;
    for (Eigen::Index i = 0; i < state.size(); ++i) twice += state.masses[i] * state.velocities.col(i).squaredNorm();
    return 0.5 * twice / units::acceleration;
}

double temperature(double kinetic, Eigen::Index degrees_of_freedom) {
    if (degrees_of_freedom == 0) return 0.0;
    return 2.0 * kinetic / (units::boltzmann * static_cast<double>(degrees_of_freedom));
}

double pressure(double kinetic, const Voigt& stress, double volume) {
    return (2.0 * kinetic / (3.0 * volume) - stress.head<3>().sum() / 3.0) * units::ev_per_cubic_angstrom_in_gpa;
}

Matrix3 twice_kinetic_tensor(const State& state) {
    return state.velocities * state.masses.asDiagonal() * state.velocities.transpose() / units::acceleration;
}

Voigt pressure_tensor(const State& state, const Voigt& stress) {
    return (to_voigt(twice_kinetic_tensor(state)) / state.structure.volume() - stress) *
           units::ev_per_cubic_angstrom_in_gpa;
}

Vector3 drift_velocity(const State& state) { return state.velocities * state.masses / state.masses.sum(); }

void hold_fixed(const State& state, Matrix3X& vectors) {
    if (state.move_mask.cols() > 0) vectors = state.move_mask.select(vectors, 0.0);
}

void remove_drift(State& state) {
    const Vector3 drift = drift_velocity(state);
    for (Eigen::Index axis = 0; axis < 3; ++axis)
        if (state.all_move(axis)) state.velocities.row(axis).array() -= drift[axis];
}

Eigen::Index degrees_of_freedom(const State& state, bool with_drift) {
    Eigen::Index n = state.move_mask.cols() == 0 ? 3 * state.size() : state.move_mask.count();
    for (Eigen::Index axis = 0; axis < 3; ++axis)
        if (!with_drift && state.all_move(axis)) --n;
    return n;
}

void draw_velocities(State& state, double temperature, bool with_drift, Random& random) {
    const Eigen::Index n_atoms = state.size(), freedom = degrees_of_freedom(state, with_drift);
    state.velocities.setZero(3, n_atoms);
    if (temperature <= 0.0 || freedom == 0) return;
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        const double width = std::sqrt(units::boltzmann * temperature * units::acceleration / state.masses[i]);
        for (int axis = 0; axis < 3; ++axis) state.velocities(axis, i) = width * random.normal();
    }
    hold_fixed(state, state.velocities);
    if (!with_drift) remove_drift(state);
    const double drawn = md::temperature(kinetic_energy(state), freedom);
    state.velocities *= std::sqrt(temperature / drawn);
}

}  // namespace mlff::md
