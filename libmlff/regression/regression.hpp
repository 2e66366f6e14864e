#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "bayes/evidence.hpp"
#include "bayes/triangular_factor.hpp"
#include "libmlff/model/design_rows.hpp"
#include "libmlff/regression/label_statistics.hpp"

namespace mlff {

/// Precision of the prior of the weights, times s_w.
enum class Prior {
    identity,  ///< I (VASP's)
    kernel,    ///< K_BB: the sparse-GP (DTC) posterior, better conditioned
};

struct RegressionOptions {
    LabelWeights weights;
    Prior prior = Prior::kernel;
    bayes::EvidenceOptions evidence;
    std::map<int, double> atom_energies;   ///< e0 by atomic number [eV]; empty: from the training data
    Repulsion repulsion = Repulsion::zbl;  ///< zero on the training data: no label changes

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// The prior and the weights of VASP's machine-learned force fields.
[[nodiscard]] RegressionOptions vasp_regression();

/// Number of labels of each kind, each counted with the weight of its structure.
struct LabelCounts {
    double energy = 0.0, force = 0.0, stress = 0.0;
};

/// Root mean square differences between prediction and label, 0 for a kind without labels. Structures with weights
/// count so.
struct LabelErrors {
    double energy = 0.0;          ///< [eV/atom]
    double force = 0.0;           ///< [eV/Å], over components
    double stress = 0.0;          ///< [eV/Å³], over the six components
    double energy_typical = 0.0;  ///< [eV/atom], mean absolute, the worst tenth left out: a few odd ones do not lead it
};

/// Units of the labels and the baseline of the energies that a regression works in.
struct LabelUnits {
    LabelScales scales;  ///< rows of each kind are divided by these (deviation over weight)
    Eigen::VectorXd e0;  ///< composition baseline per channel [eV]
};

/// The design matrix of a set of structures in the only form that the fit needs: one triangular factor for each kind of
/// label, of unscaled rows (times the root of a structure's weight). Energy rows carry the composition n_s/N beside Φ,
/// so that scales and e0 may still change:
///
///   energy: [Φ | n_s/N | E/N]        forces: [Φ | F]        stress: [Φ | σ]
///
/// Rows come structure by structure and are not kept (but for `kept_energies` of energies, from which the typical error
/// is taken; they are drawn from all of them by a hash of structure and energy, so that neither their order nor the
/// ranks they come from matter): memory 8 N_B² bytes for forces, and for energies and stress, which are few, at most
/// that, whatever the number of structures.
class RegressionData {
 public:
    static constexpr std::size_t kept_energies = 512;

    RegressionData(Eigen::Index n_references, std::vector<int> species);

    /// @throws std::invalid_argument if rows and structure do not belong together, or an atom is of another species
    void add(const DesignRows& rows, const LabeledStructure& structure);

    /// As add, but without the forces, which come with set_forces.
    void add_without_forces(const DesignRows& rows, const LabeledStructure& structure);
    /// Force rows of all structures in the form of their factor, the labels in the last column; each row times the root
    /// of the weight of its structure.
    /// @param count  of the labels, each with the weight of its structure
    /// @throws std::invalid_argument if the columns are not those of the references and the labels
    void set_forces(bayes::TriangularFactor factor, double count);

    /// As if every structure of `other` had been added here. Cost 2 N_B³.
    void merge(const RegressionData& other);

    void write(Message& message) const;  ///< for another rank
    [[nodiscard]] static RegressionData read(Message& message);

    /// The same structures with some of the references only (ascending indices).
    [[nodiscard]] RegressionData restricted_to(const std::vector<Eigen::Index>& references) const;

    /// Differences between labels and what weights [eV] and composition baseline [eV] predict, for all structures
    /// added.
    [[nodiscard]] LabelErrors errors(const Eigen::VectorXd& weights, const Eigen::VectorXd& e0) const;

