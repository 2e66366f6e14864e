#pragma once

#include <vector>

#include "libmlff/data/error_report.hpp"
#include "libmlff/parallel/communicator.hpp"
#include "libmlff/regression/fit_data.hpp"

namespace mlff {

/// Upper limit of the cost of a fit over `n_ranks` ranks on rank 0, which needs the most: it chooses the references and
/// receives the factor of the posterior, a part of the force field. References are reduced to keep the budget.
[[nodiscard]] FitForecast forecast_distributed(const std::vector<LabeledStructure>& training, const FitOptions& options,
                                               int n_ranks);

struct DistributedFit {
    ForceField force_field;
    ErrorReport training_errors;
};

/// A force field whose triangular factor is spread over the ranks of `world` (ScaLAPACK), for more references than one
/// rank can hold the factors of. Unlike a TrainingPass it scales the rows as they are added, with one factor instead of
/// three, and keeps no factors for validation: errors on unseen data need validation data.
/// @throws InputError if there are no labels or no references, no MPI job or no ScaLAPACK; NumericalError if a
///         factorisation fails
[[nodiscard]] DistributedFit fit_distributed(const std::vector<LabeledStructure>& training, const FitOptions& options,
                                             Communicator& world, Provenance provenance, const Progress& progress);

/// The tasks of the other ranks.
void add_fit_tasks(TaskHandlers& handlers);

}  // namespace mlff
