#pragma once

#include <string>

namespace mlff::app {

/// Lines about a complete run for people, from its thermo.csv: means of temperature, pressure, potential energy (with
/// npt also volume and density) with their standard errors over the last four fifths, and the drift of the conserved
/// energy. "" if there are too few steps.
[[nodiscard]] std::string thermo_summary(const std::string& path, long n_atoms);

}  // namespace mlff::app
