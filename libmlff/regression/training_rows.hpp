#pragma once

#include <memory>
#include <vector>

#include "bayes/updatable_factor.hpp"
#include "libmlff/model/environments.hpp"
#include "libmlff/regression/regression.hpp"

namespace mlff {

/// How the columns of the design matrix change when the references are chosen afresh.
struct ColumnUpdate {
    std::vector<Eigen::Index> from, to;  ///< column from[k] goes on as column to[k]
    std::vector<Eigen::Index> fresh_to;  ///< columns of the new references, channel after channel
    std::vector<LocalReferences> fresh;  ///< these, per channel
    std::vector<LocalReferences> all;    ///< all references as they are now, per channel
};

/// Labelled structures with their design rows, which follow as structures and references come and go.
class TrainingRows {
 public:
    virtual ~TrainingRows() = default;
    /// @throws std::logic_error if rows are held by other processes
    [[nodiscard]] virtual std::unique_ptr<TrainingRows> clone() const = 0;

    /// @throws InputError for local environments that cannot be described. After any exception the rows are unusable.
    virtual void update(const ColumnUpdate& columns, std::vector<LabeledStructure> added) = 0;

    /// All rows, worked into triangular factors.
    [[nodiscard]] virtual RegressionData factors() const = 0;

    /// Of the forces that weights predict, per channel: sum of squared errors, and number of components, both times
    /// the weights of the structures.
    [[nodiscard]] virtual Eigen::Matrix2Xd force_errors(const Eigen::VectorXd& weights) const = 0;

    [[nodiscard]] virtual std::size_t bytes() const = 0;  ///< held by the design rows, factorised or not
};

/// Labelled structures of one process with their design rows, kept so that a change of the references costs only what
/// is new: rows of new structures, and new columns of the others. Those of forces, nearly all there are, are kept in
/// factorised form, which follows as structures and references come and go; they are times the root of the weight of
/// their structure. Neighbours are searched for structure by structure and forgotten.
class LocalTrainingRows final : public TrainingRows {
 public:
    LocalTrainingRows(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                      std::vector<int> species);

    [[nodiscard]] std::unique_ptr<TrainingRows> clone() const override {
        return std::make_unique<LocalTrainingRows>(*this);
    }
    void update(const ColumnUpdate& columns, std::vector<LabeledStructure> added) override;
    [[nodiscard]] RegressionData factors() const override;
    [[nodiscard]] Eigen::Matrix2Xd force_errors(const Eigen::VectorXd& weights) const override;
    [[nodiscard]] std::size_t bytes() const override;

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

}  // namespace mlff
