#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libmlff/model/calculator.hpp"
#include "libmlff/model/design_rows.hpp"
#include "libmlff/model/environments.hpp"
#include "libmlff/model/local_model.hpp"

namespace mlff {

/// A calculator that evaluates a force field: in this process (below) or spread over the ranks of a job
/// (parallel/distributed_calculator.hpp).
class ModelCalculator : public Calculator {
 public:
    [[nodiscard]] virtual const ForceField& force_field() const = 0;
    [[nodiscard]] std::string description() const override;
};

/// The contribution of some atoms to the evaluation of a structure; contributions of all atoms add up. Arrays are those
/// of all atoms, zero where nothing was contributed.
struct PartialEvaluation {
    Matrix3X forces;                   ///< [eV/Å], 3 × n_atoms
    Eigen::VectorXd atom_energies;     ///< [eV], n_atoms
    Matrix3 strain = Matrix3::Zero();  ///< ∂E/∂ε [eV]
    Eigen::MatrixXd atom_virials;      ///< [eV], 9 × n_atoms; empty unless asked for
    Eigen::VectorXd spilling;          ///< n_atoms; empty unless asked for
    std::optional<ClosePair> closest;  ///< as in Evaluation
    DesignRows rows;                   ///< empty unless uncertainty was asked for
    Eigen::VectorXd isolated;  ///< atoms without neighbours, per channel; empty unless uncertainty was asked for
};

/// The evaluation that complete contributions amount to, without error estimates.
[[nodiscard]] Evaluation assemble(PartialEvaluation whole, const Structure& structure);

/// Standard deviations of a label kind whose rows are the columns of `phi` (N_B × n, in physical units), in the units
/// of the label; `scale` is that of the kind (LabelScales).
[[nodiscard]] Eigen::VectorXd deviations(const bayes::Posterior& posterior, Eigen::MatrixXd phi, double scale);

/// Deviation that atoms without neighbours add to the energy per atom [eV]. Their x̂ is zero and the weights say nothing
/// about them: each has the prior's deviation of an energy with K(x̂, x̂) = 1, and those of one species err alike.
/// @param isolated  number of such atoms, per channel;  @param n_atoms  of the structure
[[nodiscard]] double isolated_deviation(const ForceField& force_field, const Eigen::VectorXd& isolated,
                                        Eigen::Index n_atoms);

/// The noise part of the error estimates of a force field; the epistemic part is zero.
[[nodiscard]] Uncertainty noise_of(const ForceField& force_field);

/// Standard deviations of the errors of a prediction, from its error estimates and the calibration of the force field.
struct ExpectedErrors {
    double energy = 0.0;           ///< [eV/atom]
    Eigen::VectorXd forces;        ///< norm over x, y, z [eV/Å], n_atoms
    Voigt stress = Voigt::Zero();  ///< [eV/Å³]
};
[[nodiscard]] ExpectedErrors expected_errors(const Structure& structure, const Uncertainty& estimates,
                                             const Calibration& calibration);

/// A Structure in, an Evaluation out: a neighbour list around a LocalModel. The Jacobian of the descriptors is formed
/// for error estimates only. Same thread count, same bits.
class ForceFieldCalculator final : public ModelCalculator {
 public:
    /// @param skin   [Å] of the neighbour list; saves searches when structures follow each other in small steps
    /// @param share  the atoms whose energies this calculator contributes to a PartialEvaluation; all by default
    explicit ForceFieldCalculator(ForceField force_field, double skin = 1.0, Share share = {});
    /// The same with a model that several calculators use.
    explicit ForceFieldCalculator(std::shared_ptr<const LocalModel> model, double skin = 1.0, Share share = {});

    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    /// The contribution of the atoms of this calculator's share.
    [[nodiscard]] PartialEvaluation evaluate_share(const Structure& structure, const Request& request);

    void check(const Structure& structure) const override { environments_.check(structure); }
    [[nodiscard]] const ForceField& force_field() const override { return model_->force_field(); }

 private:
    std::shared_ptr<const LocalModel> model_;
    Environments environments_;
    std::optional<SpillingModel> spilling_;  ///< made when first asked for
    LocalModel::Workspace workspace_;
};

}  // namespace mlff
