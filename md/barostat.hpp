#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "md/cell_strain.hpp"
#include "md/state.hpp"
#include "md/thermostat.hpp"

namespace mlff::md {

enum class BarostatType { none, cell_rescaling, mtk, langevin };

struct BarostatOptions {
    BarostatType type = BarostatType::none;
    CellMotion cell = CellMotion::isotropic;

    /// Time scale of the volume of a material of the given compressibility β [fs]. mtk, langevin: period of its
    /// oscillation, by the mass of the cell W = 3 (V₀/β) (period/2π)²; cell_rescaling: relaxation time.
    double period = 1000.0;

    /// External pressure tensor at step 0 and at the last step [GPa], linear in between, positive under compression.
    /// Its deviatoric part is a tension of the initial cell (Barostat).
    Voigt pressure_start = Voigt::Zero(), pressure_end = Voigt::Zero();

    std::array<bool, 3> fixed = {false, false, false};  ///< lattice vectors that stay; those not periodic always do
    double compressibility = 0.05;                      ///< β [1/GPa]; only the speed depends on it, no average
    std::optional<double> mass;  ///< mtk, langevin: W = mass V₀^(2/3) instead [amu] (VASP: PMASS)
    double friction = 10.0;      ///< langevin: of the cell [1/ps] (VASP: LANGEVIN_GAMMA_L)
    int chain_length = 3;        ///< mtk: links of the cell's own Nosé-Hoover chain

    /// @throws InputError naming field, value and bound
    void validate(double timestep) const;

    /// [GPa], beyond the last step that of the end
    [[nodiscard]] Voigt target_pressure(std::int64_t step, std::int64_t steps) const;
};

/// A cell that moves. Its velocity is a symmetric strain rate G = Σ x_k E_k [1/fs]: Ḣ = G H, which has no rotation
/// (E_k: CellStrain). Atoms follow the cell, those that are held too: they keep their place in it.
///
///     ṙ = v + G r,   v̇ = F/m − G v − κ tr(G) v          v: velocity relative to the cell
///
/// The driving force of x_k is f_k = E_k : (Σ m v vᵀ − V σ − Π), with Π and the work of the outside w(H) of CellStrain.
///
/// mtk:  W ẋ_k = f_k + (2K/N_f) tr E_k, κ = 1/N_f; x_k couple to a Nosé-Hoover chain (Martyna, Tobias & Klein, J. Chem.
///       Phys. 101, 4177 (1994)). Deterministic and reversible.
/// langevin:  the same, with friction and noise for x_k (Quigley & Probert, J. Chem. Phys. 120, 11432 (2004)).
/// cell_rescaling:  no inertia, κ = 0: in a step Δt, x_k Δt = (c/k_B T) f_k Δt + sqrt(2 c Δt) R with c = k_B T β/(3 V
/// τ)
///       and R normal. Bernetti & Bussi, J. Chem. Phys. 153, 114107 (2020) and, for each component of the cell, Del
///       Tatto et al., Appl. Sci. 12, 1139 (2022). c falls as 1/V; its derivative cancels the term k_B T tr E_k that
///       these papers have in the equation of the volume.
///
/// All sample V exp(−(U + K + w)/k_B T) over x, positions and velocities: N_f degrees of freedom without forces have
/// p(V) ∝ V^(N_f/3) exp(−P V/k_B T), with the centre of mass at rest V^(N−1).
///
/// Bath energy: mtk and langevin ½ W Σ x_k² + w + what went to chain, friction and noise; cell_rescaling the work that
/// the atoms did on the cell, Σ x_k Δt (f_k + E_k : Π), mean of the values at both ends of the step.
/// Variables in the Bath, after those of the thermostat: x_k, then the chain.
class Barostat {
 public:
    /// @param degrees_of_freedom  of the atoms
    /// @param first               place of the variables in the Bath
    /// @throws InputError if the cell has no volume, nothing of it may change, or orthorhombic does not fit it
    Barostat(const BarostatOptions& options, const State& initial, Eigen::Index degrees_of_freedom, std::size_t first);

    [[nodiscard]] std::size_t n_variables() const;

    /// First half of the force on the cell. `stress` belongs to the positions; `pressure` [GPa].
    void begin(const State& state, Bath& bath, const Voigt& stress, const Voigt& pressure, double temperature,
               double timestep) const;
    /// Velocities under forces and the moving cell.
    void kick(State& state, const Bath& bath, const Matrix3X& forces, double duration) const;
    /// Positions and cell.
    void drift(State& state, const Bath& bath, double duration) const;
    /// Heat exchange of the cell.
    void heat(Bath& bath, double temperature, double duration) const;
    /// Second half of the force on the cell, with the same pressure as the first.
    void end(const State& state, Bath& bath, const Voigt& stress, const Voigt& pressure, double timestep) const;

 private:
    [[nodiscard]] Matrix3 rate(const Bath& bath) const;
    [[nodiscard]] double twice_kinetic(const Bath& bath) const;  ///< of the cell [eV]
    [[nodiscard]] double energy(const State& state, const Bath& bath, const Voigt& pressure) const;
    void push(const State& state, Bath& bath, const Voigt& stress, const Voigt& pressure, double duration) const;

    BarostatOptions options_;
    CellStrain cell_;
    double degrees_of_freedom_;
    double mass_;  ///< W [eV fs²]
    std::size_t first_;
    std::unique_ptr<const NoseHooverChain> chain_;  ///< mtk only
};

}  // namespace mlff::md
