#pragma once

#include <Eigen/Core>

namespace mlff::bayes {

/// Which directions of the features a function  E(x) = Σ_b w_b (x · b)^ζ  depends on, as a metric M = W Wᵀ for the
/// kernel K = (xᵀ M x')^ζ  of a better fit:
///
///   M ∝ G/λ_max(G) + ε I,   G = ⟨g gᵀ⟩,   g = ∇E − (x · ∇E) x     (features have length 1: only tangents matter)
///
/// with the mean over points X, in the scale that makes the mean of xᵀ M x over them 1. ε = 1e-5 keeps what the first
/// fit was blind to. Where there is nothing to learn from (no points, all gradients zero) M is the identity.
/// @param B  features of the references, D × N;  @param w  weights, N;  @param X  points, D × n
/// @returns W, D × D
/// Cost 2 D n (N + D) + 10 D³.
/// Source: Radhakrishnan, Beaglehole, Pandit, Belkin, Science 383, 1461 (2024): average gradient outer product.
/// @throws std::invalid_argument if sizes disagree, NumericalError if a number is not finite
[[nodiscard]] Eigen::MatrixXd learned_metric(const Eigen::Ref<const Eigen::MatrixXd>& B,
                                             const Eigen::Ref<const Eigen::VectorXd>& w, int power,
                                             const Eigen::Ref<const Eigen::MatrixXd>& X);

}  // namespace mlff::bayes
