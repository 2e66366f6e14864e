#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "libmlff/data/data_warning.hpp"

/// Checks of labelled structures, alone and against each other: units, outliers, distances, gaps.
namespace mlff {

/// Such as "Ag-I".
[[nodiscard]] std::string pair_name(const std::pair<int, int>& species);

/// Neighbour distances and symmetry of one structure.
struct Surroundings {
    std::map<std::pair<int, int>, double> shortest;  ///< distance [Å] by species (lower first), within a few Å
    Eigen::VectorXd asymmetry;                       ///< |Σ_j (1 − r/R)² r̂_ij|, 0 where symmetry forbids a force
    std::string too_close;                           ///< message if atoms (almost) coincide, else ""
};
[[nodiscard]] std::vector<Surroundings> survey(const std::vector<LabeledStructure>& data);

/// Energies per atom that deviate from the others of their composition: beyond a gap as wide as the range of the
/// others, or by 2 eV and five interquartile ranges. With fewer than five structures: deviation from energies of the
/// elements that fit all compositions. Also ranges above 20 eV/atom within one composition; energies that do not grow
/// with the number of atoms.
[[nodiscard]] DataWarnings check_energies(const std::vector<LabeledStructure>& data);

/// Forces and stresses beyond 20 times the rms of the lower nine tenths (and 10 eV/Å, 50 GPa).
[[nodiscard]] DataWarnings check_outliers(const std::vector<LabeledStructure>& data);

/// Distances below 0.6 of the median over the structures of the shortest distance of that pair of species.
[[nodiscard]] DataWarnings check_distances(const std::vector<LabeledStructure>& data,
                                           const std::vector<Surroundings>& surroundings);

/// Forces that are exactly zero: a note where symmetry demands it, a warning where it does not.
[[nodiscard]] DataWarnings check_zero_forces(const std::vector<LabeledStructure>& data,
                                             const std::vector<Surroundings>& surroundings);

/// Mean force |Σ F|/N above 0.05 eV/Å. First-principles forces of a finite basis need not sum to zero.
[[nodiscard]] DataWarnings check_drift(const std::vector<LabeledStructure>& data);

/// Labels that some structures have and others do not.
[[nodiscard]] DataWarnings check_missing_labels(const std::vector<LabeledStructure>& data);

}  // namespace mlff
