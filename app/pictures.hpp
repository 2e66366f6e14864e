#pragma once

#include <string>

#include "app/console.hpp"

namespace mlff::app {

/// Draws a file of numbers with plot.py (Python with matplotlib, which may be absent): `output`.png and `output`.svg.
/// A picture that fails costs a warning that says how to draw it later, for the numbers are safe.
/// @param kind  as plot.py names it
/// @returns false if it failed
bool draw_picture(const std::string& kind, const std::string& input, const std::string& output, const Console& console);

}  // namespace mlff::app
