#pragma once

#include <optional>
#include <vector>

#include "libmlff/data/data_warning.hpp"

/// Structures of a data set that are equal or nearly equal.
namespace mlff {

/// Two structures of the same species sequence that differ little, in cell or in positions.
struct NearPair {
    std::size_t a = 0, b = 0;   ///< indices, a < b
    Matrix3 strain;             ///< G = H_b H_a⁻¹ − 1; zero without a cell
    double displacement = 0.0;  ///< length of the largest of Δr = ½ (H_a + H_b)(s_b − s_a), nearest images [Å]
    std::optional<double> work = {};  ///< of the forces, ½ Σ (F_a + F_b) · Δr [eV], where both have them
};

/// Near pairs: strain at most 0.03 (Frobenius), no atom displaced by more than 0.3 Å, copies left out. At most ten
/// partners per structure, neighbours in the file first. Cost O(n log n + 200 n) comparisons of four numbers and a few
/// of all positions per structure: pairs are found by projections of the fractional coordinates on random directions,
/// so some may be missed.
[[nodiscard]] std::vector<NearPair> near_pairs(const std::vector<LabeledStructure>& data);

/// Structures of equal species, cell and positions (to 1e-6 Å, modulo lattice vectors); structures whose labels
/// disagree (energy by 1e-6 eV/atom, force components by 1e-4 eV/Å) are listed separately. Symmetry copies are not
/// searched.
[[nodiscard]] DataWarnings find_duplicates(const std::vector<LabeledStructure>& data);
/// The same between two sets: validation data that are also training data.
[[nodiscard]] DataWarnings find_shared(const std::vector<LabeledStructure>& train,
                                       const std::vector<LabeledStructure>& validation);

}  // namespace mlff
