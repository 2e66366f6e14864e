#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bayes/posterior.hpp"
#include "descriptors/descriptor.hpp"
#include "libmlff/model/production_form.hpp"
#include "libmlff/model/repulsion.hpp"

namespace mlff {

/// How the kernel compares surroundings.
enum class Metric {
    plain,  ///< K = (x̂ · x̂')^ζ
    learned  ///< K = (x̂ᵀ M x̂')^ζ, M for each species of centre from the gradients of a first fit (bayes/metric.hpp)
};
[[nodiscard]] constexpr const char* name_of(Metric metric) { return metric == Metric::plain ? "plain" : "learned"; }

struct ForceFieldOptions {
    descriptors::DescriptorOptions descriptor;
    int kernel_power = 2;  ///< ζ (ML_NHYP), 1 to 16
    /// share of the three-body components that a fit keeps (ML_RDES_SPARSDES), (0, 1]; `resolve_components` makes
    /// descriptor.components of it
    double keep = 1.0;
    Metric metric = Metric::plain;  ///< of a fit, which has the data to learn it from

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// The settings of VASP's machine-learned force fields.
[[nodiscard]] ForceFieldOptions vasp_force_field();

/// Local reference configurations of one species, B(s).
struct LocalReferences {
    Eigen::MatrixXd features;     ///< x̂_b, one per column, D × N_B(s)
    std::vector<int> structure;   ///< training structure each comes from, counted from 0
    std::vector<int> atom;        ///< atom of that structure, counted from 0
    Eigen::MatrixXd metric = {};  ///< W, D × r: K = (x̂ᵀ W Wᵀ x̂')^ζ; 0 × 0: the identity
    Eigen::MatrixXd images = {};  ///< with a metric: W Wᵀ x̂_b

    [[nodiscard]] Eigen::Index size() const { return features.cols(); }
    [[nodiscard]] LocalReferences subset(const std::vector<Eigen::Index>& which) const;  ///< in the order asked for
    /// The same atoms compared by another metric W. @throws std::invalid_argument if W is not finite or has not D rows
    [[nodiscard]] LocalReferences with_metric(Eigen::MatrixXd W) const;

    /// What x̂ is multiplied with: K = (x̂ · column)^ζ.
    [[nodiscard]] const Eigen::MatrixXd& multipliers() const { return metric.size() > 0 ? images : features; }
    /// Features (D × n) in the coordinates Wᵀ x̂ where the kernel is the plain one.
    [[nodiscard]] Eigen::MatrixXd in_metric(const Eigen::Ref<const Eigen::MatrixXd>& x) const;
};
/// N_B: those of all species.
[[nodiscard]] Eigen::Index count_references(const std::vector<LocalReferences>& references);

/// Unit of each kind of label in the regression: rows are divided by it (deviation over the training data, divided by
/// the user's weight).
struct LabelScales {
    double energy = 1.0;  ///< [eV/atom]
    double force = 1.0;   ///< [eV/Å]
    double stress = 1.0;  ///< [eV/Å³]
};

/// Turns error estimates σ (the epistemic deviations of `Uncertainty`) into expected errors sqrt(f²σ² + floor²):
/// standard deviations that agree with the errors on data that the fit has not seen (regression/calibration.hpp). The
/// floors are the errors of labels whose σ vanishes by symmetry. Factors 1, floors 0: not calibrated.
struct Calibration {
    double energy = 1.0, force = 1.0, stress = 1.0;
    double force_floor = 0.0, stress_floor = 0.0;  ///< per component [eV/Å], [eV/Å³]
    std::map<int, double> force_of_species = {};   ///< factor of the forces on atoms of one species, by atomic number

