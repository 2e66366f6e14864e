#pragma once

#include <cstdint>

#include "libmlff/atoms/structure.hpp"
#include "md/random.hpp"

namespace mlff::md {

/// Atoms in motion. Positions are unwrapped: an atom that leaves the cell keeps going.
struct State {
    Structure structure;
    Matrix3X velocities;     ///< [Å/fs], 3 × n_atoms; no columns before they are set
    Eigen::VectorXd masses;  ///< [amu], n_atoms
    std::int64_t step = 0;
    double time = 0.0;  ///< step × timestep [fs]

    [[nodiscard]] Eigen::Index size() const { return structure.size(); }

    /// @throws InputError if the structure is not valid or has no atoms, sizes disagree, a velocity is not finite, or a
    ///         mass is not positive
    void validate() const;
};

/// State at step 0 with the standard atomic weights; velocities as given, by default none.
[[nodiscard]] State make_state(const Structure& structure, const Matrix3X& velocities = Matrix3X(3, 0));

/// K = ½ Σ m v² [eV].
[[nodiscard]] double kinetic_energy(const State& state);

/// T = 2K / (k_B × degrees of freedom) [K]; 0 without degrees of freedom. `kinetic` in eV.
[[nodiscard]] double temperature(double kinetic, Eigen::Index degrees_of_freedom);

/// P = 2K/(3V) − tr(σ)/3 [GPa], positive under compression. `kinetic` in eV, `stress` σ = (1/V) dE/dε in eV/Å³.
[[nodiscard]] double pressure(double kinetic, const Voigt& stress, double volume);

/// Velocity of the centre of mass, Σ m v / Σ m [Å/fs].
[[nodiscard]] Vector3 drift_velocity(const State& state);

/// Brings the centre of mass to rest.
void remove_drift(State& state);

/// Draws velocities from the Maxwell distribution. With 3N − 3 `degrees_of_freedom` the centre of mass is at rest; with
/// 3N nothing is removed. They are then scaled to exactly the given temperature: the canonical distribution would
/// scatter around it, but users expect a run to start at its temperature (as VASP does at TEBEG).
/// @throws std::invalid_argument if degrees_of_freedom is neither 3N − 3 nor 3N
void draw_velocities(State& state, double temperature, Eigen::Index degrees_of_freedom, Random& random);

}  // namespace mlff::md
