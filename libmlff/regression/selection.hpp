#pragma once

#include <Eigen/Core>
#include <vector>

#include "bayes/selection.hpp"

namespace mlff {

/// How local references are chosen from candidates.
enum class SelectionMethod {
    cur,       ///< leverage scores on the low eigenvectors of K_BB (VASP's)
    cholesky,  ///< pivoted Cholesky: those that are worst described by the ones before
};

struct SelectionOptions {
    SelectionMethod method = SelectionMethod::cur;
    double tolerance = 1e-9;  ///< cur: ε_low (ML_EPS_LOW), cholesky: smallest spilling factor that is accepted

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// Indices of the columns of `features` to keep, ascending, at most `capacity`.
[[nodiscard]] std::vector<Eigen::Index> select(const Eigen::MatrixXd& features, int kernel_power,
                                               const SelectionOptions& options, Eigen::Index capacity);

}  // namespace mlff