    [[nodiscard]] double force_factor(int atomic_number) const {
        const auto found = force_of_species.find(atomic_number);
        return found == force_of_species.end() ? force : found->second;
    }
};

/// Where a force field comes from and how well it reproduces its training data.
struct Provenance {
    std::string version;    ///< of the program that fitted it
    std::string reference;  ///< description of the reference calculator or the data files
    std::string settings;   ///< resolved YAML
    long n_structures = 0;
    long n_atoms = 0;          ///< summed over structures
    double rmse_energy = 0.0;  ///< training error [eV/atom]
    double rmse_force = 0.0;   ///< [eV/Å]
    double rmse_stress = 0.0;  ///< [eV/Å³]
};

/// The result of a fit, immutable:
///
///   E = Σ_i [ e0(s_i) + Σ_{b in B(s_i)} w_b (x̂_i · x̂_b)^ζ ] + E_base
///
/// with the posterior of w for error estimates.   Source: method.md sections 2 and 3.
class ForceField {
 public:
    /// @param species     atomic number of each species channel
    /// @param references  per channel
    /// @param e0          composition baseline per channel [eV]
    /// @param posterior   of all weights, channel after channel [eV]
    /// @param shortest_distances  of the training data (shortest_distances.hpp); 0 × 0: not known
    /// @throws std::invalid_argument if the sizes disagree, a number is not finite, or a scale, factor or distance not
    ///         positive
    ForceField(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power, std::vector<int> species,
               std::vector<LocalReferences> references, Eigen::VectorXd e0, bayes::Posterior posterior,
               LabelScales scales, Provenance provenance, Calibration calibration = {},
               Eigen::MatrixXd shortest_distances = {});

    /// The same force field with these factors. What it evaluates does not change: an Uncertainty is the raw estimate.
    /// @throws std::invalid_argument if a factor is not positive
    [[nodiscard]] ForceField with_calibration(const Calibration& calibration) const;

    /// The same force field, evaluated by its production form; error estimates and spilling factors stay those of the
    /// local references. Or, with none, by the local references.
    /// @throws std::invalid_argument if the sizes disagree or a number is not finite
    [[nodiscard]] ForceField with_production(std::optional<ProductionForm> form) const;
    [[nodiscard]] const std::optional<ProductionForm>& production() const { return production_; }

    /// The same force field with this factor of the posterior, which it was made without. @throws as Posterior
    [[nodiscard]] ForceField with_posterior_factor(Eigen::MatrixXd factor) const;

    /// The same force field with this covariance for its error estimates. @throws as Posterior::with_covariance
    [[nodiscard]] ForceField with_covariance(Eigen::MatrixXd F) const;

    /// The same force field with this pair potential under it; none where the shortest distances are not known.
    [[nodiscard]] ForceField with_repulsion(Repulsion repulsion) const;
    [[nodiscard]] Repulsion repulsion() const { return repulsion_; }

    [[nodiscard]] const descriptors::Descriptor& descriptor() const { return *descriptor_; }
    [[nodiscard]] ForceFieldOptions options() const { return {descriptor_->options(), kernel_power_}; }
    [[nodiscard]] int kernel_power() const { return kernel_power_; }
    [[nodiscard]] Metric metric() const;  ///< learned if that of any species is
    [[nodiscard]] int n_channels() const { return static_cast<int>(species_.size()); }
    [[nodiscard]] const std::vector<int>& species() const { return species_; }
    [[nodiscard]] const LocalReferences& references(int channel) const {
        return references_[static_cast<std::size_t>(channel)];
    }
    [[nodiscard]] const std::vector<LocalReferences>& references() const { return references_; }
    [[nodiscard]] Eigen::Index n_references() const { return first_.back(); }  ///< of all species, N_B
    /// Weights of channel s are segment first(s) .. first(s + 1) of posterior().weights().
    [[nodiscard]] Eigen::Index first(int channel) const { return first_[static_cast<std::size_t>(channel)]; }
    [[nodiscard]] const Eigen::VectorXd& e0() const { return e0_; }
    [[nodiscard]] const bayes::Posterior& posterior() const { return posterior_; }
    [[nodiscard]] const LabelScales& scales() const { return scales_; }
    [[nodiscard]] const Calibration& calibration() const { return calibration_; }
    [[nodiscard]] const Provenance& provenance() const { return provenance_; }
    /// Of each pair of channels in the training data [Å], symmetric; infinite where there is no such pair within the
    /// cutoff. 0 × 0: not known (older models).
    [[nodiscard]] const Eigen::MatrixXd& shortest_distances() const { return shortest_distances_; }

 private:
    std::shared_ptr<const descriptors::Descriptor> descriptor_;
    int kernel_power_;
    std::vector<int> species_;
    std::vector<LocalReferences> references_;
    std::vector<Eigen::Index> first_;
    Eigen::VectorXd e0_;
    bayes::Posterior posterior_;
    LabelScales scales_;
    Provenance provenance_;
    Calibration calibration_;
    Eigen::MatrixXd shortest_distances_;
    Repulsion repulsion_ = Repulsion::none;
    std::optional<ProductionForm> production_;
};

}  // namespace mlff
