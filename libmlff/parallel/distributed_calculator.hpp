#pragma once

#include <memory>

#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/parallel/communicator.hpp"

namespace mlff {

/// A force field evaluated by all ranks, each with a share of the atoms. Rank 0 has the calculator; the others hold
/// their copies between tasks.
class DistributedCalculator final : public ModelCalculator {
 public:
    /// Rank 0: sends the force field to the other ranks. `world` must outlive the calculator.
    DistributedCalculator(ForceField force_field, double skin, Communicator& world);
    ~DistributedCalculator() override;

    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    void check(const Structure& structure) const override { own_.check(structure); }
    [[nodiscard]] const ForceField& force_field() const override { return own_.force_field(); }

 private:
    Communicator& world_;
    int handle_;  ///< identifies this calculator on the other ranks
    bool factor_sent_ = false;
    ForceFieldCalculator own_;
};

/// The tasks of the other ranks.
void add_calculator_tasks(TaskHandlers& handlers);

}  // namespace mlff
