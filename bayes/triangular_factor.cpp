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

/// Rows that may wait.
Index most_waiting(Index n_columns, bool worked_in) {
    return worked_in ? panel_rows : std::max(panel_rows, n_columns / 2);
}

}  // namespace

TriangularFactor::TriangularFactor(Index n_columns) : n_columns_(n_columns) {
    if (n_columns < 1)
        throw std::invalid_argument(fmt::format("triangular factor: n_columns is {}; must be at least 1", n_columns));
    panel_.resize(0, n_columns);
}

TriangularFactor::TriangularFactor(Eigen::MatrixXd R, Index n_rows)
    : n_columns_(R.cols()), R_(std::move(R)), panel_(0, n_columns_), n_rows_(n_rows) {
    if (R_.rows() != R_.cols() || R_.rows() < 1)
        throw std::invalid_argument(
            fmt::format("triangular factor: R is {} x {}; must be square and not empty", R_.rows(), R_.cols()));
    if (n_rows < 0)
        throw std::invalid_argument(fmt::format("triangular factor: n_rows is {}; must be at least 0", n_rows));
    R_.triangularView<Eigen::StrictlyLower>().setZero();
    if (!R_.allFinite()) throw std::invalid_argument("triangular factor: R is not finite");
}

double TriangularFactor::numbers_for(Index n_columns, double n_rows) {
    const auto n = static_cast<double>(n_columns), most = static_cast<double>(most_waiting(n_columns, false));
    if (n_rows < most) return std::min(1.5 * n_rows, most) * n;  // room grows by doubling
    return n * (n + static_cast<double>(panel_rows));
}

void TriangularFactor::add_rows(const Eigen::Ref<const Eigen::MatrixXd>& block) {
    if (block.cols() != n_columns())
        throw std::invalid_argument(fmt::format("triangular factor: rows of width {} added to a factor of width {}",
                                                block.cols(), n_columns()));
    if (!block.allFinite()) throw std::invalid_argument("triangular factor: a value in the rows is not finite");
    for (Index first = 0; first < block.rows();) {
        const Index most = most_waiting(n_columns(), R_.size() > 0);
        const Index count = std::min(most - n_waiting_, block.rows() - first);
        if (panel_.rows() < n_waiting_ + count)
            panel_.conservativeResize(std::min(most, std::max(n_waiting_ + count, 2 * panel_.rows())), Eigen::NoChange);
        panel_.middleRows(n_waiting_, count) = block.middleRows(first, count);
        n_waiting_ += count;
        first += count;
        if (n_waiting_ == most) flush();
    }
    n_rows_ += block.rows();
}

void TriangularFactor::merge(const TriangularFactor& other, double scale) {
    if (other.n_columns() != n_columns())
        throw std::invalid_argument(
            fmt::format("triangular factor: width {} merged with width {}", other.n_columns(), n_columns()));
    if (!std::isfinite(scale)) throw std::invalid_argument("triangular factor: scale of a merge is not finite");
    if (&other == this) return merge(TriangularFactor(other), scale);  // rows are read while others are added
    if (other.R_.size() > 0) {
        Eigen::MatrixXd triangle = scale * other.R_;
        if (R_.size() == 0)
            R_ = std::move(triangle);
        else
            lapack::stack_triangle(R_, triangle);
        if (n_waiting_ >= panel_rows) flush();
    }
    for (Index first = 0; first < other.n_waiting_; first += panel_rows)  // in blocks: there may be many
        add_rows(scale * other.panel_.middleRows(first, std::min(panel_rows, other.n_waiting_ - first)));
    n_rows_ += other.n_rows_ - other.n_waiting_;
}

TriangularFactor TriangularFactor::restricted_to(const std::vector<Index>& columns) const {
    for (const Index column : columns)
        if (column < 0 || column >= n_columns())
            throw std::invalid_argument(
                fmt::format("triangular factor: no column {} in a factor of width {}", column, n_columns()));
    TriangularFactor part(static_cast<Index>(columns.size()));
    if (R_.size() > 0) part.add_rows(R_(Eigen::all, columns));
    part.add_rows(waiting()(Eigen::all, columns));
    part.n_rows_ = n_rows_;
    return part;
}

void TriangularFactor::scale(double scale) {
    if (!std::isfinite(scale)) throw std::invalid_argument("triangular factor: scale is not finite");
    R_ *= scale;
    panel_.topRows(n_waiting_) *= scale;
}

double TriangularFactor::norm_of_product(const Eigen::VectorXd& v) const {
    if (v.size() != n_columns())
        throw std::invalid_argument(
            fmt::format("triangular factor: {} numbers for a factor of width {}", v.size(), n_columns()));
    const double worked_in = R_.size() > 0 ? (R_.triangularView<Eigen::Upper>() * v).norm() : 0.0;
    return std::hypot(worked_in, (waiting() * v).norm());
}

const Eigen::MatrixXd& TriangularFactor::R() const& {
    flush();
    if (R_.size() == 0) R_.setZero(n_columns(), n_columns());
    for (Index i = 0; i < R_.rows(); ++i)
        if (R_(i, i) < 0.0) R_.row(i) *= -1.0;
    return R_;
}

Eigen::MatrixXd TriangularFactor::R() && {
    (void)std::as_const(*this).R();
    return std::move(R_);
}

void TriangularFactor::flush() const {
    if (n_waiting_ == 0) return;
    if (R_.size() == 0) R_.setZero(n_columns(), n_columns());
    lapack::stack_rows(R_, panel_.topRows(n_waiting_));
    if (panel_.rows() > panel_rows) panel_.resize(panel_rows, Eigen::NoChange);
    n_waiting_ = 0;
}

}  // namespace mlff::bayes
