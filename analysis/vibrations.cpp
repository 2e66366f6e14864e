#include "analysis/vibrations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::analysis {
namespace {

constexpr double cm_per_fs = 2.99792458e-5;  ///< speed of light: ν [1/fs] = ν̃ [1/cm] × this
constexpr double finest_grid = 1.0;          ///< [cm⁻¹] largest distance of the frequencies
constexpr Eigen::Index least_frames = 20;
constexpr double edge = 0.9, edge_share = 0.02;  ///< warns if 2 % lie beyond 0.9 of the highest frequency

/// ∫ y dx over equally spaced points.
double trapezoid(const Eigen::ArrayXd& y, double spacing) {
    return y.size() < 2 ? 0.0 : spacing * (y.sum() - 0.5 * (y[0] + y[y.size() - 1]));
}

}  // namespace

void VibrationOptions::validate() const {
    if (!(length > 0.0 && std::isfinite(length)))
        throw InputError(fmt::format("length is {}; it must be positive", length));
    if (!(smoothing >= 0.0 && std::isfinite(smoothing)))
        throw InputError(fmt::format("smoothing is {}; it must not be negative", smoothing));
    if (!(upper >= 0.0 && std::isfinite(upper)))
        throw InputError(fmt::format("upper is {}; it must not be negative", upper));
}

VibrationalSpectrum::VibrationalSpectrum(const VibrationOptions& options) : options_(options) { options_.validate(); }

void VibrationalSpectrum::begin(const Frame& frame) {
    (void)members_of(frame, options_.species);  // throws if one is missing
    members_ = members_of(frame, {});
    masses_.resize(frame.structure.size());
    for (Eigen::Index i = 0; i < masses_.size(); ++i)
        masses_[i] = atomic_mass(frame.structure.species[static_cast<std::size_t>(i)]);
    with_velocities_ = frame.velocities.has_value() && !options_.from_positions;
    first_time_ = frame.time;
}

void VibrationalSpectrum::add(const Frame& frame) {
    if (n_frames_ == 0) begin(frame);
    if (with_velocities_ && !frame.velocities)
        throw InputError(frame.origin +
                         ": this frame has no velocities, those before have; all or none must have them");
    if (n_frames_ == 1) {
        spacing_ = frame.time - first_time_;
        n_lags_ = std::max<Eigen::Index>(1, std::llround(options_.length / spacing_));
    }
    if (with_velocities_ || n_frames_ > 0) {
        Matrix3X velocities = with_velocities_ ? *frame.velocities : Matrix3X((frame.path - last_path_) / spacing_);
        velocities.colwise() -= Vector3(velocities * masses_ / masses_.sum());
        segment_.push_back(std::move(velocities));
    }
    if (!with_velocities_) last_path_ = frame.path;
    ++n_frames_;
    if (n_lags_ > 0 && static_cast<Eigen::Index>(segment_.size()) >= 2 * n_lags_) {
        add_segment(2 * n_lags_, n_lags_, sums_);
        segment_.clear();
    }
}

/// Frequencies 0 … 1/(2δ) [cm⁻¹] of a transform of the even continuation of C.
Eigen::ArrayXd VibrationalSpectrum::frequencies(Eigen::Index n_lags) const {
    const auto wanted = static_cast<Eigen::Index>(std::ceil(1.0 / (finest_grid * cm_per_fs * spacing_)));
    const Eigen::Index n = fast_length(std::max(2 * n_lags + 2, wanted));
    return Eigen::ArrayXd::LinSpaced(n / 2 + 1, 0.0, 0.5 / (spacing_ * cm_per_fs));
}

void VibrationalSpectrum::add_segment(Eigen::Index n_frames, Eigen::Index n_lags, Sums& sums) const {
    const Eigen::ArrayXd frequency = frequencies(n_lags);
    const Eigen::Index n_even = 2 * (frequency.size() - 1);
    const auto n_species = static_cast<Eigen::Index>(members_.species.size());
    RealTransform correlate(fast_length(n_frames + n_lags)), even(n_even);
    // Column 0 is the sum over the species.
    Eigen::ArrayXXd spectra = Eigen::ArrayXXd::Zero(frequency.size(), n_species + 1);
    Eigen::ArrayXXd correlations = Eigen::ArrayXXd::Zero(n_lags + 1, n_species + 1);
    Eigen::ArrayXd series(n_frames);
    for (Eigen::Index s = 0; s < n_species; ++s) {
        Eigen::ArrayXd power = Eigen::ArrayXd::Zero(correlate.length() / 2 + 1);
        for (const Eigen::Index i : members_.members[static_cast<std::size_t>(s)])
            for (int axis = 0; axis < 3; ++axis) {
                for (Eigen::Index k = 0; k < n_frames; ++k) series[k] = segment_[static_cast<std::size_t>(k)](axis, i);
                power += masses_[i] * correlate.forward(series).abs2();
            }
        const Eigen::ArrayXd sum = correlate.backward(power.cast<std::complex<double>>()).head(n_lags + 1);
        Eigen::ArrayXd mirrored = Eigen::ArrayXd::Zero(n_even);
        for (Eigen::Index k = 0; k <= n_lags; ++k) {
            const double c = sum[k] / static_cast<double>(n_frames - k);
            correlations(k, s + 1) = c;
            const double window =
                std::cos(0.5 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n_lags + 1));
            mirrored[k] = window * window * c;
            if (k > 0) mirrored[n_even - k] = mirrored[k];
        }
        Eigen::ArrayXd density = 2.0 * spacing_ * cm_per_fs * even.forward(mirrored).real();
        if (!with_velocities_)
            for (Eigen::Index j = 1; j < density.size(); ++j) {
                const double x = std::numbers::pi * frequency[j] * cm_per_fs * spacing_;
                density[j] *= std::pow(x / std::sin(x), 2);
            }
        spectra.col(s + 1) = density;
        spectra.col(0) += density;
        correlations.col(0) += correlations.col(s + 1);
    }
    const Eigen::Index n_used = options_.upper > 0.0 ? (frequency <= options_.upper).count() : frequency.size();
    Eigen::ArrayX2d moments(n_species + 1, 2);
    for (Eigen::Index column = 0; column <= n_species; ++column) {
        const Eigen::ArrayXd density = spectra.col(column).head(n_used);
        moments(column, 0) = trapezoid(density, frequency[1]);
        moments(column, 1) = trapezoid(density * frequency.head(n_used), frequency[1]);
    }
    sums.spectra.add(spectra.reshaped());
    sums.correlations.add(correlations.reshaped());
    sums.moments.push_back(moments);
}

