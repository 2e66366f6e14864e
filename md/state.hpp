#pragma once

#include <cstdint>

#include "libmlff/atoms/structure.hpp"
#include "libmlff/io/extxyz.hpp"
#include "md/random.hpp"

namespace mlff::md {

/// Atoms in motion. Positions are unwrapped: an atom that leaves the cell keeps going.
struct State {
    Structure structure;
    Matrix3X velocities;     ///< [Å/fs], 3 × n_atoms; no columns before they are set
    Eigen::VectorXd masses;  ///< [amu], n_atoms
    MoveMask move_mask;      ///< components that may change, 3 × n_atoms; no columns: all
    std::int64_t step = 0;
    double time = 0.0;  ///< step × timestep [fs]

    [[nodiscard]] Eigen::Index size() const { return structure.size(); }

    [[nodiscard]] bool moves(Eigen::Index axis, Eigen::Index atom) const {
        return move_mask.cols() == 0 || move_mask(axis, atom);
    }
    /// All atoms may move along this axis: only then the momentum along it is conserved.
    [[nodiscard]] bool all_move(Eigen::Index axis) const { return move_mask.cols() == 0 || move_mask.row(axis).all(); }

    /// @throws InputError if the structure is not valid or has no atoms, sizes disagree, a velocity is not finite, or a
    ///         mass is not positive
    void validate() const;
};

/// Sets what belongs to components that do not move to zero: of forces, or velocities, 3 × n_atoms.
void hold_fixed(const State& state, Matrix3X& vectors);

/// State at step 0 with the standard atomic weights; velocities as given, by default not known.
[[nodiscard]] State make_state(const Structure& structure, const Matrix3X& velocities = Matrix3X(3, 0));

/// K = ½ Σ m v² [eV].
[[nodiscard]] double kinetic_energy(const State& state);

/// T = 2K / (k_B × degrees of freedom) [K]; 0 without degrees of freedom. `kinetic` in eV.
[[nodiscard]] double temperature(double kinetic, Eigen::Index degrees_of_freedom);

/// Σ m v vᵀ [eV], trace 2K.
[[nodiscard]] Matrix3 twice_kinetic_tensor(const State& state);

/// P = 2K/(3V) − tr(σ)/3 [GPa], positive under compression. `kinetic` in eV, `stress` σ = (1/V) dE/dε in eV/Å³.
[[nodiscard]] double pressure(double kinetic, const Voigt& stress, double volume);

/// Its components, (Σ m v vᵀ)/V − σ [GPa]; the mean of the diagonal is the pressure.
[[nodiscard]] Voigt pressure_tensor(const State& state, const Voigt& stress);

/// Velocity of the centre of mass, Σ m v / Σ m [Å/fs].
[[nodiscard]] Vector3 drift_velocity(const State& state);

/// Brings the centre of mass to rest, along the axes that no atom is held along.
void remove_drift(State& state);

/// Components that may move; without `with_drift` less one for each axis that no atom is held along: N free atoms have
/// 3N − 3, with some atoms held all of theirs.
[[nodiscard]] Eigen::Index degrees_of_freedom(const State& state, bool with_drift);

/// Draws velocities from the Maxwell distribution, zero for components that do not move. `with_drift` leaves the
/// velocity of the centre of mass; else it is at rest. They are then scaled so that the temperature is exactly the one
/// asked for: the canonical distribution would scatter around it, but a run is expected to start where it was told to
/// (as VASP does at TEBEG).
void draw_velocities(State& state, double temperature, bool with_drift, Random& random);

}  // namespace mlff::md
