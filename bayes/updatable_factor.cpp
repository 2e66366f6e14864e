#include "bayes/updatable_factor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "bayes/thread_failure.hpp"
#include "bayes/triangular_factor.hpp"

namespace mlff::bayes {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index piece_width = 16;  ///< new columns that go through the reflections together, whoever's turn it is

/// Zero rows below, so that there are n.
void grow(MatrixXd& A, Index n) {
    if (const Index before = A.rows(); before < n) {
        A.conservativeResize(n, Eigen::NoChange);
        A.bottomRows(n - before).setZero();
    }
}

}  // namespace

UpdatableFactor::UpdatableFactor(Index n_columns) {
    if (n_columns < 0)
        throw std::invalid_argument(fmt::format("updatable factor: n_columns is {}; must be at least 0", n_columns));
    R_ = MatrixXd::Zero(n_columns, n_columns);
    z_ = VectorXd::Zero(n_columns);
}

std::size_t UpdatableFactor::bytes() const {
    Index n = 0;
    for (const Step& step : steps_) n += step.Q.V.size();
    return static_cast<std::size_t>(n) * sizeof(double);
}

double UpdatableFactor::excess() const {
    const auto size = static_cast<double>(n_rows_) * static_cast<double>(n_columns());
    return size > 0.0 ? static_cast<double>(bytes()) / (sizeof(double) * size) : 1.0;
}

void UpdatableFactor::add_rows(MatrixXd rows, VectorXd labels) {
    if (rows.rows() == 0 || rows.cols() != n_columns() || rows.rows() != labels.size())
        throw std::invalid_argument(fmt::format("updatable factor: {} x {} rows with {} labels added to {} columns",
                                                rows.rows(), rows.cols(), labels.size(), n_columns()));
    if (!rows.allFinite() || !labels.allFinite())
        throw std::invalid_argument("updatable factor: a value in the rows is not finite");
    n_rows_ += rows.rows();
    is_rows_.push_back(true);
    e_.push_back(std::move(labels));
    if (n_columns() == 0) return;
    steps_.push_back({e_.size() - 1, 0, false, lapack::stack_and_keep(R_, std::move(rows))});
    lapack::apply(steps_.back().Q, false, z_, e_.back());
}

MatrixXd UpdatableFactor::transform(std::vector<MatrixXd>& groups) const {
    const Index n_new = groups.front().cols();
    MatrixXd top = MatrixXd::Zero(0, n_new);
    for (const Step& step : steps_) {
        MatrixXd& bottom = groups[step.group];
        if (step.former_triangle) {
            grow(top, step.Q.V.rows());
            bottom = std::exchange(top, MatrixXd::Zero(0, n_new));
        }
        const Index n = step.Q.V.cols();
        grow(top, step.first + n);
        lapack::apply(step.Q, false, top.middleRows(step.first, n), bottom);
    }
    grow(top, n_columns());
    return top;
}

