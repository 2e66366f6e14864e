#include "libmlff/regression/training_rows.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "libmlff/model/environments.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// The reflections of references that were left out stay in the factor of the force rows; when they take this much
/// (times what is needed), the rows are computed afresh.
constexpr double most_excess = 1.5;

/// Rows of `source` scattered to `target`: target row to[k] becomes source row from[k].
void copy_rows(MatrixXd& target, const MatrixXd& source, const std::vector<Index>& from, const std::vector<Index>& to) {
    for (Index column = 0; column < source.cols(); ++column)
        for (std::size_t k = 0; k < from.size(); ++k) target(to[k], column) = source(from[k], column);
}

}  // namespace

LocalTrainingRows::LocalTrainingRows(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                                     std::vector<int> species)
    : descriptor_(std::move(descriptor)), kernel_power_(kernel_power), species_(std::move(species)) {}

void LocalTrainingRows::update(const ColumnUpdate& columns, std::vector<LabeledStructure> added) {
    // What can throw (surroundings) comes before anything changes, and before the threads.
    std::vector<Environments> environments;
    for (const auto* structures : {&structures_, &added})
        for (const auto& item : *structures) {
            environments.emplace_back(species_, descriptor_->cutoff(), 0.0);
            environments.back().update(item.structure);
        }
    n_references_ = count_references(columns.all);
    keep_columns(columns);
    add_columns(columns, environments);
    if (forces_.excess() > most_excess) {
        forces_ = bayes::UpdatableFactor(n_references_);
        std::iota(column_of_.begin(), column_of_.end(), Index{0});
        rows_.clear();
    }
    if (forces_.n_rows() == 0 && forces_.n_columns() != n_references_) forces_ = bayes::UpdatableFactor(n_references_);
    std::move(added.begin(), added.end(), std::back_inserter(structures_));
    add_rows(columns.all, environments);
}

void LocalTrainingRows::keep_columns(const ColumnUpdate& columns) {
    // Columns of the factor: those that stay, in their old order, and the new ones behind them.
    std::vector<Index> staying(columns.from.size()), column_of(static_cast<std::size_t>(n_references_));
    for (std::size_t k = 0; k < staying.size(); ++k) staying[k] = column_of_[static_cast<std::size_t>(columns.from[k])];
    std::vector<Index> ascending = staying;
    std::sort(ascending.begin(), ascending.end());
    for (std::size_t k = 0; k < staying.size(); ++k)
        column_of[static_cast<std::size_t>(columns.to[k])] =
            std::lower_bound(ascending.begin(), ascending.end(), staying[k]) - ascending.begin();
    for (std::size_t k = 0; k < columns.fresh_to.size(); ++k)
        column_of[static_cast<std::size_t>(columns.fresh_to[k])] = static_cast<Index>(staying.size() + k);
    column_of_ = std::move(column_of);
    forces_.keep_columns(ascending);
}

void LocalTrainingRows::add_columns(const ColumnUpdate& columns, const std::vector<Environments>& environments) {
    std::vector<Index> fresh_from(columns.fresh_to.size());
    std::iota(fresh_from.begin(), fresh_from.end(), Index{0});
    std::vector<MatrixXd> force_columns(structures_.size());
    // One structure per thread at a time: no barriers inside.
#pragma omp parallel for schedule(static, 1)
    for (std::size_t s = 0; s < structures_.size(); ++s) {
        const DesignRows extra =
            design_rows(*descriptor_, kernel_power_, columns.fresh, environments[s], structures_[s].structure);
        const auto merge = [&](MatrixXd& present, const MatrixXd& fresh) {
            MatrixXd merged(n_references_, fresh.cols());
            copy_rows(merged, present, columns.from, columns.to);
            copy_rows(merged, fresh, fresh_from, columns.fresh_to);
            present = std::move(merged);
        };
        merge(rows_[s].energy, extra.energy);
        merge(rows_[s].stress, extra.stress);
        force_columns[s] = extra.forces.transpose();
    }
    std::vector<MatrixXd> labeled;
    for (std::size_t s = 0; s < structures_.size(); ++s)
        if (structures_[s].labels.forces) labeled.push_back(std::move(force_columns[s]));
    forces_.add_columns(std::move(labeled));
}

void LocalTrainingRows::add_rows(const std::vector<LocalReferences>& references,
                                 const std::vector<Environments>& environments) {
    const std::size_t first = rows_.size();
    rows_.resize(structures_.size());
#pragma omp parallel for schedule(static, 1)
    for (std::size_t s = first; s < structures_.size(); ++s)
        rows_[s] = design_rows(*descriptor_, kernel_power_, references, environments[s], structures_[s].structure);
    for (std::size_t s = first; s < structures_.size(); ++s) {
        if (const auto& labels = structures_[s].labels.forces) {
            MatrixXd rows(rows_[s].forces.cols(), rows_[s].forces.rows());
            for (std::size_t k = 0; k < column_of_.size(); ++k)
                rows.col(column_of_[k]) = rows_[s].forces.row(static_cast<Index>(k)).transpose();
            forces_.add_rows(std::move(rows), labels->reshaped());
        }
        rows_[s].forces.resize(0, 0);
    }
}

RegressionData LocalTrainingRows::factors() const {
    RegressionData data(n_references_, species_);
    for (std::size_t s = 0; s < structures_.size(); ++s) data.add_without_forces(rows_[s], structures_[s]);
    data.set_forces(bayes::TriangularFactor(forces_.R(column_of_), forces_.n_rows()));
    return data;
}

Eigen::Matrix2Xd LocalTrainingRows::force_errors(const VectorXd& weights) const {
    if (weights.size() != n_references_)
        throw std::invalid_argument("weights do not belong to the references of these design rows");
    Eigen::Matrix2Xd sums = Eigen::Matrix2Xd::Zero(2, static_cast<Index>(species_.size()));
    VectorXd by_column(weights.size());
    for (std::size_t k = 0; k < column_of_.size(); ++k) by_column[column_of_[k]] = weights[static_cast<Index>(k)];
    const std::vector<VectorXd> predictions = forces_.times(by_column);
    auto prediction = predictions.begin();
    for (const auto& [structure, labels, origin, group, weight] : structures_) {
        if (!labels.forces) continue;
        const VectorXd& predicted = *prediction++;
        for (Index i = 0; i < structure.size(); ++i) {
            const auto channel =
                std::find(species_.begin(), species_.end(), structure.species[static_cast<std::size_t>(i)]) -
                species_.begin();
            sums(0, channel) += (predicted.segment(3 * i, 3) - labels.forces->col(i)).squaredNorm();
            sums(1, channel) += 3.0;
        }
    }
    return sums;
}

std::size_t LocalTrainingRows::bytes() const {
    std::size_t n = 0;
    for (const auto& rows : rows_)
        n += static_cast<std::size_t>(rows.energy.size() + rows.stress.size()) * sizeof(double);
    return n + forces_.bytes();
}

}  // namespace mlff
