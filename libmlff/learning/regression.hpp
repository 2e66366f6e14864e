#pragma once

#include <map>
#include <memory>
#include <vector>

#include "bayes/evidence.hpp"
#include "bayes/triangular_factor.hpp"
#include "libmlff/learning/design_matrix.hpp"
#include "libmlff/learning/label_statistics.hpp"

namespace mlff {

/// Precision of the prior of the weights, times s_w.
enum class Prior {
    identity,  ///< I (VASP's)
    kernel,    ///< K_BB: the sparse-GP (DTC) posterior, better conditioned
};

struct RegressionOptions {
    LabelWeights weights;
    Prior prior = Prior::identity;
    bayes::EvidenceOptions evidence;
    std::map<int, double> atom_energies;  ///< e0 by atomic number [eV]; empty: from the training data

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// The design matrix of a training set in the only form that the fit needs: one triangular factor for each kind of
/// label, of unscaled rows. Energy rows carry the composition n_s/N beside Φ, so that scales and e0 may still change:
///
///   energy: [Φ | n_s/N | E/N]        forces: [Φ | F]        stress: [Φ | σ]
///
/// Rows come structure by structure and are not kept: memory 3 · 8 N_B² bytes whatever the number of structures.
class RegressionData {
 public:
    RegressionData(Eigen::Index n_references, std::vector<int> species);

    /// @throws std::invalid_argument if rows and structure do not belong together
    void add(const DesignRows& rows, const LabeledStructure& structure);

    [[nodiscard]] Eigen::Index n_references() const { return n_references_; }
    [[nodiscard]] const std::vector<int>& species() const { return species_; }
    [[nodiscard]] const LabelStatistics& labels() const { return labels_; }

 private:
    friend ForceField fit(RegressionData data, std::shared_ptr<const descriptors::Descriptor> descriptor,
                          int kernel_power, std::vector<LocalReferences> references, const RegressionOptions& options,
                          Provenance provenance);
    Eigen::Index n_references_;
    std::vector<int> species_;
    LabelStatistics labels_;
    bayes::TriangularFactor energy_, force_, stress_;
};

/// Bayesian linear regression of the weights: scales the three factors by deviation and weight, subtracts e0, stacks
/// them, and solves by orthogonal factorisation with (s_w, s_v) of maximum evidence. Fills the counts and training
/// errors of `provenance`.   Source: method.md section 3.
/// @throws InputError if the data hold no labels; NumericalError if a factorisation fails
[[nodiscard]] ForceField fit(RegressionData data, std::shared_ptr<const descriptors::Descriptor> descriptor,
                             int kernel_power, std::vector<LocalReferences> references,
                             const RegressionOptions& options, Provenance provenance);

}  // namespace mlff