    /// All rows in one factor [Φ y]: each kind with a positive weight divided by its scale, energies about e0. Takes
    /// the room of the force rows: no second matrix of N_B².
    [[nodiscard]] bayes::TriangularFactor in_units(const LabelUnits& units, const LabelWeights& weights) &&;

    [[nodiscard]] Eigen::Index n_references() const { return n_references_; }
    [[nodiscard]] const std::vector<int>& species() const { return species_; }
    [[nodiscard]] const LabelStatistics& labels() const { return labels_; }
    [[nodiscard]] const LabelCounts& counts() const { return counts_; }
    /// Shortest in the structures, as in ForceField.
    [[nodiscard]] const Eigen::MatrixXd& distances() const { return distances_; }

    /// Factors of the rows by kind of label, the labels in the last column.
    [[nodiscard]] const bayes::TriangularFactor& energy() const { return energy_; }
    [[nodiscard]] const bayes::TriangularFactor& force() const { return force_; }
    [[nodiscard]] const bayes::TriangularFactor& stress() const { return stress_; }

 private:
    Eigen::Index n_references_;
    std::vector<int> species_;
    LabelStatistics labels_;
    LabelCounts counts_;
    Eigen::MatrixXd distances_;
    bayes::TriangularFactor energy_, force_, stress_;

    /// A row of an energy, times the weight of its structure.
    struct KeptEnergy {
        std::uint64_t key;  ///< hash of structure and energy
        Eigen::VectorXd row;
        bool operator<(const KeptEnergy& other) const { return key < other.key; }
    };
    /// Keeps it if its key is among the lowest.
    void keep(KeptEnergy energy);
    std::vector<KeptEnergy> energy_rows_;  ///< of the lowest keys; once full, a heap with the highest on top
};

/// What the regression determines.
struct Solution {
    bayes::Posterior posterior;  ///< of the weights [eV]
    Eigen::VectorXd e0;          ///< composition baseline per channel [eV]
    LabelScales scales;          ///< unit of each kind of label
    Repulsion repulsion;         ///< of the options
};

/// Prior precision of the weights over s_w, as the factors of its diagonal blocks; none for the identity.
[[nodiscard]] std::vector<bayes::CholeskyFactor> factor_prior(Prior prior,
                                                              const std::vector<LocalReferences>& references,
                                                              int kernel_power);

/// Units and baseline for some labels.
[[nodiscard]] LabelUnits units_of(const LabelStatistics& labels, const std::vector<int>& species,
                                  const RegressionOptions& options);

/// Bayesian linear regression of the weights: scales the three factors by deviation and weight, subtracts e0, stacks
/// them, and solves by orthogonal factorisation with (s_w, s_v) of maximum evidence.   Source: method.md section 3.
/// @throws InputError if the data hold no labels; NumericalError if a factorisation fails
[[nodiscard]] Solution solve(RegressionData data, const std::vector<bayes::CholeskyFactor>& prior,
                             const RegressionOptions& options);

/// As solve, with the precisions (s_w, s_v) of a solution to other data, in a fraction of the time: for fits that have
/// not seen a part.
[[nodiscard]] Solution solve_with_precisions(RegressionData data, const std::vector<bayes::CholeskyFactor>& prior,
                                             const RegressionOptions& options, const Solution& other);

/// The force field of a solution. Fills the counts and training errors of `provenance`.
/// @param labels  of the training data;  @param errors  on them
/// @param distances  shortest in the training data, as in ForceField
[[nodiscard]] ForceField make_force_field(const LabelStatistics& labels, const LabelErrors& errors,
                                          const std::vector<int>& species, Solution solution,
                                          std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                                          std::vector<LocalReferences> references, Provenance provenance,
                                          Eigen::MatrixXd distances);

/// Both in one.
[[nodiscard]] ForceField fit(const RegressionData& data, std::shared_ptr<const descriptors::Descriptor> descriptor,
                             int kernel_power, std::vector<LocalReferences> references,
                             const RegressionOptions& options, Provenance provenance);

}  // namespace mlff
