#include "libmlff/learning/training_set.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "libmlff/model/environments.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double n_square = 8.0;  ///< matrices of N_B² while fitting

}  // namespace

double training_bytes(double n_rows, double n_references) {
    return sizeof(double) * (n_rows + n_square * n_references) * n_references;
}

double references_within(double bytes, double n_rows) {
    const double numbers = bytes / sizeof(double);
    return (std::sqrt(n_rows * n_rows + 4.0 * n_square * numbers) - n_rows) / (2.0 * n_square);
}

TrainingSet::TrainingSet(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                         std::vector<int> species, Executor& executor)
    : descriptor_(std::move(descriptor)),
      kernel_power_(kernel_power),
      species_(std::move(species)),
      references_(species_.size()),
      executor_(executor) {
    for (auto& set : references_) set.features.resize(descriptor_->size(), 0);
}

TrainingSet::TrainingSet(const TrainingSet& other)
    : descriptor_(other.descriptor_),
      kernel_power_(other.kernel_power_),
      species_(other.species_),
      structures_(other.structures_),
      references_(other.references_),
      executor_(other.executor_),
      rows_(other.rows_ ? other.rows_->clone() : nullptr) {}

TrainingRows& TrainingSet::rows() const {
    if (!rows_) {
        auto rows = executor_.training_rows(descriptor_, kernel_power_, species_);
        rows->update(all_columns(), structures_);
        rows_ = std::move(rows);
    }
    return *rows_;
}

TrainingSet::Changes TrainingSet::learn(std::vector<Candidate> candidates, const SelectionOptions& options,
                                        Index capacity, const std::function<void(const Changes&)>& then) {
    std::vector<LabeledStructure> added;
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
                set.structure.push_back(static_cast<int>(structures_.size() + added.size()));
                set.atom.push_back(static_cast<int>(own[k]));
            }
        }
        added.push_back(std::move(item));
    }

    Changes changes;
    std::vector<std::vector<Index>> kept;
    std::vector<Index> before;
    std::vector<LocalReferences> chosen;
    for (std::size_t channel = 0; channel < species_.size(); ++channel) {
        const LocalReferences& from = pool[channel];
        before.push_back(references_[channel].size());
        kept.push_back(from.size() > 0 ? select(from.features, kernel_power_, options, capacity)
                                       : std::vector<Index>{});
        chosen.push_back(from.subset(kept.back()));
        changes.push_back({before.back(), from.size() - before.back(), chosen.back().size()});
    }
    pool.clear();

    const std::size_t n_structures = structures_.size();
    structures_.insert(structures_.end(), added.begin(), added.end());
    std::swap(references_, chosen);
    try {
        if (rows_)
            rows_->update(column_update(kept, before), std::move(added));
        else
            (void)rows();
        then(changes);
    } catch (...) {
        rows_.reset();
        std::swap(references_, chosen);
        structures_.resize(n_structures);
        throw;
    }
    return changes;
}

ColumnUpdate TrainingSet::column_update(const std::vector<std::vector<Index>>& kept,
                                        const std::vector<Index>& before) const {
    // Kept indices ascend, so within each channel the references from before come first and the new ones after them.
    ColumnUpdate update;
    update.fresh.resize(species_.size());
    update.all = references_;
    Index first_old = 0, first_new = 0;
    for (std::size_t channel = 0; channel < species_.size(); ++channel) {
        const auto& list = kept[channel];
        const auto n_kept =
            static_cast<Index>(std::lower_bound(list.begin(), list.end(), before[channel]) - list.begin());
        for (Index k = 0; k < n_kept; ++k) {
            update.from.push_back(first_old + list[static_cast<std::size_t>(k)]);
            update.to.push_back(first_new + k);
        }
        const auto n_all = static_cast<Index>(list.size());
        for (Index k = n_kept; k < n_all; ++k) update.fresh_to.push_back(first_new + k);
        update.fresh[channel].features = references_[channel].features.rightCols(n_all - n_kept);
        first_old += before[channel];
        first_new += n_all;
    }
    return update;
}

ColumnUpdate TrainingSet::all_columns() const {
    std::vector<std::vector<Index>> kept;
    for (const auto& set : references_) {
        kept.emplace_back(static_cast<std::size_t>(set.size()));
        std::iota(kept.back().begin(), kept.back().end(), Index{0});
    }
    return column_update(kept, std::vector<Index>(references_.size(), 0));
}

ForceField TrainingSet::fit(const RegressionOptions& options, Provenance provenance) const {
    return mlff::fit(rows().factors(), descriptor_, kernel_power_, references_, options, std::move(provenance));
}

VectorXd TrainingSet::force_errors(const VectorXd& weights) const {
    const Eigen::Matrix2Xd sums = rows().force_errors(weights);
    return (sums.row(1).array() > 0.0).select(sums.row(0).array() / sums.row(1).array(), 0.0).sqrt().transpose();
}

}  // namespace mlff
