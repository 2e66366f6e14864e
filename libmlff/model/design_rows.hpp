#pragma once

#include <span>
#include <vector>

#include "descriptors/descriptor.hpp"
#include "libmlff/model/environments.hpp"
#include "libmlff/model/force_field.hpp"

namespace mlff {

/// Rows of the design matrix Φ of one structure, in their physical units and transposed: one row of Φ is one column
/// here, with a component for each local reference (channel after channel), N_B in all.
///
///   energy = (1/N) Σ_i K(x̂_i, x̂_b)        forces = −∂/∂r Σ_i K(x̂_i, x̂_b)        stress = (1/V) ∂/∂ε Σ_i K(x̂_i, x̂_b)
struct DesignRows {
    Eigen::MatrixXd energy;  ///< N_B × 1, per atom [1]
    Eigen::MatrixXd forces;  ///< N_B × 3 n_atoms [1/Å]
    Eigen::MatrixXd stress;  ///< N_B × 6 [1/Å³]; no columns if the structure has no volume
    /// shortest distance of each pair of species [Å], as ForceField::shortest_distances: the same neighbours tell it
    Eigen::MatrixXd distances;
};

/// Design rows of a structure whose local environments are `environments`. Per atom: the raw Jacobian of its
/// descriptor, one matrix product with the references, and the normalisation as a correction of rank one.
/// Cost ~ 2 N_B D_3 · 3 n_3 per atom (D_3, n_3: three-body components and neighbours). Same thread count, same bits.
[[nodiscard]] DesignRows design_rows(const descriptors::Descriptor& descriptor, int kernel_power,
                                     const std::vector<LocalReferences>& references, const Environments& environments,
                                     const Structure& structure);
/// The same with descriptors that were computed before (LocalOutput, describe).
/// @param described  of the atoms that `environments` has, n_atoms
[[nodiscard]] DesignRows design_rows(const descriptors::Descriptor& descriptor, int kernel_power,
                                     const std::vector<LocalReferences>& references, const Environments& environments,
                                     const Structure& structure,
                                     std::span<const descriptors::Descriptor::Described> described);

}  // namespace mlff
