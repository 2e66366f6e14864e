#include "bayes/evidence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <stdexcept>

namespace mlff::bayes {

namespace {

constexpr double largest_value = 1e150;  // whose square is still a double

void require_precision(const char* name, double value) {
    if (!(value > 0.0 && std::isfinite(value)))
        throw std::invalid_argument(fmt::format("evidence: {} is {}; must be positive and finite", name, value));
}

double largest_square(const Spectrum& spectrum) {
    return spectrum.singular_values.size() == 0 ? 0.0 : spectrum.singular_values.array().square().maxCoeff();
}

// M − γ without cancellation: Σ_k s_w/(λ_k + s_w) counts what the data leave undetermined of n parameters.
double freedom(const Spectrum& spectrum, double ratio) {
    const auto n = static_cast<double>(spectrum.singular_values.size());
    const double undetermined = (ratio / (spectrum.singular_values.array().square() + ratio)).sum();
    return (static_cast<double>(spectrum.n_rows) - n) + undetermined;
}

// The iteration climbs to the nearest maximum only, and runs off to infinite s_w from a start where the directions that
// the labels do not care for dominate. For a given ratio s_w/s_v the best s_v is known in closed form, so a scan over
// the ratio finds the neighbourhood of the highest maximum.
Evidence best_start(const Spectrum& spectrum, Evidence best, double floor) {
    const double square = largest_square(spectrum);
    if (square == 0.0) return best;
    for (double ratio = floor * square; ratio <= 1e6 * square && std::isfinite(ratio); ratio *= 2.0) {
        const Evidence at_one = evaluate_evidence(spectrum, ratio, 1.0);
        const double s_v = static_cast<double>(spectrum.n_rows) / (at_one.residual + ratio * at_one.weight_norm);
        if (!std::isnormal(s_v) || !std::isnormal(ratio * s_v)) continue;
        const Evidence trial = evaluate_evidence(spectrum, ratio * s_v, s_v);
        if (trial.log_evidence > best.log_evidence) best = trial;
    }
    return best;
}

// One step of the fixed point, or why there is none.
struct Step {
    double s_w = 0.0;
    double s_v = 0.0;
    bool floored = false;
    std::optional<EvidenceEnd> obstacle = std::nullopt;
};

Step fixed_point_step(const Spectrum& spectrum, const Evidence& now, double floor) {
    const double rounding = 1e-14;
    const double label_norm = spectrum.projections.squaredNorm() + spectrum.outside;
    const double square = largest_square(spectrum);
    const double ratio = now.weight_precision / now.noise_precision;
    const double left = freedom(spectrum, ratio);
    if (!(now.weight_norm > 0.0)) return {.obstacle = EvidenceEnd::no_signal};
    if (now.residual <= rounding * rounding * label_norm) return {.obstacle = EvidenceEnd::perfect_fit};
    if (left <= rounding * static_cast<double>(spectrum.n_rows)) return {.obstacle = EvidenceEnd::no_freedom};

    const double s_v = left / now.residual;
    const double wanted = now.gamma / now.weight_norm;
    const double s_w = std::max(wanted, floor * square * s_v);
    // Far above the largest singular value each step multiplies the ratio by the same number; if that is larger than
    // one, the evidence has its maximum at infinite s_w.
    const bool runs_away = ratio > 1e5 * square && s_w / s_v > ratio;
    if (runs_away || !std::isnormal(s_v) || !std::isnormal(s_w) || !std::isnormal(s_w / s_v))
        return {.obstacle = EvidenceEnd::no_signal};
    return {.s_w = s_w, .s_v = s_v, .floored = s_w > wanted};
}

}  // namespace

void Spectrum::validate() const {
    if (projections.size() != singular_values.size())
        throw std::invalid_argument(
            fmt::format("evidence: {} projections for {} singular values", projections.size(), singular_values.size()));
    if (!(singular_values.array() >= 0.0).all() || !(singular_values.array() <= largest_value).all())
        throw std::invalid_argument(fmt::format("evidence: a singular value is outside of [0, {:g}]", largest_value));
    if (!(projections.array().abs() <= largest_value).all())
        throw std::invalid_argument(fmt::format("evidence: a projection is larger than {:g}", largest_value));
    if (!(outside >= 0.0 && std::isfinite(outside)))
        throw std::invalid_argument(fmt::format("evidence: outside is {}; must be finite and at least 0", outside));
    if (n_rows < 1) throw std::invalid_argument(fmt::format("evidence: n_rows is {}; must be at least 1", n_rows));
}

void EvidenceOptions::validate() const {
    require_precision("weight_precision", weight_precision);
    require_precision("noise_precision", noise_precision);
    require_precision("tolerance", tolerance);
    if (max_steps < 1)
        throw std::invalid_argument(fmt::format("evidence: max_steps is {}; must be at least 1", max_steps));
    if (!(floor >= 1e-16 && floor < 1.0))
        throw std::invalid_argument(fmt::format("evidence: floor is {}; must be in [1e-16, 1)", floor));
}

std::string_view describe(EvidenceEnd end) {
    switch (end) {
        case EvidenceEnd::fixed:
            return "precisions as given";
        case EvidenceEnd::converged:
            return "converged";
        case EvidenceEnd::step_limit:
            return "step limit reached before convergence";
        case EvidenceEnd::perfect_fit:
            return "kept the last valid pair: the labels are fitted to rounding";
        case EvidenceEnd::no_freedom:
            return "kept the last valid pair: as many parameters as labels";
        case EvidenceEnd::no_signal:
            return "kept the given pair: the labels determine no weight";
    }
    return "unknown";
}

Evidence evaluate_evidence(const Spectrum& spectrum, double weight_precision, double noise_precision) {
    spectrum.validate();
    require_precision("weight_precision", weight_precision);
    require_precision("noise_precision", noise_precision);
    const double ratio = weight_precision / noise_precision;
    require_precision("weight_precision / noise_precision", ratio);

    const Eigen::ArrayXd square = spectrum.singular_values.array().square();
    const Eigen::ArrayXd z = spectrum.projections.array();
    Evidence result;
    result.weight_precision = weight_precision;
    result.noise_precision = noise_precision;
    result.gamma = (square / (square + ratio)).sum();
    result.weight_norm = (spectrum.singular_values.array() / (square + ratio) * z).square().sum();
    result.residual = spectrum.outside + (ratio / (square + ratio) * z).square().sum();
    const auto m = static_cast<double>(spectrum.n_rows);
    result.log_evidence =
        0.5 * (m * std::log(noise_precision) - m * std::log(2.0 * std::numbers::pi) - (square / ratio).log1p().sum() -
               noise_precision * result.residual - weight_precision * result.weight_norm);
    return result;
}

Evidence maximise_evidence(const Spectrum& spectrum, const EvidenceOptions& options) {
    options.validate();
    Evidence given = evaluate_evidence(spectrum, options.weight_precision, options.noise_precision);
    if (options.mode == EvidenceMode::fixed) return given;
    const double lowest = options.floor * largest_square(spectrum) * options.noise_precision;
    if (given.weight_precision < lowest) {
        given = evaluate_evidence(spectrum, lowest, options.noise_precision);
        given.floored = true;
    }

    Evidence now = best_start(spectrum, given, options.floor);
    for (int step = 1; step <= options.max_steps; ++step) {
        const Step next = fixed_point_step(spectrum, now, options.floor);
        if (next.obstacle) {
            // On the way to infinite s_w every pair is surer of itself than the last; the given one is the safe one.
            Evidence& kept = *next.obstacle == EvidenceEnd::no_signal ? given : now;
            kept.steps = step - 1;
            kept.end = *next.obstacle;
            return kept;
        }
        const double change =
            std::max(std::abs(next.s_w / now.weight_precision - 1.0), std::abs(next.s_v / now.noise_precision - 1.0));
        now = evaluate_evidence(spectrum, next.s_w, next.s_v);
        now.steps = step;
        now.floored = next.floored;
        now.end = change < options.tolerance ? EvidenceEnd::converged : EvidenceEnd::step_limit;
        if (now.end == EvidenceEnd::converged) break;
    }
    return now;
}

}  // namespace mlff::bayes
