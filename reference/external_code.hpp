#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "libmlff/model/calculator.hpp"

namespace mlff::reference {

/// One call of an external code failed, and another attempt may succeed: it died, hung, sent garbage or did not
/// converge. A failure that no attempt can fix (a wrong number of atoms, no such command) is an InputError.
struct CallFailure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// How a call is to be made.
struct Attempt {
    bool afresh = false;   ///< start a new process, keep nothing of earlier calls
    std::size_t rung = 0;  ///< which input to use: 0 is the usual one
};

/// A code outside this program that answers one structure per call. Supervision (supervision.hpp) decides on the number
/// of attempts and whether to accept the answer.
class ExternalCode {
 public:
    ExternalCode() = default;
    ExternalCode(const ExternalCode&) = delete;
    ExternalCode& operator=(const ExternalCode&) = delete;
    virtual ~ExternalCode() = default;

    /// One attempt.
    /// @throws CallFailure, InputError, std::runtime_error (our own disk), and exceptions of a Poll
    [[nodiscard]] virtual Evaluation call(const Structure& structure, const Attempt& attempt) = 0;
    /// Output of the code during the last call, also after a failed one.
    [[nodiscard]] virtual std::string output() const = 0;
    /// Number of inputs (rungs), ≥ 1.
    [[nodiscard]] virtual std::size_t n_rungs() const = 0;
    /// Moves or copies the files of the last call into a folder that exists; for a bad result.
    virtual void quarantine(const std::string& folder) = 0;
    /// @throws InputError if it could not handle the structure
    virtual void check(const Structure& structure) const = 0;
    /// One line for logs and provenance.
    [[nodiscard]] virtual std::string description() const = 0;
};

}  // namespace mlff::reference
