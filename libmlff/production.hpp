#pragma once

#include <functional>
#include <vector>

#include "libmlff/force_field.hpp"
#include "libmlff/learning/error_report.hpp"

namespace mlff {

/// Terms of production forms of a force field, ranked once: a form of any size is the leading ones.
///
///   ζ = 2:  Σ_b w_b (x̂·x̂_b)² = x̂ᵀ A x̂ = Σ_k λ_k (x̂·u_k)²,  A = Σ_b w_b x̂_b x̂_bᵀ:  eigenvectors, largest |λ| first
///   else:   some of the local references with the weights of the projection of the energy on them in the space of
///           the kernel; first the reference that brings the projection closest (f/P-greedy)
///
/// Both are exact with all terms.   Sources: method.md section 2; for the greedy order Wenzel, Santin, Haasdonk (2022).
class ProductionTerms {
 public:
    explicit ProductionTerms(const ForceField& force_field);

    /// Of the species that has most.
    [[nodiscard]] Eigen::Index most() const;
    /// The leading n terms of each species, or all that it has.
    [[nodiscard]] ProductionForm leading(Eigen::Index n, bool single_precision) const;

 private:
    /// Columns of `terms` with weights that depend on how many are taken: those of the leading n solve
    /// L_nᵀ v = coefficients_n (L = 1 for eigenvectors).
    struct Ranked {
        Eigen::MatrixXd terms;
        Eigen::MatrixXd L;  ///< lower triangular; empty: the unit matrix
        Eigen::VectorXd coefficients;
    };
    std::vector<Ranked> channels_;
};

/// A form that was tried, and how well it does.
struct ProductionTrial {
    Eigen::Index n_terms = 0;  ///< per species, at most
    bool single_precision = true;
    double loss = 0.0;          ///< growth of the force or of the energy RMSE, as a share: the larger one
    double microseconds = 0.0;  ///< per atom, energy and forces, on the present threads
    ErrorReport errors;
};

struct CompileOptions {
    double max_loss = 0.01;  ///< of the RMSE of forces and of energies on the data, as a share of it, ≥ 0
    std::function<void(const ProductionTrial&)> tell = [](const ProductionTrial&) {};

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// The force field with the smallest production form that loses no more than allowed on labelled data, best on data
/// that it was not trained on. Products are in single precision unless that alone loses too much. `tell` hears of the
/// force field as it is (first, without a production form) and of every form tried, the chosen one last.
/// @throws InputError if the data have no forces, or forces that the force field reproduces exactly
[[nodiscard]] ForceField compile(const ForceField& force_field, const std::vector<LabeledStructure>& data,
                                 const std::string& data_name, const CompileOptions& options);

}  // namespace mlff
