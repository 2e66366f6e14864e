#pragma once

#include <span>
#include <vector>

#include "bayes/triangular_factor.hpp"
#include "libmlff/regression/progress.hpp"
#include "libmlff/regression/regression.hpp"

namespace mlff {

/// Rows [Φ y] of one structure in the units of a regression, energies about their baseline, times the root of its
/// weight: the labels whose kinds have a positive weight, m × (N_B + 1).
[[nodiscard]] Eigen::MatrixXd scaled_rows(const DesignRows& rows, const LabeledStructure& item,
                                          const std::vector<int>& species, const LabelUnits& units,
                                          const LabelWeights& weights);

/// Fewest training structures of which the robust covariance is better than the Bayesian one.
inline constexpr std::size_t fewest_for_robust = 20;

/// Rows of the influences of training structures on the weights (bayes::Posterior::influence), one per structure: their
/// triangular factor is that of the robust covariance. One pass over the design rows.
/// Cost 2 N_B² per label besides the rows themselves.
/// @param model    the fit to these data, with the factor of its posterior
/// @param weights  of the kinds of label, as the fit had them
[[nodiscard]] bayes::TriangularFactor influences_of(const ForceField& model,
                                                    std::span<const LabeledStructure* const> data,
                                                    const LabelWeights& weights, const Progress& progress);

}  // namespace mlff
