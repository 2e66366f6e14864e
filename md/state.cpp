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

Vector3 drift_velocity(const State& state) { return state.velocities * state.masses / state.masses.sum(); }

void remove_drift(State& state) {
    const Vector3 drift = drift_velocity(state);
    state.velocities.colwise() -= drift;
}

void draw_velocities(State& state, double temperature, Eigen::Index degrees_of_freedom, Random& random) {
    const Eigen::Index n_atoms = state.size();
    if (degrees_of_freedom != 3 * n_atoms && degrees_of_freedom != 3 * n_atoms - 3)
        throw std::invalid_argument("draw_velocities: degrees_of_freedom must be 3N - 3 or 3N");
    state.velocities.setZero(3, n_atoms);
    if (temperature <= 0.0 || degrees_of_freedom == 0) return;
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        const double width = std::sqrt(units::boltzmann * temperature * units::acceleration / state.masses[i]);
        for (int axis = 0; axis < 3; ++axis) state.velocities(axis, i) = width * random.normal();
    }
    if (degrees_of_freedom < 3 * n_atoms) remove_drift(state);
    const double drawn = md::temperature(kinetic_energy(state), degrees_of_freedom);
    state.velocities *= std::sqrt(temperature / drawn);
}

}  // namespace mlff::md
