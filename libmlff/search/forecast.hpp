#pragma once

#include <vector>

#include "libmlff/learning/learner.hpp"
#include "libmlff/regression/fit_data.hpp"

namespace mlff {

/// Cost of on-the-fly learning with a given number of local references. The number of reference calls is not forecast.
struct LearningForecast {
    double seconds_per_step = 0.0;  ///< a prediction with error estimates and spilling factors
    double bytes_per_call = 0.0;    ///< kept of each structure learned
    double bytes_fixed = 0.0;       ///< the remainder, during retraining
};
/// Timed with artificial local references: cost does not depend on their values.
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
