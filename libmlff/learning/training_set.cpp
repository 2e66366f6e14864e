#include "libmlff/learning/training_set.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bayes/kernel.hpp"

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

void SelectionOptions::validate() const {
    if (method == SelectionMethod::cur)
        bayes::CurOptions{.eps_low = tolerance}.validate();
    else
        bayes::CholeskyOptions{.tolerance = tolerance}.validate();
}

std::vector<Index> select(const MatrixXd& features, int kernel_power, const SelectionOptions& options, Index capacity) {
    const MatrixXd K = bayes::kernel_matrix(features, kernel_power);
    if (options.method == SelectionMethod::cur)
        return bayes::select_by_cur(K, {.eps_low = options.tolerance, .max_size = capacity});
    auto kept = bayes::select_by_cholesky(K, {.tolerance = options.tolerance, .max_size = capacity});
    std::sort(kept.begin(), kept.end());
    return kept;
}

TrainingSet::TrainingSet(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                         std::vector<int> species)
    : descriptor_(std::move(descriptor)),
      kernel_power_(kernel_power),
      species_(std::move(species)),
      references_(species_.size()) {
    for (auto& set : references_) set.features.resize(descriptor_->size(), 0);
}

Index TrainingSet::n_references() const {
    Index n = 0;
    for (const auto& set : references_) n += set.size();
    return n;
}

std::size_t TrainingSet::bytes() const {
    std::size_t n = 0;
    for (const auto& rows : rows_)
        n += static_cast<std::size_t>(rows.energy.size() + rows.stress.size()) * sizeof(double);
    return n + forces_.bytes();
}

std::vector<TrainingSet::Change> TrainingSet::learn(std::vector<Candidate> candidates, const SelectionOptions& options,
                                                    Index capacity) {
    const std::size_t n_old_structures = structures_.size();
    std::vector<LocalReferences> pool = references_;
    for (auto& [item, atoms] : candidates) {
        Environments environments(species_, descriptor_->cutoff(), 0.0);
        environments.update(item.structure);
        const MatrixXd features = compute_features(*descriptor_, environments);
        for (std::size_t channel = 0; channel < species_.size(); ++channel) {
            LocalReferences& set = pool[channel];
            std::vector<Index> own;
            for (const Index atom : atoms)
                // An atom without neighbours has no descriptor and cannot be a reference.
                if (environments.channel(atom) == static_cast<int>(channel) && environments.neighbors().count(atom) > 0)
                    own.push_back(atom);
            const Index before = set.size();
            set.features.conservativeResize(descriptor_->size(), before + static_cast<Index>(own.size()));
            for (std::size_t k = 0; k < own.size(); ++k) {
                set.features.col(before + static_cast<Index>(k)) = features.col(own[k]);
                set.structure.push_back(static_cast<int>(structures_.size()));
                set.atom.push_back(static_cast<int>(own[k]));
            }
        }
        structures_.push_back(std::move(item));
    }

    std::vector<Change> changes;
    std::vector<std::vector<Index>> kept;
    std::vector<Index> before;
    for (std::size_t channel = 0; channel < species_.size(); ++channel) {
        const LocalReferences& from = pool[channel];
        before.push_back(references_[channel].size());
        kept.push_back(from.size() > 0 ? select(from.features, kernel_power_, options, capacity)
                                       : std::vector<Index>{});
        references_[channel] = from.subset(kept.back());
        changes.push_back({before.back(), from.size() - before.back(), references_[channel].size()});
    }
    update_rows(kept, before, n_old_structures);
    return changes;
}

