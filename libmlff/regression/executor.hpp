#pragma once

#include <memory>
#include <span>
#include <vector>

#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/regression/picked_atoms.hpp"
#include "libmlff/regression/robust_covariance.hpp"
#include "libmlff/regression/row_accumulation.hpp"
#include "libmlff/regression/training_rows.hpp"

namespace mlff {

/// Who does the work that grows with the data: this process alone, or all ranks of a job
/// (parallel/distributed_executor.hpp). What is computed does not depend on it, up to rounding: physics reads as if
/// there were one process. The functions of this class do the work in this process.
class Executor {
 public:
    virtual ~Executor() = default;

    [[nodiscard]] virtual int n_processes() const { return 1; }

    /// Descriptors of picked atoms, in their order.
    [[nodiscard]] virtual PickedFeatures describe(std::span<const PickedAtoms> picked,
                                                  const descriptors::Descriptor& descriptor,
                                                  const std::vector<int>& species, const Progress& progress) {
        return mlff::describe(picked, descriptor, species, progress);
    }

    /// Design rows of a data set, worked into triangular factors.
    [[nodiscard]] virtual PartedData accumulate_rows(const RowModel& model, std::span<const PartedStructure> items,
                                                     const Progress& progress) {
        return mlff::accumulate_rows(model, items, progress);
    }

    /// Influences of training structures on the weights of a fit to them (robust_covariance.hpp).
    [[nodiscard]] virtual bayes::TriangularFactor influences(const ForceField& model,
                                                             std::span<const LabeledStructure* const> data,
                                                             const LabelWeights& weights, const Progress& progress) {
        return influences_of(model, data, weights, progress);
    }

    /// An empty store of design rows. The executor must outlive it.
    [[nodiscard]] virtual std::unique_ptr<TrainingRows> training_rows(
        std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power, const std::vector<int>& species) {
        return std::make_unique<LocalTrainingRows>(std::move(descriptor), kernel_power, species);
    }

    /// A calculator for a force field. The executor must outlive it.
    /// @param skin  [Å] of its neighbour list
    [[nodiscard]] virtual std::unique_ptr<ModelCalculator> calculator(ForceField force_field, double skin = 1.0) {
        return std::make_unique<ForceFieldCalculator>(std::move(force_field), skin);
    }
};

/// This process alone. It has no state.
[[nodiscard]] inline Executor& this_process() {
    static Executor alone;
    return alone;
}

}  // namespace mlff
