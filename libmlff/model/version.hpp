#pragma once

namespace mlff {

/// Version of the program, "major.minor.patch" (from CMakeLists.txt).
extern const char* const version;

}  // namespace mlff
