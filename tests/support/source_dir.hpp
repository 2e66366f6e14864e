#pragma once

#include <string>

/// Root of the source tree. Defined in one file, so that the path is not an argument of each compilation.
std::string source_dir();
