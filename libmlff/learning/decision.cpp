#include "libmlff/learning/decision.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff {

const char* name(Action action) {
    switch (action) {
        case Action::accurate:
            return "accurate";
        case Action::threshold:
            return "threshold";
        case Action::learning:
            return "learning";
        case Action::critical:
            return "critical";
    }
    throw std::invalid_argument("not an action");
}

Action decide(const Situation& now, const DecisionOptions& options) {
    if (!now.has_model || too_close(now, options) || now.beef_max > options.critical_factor * now.threshold)
        return Action::critical;
    if (now.beef_max > now.threshold && now.steps_since_sample >= options.interval)
        return now.n_candidates + 1 >= options.block ? Action::learning : Action::threshold;
    return Action::accurate;
}

void ThresholdOptions::validate() const {
    const auto require = [](bool good, const char* field, double value, const char* bound) {
        if (!good) throw std::invalid_argument(fmt::format("{} must be {}, got {}", field, bound, value));
    };
    require(start > 0.0, "start", start, "positive");
    require(history >= 2, "history", history, "at least 2");
    require(window >= 1, "window", window, "at least 1");
    require(max_spread > 0.0, "max_spread", max_spread, "positive");
    require(max_slope > 0.0, "max_slope", max_slope, "positive");
    require(factor > -1.0, "factor", factor, "above -1");
}

HistoryStatistics statistics(const std::vector<double>& history) {
    const Eigen::Map<const Eigen::VectorXd> h(history.data(), static_cast<Eigen::Index>(history.size()));
    const auto n = static_cast<double>(h.size());
    const double mean = h.mean();
    const Eigen::VectorXd x = Eigen::VectorXd::LinSpaced(h.size(), -0.5 * (n - 1.0), 0.5 * (n - 1.0));
    return {mean, std::sqrt((h.array() - mean).square().mean()) / mean, std::abs(x.dot(h) / x.squaredNorm()) / mean};
}

Threshold::Threshold(const ThresholdOptions& options) : options_(options), value_(options.start) {
    options_.validate();
}

void Threshold::push(double value, int capacity) {
    history_.push_back(value);
    if (static_cast<int>(history_.size()) > capacity) history_.erase(history_.begin());
}

bool Threshold::after_retraining(double beef_max) {
    if (options_.mode != ThresholdMode::adaptive) return false;
    push(beef_max, options_.history);
    if (static_cast<int>(history_.size()) < options_.history) return false;
    const auto [mean, spread, slope] = statistics(history_);
    if (!(mean > 0.0 && spread < options_.max_spread && slope < options_.max_slope)) return false;
    value_ = mean * (1.0 + options_.factor);
    return true;
}

bool Threshold::after_prediction(double beef_max) {
    if (options_.mode != ThresholdMode::moving_average) return false;
    push(beef_max, options_.window);
    if (static_cast<int>(history_.size()) < options_.window) return false;
    double sum = 0.0;
    for (const double h : history_) sum += h;
    value_ = sum / static_cast<double>(history_.size()) * (1.0 + options_.factor);
    return true;
}

std::string Threshold::state() const {
    std::string text = fmt::format("{}", value_);  // shortest text that brings the same double back
    for (const double h : history_) text += fmt::format(" {}", h);
    return text;
}

void Threshold::restore(const std::string& state) {
    std::vector<double> values;
    for (const auto word : split_words(state)) {
        const auto number = parse_double(word);
        if (!number) throw InputError(fmt::format("a stored threshold history is damaged: '{}' is no number", word));
        values.push_back(*number);
    }
    if (values.empty()) throw InputError("a stored threshold history is empty");
    value_ = values.front();
    history_.assign(values.begin() + 1, values.end());
}

}  // namespace mlff