std::vector<VibrationalDensity> VibrationalSpectrum::result() const {
    if (n_frames_ < least_frames)
        throw InputError(fmt::format("{} frames are too few for a vibrational spectrum; at least {} are needed",
                                     n_frames_, least_frames));
    Sums sums = sums_;
    Eigen::Index n_lags = n_lags_;
    if (sums.moments.empty()) {  // the run is shorter than one segment: T is half of its length
        n_lags = static_cast<Eigen::Index>(segment_.size()) / 2;
        add_segment(static_cast<Eigen::Index>(segment_.size()), n_lags, sums);
    }
    const Eigen::ArrayXd frequency = frequencies(n_lags);
    const Eigen::Index n = frequency.size();
    const Eigen::ArrayXd spectra = sums.spectra.mean(), correlations = sums.correlations.mean();
    const std::optional<Eigen::ArrayXd> errors = sums.spectra.error(), correlation_errors = sums.correlations.error();
    const double total = trapezoid(spectra.head(n), frequency[1]);
    if (!(total > 0.0)) throw InputError("nothing moves in these frames; a vibrational spectrum needs motion");
    const double scale = 3.0 * static_cast<double>(masses_.size()) / total;
    const auto reach = static_cast<Eigen::Index>(std::lround(0.5 * options_.smoothing / frequency[1]));

    /// One column of the sums.
    const auto describe = [&](Eigen::Index column) {
        VibrationalDensity out;
        if (column > 0) out.species = members_.species[static_cast<std::size_t>(column - 1)];
        out.frequency = frequency;
        out.density = scale * spectra.segment(column * n, n);
        if (errors) out.error = scale * errors->segment(column * n, n);
        out.smooth = savitzky_golay(out.density, std::min(reach, n / 2));
        out.time = Eigen::ArrayXd::LinSpaced(n_lags + 1, 0.0, spacing_ * static_cast<double>(n_lags));
        out.autocorrelation = correlations.segment(column * (n_lags + 1), n_lags + 1);
        const double zero = out.autocorrelation[0];
        if (zero > 0.0) out.autocorrelation /= zero;
        if (correlation_errors && zero > 0.0)
            out.autocorrelation_error = correlation_errors->segment(column * (n_lags + 1), n_lags + 1) / zero;
        out.modes = trapezoid(out.density, frequency[1]);
        const auto n_segments = static_cast<double>(sums.moments.size());
        Eigen::Array2d mean = Eigen::Array2d::Zero();
        for (const Eigen::ArrayX2d& m : sums.moments) mean += m.row(column).transpose() / n_segments;
        if (mean[0] > 0.0) {
            out.centre = mean[1] / mean[0];
            double squares = 0.0;  // of the deviation of the ratio, to first order
            for (const Eigen::ArrayX2d& m : sums.moments)
                squares += std::pow((m(column, 1) - out.centre * m(column, 0)) / mean[0], 2);
            if (n_segments >= BlockAverage::least_blocks)
                out.centre_error = std::sqrt(squares / (n_segments * (n_segments - 1.0)));
        }
        const double beyond = out.density.tail(static_cast<Eigen::Index>((1.0 - edge) * static_cast<double>(n))).sum();
        if (beyond > edge_share * out.density.sum())
            out.warnings.push_back(fmt::format(
                "the spectrum of {} reaches {:.0f} cm⁻¹, the highest that frames {:g} fs apart can show; write frames "
                "more often",
                out.species ? element_symbol(*out.species) : "all atoms", frequency[n - 1], spacing_));
        return out;
    };
    std::vector<VibrationalDensity> results = {describe(0)};
    for (std::size_t s = 0; s < members_.species.size(); ++s)
        if (options_.species.empty() ||
            std::find(options_.species.begin(), options_.species.end(), members_.species[s]) != options_.species.end())
            results.push_back(describe(static_cast<Eigen::Index>(s) + 1));
    return results;
}

}  // namespace mlff::analysis
