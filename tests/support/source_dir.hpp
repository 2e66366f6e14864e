#pragma once

#include <string>

/// Root of the source tree. Defined in one file, so that only one compilation has the path as an argument.
std::string source_dir();
