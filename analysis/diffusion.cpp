#include "analysis/diffusion.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>

#include "analysis/series.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/errors.hpp"

namespace mlff::analysis {
namespace {

constexpr std::size_t n_blocks = 5;
constexpr std::size_t least_frames = 10;   ///< in a block
constexpr Eigen::Index least_points = 3;   ///< in the window
constexpr double lowest_exponent = 0.5;    ///< below it the line is more intercept than slope
constexpr double highest_exponent = 1.5;   ///< above it the motion is rather free flight than diffusion
constexpr double square_angstrom = 1e-12;  ///< [Å²] MSD that is rounding only

/// Sets the exponent and the warnings; the window begins at time[first].
void judge(Diffusion& d, Eigen::Index first) {
    const Eigen::Index n = d.time.size() - first;
    const Eigen::ArrayXd msd = d.msd.tail(n);
    const std::string window = fmt::format("between {:.4g} and {:.4g} fs", d.window_start, d.window_end);
    const std::string& symbol = element_symbol(d.species);
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

}  // namespace

void DiffusionOptions::validate() const {
    if (!(0.0 < window_start && window_start < window_end && window_end <= 1.0))
        throw InputError(fmt::format("window is [{}, {}]; it must be fractions of the run with 0 < first < second ≤ 1",
                                     window_start, window_end));
    if (max_frames < 20) throw InputError(fmt::format("max_frames is {}; it must be at least 20", max_frames));
}

/// MSD of every species from a part of the frames.
struct MeanSquareDisplacement::Curve {
    double length = 0.0;         ///< T [fs]
    Eigen::ArrayXd time;         ///< [fs], n_lags + 1
    Eigen::ArrayXXd msd, error;  ///< [Å²], n_lags + 1 × n_species
    Eigen::Index first_lag = 0;  ///< of the window, which reaches to the last
};

struct MeanSquareDisplacement::Estimate {
    double fit = 0.0, intercept = 0.0, end_point = 0.0;  ///< [cm²/s], [Å²], [cm²/s]
};

MeanSquareDisplacement::MeanSquareDisplacement(const DiffusionOptions& options) : options_(options) {
    options_.validate();
}

void MeanSquareDisplacement::begin(const Frame& frame) {
    const Structure& structure = frame.structure;
    const std::vector<int> present = species_present(structure);
    for (const auto* list : {&options_.species, &options_.framework})
        for (const int z : *list)
            if (!std::binary_search(present.begin(), present.end(), z))
                throw InputError(
                    fmt::format("{}: there is no {} in {}", frame.origin, element_symbol(z), formula(structure)));
    species_ = options_.species.empty() ? present : options_.species;

    first_atom_ = {0};
    weights_ = Eigen::VectorXd::Zero(structure.size());
    for (const int z : species_) {
        for (Eigen::Index i = 0; i < structure.size(); ++i)
            if (structure.species[static_cast<std::size_t>(i)] == z) atoms_.push_back(i);
        first_atom_.push_back(static_cast<Eigen::Index>(atoms_.size()));
    }
    const std::vector<int>& framework = options_.framework.empty() ? present : options_.framework;
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const int z = structure.species[static_cast<std::size_t>(i)];
        if (std::find(framework.begin(), framework.end(), z) != framework.end()) weights_[i] = atomic_mass(z);
    }
    weights_ /= weights_.sum();
}

void MeanSquareDisplacement::add(const Frame& frame) {
    if (n_seen_ == 0) begin(frame);
    const long number = n_seen_++;
    if (number % stride_ != 0) return;
    if (moments_.size() == static_cast<std::size_t>(options_.max_frames)) {
        for (std::size_t k = 1; 2 * k < moments_.size(); ++k) moments_[k] = std::move(moments_[2 * k]);
        moments_.resize((moments_.size() + 1) / 2);
        stride_ *= 2;
        if (number % stride_ != 0) return;
    }
    const Matrix3X& positions = frame.structure.positions;
    const Vector3 centre = positions * weights_;
    Eigen::ArrayX3d path(static_cast<Eigen::Index>(atoms_.size()), 3);
    for (Eigen::Index k = 0; k < path.rows(); ++k)
        path.row(k) = (positions.col(atoms_[static_cast<std::size_t>(k)]) - centre).transpose().array();
    moments_.push_back({frame.time, std::move(path)});
}

MeanSquareDisplacement::Curve MeanSquareDisplacement::curve(std::size_t first, std::size_t n_frames) const {
    const auto n_intervals = static_cast<double>(n_frames - 1);
    const auto n_species = static_cast<Eigen::Index>(species_.size());
    const auto n_atoms = static_cast<Eigen::Index>(atoms_.size());
    // The tolerance keeps rounding from deciding whether the point at the very end of the window belongs to it.
    const auto n_lags = static_cast<Eigen::Index>(options_.window_end * n_intervals + 1e-9);
    Curve out;
    out.first_lag = static_cast<Eigen::Index>(std::ceil(options_.window_start * n_intervals - 1e-9));
    out.length = moments_[first + n_frames - 1].time - moments_[first].time;
    out.time = Eigen::ArrayXd::LinSpaced(n_lags + 1, 0.0, out.length / n_intervals * static_cast<double>(n_lags));
    out.msd = Eigen::ArrayXXd::Zero(n_lags + 1, n_species);
    out.error = out.msd;

    // Mean of each atom, one array per thread. All are aligned alike, so that sums have the same bits in every thread.
    std::vector<Eigen::ArrayXd> scratch(static_cast<std::size_t>(omp_get_max_threads()), Eigen::ArrayXd(n_atoms));
#pragma omp parallel for schedule(dynamic)
    for (Eigen::Index lag = 1; lag <= n_lags; ++lag) {
        Eigen::ArrayXd& mean = scratch[static_cast<std::size_t>(omp_get_thread_num())];
        mean.setZero();
        const std::size_t n_origins = n_frames - static_cast<std::size_t>(lag);
        for (std::size_t origin = first; origin < first + n_origins; ++origin) {
            const Eigen::ArrayX3d& from = moments_[origin].path;
            const Eigen::ArrayX3d& to = moments_[origin + static_cast<std::size_t>(lag)].path;
            mean += (to.col(0) - from.col(0)).square() + (to.col(1) - from.col(1)).square() +
                    (to.col(2) - from.col(2)).square();
        }
        mean /= static_cast<double>(n_origins);
        for (Eigen::Index s = 0; s < n_species; ++s) {
            const auto k = static_cast<std::size_t>(s);
            const auto own = mean.segment(first_atom_[k], first_atom_[k + 1] - first_atom_[k]);
            const auto n = static_cast<double>(own.size());
            out.msd(lag, s) = own.mean();
            out.error(lag, s) = n > 1.0 ? std::sqrt((own - own.mean()).square().sum() / (n * (n - 1.0))) : 0.0;
        }
    }
    return out;
}

MeanSquareDisplacement::Estimate MeanSquareDisplacement::estimate(const Curve& curve, Eigen::Index species) const {
    const Eigen::Index last = curve.time.size() - 1, n = last - curve.first_lag + 1;
    const Eigen::ArrayXd t = curve.time.tail(n);
    const double interval = curve.time[1];
    const Eigen::ArrayXd weights = (curve.length + interval - t) / t.cube();  // origins × interval / t³
    const Line line = fit_line(t, curve.msd.col(species).tail(n), weights);
    constexpr double to_cm2_per_s = units::square_angstrom_per_fs_in_cm2_per_s / 6.0;
    return {line.slope * to_cm2_per_s, line.intercept, curve.msd(last, species) / curve.time[last] * to_cm2_per_s};
}

std::vector<Diffusion> MeanSquareDisplacement::result() const {
    const auto points = [&](std::size_t n_frames) {  // in the window
        const auto n = static_cast<double>(n_frames) - 1.0;
        return std::floor(options_.window_end * n + 1e-9) - std::ceil(options_.window_start * n - 1e-9) + 1.0;
    };
    if (moments_.size() < 2 || points(moments_.size()) < least_points)
        throw InputError(
            fmt::format("{} frames are too few for a diffusion coefficient: the window from {} to {} of the "
                        "run must hold at least {} of them",
                        n_seen_, options_.window_start, options_.window_end, least_points));
    const Curve whole = curve(0, moments_.size());
    std::vector<Curve> parts;
    const std::size_t part = moments_.size() / n_blocks;
    if (part >= least_frames && points(part) >= least_points)
        for (std::size_t b = 0; b < n_blocks; ++b) parts.push_back(curve(b * part, part));

    std::vector<Diffusion> results;
    for (std::size_t k = 0; k < species_.size(); ++k) {
        const auto s = static_cast<Eigen::Index>(k);
        const Estimate estimated = estimate(whole, s);
        Diffusion out;
        out.species = species_[k];
        out.time = whole.time;
        out.msd = whole.msd.col(s);
        if (first_atom_[k + 1] - first_atom_[k] > 1) out.error = whole.error.col(s);
        out.window_start = whole.time[whole.first_lag];
        out.window_end = whole.time[whole.time.size() - 1];
        out.fit = estimated.fit;
        out.intercept = estimated.intercept;
        out.end_point = estimated.end_point;
        if (!parts.empty()) {
            Eigen::ArrayXd fits(n_blocks), end_points(n_blocks);
            for (std::size_t b = 0; b < n_blocks; ++b) {
                const Estimate of_part = estimate(parts[b], s);
                fits[static_cast<Eigen::Index>(b)] = of_part.fit;
                end_points[static_cast<Eigen::Index>(b)] = of_part.end_point;
            }
            out.fit_error = standard_deviation(fits);
            out.end_point_error = standard_deviation(end_points);
        }
        judge(out, whole.first_lag);
        results.push_back(std::move(out));
    }
    return results;
}

}  // namespace mlff::analysis
