#pragma once

#include <string>

#include "app/console.hpp"
#include "app/study_file.hpp"

namespace mlff::app {

/// What a study will cost, part by part, on one core of this machine that has nothing else to do: one text of a few
/// lines. Evaluations are timed on the start structures: of an embedded reference, and of a force field that is as
/// large as the one to be learned may become (learning without the time of the fits). The analysis is a rule of thumb.
/// Takes a few seconds. References that are not embedded are not called: their number is told instead.
[[nodiscard]] std::string estimate_cost(const StudyPlan& plan, const Console& console);

}  // namespace mlff::app
