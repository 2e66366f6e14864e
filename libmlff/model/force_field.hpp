#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bayes/posterior.hpp"
#include "descriptors/descriptor.hpp"
#include "libmlff/model/calculator.hpp"
#include "libmlff/model/environments.hpp"

namespace mlff {

class Communicator;
struct DesignRows;

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

/// Factors that turn error estimates (the epistemic deviations of `Uncertainty`) into errors: estimate × factor is a
/// standard deviation that agrees with the errors on validation data (regression/calibration.hpp). 1: not calibrated.
struct Calibration {
    double energy = 1.0, force = 1.0, stress = 1.0;
};

/// One species of a production form: the energy expanded about a centre m, the constant and the linear part exactly,
/// the rest by fewer terms, and maybe in fewer components:
///
///   E_i = e0 + a + g·y + Σ_k v_k φ(c_k, Pᵀy · t_k),   y = x̂_i − m,   φ(c, d) = (c + d)^ζ − c^ζ − ζ c^(ζ−1) d
///
/// What is left to the terms is small where surroundings are like the centre, so that they need no more than single
/// precision: Σ_b w_b (x̂·x̂_b)^ζ itself is a small difference of large numbers.
template <class Real>
struct Expansion {
    double constant = 0.0;              ///< a [eV]
    Eigen::VectorX<Real> centre;        ///< m, D
    Eigen::VectorX<Real> slope;         ///< g [eV], D
    Eigen::MatrixX<Real> projection;    ///< P, D × D'; no columns: all components, D' = D
    Eigen::MatrixX<Real> terms;         ///< t_k, one per column, D' × n_terms
    Eigen::VectorX<Real> similarities;  ///< c_k, of the centre with the terms, n_terms
    Eigen::VectorX<Real> weights;       ///< v_k [eV], n_terms

    /// Of x̂ that the terms see.
    [[nodiscard]] Eigen::Index n_components() const {
        return projection.cols() > 0 ? projection.cols() : std::min(terms.rows(), terms.cols());
    }
    template <class Other>
    [[nodiscard]] Expansion<Other> cast() const {
        return {constant,
                centre.template cast<Other>(),
                slope.template cast<Other>(),
                projection.template cast<Other>(),
                terms.template cast<Other>(),
                similarities.template cast<Other>(),
                weights.template cast<Other>()};
    }
};

/// A cheaper form of a force field for molecular dynamics (search/compile.hpp).
struct ProductionForm {
    std::vector<Expansion<double>> expansions;  ///< per channel
    bool single_precision = true;  ///< of all that is computed for one atom; sums over atoms and terms are double
    double loss = 0.0;             ///< growth of the force RMSE on the data named, as a share of it
    std::string measured_on;       ///< these data
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
///   E = Σ_i [ e0(s_i) + Σ_{b in B(s_i)} w_b (x̂_i · x̂_b)^ζ ]
///
/// with the posterior of w for error estimates.   Source: method.md sections 2 and 3.
class ForceField {
 public:
    /// @param species     atomic number of each species channel
    /// @param references  per channel
    /// @param e0          composition baseline per channel [eV]
    /// @param posterior   of all weights, channel after channel [eV]
    /// @throws std::invalid_argument if the sizes disagree, a number is not finite, or a scale or factor not positive
    ForceField(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power, std::vector<int> species,
               std::vector<LocalReferences> references, Eigen::VectorXd e0, bayes::Posterior posterior,
               LabelScales scales, Provenance provenance, Calibration calibration = {});

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
    std::optional<ProductionForm> production_;
};

/// x̂ of every atom, D × n_atoms, in the order of the atoms.
[[nodiscard]] Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor,
                                               const Environments& environments);
/// The same of some atoms.
[[nodiscard]] Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor,
                                               const Environments& environments, std::span<const Eigen::Index> atoms);

/// Evaluates a force field: two matrix products per batch of atoms of one species and one adjoint pass; the Jacobian of
/// the descriptors is formed for error estimates only. Same thread count, same bits.
class ForceFieldCalculator final : public Calculator {
 public:
    /// @param skin [Å] of the neighbour list; saves searches when structures follow each other in small steps
    /// @param world  shares the atoms among its ranks; null: all atoms are evaluated here. On rank 0 the other ranks
    ///               get the force field and then help with each evaluation; on the others this is their copy
    ///               (worker.cpp), and what they evaluate is of use to rank 0 only. Must outlive the calculator
    explicit ForceFieldCalculator(ForceField force_field, double skin = 1.0, Communicator* world = nullptr);
    ~ForceFieldCalculator() override;

    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    void check(const Structure& structure) const override;
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] const ForceField& force_field() const { return force_field_; }
    /// On another rank than 0: what error estimates need, sent when the first is asked for.
    void receive_factor(Eigen::MatrixXd factor);

 private:
    struct ThreadScratch;
    template <class Real>
    struct Products;
    void predict_batch(int channel, std::span<const Eigen::Index> atoms, ThreadScratch& scratch,
                       Evaluation& result) const;
    template <class Real, class Model>
    void predict_batch(int channel, std::span<const Eigen::Index> atoms, const Model& model, Products<Real>& products,
                       ThreadScratch& scratch, Evaluation& result) const;
    void evaluate_share(const Structure& structure, Evaluation& result, Matrix3& virial);
    [[nodiscard]] bool shares_variances() const;
    [[nodiscard]] Uncertainty uncertainty(DesignRows rows, const Structure& structure) const;
    [[nodiscard]] Eigen::VectorXd spilling_factors();

    ForceField force_field_;
    std::vector<Expansion<float>> in_single_;  ///< a production form in single precision, per channel
    Environments environments_;
    std::vector<bayes::SpillingFactor> spilling_;  ///< per channel; made when first asked for
    std::vector<ThreadScratch> scratch_;           ///< per thread
    Communicator* world_;                          ///< null if there are no other ranks
    int handle_ = 0;                               ///< what the other ranks know this by
    bool factor_sent_ = false;                     ///< they can make error estimates
    Eigen::VectorXd sums_;                         ///< what the ranks add up
};

}  // namespace mlff
