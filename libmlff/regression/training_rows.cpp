#include "libmlff/regression/training_rows.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "bayes/thread_failure.hpp"
#include "libmlff/atoms/elements.hpp"
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
    n_references_ = count_references(columns.all);
    keep_columns(columns);
    add_columns(columns);
    if (forces_.excess() > most_excess) {
        forces_ = bayes::UpdatableFactor(n_references_);
        std::iota(column_of_.begin(), column_of_.end(), Index{0});
        rows_.clear();
    }
    if (forces_.n_rows() == 0 && forces_.n_columns() != n_references_) forces_ = bayes::UpdatableFactor(n_references_);
    std::move(added.begin(), added.end(), std::back_inserter(structures_));
    add_rows(columns.all);
}

DesignRows LocalTrainingRows::rows_of(const Structure& structure,
                                      const std::vector<LocalReferences>& references) const {
    Environments environments(species_, descriptor_->cutoff(), 0.0);
    environments.update(structure);
    return design_rows(*descriptor_, kernel_power_, references, environments, structure);
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

void LocalTrainingRows::add_columns(const ColumnUpdate& columns) {
    std::vector<Index> fresh_from(columns.fresh_to.size());
    std::iota(fresh_from.begin(), fresh_from.end(), Index{0});
    std::vector<MatrixXd> force_columns(structures_.size());
    const auto add_to = [&](std::size_t s) {
        const DesignRows extra = rows_of(structures_[s].structure, columns.fresh);
        const auto merge = [&](MatrixXd& present, const MatrixXd& fresh) {
            MatrixXd merged(n_references_, fresh.cols());
            copy_rows(merged, present, columns.from, columns.to);
            copy_rows(merged, fresh, fresh_from, columns.fresh_to);
            present = std::move(merged);
        };
        merge(rows_[s].energy, extra.energy);
        merge(rows_[s].stress, extra.stress);
        force_columns[s] = std::sqrt(structures_[s].weight) * extra.forces.transpose();
    };
    // One structure per thread at a time: no barriers inside.
    ThreadFailure failure;
#pragma omp parallel for schedule(static, 1)
    for (std::size_t s = 0; s < structures_.size(); ++s) failure.collect([&] { add_to(s); });
    failure.rethrow();
    std::vector<MatrixXd> labeled;
    for (std::size_t s = 0; s < structures_.size(); ++s)
        if (structures_[s].labels.forces) labeled.push_back(std::move(force_columns[s]));
    forces_.add_columns(std::move(labeled));
}

void LocalTrainingRows::add_rows(const std::vector<LocalReferences>& references) {
    const std::size_t first = rows_.size();
    rows_.resize(structures_.size());
    ThreadFailure failure;
#pragma omp parallel for schedule(static, 1)
    for (std::size_t s = first; s < structures_.size(); ++s)
        failure.collect([&] { rows_[s] = rows_of(structures_[s].structure, references); });
    failure.rethrow();
    for (std::size_t s = first; s < structures_.size(); ++s) {
        if (const auto& labels = structures_[s].labels.forces) {
            MatrixXd rows(rows_[s].forces.cols(), rows_[s].forces.rows());
            const double root = std::sqrt(structures_[s].weight);
            for (std::size_t k = 0; k < column_of_.size(); ++k)
                rows.col(column_of_[k]) = root * rows_[s].forces.row(static_cast<Index>(k)).transpose();
            forces_.add_rows(std::move(rows), root * labels->reshaped());
        }
        rows_[s].forces.resize(0, 0);
    }
}

RegressionData LocalTrainingRows::factors() const {
    RegressionData data(n_references_, species_);
    double count = 0.0;
    for (std::size_t s = 0; s < structures_.size(); ++s) {
        data.add_without_forces(rows_[s], structures_[s]);
        if (const auto& forces = structures_[s].labels.forces)
            count += structures_[s].weight * static_cast<double>(forces->size());
    }
    data.set_forces(bayes::TriangularFactor(forces_.R(column_of_), forces_.n_rows()), count);
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
        const VectorXd& predicted = *prediction++;  // times the root of the weight
        const double root = std::sqrt(weight);
        for (Index i = 0; i < structure.size(); ++i) {
            const auto channel =
                static_cast<Index>(channel_of(species_, structure.species[static_cast<std::size_t>(i)]));
            sums(0, channel) += (predicted.segment(3 * i, 3) - root * labels.forces->col(i)).squaredNorm();
            sums(1, channel) += 3.0 * weight;
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
