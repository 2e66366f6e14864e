#pragma once

#include <stdexcept>

namespace mlff {

/// The user's input is wrong; exit status 2. The message is one line, `file:line: what is wrong; what would be right`
/// (the position is left out where there is none, as for a wrong combination of options).
struct InputError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A guard stopped the run to protect its result (unsafe extrapolation, a reference that keeps failing); exit status 3.
struct GuardError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace mlff
