#pragma once

#include <string>

#include "app/console.hpp"
#include "libmlff/regression/calibration.hpp"

namespace mlff::app {

/// Three lines of text: factors, miscalibration areas, rank correlation.
[[nodiscard]] std::string calibration_text(const CalibrationReport& report);

/// Writes `base_path`.json (the numbers), .csv (the curves), .png and .svg (the picture, if there is matplotlib), and
/// prints their names.
/// @throws std::runtime_error naming the file if the system refuses
void write_calibration(const CalibrationReport& report, const std::string& base_path, const Console& console);

}  // namespace mlff::app
