#pragma once

#include <string>

#include "app/console.hpp"

namespace mlff::app {

/// Draws a file of numbers with plot.py (Python with matplotlib, which may be absent): `output`.png and `output`.svg.
/// If drawing fails, a warning explains how to draw the picture later, as the numbers are safe.
/// @param kind  its name in plot.py
/// @returns false if it failed
bool draw_picture(const std::string& kind, const std::string& input, const std::string& output, const Console& console);

}  // namespace mlff::app
