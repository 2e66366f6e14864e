#pragma once

#include <vector>

#include "libmlff/learning/fit_data.hpp"

namespace mlff {

/// A force field whose triangular factor is spread over the ranks of `options.world` (ScaLAPACK), for more references
/// than one rank can hold the factors of. Unlike a TrainingPass it scales the rows as they come, so that there is one
/// factor and not three, and keeps nothing to validate with: errors on unseen data need validation data.
/// Memory of a rank while fitting: about five matrices of N_B² numbers over the number of ranks; rank 0 also receives
/// the factor of the posterior, 8 N_B² bytes, which is part of the force field.
/// @throws InputError if there are no labels or no references; NumericalError if a factorisation fails
[[nodiscard]] ForceField fit_distributed(const std::vector<LabeledStructure>& training, const FitOptions& options,
                                         Provenance provenance, const Progress& progress);
void help_fit_distributed(Communicator& world, Message message);  ///< what the other ranks do meanwhile

}  // namespace mlff
