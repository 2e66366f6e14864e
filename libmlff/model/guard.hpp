#pragma once

#include <functional>
#include <string>

#include "libmlff/model/calculator.hpp"

namespace mlff {

enum class GuardAction { stop, warn };

struct GuardOptions {
    double spilling = 0.9;  ///< largest spilling factor of any atom that is still trusted, in (0, 1]
    long every = 100;       ///< evaluations between checks, ≥ 1
    GuardAction action = GuardAction::stop;

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// Watches that a force field stays on known ground: every so often it looks at the spilling factors and stops, or
/// warns, when an atom's surroundings are unlike all local references.
class GuardedCalculator final : public Calculator {
 public:
    /// The calculator must outlive the guard. `warn` receives one line when the action is to warn.
    GuardedCalculator(Calculator& inner, const GuardOptions& options, std::function<void(const std::string&)> warn);

    /// @throws GuardError naming the atom and its spilling factor
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    void check(const Structure& structure) const override { inner_.check(structure); }
    [[nodiscard]] std::string description() const override { return inner_.description(); }

 private:
    Calculator& inner_;
    GuardOptions options_;
    std::function<void(const std::string&)> warn_;
    long n_evaluations_ = 0;
};

}  // namespace mlff
