#pragma once

#include <Eigen/Core>

namespace mlff::bayes {

/// Polynomial kernel K(x, x') = (x · x')^ζ with an integer power ζ ≥ 1, formed by multiplications only: exact sign for
/// a negative similarity, and the same bits for the same similarity everywhere. Feature matrices hold one vector of
/// length D per column. Source: Jinnouchi et al., PRB 100, 014105 (2019).
/// @throws std::invalid_argument if ζ < 1 or the lengths of the features differ.

/// K(X, Y), n × m, for X (D × n) and Y (D × m): one matrix product and the power. Cost 2 D n m.
[[nodiscard]] Eigen::MatrixXd kernel_matrix(const Eigen::Ref<const Eigen::MatrixXd>& X,
                                            const Eigen::Ref<const Eigen::MatrixXd>& Y, int power);

/// K(X, X), n × n, symmetric to the last bit. Cost D n².
[[nodiscard]] Eigen::MatrixXd kernel_matrix(const Eigen::Ref<const Eigen::MatrixXd>& X, int power);

/// s ← s^ζ for an array of similarities s = x · x'.
void kernel_value(Eigen::Ref<Eigen::MatrixXd> s, int power);

/// s ← s^ζ and derivative ← dK/ds = ζ s^(ζ−1), one pass over the array. The sizes of s and derivative are equal.
void kernel_value_and_derivative(Eigen::Ref<Eigen::MatrixXd> s, Eigen::Ref<Eigen::MatrixXd> derivative, int power);

/// Lower triangular L with L Lᵀ = K + jitter · d · I, d the largest diagonal element of K.
struct CholeskyFactor {
    Eigen::MatrixXd L;    ///< n × n
    double jitter = 0.0;  ///< relative; zero if K is positive definite as it stands
};

/// Cholesky factor of a kernel matrix, which is positive semidefinite up to rounding. Where K itself cannot be
/// factored, jitter 1e-14 is tried and raised tenfold until the factorisation succeeds. Cost n³/3 per attempt.
/// @throws std::invalid_argument if K is not square or not finite, NumericalError if jitter 1e-6 does not suffice:
///         K is then indefinite (or zero), which no kernel matrix is.
[[nodiscard]] CholeskyFactor factor_kernel(const Eigen::Ref<const Eigen::MatrixXd>& K);

}  // namespace mlff::bayes
