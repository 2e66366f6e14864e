#pragma once

#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "libmlff/data/energy_checks.hpp"

/// Content of a set of labelled structures, and its suspected errors.
namespace mlff {

/// Smallest and largest value.
struct Range {
    double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
    void add(double value);
    [[nodiscard]] bool empty() const { return low > high; }
};

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
    std::map<std::pair<int, int>, double> shortest;  ///< distance [Å] by species (lower first)
    std::map<int, Forces> forces;                    ///< by atomic number
    Range normal_stress, shear_stress;               ///< components [eV/Å³]
    long n_energies = 0, n_forces = 0, n_stresses = 0;
    double largest_drift = 0.0;  ///< |Σ F|/N [eV/Å]
    EnergyCheck stress_check, force_check;
    DataWarnings warnings;  ///< of all checks, warnings before notes
};

/// With all checks (near_pairs, energy_checks, data_checks). Reads only; the same data give the same summary. Some ten
/// microseconds per atom.
[[nodiscard]] DataSummary summarise(const std::vector<LabeledStructure>& data);

/// A table of at most 25 lines, then one line for each warning.
[[nodiscard]] std::string format(const DataSummary& summary);

}  // namespace mlff
