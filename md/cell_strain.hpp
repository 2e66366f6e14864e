#pragma once

#include <array>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff::md {

/// How the cell may change.
enum class CellMotion {
    isotropic,     ///< all free lattice vectors by the same factor
    orthorhombic,  ///< each free lattice vector by its own factor; they must be perpendicular to each other
    triclinic,     ///< lengths and angles
};

/// What of a cell may change, and the work of an external pressure in it.
///
/// Changes are symmetric strains Σ x_k E_k, without rotation. The E_k are orthonormal (E_k : E_l = δ_kl) and span what
/// may change; a fixed lattice vector a has E_k a = 0.
///
/// For an external pressure tensor S with P = tr S/3 and the initial cell H₀
///     w(H) = P V + V₀ tr[(S − P) ε],   F = H H₀⁻¹,   ε = (Fᵀ F − 1)/2,   Π = dw/dε = P V + V₀ F (S − P) Fᵀ
/// (Parrinello & Rahman, J. Appl. Phys. 52, 7182 (1981)): w is a function of the cell, so that there is an ensemble and
/// a minimum, and S is the true pressure while the strain is small. A pressure alone is exact at any strain.
class CellStrain {
 public:
    /// @param fixed  lattice vectors that stay; those that are not periodic always do
    /// @throws InputError if the cell has no volume, nothing of it may change, or orthorhombic does not fit it
    CellStrain(const Structure& initial, const std::array<bool, 3>& fixed, CellMotion motion);

    [[nodiscard]] const std::vector<Matrix3>& basis() const { return basis_; }  ///< E_k
    [[nodiscard]] const Matrix3& initial_cell() const { return initial_cell_; }
    /// H ← F H, with fixed lattice vectors the same to the bit.
    void apply(const Matrix3& deformation, Matrix3& cell) const;
    /// `pressure` [GPa], positive under compression
    [[nodiscard]] double work(const Matrix3& cell, const Voigt& pressure) const;            ///< w [eV]
    [[nodiscard]] Matrix3 work_gradient(const Matrix3& cell, const Voigt& pressure) const;  ///< Π [eV]

 private:
    std::vector<Matrix3> basis_;
    std::array<bool, 3> fixed_;
    Matrix3 initial_cell_;
};

}  // namespace mlff::md
