#pragma once

#include "libmlff/parallel/communicator.hpp"
#include "libmlff/regression/executor.hpp"

namespace mlff {

/// All ranks of a communicator as an Executor, seen from rank 0. Structures go to the ranks in blocks of about equally
/// many atoms, and factors of design rows are merged by a binary tree (TSQR). With one rank the process works alone.
class DistributedExecutor final : public Executor {
 public:
    /// The communicator must outlive the executor.
    explicit DistributedExecutor(Communicator& world) : world_(world) {}

    [[nodiscard]] int n_processes() const override { return world_.size(); }
    [[nodiscard]] PickedFeatures describe(std::span<const PickedAtoms> picked,
                                          const descriptors::Descriptor& descriptor, const std::vector<int>& species,
                                          const Progress& progress) override;
    [[nodiscard]] PartedData accumulate_rows(const RowModel& model, std::span<const PartedStructure> items,
                                             const Progress& progress) override;
    [[nodiscard]] bayes::TriangularFactor influences(const ForceField& model,
                                                     std::span<const LabeledStructure* const> data,
                                                     const LabelWeights& weights, const Progress& progress) override;
    [[nodiscard]] std::unique_ptr<TrainingRows> training_rows(std::shared_ptr<const descriptors::Descriptor> descriptor,
                                                              int kernel_power,
                                                              const std::vector<int>& species) override;
    [[nodiscard]] std::unique_ptr<ModelCalculator> calculator(ForceField force_field, double skin = 1.0) override;

 private:
    Communicator& world_;
};

/// The tasks of the other ranks: design rows and descriptors.
void add_executor_tasks(TaskHandlers& handlers);

/// A RowModel as a message, and back.
[[nodiscard]] Message encode(const RowModel& model);
[[nodiscard]] RowModel decode_row_model(Message& message);

}  // namespace mlff
