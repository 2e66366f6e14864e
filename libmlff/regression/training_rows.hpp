#pragma once

#include <map>
#include <memory>
#include <vector>

#include "bayes/updatable_factor.hpp"
#include "libmlff/parallel/communicator.hpp"
#include "libmlff/regression/regression.hpp"

namespace mlff {

/// How the columns of the design matrix change when the references are chosen afresh.
struct ColumnUpdate {
    std::vector<Eigen::Index> from, to;  ///< column from[k] goes on as column to[k]
    std::vector<Eigen::Index> fresh_to;  ///< columns of the new references, channel after channel
    std::vector<LocalReferences> fresh;  ///< these, per channel
    std::vector<LocalReferences> all;    ///< all references as they are now, per channel
};

/// Labelled structures of one rank with their design rows, kept so that a change of the references costs only what is
/// new: rows of new structures, and new columns of the others. Those of forces, nearly all there are, are kept in
/// factorised form, which follows as structures and references come and go; they are times the root of the weight of
/// their structure. Neighbours are searched for structure by structure and forgotten.
class TrainingRows {
 public:
    TrainingRows(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power, std::vector<int> species);

    /// @throws InputError for local environments that cannot be described. After any exception the rows are unusable.
    void update(const ColumnUpdate& columns, std::vector<LabeledStructure> added);

    /// All rows, worked into triangular factors.
    [[nodiscard]] RegressionData factors() const;

    /// Of the forces that weights predict, per channel: sum of squared errors, and number of components, both times the
    /// weights of the structures.
    [[nodiscard]] Eigen::Matrix2Xd force_errors(const Eigen::VectorXd& weights) const;

    [[nodiscard]] std::size_t bytes() const;  ///< held by the design rows, factorised or not

 private:
    void keep_columns(const ColumnUpdate& columns);
    void add_columns(const ColumnUpdate& columns);
    void add_rows(const std::vector<LocalReferences>& references);
    [[nodiscard]] DesignRows rows_of(const Structure& structure, const std::vector<LocalReferences>& references) const;

    std::shared_ptr<const descriptors::Descriptor> descriptor_;
    int kernel_power_;
    std::vector<int> species_;
    Eigen::Index n_references_ = 0;
    std::vector<LabeledStructure> structures_;
    std::vector<DesignRows> rows_;         ///< one per structure, without those of forces
    bayes::UpdatableFactor forces_;        ///< force rows of the structures that have labels for them
    std::vector<Eigen::Index> column_of_;  ///< column of `forces_` of each reference
};

/// The same of all ranks, seen from rank 0. Structures go to the ranks in turn.
class SharedTrainingRows {
 public:
    /// @param world  null: one rank. Must outlive this
    SharedTrainingRows(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                       std::vector<int> species, Communicator* world);
    SharedTrainingRows(const SharedTrainingRows&) = delete;
    SharedTrainingRows& operator=(const SharedTrainingRows&) = delete;
    ~SharedTrainingRows();

    void update(const ColumnUpdate& columns, std::vector<LabeledStructure> added);
    [[nodiscard]] RegressionData factors() const;
    [[nodiscard]] Eigen::Matrix2Xd force_errors(const Eigen::VectorXd& weights) const;
    [[nodiscard]] std::size_t bytes() const { return own_.bytes(); }  ///< on rank 0

 private:
    TrainingRows own_;
    Communicator* world_;  ///< null if there are no other ranks
    int handle_ = 0;
    std::size_t n_structures_ = 0;
};

/// What the other ranks do meanwhile: `rows` are theirs, by handle.
void help_with_training(Communicator& world, Task task, Message message, std::map<int, TrainingRows>& rows);

}  // namespace mlff
