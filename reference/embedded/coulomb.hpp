#pragma once

#include <vector>

#include "reference/embedded/pair.hpp"

namespace mlff::reference {

/// Damped, shifted-force Coulomb energy of point charges, pairwise instead of an Ewald sum (k_e = units::coulomb):
///     V_ij = k_e q_i q_j [erfc(α r)/r − e_c + f_c (r − r_c)],   E = Σ_{pairs} V_ij + Σ_i E_i,
///     e_c = erfc(α r_c)/r_c,   f_c = erfc(α r_c)/r_c² + (2α/√π) exp(−α² r_c²)/r_c,
///     E_i = −k_e q_i² [(e_c + f_c r_c)/2 + α/√π]   (self energy; a constant, no force).
/// Value and slope vanish at r_c.   Source: Fennell and Gezelter, J. Chem. Phys. 124, 234104 (2006).
class DampedShiftedCoulomb final : public Term {
 public:
    /// @param charges of each kind [e],  @param damping α [1/Å] ≥ 0,  @param cutoff r_c [Å] > 0
    /// @throws std::invalid_argument if a number is out of its range
    DampedShiftedCoulomb(std::vector<double> charges, double damping, double cutoff);

    /// V_ab(r), r < r_c (unchecked).
    [[nodiscard]] PairValue pair(int a, int b, double r) const;
    /// E_i of kind a [eV].
    [[nodiscard]] double self_energy(int a) const;

    [[nodiscard]] std::string_view name() const override { return "coulomb"; }
    [[nodiscard]] double range() const override { return cutoff_; }
    void add(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors, Sums& sums) const override;

 private:
    [[nodiscard]] PairValue unit_charges(double r) const;  ///< without k_e q_i q_j

    std::vector<double> charges_;
    double damping_, cutoff_;
    double energy_at_cutoff_ = 0.0, force_at_cutoff_ = 0.0;  ///< e_c [1/Å], f_c [1/Å²]
};

}  // namespace mlff::reference
