#pragma once

#include <string>
#include <vector>

namespace mlff::app {

/// Becomes `python3 -m NAME ARGUMENTS` with the Python package of this program, which finds program and library by the
/// environment; returns only by an exception.
/// @throws std::runtime_error if there is no python3
[[noreturn]] void become_python_module(const std::string& name, const std::vector<std::string>& arguments);

}  // namespace mlff::app
