#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "libmlff/model/calculator.hpp"

namespace mlff::reference {

/// One call of an external code went wrong in a way that another attempt may mend: it died, hung, spoke garbage, did
/// not converge. What no attempt can mend (a wrong number of atoms, no such command) is an InputError.
struct CallFailure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// How a call is to be made.
struct Attempt {
    bool afresh = false;   ///< from scratch: a new process, nothing kept of earlier calls
    std::size_t rung = 0;  ///< of the ladder of inputs: 0 the usual one
};

/// A code outside this program that answers one structure per call. Supervision (supervision.hpp) decides how often it
/// is asked, and whether its answer is believed.
class ExternalCode {
 public:
    ExternalCode() = default;
    ExternalCode(const ExternalCode&) = delete;
    ExternalCode& operator=(const ExternalCode&) = delete;
    virtual ~ExternalCode() = default;

    /// One attempt.
    /// @throws CallFailure, InputError, std::runtime_error (our own disk), and what a Poll throws
    [[nodiscard]] virtual Evaluation call(const Structure& structure, const Attempt& attempt) = 0;
    /// What the code wrote during the last call, also after a failed one.
    [[nodiscard]] virtual std::string output() const = 0;
    /// Number of rungs of the ladder, ≥ 1.
    [[nodiscard]] virtual std::size_t n_rungs() const = 0;
    /// Moves or copies the files of the last call into a folder that exists; for a bad result.
    virtual void quarantine(const std::string& folder) = 0;
    /// @throws InputError if it could not handle the structure
    virtual void check(const Structure& structure) const = 0;
    /// One line for logs and provenance.
    [[nodiscard]] virtual std::string description() const = 0;
};

}  // namespace mlff::reference
