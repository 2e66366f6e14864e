#pragma once

#include <Eigen/Core>
#include <memory>
#include <span>

#include "bayes/evidence.hpp"
#include "bayes/kernel.hpp"

namespace mlff::bayes {

/// Posterior N(w̄, Σ) of the weights in  y = Φ w + ε,  ε ~ N(0, I/s_v),  w ~ N(0, (s_w P)⁻¹):
///   Σ⁻¹ = s_w P + s_v ΦᵀΦ = TᵀT,   w̄ = s_v Σ Φᵀ y
/// with prior precision P = I or K_BB. T (n × n, upper triangular) comes from a QR factorisation of the stack
/// [√s_v Φ; √s_w Lᵀ], P = L Lᵀ, and w̄ from the same factorisation; the normal equations are never formed.
/// Immutable. Weights, factor and evidence are all there is: stored and given back, they make the same posterior,
/// bit for bit. Source: Bishop, Pattern Recognition and Machine Learning (2006), 3.53-3.54.
class Posterior {
 public:
    /// Restore: weights (n), factor T (n × n), or none (0 × 0) where no variance will be asked for.
    /// @throws std::invalid_argument if sizes disagree, a value is not finite, or T has a zero on its diagonal
    Posterior(Eigen::VectorXd weights, Eigen::MatrixXd factor, const Evidence& evidence);

    [[nodiscard]] const Eigen::VectorXd& weights() const { return weights_; }  ///< w̄, n
    [[nodiscard]] const Eigen::MatrixXd& factor() const { return *factor_; }   ///< T, n × n, strict lower triangle 0
    [[nodiscard]] const Evidence& evidence() const { return evidence_; }
    [[nodiscard]] Eigen::Index size() const { return weights_.size(); }  ///< n

    /// The same weights with another covariance C = FᵀF for `variance`, such as the robust one below.
    /// @param F  n × n, upper triangle; 0 × 0: Σ again
    /// @throws std::invalid_argument if the sizes disagree or F is not finite
    [[nodiscard]] Posterior with_covariance(Eigen::MatrixXd F) const;
    [[nodiscard]] const Eigen::MatrixXd& covariance() const { return *covariance_; }  ///< F; 0 × 0: variance is of Σ

    /// Epistemic variance φ Σ φᵀ = |T⁻ᵀ φᵀ|² ≥ 0, or φ C φᵀ = |F φᵀ|², of each of m rows φ of the (scaled) design
    /// matrix, given as the columns of `rows` (n × m), which serves as scratch: move it in. The full predictive
    /// variance adds noise_variance(). Cost n² m. @throws std::invalid_argument if the length of the rows is not n,
    /// std::logic_error without a factor
    [[nodiscard]] Eigen::VectorXd variance(Eigen::MatrixXd rows) const;

    /// Influence of one structure c on the weights, to first order the change of w̄ if c had not been there, times −1:
    ///   v_c = Σ g_c,   g_c = s_v Σ_{i in c} φ_iᵀ r_i / (1 − h_i),   r_i = y_i − φ_i w̄,   h_i = s_v φ_i Σ φ_iᵀ
    /// C = Σ_c v_c v_cᵀ is the robust covariance of the weights (infinitesimal jackknife): unlike Σ it does not take
    /// residuals of one structure for independent, nor their noise for the same everywhere. With F the triangular
    /// factor of the rows v_cᵀ (TriangularFactor), with_covariance(F) estimates errors by it.
    /// Source: MacKinnon and White, J. Econometrics 29, 305 (1985); Cameron and Miller, J. Human Resources 50, 317
    /// (2015).
    /// @param rows  [Φ y] of the structure as the fit had them, m × (n + 1).   Cost n² m
    /// @throws as variance
    [[nodiscard]] Eigen::VectorXd influence(const Eigen::Ref<const Eigen::MatrixXd>& rows) const;

    [[nodiscard]] double noise_variance() const { return 1.0 / evidence_.noise_precision; }  ///< 1/s_v

