#include "libmlff/model/guard.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff {

void GuardOptions::validate() const {
    if (!(spilling > 0.0 && spilling <= 1.0))
        throw std::invalid_argument(fmt::format("spilling must lie in (0, 1], got {}", spilling));
    if (every < 1) throw std::invalid_argument(fmt::format("every must be at least 1, got {}", every));
}

GuardedCalculator::GuardedCalculator(Calculator& inner, const GuardOptions& options,
                                     std::function<void(const std::string&)> warn)
    : inner_(inner), options_(options), warn_(std::move(warn)) {
    options_.validate();
}

Evaluation GuardedCalculator::evaluate(const Structure& structure, const Request& request) {
    if (n_evaluations_++ % options_.every != 0) return inner_.evaluate(structure, request);
    Request with_spilling = request;
    with_spilling.spilling = true;
    Evaluation result = inner_.evaluate(structure, with_spilling);
    Eigen::Index atom = 0;
    if (const double worst = result.spilling.maxCoeff(&atom); worst > options_.spilling) {
        const std::string message = fmt::format(
            "the surroundings of atom {} ({}) are unlike all local references (spilling factor "
            "{:.3f}, guard.spilling {}): train further under these conditions",
            atom + 1, element_symbol(structure.species[static_cast<std::size_t>(atom)]), worst, options_.spilling);
        if (options_.action == GuardAction::stop) throw GuardError(message);
        warn_(message);
    }
    return result;
}

}  // namespace mlff
