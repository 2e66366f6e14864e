#pragma once

#include <string>

#include "app/console.hpp"
#include "app/study_file.hpp"

namespace mlff::app {

/// Cost of each part of a study on one idle core of this machine: a text of a few lines. Evaluations are timed on the
/// start structures: of an embedded reference, and of a force field of the largest size that learning may reach
/// (without the time of the fits). The cost of the analysis is a rough estimate. Takes a few seconds. Other references
/// are not called: the number of their calls is printed instead.
[[nodiscard]] std::string estimate_cost(const StudyPlan& plan, const Console& console);

}  // namespace mlff::app
