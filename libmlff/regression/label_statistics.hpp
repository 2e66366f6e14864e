#pragma once

#include <map>
#include <stdexcept>
#include <vector>

#include "libmlff/atoms/message.hpp"
#include "libmlff/model/force_field.hpp"

namespace mlff {

struct LabelWeights {
    double energy = 10.0;  ///< ML_WTOTEN, ≥ 0; 0 leaves the kind out. One energy stands beside 3 N forces
    double force = 1.0;    ///< ML_WTIFOR
    double stress = 1.0;   ///< ML_WTSIF
    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// Spread of the labels over a training set, gathered structure by structure: for each kind and each group of equal
/// composition the deviation (energy per atom and stress about their mean, forces about zero), averaged over the
/// groups (ML_IWEIGHT 3), with a floor for labels that hardly vary.   Source: method.md section 3.
class LabelStatistics {
 public:
    /// Structures without a kind of label do not count for that kind.
    void add(const LabeledStructure& structure);

    /// As if every structure of `other` had been added here.
    void merge(const LabelStatistics& other);

    void write(Message& message) const;  ///< for another rank
    [[nodiscard]] static LabelStatistics read(Message& message);

    /// Deviations [eV/atom], [eV/Å], [eV/Å³]: at least 1e-3, 1e-3, 1e-5.
    [[nodiscard]] LabelScales deviations() const;

    /// Composition baseline per channel [eV]: least squares of E on n_s about the mean energy per atom, so that one
    /// composition gives that mean for each species.
    [[nodiscard]] Eigen::VectorXd composition_energies(const std::vector<int>& species) const;

    [[nodiscard]] long n_energies() const;
    [[nodiscard]] long n_structures() const { return n_structures_; }
    [[nodiscard]] long n_atoms() const { return n_atoms_; }

 private:
    struct Group {
        double n_energy = 0.0, energy = 0.0, energy_squared = 0.0;  // about the first energy: no cancellation
        double energy_origin = 0.0;
        double n_force = 0.0, force_squared = 0.0;
        double n_stress = 0.0;
        Voigt stress = Voigt::Zero(), stress_squared = Voigt::Zero(), stress_origin = Voigt::Zero();
    };
    std::map<std::map<int, long>, Group> groups_;  ///< by number of atoms of each element
    long n_structures_ = 0, n_atoms_ = 0;
};

}  // namespace mlff