void UpdatableFactor::add_columns(std::vector<MatrixXd> columns) {
    const auto n_groups = static_cast<std::size_t>(std::count(is_rows_.begin(), is_rows_.end(), true));
    if (columns.size() != n_groups)
        throw std::invalid_argument(
            fmt::format("updatable factor: columns of {} groups of rows, there are {}", columns.size(), n_groups));
    const Index n_new = columns.empty() ? 0 : columns.front().cols(), n_old = n_columns();
    if (n_new == 0) return;
    std::vector<MatrixXd> groups(is_rows_.size());
    for (std::size_t g = 0, given = 0; g < groups.size(); ++g) {
        if (!is_rows_[g]) continue;
        groups[g] = std::move(columns[given++]);
        if (groups[g].cols() != n_new || groups[g].rows() != e_[g].size())
            throw std::invalid_argument(fmt::format("updatable factor: {} x {} values of new columns for {} rows",
                                                    groups[g].rows(), groups[g].cols(), e_[g].size()));
        if (!groups[g].allFinite())
            throw std::invalid_argument("updatable factor: a value in the columns is not finite");
    }

    MatrixXd top(n_old, n_new);
    const Index n_pieces = (n_new + piece_width - 1) / piece_width;
    std::vector<MatrixXd> bottoms(groups.size());
    for (std::size_t g = 0; g < groups.size(); ++g) bottoms[g].resize(e_[g].size(), n_new);
    ThreadFailure failure;
#pragma omp parallel for schedule(static, 1)
    for (Index p = 0; p < n_pieces; ++p)
        failure.collect([&] {
            const Index first = p * piece_width, count = std::min(piece_width, n_new - first);
            std::vector<MatrixXd> piece(groups.size());
            for (std::size_t g = 0; g < groups.size(); ++g) {
                piece[g] = MatrixXd::Zero(e_[g].size(), count);
                if (is_rows_[g]) piece[g] = groups[g].middleCols(first, count);
            }
            top.middleCols(first, count) = transform(piece);
            for (std::size_t g = 0; g < groups.size(); ++g) bottoms[g].middleCols(first, count) = piece[g];
        });
    failure.rethrow();
    groups.clear();

    R_.conservativeResize(n_old + n_new, n_old + n_new);
    R_.bottomRows(n_new).setZero();
    R_.topRightCorner(n_old, n_new) = top;
    z_.conservativeResize(n_old + n_new);
    z_.tail(n_new).setZero();
    for (std::size_t g = 0; g < bottoms.size(); ++g) {
        steps_.push_back(
            {g, n_old, false, lapack::stack_and_keep(R_.bottomRightCorner(n_new, n_new), std::move(bottoms[g]))});
        lapack::apply(steps_.back().Q, false, z_.tail(n_new), e_[g]);
    }
}

void UpdatableFactor::keep_columns(const std::vector<Index>& columns) {
    const auto n = static_cast<Index>(columns.size());
    for (std::size_t k = 0; k < columns.size(); ++k)
        if (columns[k] < 0 || columns[k] >= n_columns() || (k > 0 && columns[k] <= columns[k - 1]))
            throw std::invalid_argument(fmt::format(
                "updatable factor: column {} to keep of {}; ascending ones are needed", columns[k], n_columns()));
    if (n == n_columns()) return;
    // The triangle without some of its columns becomes a group of rows under a new triangle.
    MatrixXd former = MatrixXd(R_.triangularView<Eigen::Upper>())(Eigen::all, columns);
    is_rows_.push_back(false);
    e_.push_back(std::exchange(z_, VectorXd::Zero(n)));
    R_ = MatrixXd::Zero(n, n);
    steps_.push_back({e_.size() - 1, 0, true,
                      n > 0 ? lapack::stack_and_keep(R_, std::move(former))
                            : lapack::StackedReflections{std::move(former), MatrixXd(0, 0)}});
    lapack::apply(steps_.back().Q, false, z_, e_.back());
}

MatrixXd UpdatableFactor::R(const std::vector<Index>& order) const {
    const Index n = n_columns();
    if (static_cast<Index>(order.size()) != n)
        throw std::invalid_argument(fmt::format("updatable factor: {} of {} columns ordered", order.size(), n));
    double rest = 0.0;
    for (const VectorXd& e : e_) rest += e.squaredNorm();
    MatrixXd rows = MatrixXd::Zero(n + 1, n + 1);
    rows.topLeftCorner(n, n) = MatrixXd(R_.triangularView<Eigen::Upper>())(Eigen::all, order);
    rows.topRightCorner(n, 1) = z_;
    rows(n, n) = std::sqrt(rest);
    TriangularFactor factor(n + 1);
    factor.add_rows(rows);
    return std::move(factor).R();
}

std::vector<VectorXd> UpdatableFactor::times(const VectorXd& w) const {
    if (w.size() != n_columns())
        throw std::invalid_argument(fmt::format("updatable factor: {} weights for {} columns", w.size(), n_columns()));
    VectorXd top = R_.triangularView<Eigen::Upper>() * w;
    std::vector<VectorXd> groups;
    for (const VectorXd& e : e_) groups.push_back(VectorXd::Zero(e.size()));
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
        lapack::apply(step->Q, true, top.segment(step->first, step->Q.V.cols()), groups[step->group]);
        if (step->former_triangle) top = std::move(groups[step->group]);  // before it there was no other triangle
    }
    std::vector<VectorXd> result;
    for (std::size_t g = 0; g < groups.size(); ++g)
        if (is_rows_[g]) result.push_back(std::move(groups[g]));
    return result;
}

}  // namespace mlff::bayes
