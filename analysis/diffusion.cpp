#include "analysis/diffusion.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <cmath>

#include "analysis/series.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::analysis {
namespace {

constexpr std::size_t n_blocks = 5;
constexpr std::size_t least_frames = 10;   ///< in a block
constexpr Eigen::Index least_points = 3;   ///< in the window
constexpr double lowest_exponent = 0.5;    ///< below it the intercept dominates the line
constexpr double highest_exponent = 1.5;   ///< above it the motion is closer to free flight than to diffusion
constexpr double square_angstrom = 1e-12;  ///< [Å²] a smaller MSD is rounding only

/// Sets the exponent and the warnings; the window begins at time[first].
void judge(Diffusion& d, Eigen::Index first, const std::string& symbol) {
    const Eigen::Index n = d.time.size() - first;
    const Eigen::ArrayXd msd = d.msd.tail(n);
    const std::string window = fmt::format("between {:.4g} and {:.4g} fs", d.window_start, d.window_end);
    if (!(msd.minCoeff() > square_angstrom)) {
        d.warnings.push_back(fmt::format("{} does not move {}", symbol, window));
        return;
    }
    d.exponent = fit_line(d.time.tail(n).log(), msd.log(), Eigen::ArrayXd::Ones(n)).slope;
    if (d.exponent < lowest_exponent)
        d.warnings.push_back(
            fmt::format("MSD of {} grows as t^{:.2f} {}: vibration about fixed sites outweighs diffusion; the end "
                        "point is no more than an upper bound of D; a longer run is needed",
                        symbol, d.exponent, window));
    if (d.exponent > highest_exponent)
        d.warnings.push_back(
            fmt::format("MSD of {} grows as t^{:.2f} {}: this is flight or drift, not yet diffusion; a "
                        "longer run is needed, or another framework",
                        symbol, d.exponent, window));
    if (!d.fit_error)
        d.warnings.push_back(fmt::format("the run is too short to tell the error of D of {}", symbol));
    else if (!(d.fit > 2.0 * *d.fit_error))
        d.warnings.push_back(fmt::format("D of {} is zero within twice its standard error", symbol));
}

double standard_deviation(const Eigen::ArrayXd& values) {
    return std::sqrt((values - values.mean()).square().sum() / static_cast<double>(values.size() - 1));
}

/// MSD from a part of the moments.
struct Curve {
    double length = 0.0;         ///< T [fs]
    Eigen::ArrayXd time;         ///< [fs], n_lags + 1
    Eigen::ArrayXd msd, error;   ///< [Å²], n_lags + 1
    Eigen::Index first_lag = 0;  ///< of the window, which reaches to the last
};

struct Estimate {
    double fit = 0.0, intercept = 0.0, end_point = 0.0;  ///< [cm²/s], [Å²], [cm²/s]
};

/// A part of the moments: n_frames from `first`; of the rows of their paths: n_walkers from first_walker.
struct Part {
    const History<PathMoment>& history;
    std::size_t first, n_frames;
    Eigen::Index first_walker, n_walkers;
};

Curve curve_of(const Part& part, const DiffusionOptions& options) {
    const auto n_intervals = static_cast<double>(part.n_frames - 1);
    // The tolerance keeps rounding from deciding whether the point at the very end of the window belongs to it.
    const auto n_lags = static_cast<Eigen::Index>(options.window_end * n_intervals + 1e-9);
    Curve out;
    out.first_lag = static_cast<Eigen::Index>(std::ceil(options.window_start * n_intervals - 1e-9));
    out.length = part.history[part.first + part.n_frames - 1].time - part.history[part.first].time;
    out.time = Eigen::ArrayXd::LinSpaced(n_lags + 1, 0.0, out.length / n_intervals * static_cast<double>(n_lags));
    out.msd = Eigen::ArrayXd::Zero(n_lags + 1);
    out.error = out.msd;

    // Mean of each walker, one array per thread. All have the same alignment, so sums have the same bits in every
    // thread.
    std::vector<Eigen::ArrayXd> scratch(static_cast<std::size_t>(omp_get_max_threads()),
                                        Eigen::ArrayXd(part.n_walkers));
#pragma omp parallel for schedule(dynamic)
    for (Eigen::Index lag = 1; lag <= n_lags; ++lag) {
        Eigen::ArrayXd& mean = scratch[static_cast<std::size_t>(omp_get_thread_num())];
        mean.setZero();
        const std::size_t n_origins = part.n_frames - static_cast<std::size_t>(lag);
        for (std::size_t origin = part.first; origin < part.first + n_origins; ++origin) {
            const auto from = part.history[origin].path.middleRows(part.first_walker, part.n_walkers);
            const auto to =
                part.history[origin + static_cast<std::size_t>(lag)].path.middleRows(part.first_walker, part.n_walkers);
            mean += (to.col(0) - from.col(0)).square() + (to.col(1) - from.col(1)).square() +
                    (to.col(2) - from.col(2)).square();
        }
        mean /= static_cast<double>(n_origins);
        const auto n = static_cast<double>(part.n_walkers);
        out.msd[lag] = mean.mean();
        out.error[lag] = n > 1.0 ? std::sqrt((mean - mean.mean()).square().sum() / (n * (n - 1.0))) : 0.0;
    }
    return out;
}

Estimate estimate_of(const Curve& curve) {
    const Eigen::Index last = curve.time.size() - 1, n = last - curve.first_lag + 1;
    const Eigen::ArrayXd t = curve.time.tail(n);
    const double interval = curve.time[1];
    const Eigen::ArrayXd weights = (curve.length + interval - t) / t.cube();  // origins × interval / t³
    const Line line = fit_line(t, curve.msd.tail(n), weights);
    constexpr double to_cm2_per_s = units::square_angstrom_per_fs_in_cm2_per_s / 6.0;
    return {line.slope * to_cm2_per_s, line.intercept, curve.msd[last] / curve.time[last] * to_cm2_per_s};
}

}  // namespace

