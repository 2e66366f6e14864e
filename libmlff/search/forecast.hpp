#pragma once

#include <vector>

#include "libmlff/learning/learner.hpp"
#include "libmlff/regression/fit_data.hpp"

namespace mlff {

/// A force field of a given size, about nothing: for timing, as cost does not depend on values.
/// @param n_references  per species
[[nodiscard]] ForceField invented_force_field(const std::vector<int>& species, const ForceFieldOptions& options,
                                              Eigen::Index n_references);

/// What on-the-fly learning will cost once it holds a certain number of local references. How often it calls its
/// reference nobody knows beforehand.
struct LearningForecast {
    double seconds_per_step = 0.0;  ///< a prediction with error estimates and spilling factors
    double bytes_per_call = 0.0;    ///< kept of each structure learned
    double bytes_fixed = 0.0;       ///< the remainder, during retraining
};
/// Timed with an invented force field.
/// @param n_references  per species
[[nodiscard]] LearningForecast forecast_learning(const Structure& structure, const LearnerOptions& options,
                                                 Eigen::Index n_references);

/// Time of a fit with these settings [s], without the comparisons that may follow: design rows and factorisation of one
/// structure are timed and scaled to all.
/// @param forecast  of the same fit
[[nodiscard]] double forecast_fit_seconds(const std::vector<LabeledStructure>& training,
                                          const std::vector<LabeledStructure>& validation, const FitOptions& options,
                                          const FitForecast& forecast);

}  // namespace mlff
