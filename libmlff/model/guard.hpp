#pragma once

#include <functional>
#include <string>

#include "libmlff/model/calculator.hpp"

namespace mlff {

enum class GuardAction { stop, warn };

struct GuardOptions {
    /// Pairs closer than this factor times the shortest distance of their species in the training data are not trusted;
    /// looked at in every evaluation. 0 to 1, 0: not at all
    double distance = 0.9;
    double spilling = 0.5;  ///< largest spilling factor of any atom that is still trusted, in (0, 1]
    long every = 50;        ///< evaluations between checks of the spilling factors, ≥ 1
    GuardAction action = GuardAction::stop;

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// In words, for people: what is watched, how often and what then happens.
[[nodiscard]] std::string describe(const GuardOptions& options);

/// Watches that a force field stays on known ground. It stops, or warns, when two atoms come closer than any such pair
/// in the training data (every evaluation; the forces have no repulsion there) and when the local environment of an
/// atom is unlike all local references (every so often, by the spilling factors). What is not a number counts as
/// beyond the limit.
class GuardedCalculator final : public Calculator {
 public:
    /// The calculator must outlive the guard. `warn` receives one line when the action is to warn; of close pairs at
    /// most one in `every` evaluations.
    GuardedCalculator(Calculator& inner, const GuardOptions& options, std::function<void(const std::string&)> warn);

    /// @throws GuardError naming the atoms and their distance, or the atom and its spilling factor;
    ///         std::logic_error if the calculator has no spilling factors
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    void check(const Structure& structure) const override { inner_.check(structure); }
    [[nodiscard]] std::string description() const override { return inner_.description(); }

 private:
    void check_distance(const Evaluation& result, const Structure& structure);
    void check_spilling(const Evaluation& result, const Structure& structure);
    void act(const std::string& message) const;

    Calculator& inner_;
    GuardOptions options_;
    std::function<void(const std::string&)> warn_;
    long n_evaluations_ = 0;
    long next_warning_ = 0;  ///< of a close pair, not before this evaluation
};

}  // namespace mlff
