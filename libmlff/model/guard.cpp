#include "libmlff/model/guard.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/model/shortest_distances.hpp"

namespace mlff {

void GuardOptions::validate() const {
    if (!(distance >= 0.0 && distance <= 1.0))
        throw std::invalid_argument(fmt::format("distance must lie in [0, 1], got {}", distance));
    if (!(spilling > 0.0 && spilling <= 1.0))
        throw std::invalid_argument(fmt::format("spilling must lie in (0, 1], got {}", spilling));
    if (every < 1) throw std::invalid_argument(fmt::format("every must be at least 1, got {}", every));
}

std::string describe(const GuardOptions& options) {
    std::string text = options.action == GuardAction::stop ? "stops" : "warns";
    if (options.distance > 0.0)
        text += fmt::format(
            " if two atoms come closer than {} of the shortest distance of their species in the training data (looks "
            "every step), or",
            options.distance);
    return text +
           fmt::format(" if a spilling factor exceeds {} (looks every {} steps)", options.spilling, options.every);
}

GuardedCalculator::GuardedCalculator(Calculator& inner, const GuardOptions& options,
                                     std::function<void(const std::string&)> warn)
    : inner_(inner), options_(options), warn_(std::move(warn)) {
    options_.validate();
}

Evaluation GuardedCalculator::evaluate(const Structure& structure, const Request& request) {
    const bool look_closely = n_evaluations_ % options_.every == 0;
    Request wanted = request;
    wanted.spilling |= look_closely;
    Evaluation result = inner_.evaluate(structure, wanted);
    check_distance(result, structure);
    if (look_closely) check_spilling(result, structure);
    if (!request.spilling) result.spilling.resize(0);
    ++n_evaluations_;
    return result;
}

void GuardedCalculator::check_distance(const Evaluation& result, const Structure& structure) {
    if (options_.distance == 0.0 || !result.closest || result.closest->ratio >= options_.distance) return;
    if (options_.action == GuardAction::warn) {
        if (n_evaluations_ < next_warning_) return;
        next_warning_ = n_evaluations_ + options_.every;
    }
    act(fmt::format("{} (guard.distance {}): train further under these conditions",
                    describe(*result.closest, structure), options_.distance));
}

void GuardedCalculator::check_spilling(const Evaluation& result, const Structure& structure) {
    if (result.spilling.size() != structure.size())
        throw std::logic_error("guard: " + inner_.description() + " has no spilling factors");
    Eigen::Index worst = 0;
    for (Eigen::Index i = 1; i < result.spilling.size() && !std::isnan(result.spilling[worst]); ++i)
        if (!(result.spilling[i] <= result.spilling[worst])) worst = i;
    if (result.spilling[worst] <= options_.spilling) return;
    act(
        fmt::format("the local environment of atom {} ({}) is unlike all local references (spilling factor {:.3f}, "
                    "guard.spilling {}): train further under these conditions",
                    worst + 1, element_symbol(structure.species[static_cast<std::size_t>(worst)]),
                    result.spilling[worst], options_.spilling));
}

void GuardedCalculator::act(const std::string& message) const {
    if (options_.action == GuardAction::stop) throw GuardError(message);
    warn_(message);
}

}  // namespace mlff
