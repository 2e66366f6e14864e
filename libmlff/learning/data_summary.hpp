#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libmlff/atoms/structure.hpp"

/// What a set of labelled structures holds, and what about it looks wrong: units, signs, duplicates, outliers. Nothing
/// here is refused; the user is told, before hours go into a fit.
namespace mlff {

enum class Severity {
    note,     ///< worth knowing, often as it should be
    warning,  ///< a fit to these data is likely to be wrong or worse than it could be
};

/// One finding, for one line of a terminal.
struct DataWarning {
    Severity severity = Severity::warning;
    std::string text;                 ///< what was found, and what it may come from
    std::vector<std::string> frames;  ///< origin of the first structures concerned, at most three
    long n_frames = 0;                ///< of all structures concerned; 0 if it is about the set as a whole
};
using DataWarnings = std::vector<DataWarning>;

/// Smallest and largest value seen.
struct Range {
    double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
    void add(double value);
    [[nodiscard]] bool empty() const { return low > high; }
};

/// Two structures of the same species sequence that differ little, in cell or in positions.
struct NearPair {
    std::size_t a = 0, b = 0;   ///< indices, a < b
    Matrix3 strain;             ///< G = H_b H_a⁻¹ − 1; zero without a cell
    double displacement = 0.0;  ///< length of the largest of Δr = ½ (H_a + H_b)(s_b − s_a), nearest images [Å]
    std::optional<double> work = {};  ///< of the forces, ½ Σ (F_a + F_b) · Δr [eV], where both have them
};

/// Near pairs: strain at most 0.03 (Frobenius), no atom displaced by more than 0.3 Å, copies left out. At most ten
/// partners per structure, those next to it in the file first. Cost O(n log n + 200 n) comparisons of four numbers and
/// a few of all positions per structure: pairs are looked up by projections of the fractional coordinates on random
/// directions, so that some pairs may be missed.
[[nodiscard]] std::vector<NearPair> near_pairs(const std::vector<LabeledStructure>& data);

/// Labels against energy differences of near pairs: label = slope · (what the energies say) + offset.
struct EnergyCheck {
    long n_pairs = 0;          ///< 0: the data hold no pairs, nothing could be checked
    double slope = 0.0;        ///< 1 if sound; fewer than three pairs prove nothing and are not judged
    double correlation = 0.0;  ///< of work and energy difference, after the offset
    double offset = 0.0;       ///< constant pressure in the stress labels, tension positive [their unit]; 0 for forces
    DataWarnings warnings;
};

/// Work of the stress between strained copies, to second order ½ (V_a σ_a : G + V_b σ_b : G F⁻¹) with F = H_b H_a⁻¹,
/// G = F − 1, less the work of the forces where atoms moved by up to 0.02 Å, against E_b − E_a. The slope tells sign
/// and unit, and stress from virial; a difference that goes as the change of volume is a constant pressure (Pulay
/// stress, a correction that energies lack). Without pairs only the magnitude is looked at: 1 eV/Å³ is 160 GPa.
[[nodiscard]] EnergyCheck check_stress(const std::vector<LabeledStructure>& data, const std::vector<NearPair>& pairs);

/// Work against the forces between structures of (almost) the same cell, −½ (F_a + F_b) · Δr, and E_b − E_a. The slope
/// (a median) tells sign and unit of the forces, and energies given per atom.
[[nodiscard]] EnergyCheck check_forces(const std::vector<LabeledStructure>& data, const std::vector<NearPair>& pairs);

/// Structures of equal species, cell and positions (to 1e-6 Å, lattice vectors apart); those whose labels disagree
/// (energy by 1e-6 eV/atom, force components by 1e-4 eV/Å) are named separately. Symmetry copies are not looked for.
[[nodiscard]] DataWarnings find_duplicates(const std::vector<LabeledStructure>& data);
/// The same between two sets: validation data that the fit has seen.
[[nodiscard]] DataWarnings find_shared(const std::vector<LabeledStructure>& train,
                                       const std::vector<LabeledStructure>& validation);

/// What the neighbours of the atoms of one structure say.
struct Surroundings {
    std::map<std::pair<int, int>, double> shortest;  ///< distance [Å] by species (lower first), within a few Å
    Eigen::VectorXd asymmetry;                       ///< |Σ_j (1 − r/R)² r̂_ij|, 0 where symmetry forbids a force
    std::string too_close;                           ///< what is wrong if atoms (almost) coincide, else ""
};
[[nodiscard]] std::vector<Surroundings> survey(const std::vector<LabeledStructure>& data);

/// Energies per atom far off the others of their composition: beyond a gap as wide as the rest, or by 2 eV and five
/// interquartile ranges; of compositions of fewer than five structures, off energies of the elements that fit all
/// compositions. Ranges above 20 eV/atom within one composition; energies that do not grow with the number of atoms.
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

struct DataSummary {
    struct Composition {
        std::string formula;
        long n_structures = 0;
        Range energy;  ///< [eV/atom]
    };
    struct Forces {
        long n_atoms = 0;
        double rms = 0.0;      ///< of the components [eV/Å]
        double largest = 0.0;  ///< length of the largest [eV/Å]
    };

    long n_structures = 0, n_atoms = 0;
    std::map<int, long> elements;           ///< number of atoms by atomic number
    std::vector<Composition> compositions;  ///< most frequent first
    std::map<std::string, long> groups;     ///< structures by LabeledStructure::group, where it is given
    Range atoms_per_structure;
    Range volume;                                    ///< [Å³/atom], of structures with a volume
    std::map<std::pair<int, int>, double> shortest;  ///< distance [Å] by species
    std::map<int, Forces> forces;                    ///< by atomic number
    Range normal_stress, shear_stress;               ///< components [eV/Å³]
    long n_energies = 0, n_forces = 0, n_stresses = 0;
    double largest_drift = 0.0;  ///< |Σ F|/N [eV/Å]
    EnergyCheck stress_check, force_check;
    DataWarnings warnings;  ///< of all checks, warnings before notes
};

/// All of the above. Reads only; the same data give the same summary. Some ten microseconds per atom.
[[nodiscard]] DataSummary summarise(const std::vector<LabeledStructure>& data);

/// A table of at most 25 lines, then one line for each warning.
[[nodiscard]] std::string format(const DataSummary& summary);
/// "warning: text: file:1, file:53, file:105 and 4 more"
[[nodiscard]] std::string format(const DataWarning& warning);

}  // namespace mlff
