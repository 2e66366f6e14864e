#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "libmlff/model/calculator.hpp"
#include "md/cell_strain.hpp"
#include "md/state.hpp"

namespace mlff::md {

struct RelaxationOptions {
    std::optional<CellMotion> cell = {};                ///< none: the cell stays
    Voigt pressure = Voigt::Zero();                     ///< external [GPa], positive under compression (CellStrain)
    std::array<bool, 3> fixed = {false, false, false};  ///< lattice vectors that stay
    double force = 0.01;                                ///< [eV/Å] converged when no atom that may move feels more
    double stress = 0.01;      ///< [GPa] … and no free component of the stress is farther off
    std::int64_t steps = 500;  ///< at most
    double max_step = 0.2;     ///< [Å] that an atom, or a lattice vector, moves in a step

    /// @throws InputError naming field, value and bound
    void validate() const;
};

struct RelaxationReport {
    std::int64_t step;
    double enthalpy;        ///< energy + work of the outside since the start [eV]
    double largest_force;   ///< [eV/Å]
    double largest_stress;  ///< difference from the external pressure [GPa]; 0 for a cell that stays
    bool converged;
    const Evaluation& evaluation;
    const Structure& structure;
};

/// Minimum of the energy, or of the enthalpy U + w(H), near a structure: limited-memory BFGS (Nocedal, Math. Comput.
/// 35, 773 (1980)) in the coordinates
///
///     r = F ρ,  H = F H₀,  F = 1 + Σ y_k E_k / s,   s = sqrt(V₀/100 Å³) Å  (so that both kinds are alike stiff)
///
/// with steps cut to max_step. A step after which the enthalpy is higher is taken back and tried at a quarter of its
/// length, without memory. Components that are held (move mask) keep ρ: such atoms follow the cell. Deterministic.
/// @param observer  called for the start and after each accepted step; returns false to stop
/// @returns whether it converged
/// @throws InputError if the cell is to move and cannot, or the calculator gives no stress; std::runtime_error if no
/// step
///         lowers the enthalpy (forces and energies that do not belong together)
bool relax(Calculator& calculator, State& state, const RelaxationOptions& options,
           const std::function<bool(const RelaxationReport&)>& observer);

}  // namespace mlff::md
