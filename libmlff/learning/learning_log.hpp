#pragma once

#include <string>
#include <vector>

#include "libmlff/learning/learner.hpp"

namespace mlff {

/// What the columns of the lines below mean, as comment lines for the head of a log.
[[nodiscard]] std::string learning_log_header();

/// The lines of one learning step, as a user of VASP's ML_LOGFILE knows them (STATUS, BEEF, SF, LASTE, LCONF, SPRSC,
/// REGR, ERR, STDAB, THRHIST, THRUPD); stress in kbar with ASE's sign. Column 2 is always the step.
/// @param species  atomic number of each channel
[[nodiscard]] std::string learning_log_lines(const LearningEvent& event, const std::vector<int>& species);

}  // namespace mlff