void DiffusionOptions::validate() const {
    if (!(0.0 < window_start && window_start < window_end && window_end <= 1.0))
        throw InputError(fmt::format("window is [{}, {}]; it must be fractions of the run with 0 < first < second ≤ 1",
                                     window_start, window_end));
    if (max_frames < 20) throw InputError(fmt::format("max_frames is {}; it must be at least 20", max_frames));
}

MeanSquareDisplacement::MeanSquareDisplacement(const DiffusionOptions& options)
    : options_(options), history_(static_cast<std::size_t>(options.max_frames)) {
    options_.validate();
}

void MeanSquareDisplacement::add(const Frame& frame) {
    if (history_.n_seen() == 0) {
        members_ = members_of(frame, options_.species);
        weights_ = framework_weights(frame, options_.framework);
    }
    if (!history_.counts()) return;
    const Vector3 centre = frame.path * weights_;
    Eigen::Index n = 0;
    for (const auto& atoms : members_.members) n += static_cast<Eigen::Index>(atoms.size());
    Eigen::ArrayX3d path(n, 3);
    Eigen::Index k = 0;
    for (const auto& atoms : members_.members)
        for (const Eigen::Index i : atoms) path.row(k++) = (frame.path.col(i) - centre).transpose().array();
    history_.keep({frame.time, std::move(path)});
}

Diffusion displacement_of(const History<PathMoment>& history, Eigen::Index first, Eigen::Index last,
                          const DiffusionOptions& options, const std::string& name) {
    const auto points = [&](std::size_t n_frames) {  // in the window
        const auto n = static_cast<double>(n_frames) - 1.0;
        return std::floor(options.window_end * n + 1e-9) - std::ceil(options.window_start * n - 1e-9) + 1.0;
    };
    if (history.size() < 2 || points(history.size()) < least_points)
        throw InputError(
            fmt::format("{} frames are too few for a diffusion coefficient: the window from {} to {} of the "
                        "run must hold at least {} of them",
                        history.n_seen(), options.window_start, options.window_end, least_points));
    const Curve whole = curve_of({history, 0, history.size(), first, last - first}, options);
    const Estimate estimated = estimate_of(whole);
    Diffusion out;
    out.time = whole.time;
    out.msd = whole.msd;
    if (last - first > 1) out.error = whole.error;
    out.window_start = whole.time[whole.first_lag];
    out.window_end = whole.time[whole.time.size() - 1];
    out.fit = estimated.fit;
    out.intercept = estimated.intercept;
    out.end_point = estimated.end_point;
    const std::size_t part = history.size() / n_blocks;
    if (part >= least_frames && points(part) >= least_points) {
        Eigen::ArrayXd fits(n_blocks), end_points(n_blocks);
        for (std::size_t b = 0; b < n_blocks; ++b) {
            const Estimate of_part = estimate_of(curve_of({history, b * part, part, first, last - first}, options));
            fits[static_cast<Eigen::Index>(b)] = of_part.fit;
            end_points[static_cast<Eigen::Index>(b)] = of_part.end_point;
        }
        out.fit_error = standard_deviation(fits);
        out.end_point_error = standard_deviation(end_points);
    }
    judge(out, whole.first_lag, name);
    return out;
}

std::vector<Diffusion> MeanSquareDisplacement::result() const {
    if (history_.n_seen() == 0) (void)displacement_of(history_, 0, 0, options_, "");  // throws: too few frames
    std::vector<Diffusion> results;
    Eigen::Index first = 0;
    for (std::size_t k = 0; k < members_.species.size(); ++k) {
        const Eigen::Index last = first + static_cast<Eigen::Index>(members_.members[k].size());
        results.push_back(displacement_of(history_, first, last, options_, element_symbol(members_.species[k])));
        results.back().species = members_.species[k];
        first = last;
    }
    return results;
}

}  // namespace mlff::analysis
