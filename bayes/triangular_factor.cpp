#include "bayes/triangular_factor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "bayes/lapack.hpp"

namespace mlff::bayes {

namespace {

using Eigen::Index;

constexpr Index panel_rows = 1024;  // tall enough that the matrix products of the update run at full speed

}  // namespace

TriangularFactor::TriangularFactor(Index n_columns) {
    if (n_columns < 1)
        throw std::invalid_argument(fmt::format("triangular factor: n_columns is {}; must be at least 1", n_columns));
    R_ = Eigen::MatrixXd::Zero(n_columns, n_columns);
}

TriangularFactor::TriangularFactor(Eigen::MatrixXd R, Index n_rows) : R_(std::move(R)), n_rows_(n_rows) {
    if (R_.rows() != R_.cols() || R_.rows() < 1)
        throw std::invalid_argument(
            fmt::format("triangular factor: R is {} x {}; must be square and not empty", R_.rows(), R_.cols()));
    if (n_rows < 0)
        throw std::invalid_argument(fmt::format("triangular factor: n_rows is {}; must be at least 0", n_rows));
    R_.triangularView<Eigen::StrictlyLower>().setZero();
    if (!R_.allFinite()) throw std::invalid_argument("triangular factor: R is not finite");
}

void TriangularFactor::add_rows(const Eigen::Ref<const Eigen::MatrixXd>& block) {
    if (block.cols() != n_columns())
        throw std::invalid_argument(fmt::format("triangular factor: rows of width {} added to a factor of width {}",
                                                block.cols(), n_columns()));
    if (!block.allFinite()) throw std::invalid_argument("triangular factor: a value in the rows is not finite");
    if (panel_.rows() == 0) panel_.resize(panel_rows, n_columns());
    for (Index first = 0; first < block.rows();) {
        const Index count = std::min(panel_rows - n_waiting_, block.rows() - first);
        panel_.middleRows(n_waiting_, count) = block.middleRows(first, count);
        n_waiting_ += count;
        first += count;
        if (n_waiting_ == panel_rows) flush();
    }
    n_rows_ += block.rows();
}

void TriangularFactor::merge(const TriangularFactor& other, double scale) {
    if (other.n_columns() != n_columns())
        throw std::invalid_argument(
            fmt::format("triangular factor: width {} merged with width {}", other.n_columns(), n_columns()));
    if (!std::isfinite(scale)) throw std::invalid_argument("triangular factor: scale of a merge is not finite");
    const Index n_merged = other.n_rows_;
    Eigen::MatrixXd waiting(0, n_columns());
    if (other.n_waiting_ > 0) waiting = scale * other.panel_.topRows(other.n_waiting_);
    // A factor of few rows (energies) is zero below them.
    const Index n_factored = other.n_rows_ - other.n_waiting_;
    if (3 * n_factored < n_columns()) {
        Eigen::MatrixXd rows = scale * other.R_.topRows(n_factored);
        lapack::stack_rows(R_, rows);
    } else {
        Eigen::MatrixXd triangle = scale * other.R_;
        lapack::stack_triangle(R_, triangle);
    }
    add_rows(waiting);
    n_rows_ += n_merged - waiting.rows();
}

TriangularFactor TriangularFactor::restricted_to(const std::vector<Index>& columns) const {
    const auto n = static_cast<Index>(columns.size());
    TriangularFactor part(n);
    Eigen::MatrixXd rows(R().rows(), n);
    for (Index k = 0; k < n; ++k) {
        const Index column = columns[static_cast<std::size_t>(k)];
        if (column < 0 || column >= n_columns())
            throw std::invalid_argument(
                fmt::format("triangular factor: no column {} in a factor of width {}", column, n_columns()));
        rows.col(k) = R_.col(column);
    }
    lapack::stack_rows(part.R_, rows);
    part.n_rows_ = n_rows_;
    return part;
}

const Eigen::MatrixXd& TriangularFactor::R() const {
    flush();
    for (Index i = 0; i < R_.rows(); ++i)
        if (R_(i, i) < 0.0) R_.row(i) *= -1.0;
    return R_;
}

void TriangularFactor::flush() const {
    if (n_waiting_ == 0) return;
    lapack::stack_rows(R_, panel_.topRows(n_waiting_));
    n_waiting_ = 0;
}

}  // namespace mlff::bayes