void TrainingSet::update_rows(const std::vector<std::vector<Index>>& kept, const std::vector<Index>& before,
                              std::size_t n_old_structures) {
    // Kept indices ascend, so within each channel the references from before come first and the new ones after them.
    std::vector<LocalReferences> fresh(species_.size());
    std::vector<Index> old_from, old_to, fresh_to;
    Index first_old = 0, first_new = 0;
    for (std::size_t channel = 0; channel < species_.size(); ++channel) {
        const auto& list = kept[channel];
        const auto n_kept =
            static_cast<Index>(std::lower_bound(list.begin(), list.end(), before[channel]) - list.begin());
        for (Index k = 0; k < n_kept; ++k) {
            old_from.push_back(first_old + list[static_cast<std::size_t>(k)]);
            old_to.push_back(first_new + k);
        }
        const auto n_all = static_cast<Index>(list.size());
        for (Index k = n_kept; k < n_all; ++k) fresh_to.push_back(first_new + k);
        fresh[channel].features = references_[channel].features.rightCols(n_all - n_kept);
        first_old += before[channel];
        first_new += n_all;
    }
    std::vector<Index> fresh_from(fresh_to.size());
    for (std::size_t k = 0; k < fresh_from.size(); ++k) fresh_from[k] = static_cast<Index>(k);

    // Columns of the factor: those that stay, in their old order, and the new ones behind them.
    std::vector<Index> staying(old_from.size()), column_of(static_cast<std::size_t>(first_new));
    for (std::size_t k = 0; k < staying.size(); ++k) staying[k] = column_of_[static_cast<std::size_t>(old_from[k])];
    std::vector<Index> ascending = staying;
    std::sort(ascending.begin(), ascending.end());
    for (std::size_t k = 0; k < staying.size(); ++k)
        column_of[static_cast<std::size_t>(old_to[k])] =
            std::lower_bound(ascending.begin(), ascending.end(), staying[k]) - ascending.begin();
    for (std::size_t k = 0; k < fresh_to.size(); ++k)
        column_of[static_cast<std::size_t>(fresh_to[k])] = static_cast<Index>(staying.size() + k);
    column_of_ = std::move(column_of);
    forces_.keep_columns(ascending);

    // One structure per thread at a time: no barriers inside. What can throw (surroundings) comes before.
    const auto n_old = n_old_structures;
    std::vector<Environments> environments;
    for (std::size_t s = 0; s < n_old; ++s) {
        environments.emplace_back(species_, descriptor_->cutoff(), 0.0);
        environments.back().update(structures_[s].structure);
    }
    std::vector<MatrixXd> columns(n_old);
#pragma omp parallel for schedule(static, 1)
    for (std::size_t s = 0; s < n_old; ++s) {
        const DesignRows added =
            design_rows(*descriptor_, kernel_power_, fresh, environments[s], structures_[s].structure);
        const auto merge = [&](MatrixXd& present, const MatrixXd& extra) {
            MatrixXd merged(first_new, extra.cols());
            copy_rows(merged, present, old_from, old_to);
            copy_rows(merged, extra, fresh_from, fresh_to);
            present = std::move(merged);
        };
        merge(rows_[s].energy, added.energy);
        merge(rows_[s].stress, added.stress);
        columns[s] = added.forces.transpose();
    }
    std::vector<MatrixXd> labeled;
    for (std::size_t s = 0; s < n_old; ++s)
        if (structures_[s].labels.forces) labeled.push_back(std::move(columns[s]));
    forces_.add_columns(std::move(labeled));
    if (forces_.excess() > most_excess) {
        forces_ = bayes::UpdatableFactor(first_new);
        for (std::size_t k = 0; k < column_of_.size(); ++k) column_of_[k] = static_cast<Index>(k);
        rows_.clear();
    }
    if (forces_.n_rows() == 0 && forces_.n_columns() != first_new) forces_ = bayes::UpdatableFactor(first_new);
    add_rows(rows_.size());
}

void TrainingSet::add_rows(std::size_t first_structure) {
    const std::size_t n_structures = structures_.size();
    std::vector<Environments> environments;
    for (std::size_t s = first_structure; s < n_structures; ++s) {
        environments.emplace_back(species_, descriptor_->cutoff(), 0.0);
        environments.back().update(structures_[s].structure);
    }
    rows_.resize(n_structures);
#pragma omp parallel for schedule(static, 1)
    for (std::size_t s = first_structure; s < n_structures; ++s)
        rows_[s] = design_rows(*descriptor_, kernel_power_, references_, environments[s - first_structure],
                               structures_[s].structure);
    for (std::size_t s = first_structure; s < n_structures; ++s) {
        if (const auto& labels = structures_[s].labels.forces) {
            MatrixXd rows(rows_[s].forces.cols(), rows_[s].forces.rows());
            for (std::size_t k = 0; k < column_of_.size(); ++k)
                rows.col(column_of_[k]) = rows_[s].forces.row(static_cast<Index>(k)).transpose();
            forces_.add_rows(std::move(rows), labels->reshaped());
        }
        rows_[s].forces.resize(0, 0);
    }
}

ForceField TrainingSet::fit(const RegressionOptions& options, Provenance provenance) const {
    RegressionData data(n_references(), species_);
    for (std::size_t s = 0; s < structures_.size(); ++s) data.add_without_forces(rows_[s], structures_[s]);
    data.set_forces(bayes::TriangularFactor(forces_.R(column_of_), forces_.n_rows()));
    return mlff::fit(std::move(data), descriptor_, kernel_power_, references_, options, std::move(provenance));
}

VectorXd TrainingSet::force_errors(const VectorXd& weights) const {
    VectorXd squared = VectorXd::Zero(static_cast<Index>(species_.size())), count = squared;
    VectorXd by_column(weights.size());
    for (std::size_t k = 0; k < column_of_.size(); ++k) by_column[column_of_[k]] = weights[static_cast<Index>(k)];
    const std::vector<VectorXd> predictions = forces_.times(by_column);
    auto prediction = predictions.begin();
    for (std::size_t s = 0; s < structures_.size(); ++s) {
        const auto& [structure, labels, origin, group] = structures_[s];
        if (!labels.forces) continue;
        const VectorXd& predicted = *prediction++;
        for (Index i = 0; i < structure.size(); ++i) {
            const auto channel =
                std::find(species_.begin(), species_.end(), structure.species[static_cast<std::size_t>(i)]) -
                species_.begin();
            squared[channel] += (predicted.segment(3 * i, 3) - labels.forces->col(i)).squaredNorm();
            count[channel] += 3.0;
        }
    }
    return (squared.array() / count.array().max(1.0)).sqrt();
}

}  // namespace mlff
