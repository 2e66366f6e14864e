#pragma once

#include <Eigen/Core>
#include <limits>
#include <vector>

namespace mlff::bayes {

/// Which of many local environments become reference configurations (method.md section 4). All functions are
/// deterministic: where candidates are equally good to 1e-10, the first one is kept.

struct CurOptions {
    double eps_low = 1e-9;  ///< eigenvalues below eps_low · largest are "low" (ML_EPS_LOW), in [1e-15, 1)
    Eigen::Index max_size = std::numeric_limits<Eigen::Index>::max();  ///< keep at most so many, ≥ 1

    /// @throws std::invalid_argument naming field, value and bound
    void validate() const;
};

/// CUR sparsification of K (n × n) = U diag(l) Uᵀ: for each of the N_low low eigenvalues one column is dropped, the one
/// with the largest leverage ω_a = Σ_low u_aχ² on the space of low eigenvectors. After each drop that space is
/// restricted to the columns that remain: leverages of the full set alone would drop every member of a large group of
/// duplicates. If more than max_size columns would be left, the smallest eigenvalues beyond eps_low count as low, too.
/// @returns indices kept, ascending; none for K = 0.
/// Cost ~10 n³. Sources: Mahoney and Drineas, PNAS 106, 697 (2009); restriction as in the subset selection of
/// Golub, Klema and Stewart (1976): the first column dropped is that of plain leverage scores.
/// @throws std::invalid_argument if K is not square or not finite, NumericalError if it cannot be diagonalised.
[[nodiscard]] std::vector<Eigen::Index> select_by_cur(const Eigen::Ref<const Eigen::MatrixXd>& K,
                                                      const CurOptions& options = {});

struct CholeskyOptions {
    /// smallest residual that is accepted, in the unit of K: for features of length 1 it is the spilling factor of the
    /// candidate with respect to what is already accepted. ≥ 1e-13: below, only rounding would be selected
    double tolerance = 1e-8;
    Eigen::Index max_size = std::numeric_limits<Eigen::Index>::max();  ///< accept at most so many, ≥ 1

    /// @throws std::invalid_argument naming field, value and bound
    void validate() const;
};

/// Pivoted Cholesky selection on K (n × n): greedily the candidate with the largest residual
/// K_ii − k_iᵀ K_BB⁻¹ k_i  (= spilling factor × K_ii) until it is below the tolerance or max_size is reached.
/// @returns indices in the order of acceptance: the first m of them are the m most informative, whatever max_size is
///          (nested). Cost n² N_B, nearly all of it in matrix products; K is used up: move it in.
/// @throws std::invalid_argument if K is not square or not finite.
[[nodiscard]] std::vector<Eigen::Index> select_by_cholesky(Eigen::MatrixXd K, const CholeskyOptions& options = {});

/// Which components of features X (D × n) say most: QR of Xᵀ with column pivoting, through the Cholesky factor of X Xᵀ.
/// Greedily the component (row of X) with the largest part that the chosen ones do not explain linearly; of equal
/// components one is chosen. Once all are explained to rounding (1e-6 of the longest) the rest are ranked among
/// themselves in the same way. Nested: fewer places, a subset. X is neither centred nor scaled: that metric is the
/// kernel's.
/// @returns ascending; min(n_keep, D), less the components that are zero everywhere
/// Cost 2 n D² + D n_keep²; memory at most 16 D² bytes. The purpose is that of VASP's ML_LSPARSDES, which takes those
/// with the largest leverage on the leading eigenvectors at once, equal ones together. Source: Golub, Klema and Stewart
/// (1976); for descriptors Imbalzano et al., J. Chem. Phys. 148, 241730 (2018).
/// @throws std::invalid_argument if n_keep < 1 or X is not finite.
[[nodiscard]] std::vector<Eigen::Index> select_components(const Eigen::Ref<const Eigen::MatrixXd>& X,
                                                          Eigen::Index n_keep);

}  // namespace mlff::bayes
