#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "libmlff/regression/executor.hpp"
#include "libmlff/regression/regression.hpp"
#include "libmlff/regression/selection.hpp"

namespace mlff {

/// A structure that waits to be learned: what the reference said, and the atoms that may become local references.
struct Candidate {
    LabeledStructure structure;
    std::vector<Eigen::Index> atoms;
};

/// Rows of the design matrix of a structure that has all labels.
[[nodiscard]] inline double n_design_rows(const Structure& structure) {
    return 7.0 + 3.0 * static_cast<double>(structure.size());
}
/// What a training set holds at most [bytes]: 8 M N_B of design rows, and some eight matrices of N_B² while it fits.
[[nodiscard]] double training_bytes(double n_rows, double n_references);
/// The N_B that goes with so many bytes and rows.
[[nodiscard]] double references_within(double bytes, double n_rows);

/// Labelled structures, local references chosen from their atoms, and the design rows that tie them.
class TrainingSet {
 public:
    /// @param executor  who keeps the design rows; must outlive this
    TrainingSet(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power, std::vector<int> species,
                Executor& executor = this_process());
    /// @throws std::logic_error if other processes hold design rows
    TrainingSet(const TrainingSet& other);

    /// What `learn` did to one species.
    struct Change {
        Eigen::Index before = 0, candidates = 0, after = 0;
    };
    using Changes = std::vector<Change>;  ///< per channel
    /// Add structures and choose the references afresh from the present ones and the candidates.
    /// @param capacity  most references per species
    /// @param then      work that belongs to it, such as a fit. If it or anything else throws, nothing was learned: the
    ///                  structures and references are those from before, and their design rows are made again when they
    ///                  are needed (equal but for rounding)
    /// @throws InputError for local environments that cannot be described
    Changes learn(
        std::vector<Candidate> candidates, const SelectionOptions& options, Eigen::Index capacity,
        const std::function<void(const Changes&)>& then = [](const Changes&) {});

    /// Fit to all structures.
    [[nodiscard]] ForceField fit(const RegressionOptions& options, Provenance provenance) const;

    [[nodiscard]] const std::vector<LabeledStructure>& structures() const { return structures_; }
    [[nodiscard]] const std::vector<LocalReferences>& references() const { return references_; }
    [[nodiscard]] const std::vector<int>& species() const { return species_; }
    [[nodiscard]] const descriptors::Descriptor& descriptor() const { return *descriptor_; }
    [[nodiscard]] Eigen::Index n_references() const { return count_references(references_); }
    [[nodiscard]] std::size_t bytes() const { return rows().bytes(); }  ///< held by the design rows (of rank 0)

    /// Training error of the forces by channel [eV/Å], rms over components, for given weights.
    [[nodiscard]] Eigen::VectorXd force_errors(const Eigen::VectorXd& weights) const;

 private:
    /// The change from `before` references per channel, of which and of the new ones behind them `kept` stay.
    [[nodiscard]] ColumnUpdate column_update(const std::vector<std::vector<Eigen::Index>>& kept,
                                             const std::vector<Eigen::Index>& before) const;
    [[nodiscard]] ColumnUpdate all_columns() const;  ///< the change from no references
    /// The design rows; made from the beginning if there are none.
    [[nodiscard]] TrainingRows& rows() const;

    std::shared_ptr<const descriptors::Descriptor> descriptor_;
    int kernel_power_;
    std::vector<int> species_;
    std::vector<LabeledStructure> structures_;
    std::vector<LocalReferences> references_;
    Executor& executor_;
    mutable std::unique_ptr<TrainingRows> rows_;  ///< follow from structures and references; null: not made yet
};

}  // namespace mlff
