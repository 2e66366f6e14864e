#pragma once

#include <stdexcept>
#include <string>

namespace mlff {

/// Kinds of failure. The values are exit statuses of the program and return values of the C interface (mlff.h).
enum class ErrorCode {
    failed = 1,     ///< something went wrong while running: a disk is full, a reference does not answer
    input = 2,      ///< the user's input is wrong
    guard = 3,      ///< a guard stopped the run to protect its result
    numerical = 4,  ///< a matrix cannot be factored (exit status 1)
};

/// Base of all errors of the library that are not a mistake of the calling code (std::invalid_argument,
/// std::logic_error) or a lack of memory (std::bad_alloc).
class Error : public std::runtime_error {
 public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
    [[nodiscard]] ErrorCode code() const { return code_; }

 private:
    ErrorCode code_;
};

/// The user's input is wrong; exit status 2. The message is one line, `file:line: what is wrong; what would be right`
/// (the position is left out where there is none, as for a wrong combination of options).
struct InputError : Error {
    explicit InputError(const std::string& message) : Error(ErrorCode::input, message) {}
};

/// A guard stopped the run to protect its result (unsafe extrapolation, a reference that keeps failing); exit status 3.
struct GuardError : Error {
    explicit GuardError(const std::string& message) : Error(ErrorCode::guard, message) {}
};

}  // namespace mlff
