#pragma once

#include <Eigen/Core>

namespace mlff::bayes {

/// Directions in which a quadratic form yᵀA y varies most over a set of points, most important first:
///
///   yᵀA y = Σ_k value_k (P_k·y)²,   y = V Pᵀ y,   PᵀV = 1,   Pᵀ S P = 1   (the points are as wide in each direction)
///
/// for every y in the span of the points; the leading n of both give the best projection y ≈ V_n P_nᵀ y.
struct BalancedDirections {
    Eigen::MatrixXd P;       ///< D × rank
    Eigen::MatrixXd V;       ///< D × rank
    Eigen::VectorXd values;  ///< rank, |value| descending
};

/// With S = Σ y yᵀ over the points = L Lᵀ:  LᵀA L = Z diag(value) Zᵀ,  V = L Z,  P = A V diag(1/value). Directions with
/// |value| below 1e-14 of the largest are left out. With A = Σ g gᵀ over gradients of a function this is balanced
/// truncation (Moore, IEEE Trans. Autom. Control 26, 17 (1981)). Cost O(D³).
/// @throws std::invalid_argument if the sizes of S and A (D × D, symmetric) differ, NumericalError if one is not finite
[[nodiscard]] BalancedDirections balanced_directions(const Eigen::MatrixXd& S, const Eigen::MatrixXd& A);

}  // namespace mlff::bayes
