#pragma once

#include <string>

#include "libmlff/data/error_report.hpp"

namespace mlff::app {

/// The block of --json and of the end of fit: meV/atom, meV/Å, GPa; null where there are no labels.
[[nodiscard]] std::string error_json(const ErrorReport& report);

/// The same as a small text table.
[[nodiscard]] std::string error_table(const ErrorReport& report);

}  // namespace mlff::app
