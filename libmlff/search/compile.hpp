#pragma once

#include <functional>
#include <vector>

#include "bayes/balanced_directions.hpp"
#include "libmlff/data/error_report.hpp"
#include "libmlff/model/force_field.hpp"

namespace mlff {

/// Expansions of a force field about the mean of its local references, in any number of components. With B the local
/// references of a species and c_b = x̄ · x̂_b,
///
///   E = Σ_b w_b c_b^ζ + y · Σ_b ζ w_b c_b^(ζ-1) x̂_b + R(y),   y = x̂ − x̄,   R(y) = Σ_b w_b φ(c_b, y · x̂_b)
///
/// and φ as in `Expansion`. The components are projections of y on the balanced directions of R over the local
/// references:
///
///   ζ = 1:  R = 0
///   ζ = 2:  R = yᵀ A y = Σ_k v_k (t_k · y)²,  A = Σ_b w_b x̂_b x̂_bᵀ:  a component is a term; no local references remain
///   else:   R in the projection of y on the leading directions of A = Σ_b ∇R(y_b) ∇R(y_b)ᵀ
///
/// R has little curvature in most directions, and they carry most of the cancellation among the w_b.
/// Sources: method.md section 2; bayes/balanced_directions.hpp.
class ProductionForms {
 public:
    explicit ProductionForms(const ForceField& force_field);

    /// Largest number of components of a species that saves time.
    [[nodiscard]] Eigen::Index most() const;
    /// The leading n components of each species; beyond `most` the form is exact, for ζ > 2 without a projection.
    [[nodiscard]] ProductionForm leading(Eigen::Index n, bool single_precision) const;

 private:
    std::vector<Expansion<double>> exact_;               ///< per channel
    std::vector<bayes::BalancedDirections> directions_;  ///< likewise
    bool terms_are_directions_;                          ///< ζ = 2
};

/// A form that was tried, with its loss and speed.
struct ProductionTrial {
    Eigen::Index n_components = 0;  ///< per species, at most
    bool single_precision = true;
    /// relative growth of the force or energy RMSE, the larger one; of energy relative to at least 0.1 meV/atom
    double loss = 0.0;
    double microseconds = 0.0;  ///< per atom, energy and forces, on the present threads
    ErrorReport errors;
};

struct CompileOptions {
    double max_loss = 0.01;  ///< relative growth of the RMSE of forces and of energies on the data, ≥ 0
    std::function<void(const ProductionTrial&)> tell = [](const ProductionTrial&) {};

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// The force field with the smallest production form whose loss on labelled data is within the limit; `data` are best
/// unseen in training. Products are in single precision unless that alone loses too much. `tell` is called with the
/// force field as fitted (first, without a production form) and with every form tried, the chosen one last.
/// @throws InputError if the data have no forces, or forces that the force field reproduces exactly
[[nodiscard]] ForceField compile(const ForceField& force_field, const std::vector<LabeledStructure>& data,
                                 const std::string& data_name, const CompileOptions& options);

}  // namespace mlff
