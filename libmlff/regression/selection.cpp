#include "libmlff/regression/selection.hpp"

#include <algorithm>

#include "bayes/kernel.hpp"

namespace mlff {

void SelectionOptions::validate() const {
    if (method == SelectionMethod::cur)
        bayes::CurOptions{.eps_low = tolerance}.validate();
    else
        bayes::CholeskyOptions{.tolerance = tolerance}.validate();
}

std::vector<Eigen::Index> select(const Eigen::MatrixXd& features, int kernel_power, const SelectionOptions& options,
                                 Eigen::Index capacity) {
    const Eigen::MatrixXd K = bayes::kernel_matrix(features, kernel_power);
    if (options.method == SelectionMethod::cur)
        return bayes::select_by_cur(K, {.eps_low = options.tolerance, .max_size = capacity});
    auto kept = bayes::select_by_cholesky(K, {.tolerance = options.tolerance, .max_size = capacity});
    std::sort(kept.begin(), kept.end());
    return kept;
}

}  // namespace mlff