 private:
    Eigen::VectorXd weights_;
    std::shared_ptr<const Eigen::MatrixXd> factor_;  ///< copies share it: n² numbers that never change
    std::shared_ptr<const Eigen::MatrixXd> covariance_ = std::make_shared<const Eigen::MatrixXd>();
    Evidence evidence_;
};

/// Spectrum of the regression problem whose rows [Φ y] have the triangular factor R ((n+1) × (n+1), upper triangle,
/// labels in the last column; see TriangularFactor) and stand for n_rows labels. With a prior precision P = L Lᵀ it is
/// that of Φ L⁻ᵀ, whose weights u = Lᵀw have the prior N(0, I/s_w).
/// P is block diagonal: `prior` holds the factors of its blocks in the order of the columns, one per species; without
/// them P = I. Cost (8/3) n³, after which the evidence of any pair (s_w, s_v) costs O(n).
/// @throws std::invalid_argument if sizes disagree or R is not finite, NumericalError if LAPACK fails.
[[nodiscard]] Spectrum spectrum_of(const Eigen::Ref<const Eigen::MatrixXd>& R, Eigen::Index n_rows,
                                   std::span<const CholeskyFactor> prior = {});

/// Fit: the spectrum, then (s_w, s_v) as the options say (maximised, or fixed: Tikhonov with the ratio s_w/s_v), then
/// weights and factor. Arguments as for spectrum_of; move R in, the factor takes its place, and twice its size is all
/// that is needed at any time. Cost ~4 n³.
/// @throws std::invalid_argument if sizes disagree or R is not finite, NumericalError if the result is not finite.
[[nodiscard]] Posterior fit(Eigen::MatrixXd R, Eigen::Index n_rows, const EvidenceOptions& options = {},
                            std::span<const CholeskyFactor> prior = {});

/// As fit, with precisions (s_w, s_v) that are known from a fit to other data; there is no spectrum to be worked out.
/// Of the evidence of the result only the precisions are set. Cost (2/3) n³.
[[nodiscard]] Posterior fit_with_precisions(Eigen::MatrixXd R, Eigen::Index n_rows, const Evidence& precisions,
                                            std::span<const CholeskyFactor> prior = {});

/// Last step of a fit, from the triangular factor [T/√s_v c] ((n+1) × (n+1)) of the stack [R; √(s_w/s_v) Lᵀ 0].
/// @throws NumericalError if the result is not finite
[[nodiscard]] Posterior posterior_from_stack(Eigen::MatrixXd stack, Eigen::Index n_rows, const Evidence& evidence);

/// Spilling factor  s = 1 − kᵀ K_BB⁻¹ k / k_ii = 1 − |L⁻¹k|²/k_ii  in [0, 1]: 0 for an environment that the references
/// span, 1 for one that is orthogonal to them all. k (N_B): kernel with the references; k_ii: with itself.
/// Source: Miwa and Ohno, PRB 94, 184109 (2016).
class SpillingFactor {
 public:
    /// From the factor of K_BB (factor_kernel). Its jitter makes s of a reference about as large as itself, not 0.
    /// @throws std::invalid_argument if L is not square, not finite or has a zero on its diagonal
    explicit SpillingFactor(CholeskyFactor factor);

    [[nodiscard]] const CholeskyFactor& factor() const { return factor_; }
    [[nodiscard]] Eigen::Index size() const { return factor_.L.rows(); }  ///< N_B

    /// For m environments: kernels (N_B × m), which serves as scratch (move it in), and k_ii (m).
    /// k_ii = 0, an atom without neighbours, gives 1: no reference says anything of it. Cost N_B² m.
    /// @throws std::invalid_argument if the sizes disagree
    [[nodiscard]] Eigen::VectorXd operator()(Eigen::MatrixXd kernels,
                                             const Eigen::Ref<const Eigen::VectorXd>& self) const;

 private:
    CholeskyFactor factor_;
};

}  // namespace mlff::bayes
