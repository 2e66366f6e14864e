#include "bayes/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bayes/lapack.hpp"

namespace mlff::bayes {

namespace {

using Eigen::Index;

constexpr double equally_good = 1e-10;  // relative; well above rounding, well below any difference of substance
constexpr Index pivot_block = 64;       // eliminated at once: the matrix product runs at full speed, W stays in cache

enum class Tie { first, last };

// Index of the largest value; among those equal to rounding, the first or the last. Where none is positive any will do.
Index pivot_of(const Eigen::VectorXd& residual, Tie tie) {
    const double largest = residual.maxCoeff();
    const double enough = largest > 0.0 ? largest * (1.0 - equally_good) : largest;
    Index pivot = tie == Tie::first ? 0 : residual.size() - 1;
    while (residual[pivot] < enough) pivot += tie == Tie::first ? 1 : -1;
    return pivot;
}

// The next column of a Cholesky factor, from that of the matrix, whose part that the factor's columns W explain is
// still to be taken off; `residual`, the diagonal of what is left, follows.
Eigen::VectorXd eliminate(Eigen::VectorXd column, Index pivot, const Eigen::Ref<const Eigen::MatrixXd>& W,
                          Eigen::VectorXd& residual) {
    const double root = std::sqrt(residual[pivot]);
    column.noalias() -= W * W.row(pivot).transpose();
    column /= root;
    column[pivot] = root;
    residual.array() -= column.array().square();
    return column;
}

// Pivots of the Cholesky factorisation of a semidefinite matrix, in order; its lower triangle is read and destroyed.
// `residual` is the diagonal at the start. What a block of pivots explains is taken off all of the matrix at once, by a
// matrix product: one pivot at a time would read the whole factor for each.
std::vector<Index> pivots_of(Eigen::MatrixXd K, Eigen::VectorXd residual, double tolerance, Index max_pivots, Tie tie) {
    std::vector<Index> pivots;
    const Index n = residual.size(), last = std::min(max_pivots, n);
    Eigen::MatrixXd W(n, pivot_block);
    for (Index k = 0; static_cast<Index>(pivots.size()) < last; ++k) {
        if (k == pivot_block) {
            K.selfadjointView<Eigen::Lower>().rankUpdate(W, -1.0);
            k = 0;
        }
        const Index pivot = pivot_of(residual, tie);
        if (!(residual[pivot] > 0.0) || residual[pivot] < tolerance) break;
        Eigen::VectorXd column(n);
        column << K.row(pivot).head(pivot).transpose(), K.col(pivot).tail(n - pivot);
        W.col(k) = eliminate(std::move(column), pivot, W.leftCols(k), residual);
        pivots.push_back(pivot);
        for (const Index taken : pivots) residual[taken] = 0.0;
    }
    return pivots;
}

void require_kernel(const Eigen::Ref<const Eigen::MatrixXd>& K) {
    if (K.rows() != K.cols())
        throw std::invalid_argument(fmt::format("selection: kernel matrix is {} x {}, not square", K.rows(), K.cols()));
    if (!K.allFinite()) throw std::invalid_argument("selection: kernel matrix is not finite");
}

void require_max_size(Index max_size) {
    if (max_size < 1)
        throw std::invalid_argument(fmt::format("selection: max_size is {}; must be at least 1", max_size));
}

}  // namespace

void CurOptions::validate() const {
    if (!(eps_low >= 1e-15 && eps_low < 1.0))
        throw std::invalid_argument(fmt::format("selection: eps_low is {}; must be in [1e-15, 1)", eps_low));
    require_max_size(max_size);
}

void CholeskyOptions::validate() const {
    if (!(tolerance >= 1e-13 && std::isfinite(tolerance)))
        throw std::invalid_argument(fmt::format("selection: tolerance is {}; must be at least 1e-13", tolerance));
    require_max_size(max_size);
}

std::vector<Index> select_by_cur(const Eigen::Ref<const Eigen::MatrixXd>& K, const CurOptions& options) {
    options.validate();
    require_kernel(K);
    const Index n = K.rows();
    if (n == 0 || !(K.diagonal().maxCoeff() > 0.0)) return {};

    const lapack::SymmetricEigen eigen = lapack::symmetric_eigen(K);
    const double low = options.eps_low * eigen.values[n - 1];
    const Index n_low = std::max<Index>((eigen.values.array() < low).count(), n - options.max_size);

    // The projector on the low eigenvectors has the leverages on its diagonal. Eliminating one column (a Cholesky step)
    // leaves the projector on the low vectors that vanish there.
    const auto low_vectors = eigen.vectors.leftCols(n_low);
    Eigen::MatrixXd projector(n, n);
    projector.noalias() = low_vectors * low_vectors.transpose();
    const Eigen::VectorXd leverage = projector.diagonal();
    const std::vector<Index> dropped = pivots_of(std::move(projector), leverage, 0.0, n_low, Tie::last);

    std::vector<bool> keep(static_cast<std::size_t>(n), true);
    for (const Index j : dropped) keep[static_cast<std::size_t>(j)] = false;
    std::vector<Index> kept;
    for (Index j = 0; j < n; ++j)
        if (keep[static_cast<std::size_t>(j)]) kept.push_back(j);
    return kept;
}

std::vector<Index> select_by_cholesky(Eigen::MatrixXd K, const CholeskyOptions& options) {
    options.validate();
    require_kernel(K);
    if (K.rows() == 0) return {};
    const Eigen::VectorXd diagonal = K.diagonal();
    return pivots_of(std::move(K), diagonal, options.tolerance, options.max_size, Tie::first);
}

std::vector<Index> select_components(const Eigen::Ref<const Eigen::MatrixXd>& X, Index n_keep) {
    if (n_keep < 1) throw std::invalid_argument(fmt::format("selection: n_keep is {}; must be at least 1", n_keep));
    if (!X.allFinite()) throw std::invalid_argument("selection: a feature is not finite");
    if (X.size() == 0) return {};
    Eigen::MatrixXd S(X.rows(), X.rows());
    S.noalias() = X * X.transpose();
    Eigen::VectorXd residual = S.diagonal();
    const double tolerance = 1e-12 * residual.maxCoeff();
    std::vector<Index> chosen;
    while (true) {
        const auto more = pivots_of(S, residual, tolerance, n_keep - static_cast<Index>(chosen.size()), Tie::first);
        if (more.empty()) break;
        for (const Index j : more) residual[j] = 0.0;
        chosen.insert(chosen.end(), more.begin(), more.end());
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

}  // namespace mlff::bayes
