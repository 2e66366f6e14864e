#include "analysis/tetrahedra.hpp"

#include <fmt/format.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "analysis/fourier.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/neighbor_list.hpp"

namespace mlff::analysis {
namespace {

constexpr double degrees = 180.0 / std::numbers::pi;
constexpr double cm_per_fs = 2.99792458e-5;  ///< speed of light
constexpr int least_samples = 20;
constexpr double triangle_mean = 60.0;  ///< [degrees] of the three angles of any triangle
constexpr double share_outside = 0.01;  ///< share of ω outside all bins that causes a warning

bool contains(const std::vector<int>& list, int z) { return std::find(list.begin(), list.end(), z) != list.end(); }

/// Middles of n bins from `first` to `last`.
Eigen::ArrayXd middles(Eigen::Index n, double first, double last) {
    const double half = 0.5 * (last - first) / static_cast<double>(n);
    return Eigen::ArrayXd::LinSpaced(n, first + half, last - half);
}

/// Density of values over n bins from `first` to `last`, normalised to all of them, including values outside.
Eigen::ArrayXd histogram_of(const Eigen::Ref<const Eigen::ArrayXd>& values, Eigen::Index n, double first, double last) {
    Eigen::ArrayXd out = Eigen::ArrayXd::Zero(n);
    const double width = (last - first) / static_cast<double>(n);
    for (const double value : values) {
        const double bin = std::floor((value - first) / width);
        if (bin >= 0.0 && bin < static_cast<double>(n))
            out[static_cast<Eigen::Index>(bin)] += 1.0;
        else if (value == last)
            out[n - 1] += 1.0;
    }
    return out / (static_cast<double>(values.size()) * width);
}

Distribution distribution_of(const BlockAverage& average, double first, double last) {
    Distribution out;
    out.density = average.mean();
    out.x = middles(out.density.size(), first, last);
    out.error = average.error();
    return out;
}

}  // namespace

Eigen::Array<double, 12, 1> corner_angles(const Eigen::Matrix3d& edges) {
    Eigen::Matrix<double, 3, 4> corners;
    corners << Vector3::Zero(), edges;
    Eigen::Array<double, 12, 1> angles;
    Eigen::Index n = 0;
    for (Eigen::Index apex = 0; apex < 4; ++apex)
        for (Eigen::Index j = 0; j < 4; ++j)
            for (Eigen::Index k = j + 1; k < 4; ++k) {
                if (j == apex || k == apex) continue;
                const Vector3 a = corners.col(j) - corners.col(apex), b = corners.col(k) - corners.col(apex);
                angles[n++] = degrees * std::atan2(a.cross(b).norm(), a.dot(b));
            }
    return angles;
}

std::vector<Tetrahedron> find_tetrahedra(const Frame& frame, const std::vector<int>& centres, int corner,
                                         double cutoff) {
    const Structure& structure = frame.structure;
    const std::vector<int> present = species_present(structure);
    std::vector<int> wanted = centres;
    wanted.push_back(corner);
    for (const int z : wanted)
        if (!contains(present, z))
            throw InputError(
                fmt::format("{}: there is no {} in {}", frame.origin, element_symbol(z), formula(structure)));
    NeighborList neighbors(cutoff);
    try {
        neighbors.update(structure);
    } catch (const InputError& error) {
        throw InputError(frame.origin + ": " + error.what());
    }
    const auto species = [&](Eigen::Index i) { return structure.species[static_cast<std::size_t>(i)]; };
    struct Corner {
        Eigen::Index atom;
        Vector3 vector;
    };
    const auto corners_around = [&](Eigen::Index i) {
        std::vector<Corner> out;
        for (Eigen::Index p = neighbors.first(i); p < neighbors.first(i + 1); ++p)
            if (species(neighbors.neighbor(p)) == corner)
                out.push_back({neighbors.neighbor(p), neighbors.vectors().col(p)});
        return out;
    };
    const auto different = [](const std::array<Eigen::Index, 4>& atoms) {
        auto sorted = atoms;
        std::sort(sorted.begin(), sorted.end());
        return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
    };
    std::vector<Tetrahedron> units;
    const auto add = [&](const std::array<Corner, 4>& four) {
        Tetrahedron unit;
        for (std::size_t k = 0; k < 4; ++k) unit.corners[k] = four[k].atom;
        for (std::size_t k = 1; k < 4; ++k)
            unit.edges.col(static_cast<Eigen::Index>(k) - 1) = four[k].vector - four[0].vector;
        if (different(unit.corners)) units.push_back(unit);
    };
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        if (!centres.empty()) {
            if (!contains(centres, species(i))) continue;
            const auto around = corners_around(i);
            if (around.size() == 4) add({around[0], around[1], around[2], around[3]});
            continue;
        }
        if (species(i) != corner) continue;
        // Each unit once: from its atom with the lowest index.
        std::vector<Corner> higher;
        for (const Corner& c : corners_around(i))
            if (c.atom > i) higher.push_back(c);
        const auto near = [&](const Corner& a, const Corner& b) { return (a.vector - b.vector).norm() < cutoff; };
        for (std::size_t j = 0; j < higher.size(); ++j)
            for (std::size_t k = j + 1; k < higher.size(); ++k) {
                if (!near(higher[j], higher[k])) continue;
                for (std::size_t l = k + 1; l < higher.size(); ++l)
                    if (near(higher[j], higher[l]) && near(higher[k], higher[l]))
                        add({Corner{i, Vector3::Zero()}, higher[j], higher[k], higher[l]});
            }
    }
    return units;
}

void TetrahedraOptions::validate() const {
    if (corner < 1) throw InputError("corner is missing; give the element of the corners, such as S");
    if (!(cutoff > 0.0 && std::isfinite(cutoff)))
        throw InputError(fmt::format("cutoff is {}; it must be positive", cutoff));
    if (!(filter > 0.0)) throw InputError(fmt::format("filter is {}; it must be positive", filter));
    if (!(width > 0.0 && width <= 90.0))
        throw InputError(fmt::format("width is {}; it must be positive and at most 90 degrees", width));
    if (!(omega_max > 0.0 && std::isfinite(omega_max)))
        throw InputError(fmt::format("omega_max is {}; it must be positive", omega_max));
    if (omega_bins < 2) throw InputError(fmt::format("omega_bins is {}; it must be at least 2", omega_bins));
    if (max_samples < least_samples)
        throw InputError(fmt::format("max_samples is {}; it must be at least {}", max_samples, least_samples));
}

TetrahedronAngles::TetrahedronAngles(const TetrahedraOptions& options) : options_(options) { options_.validate(); }

void TetrahedronAngles::add(const Frame& frame) {
    const Structure& structure = frame.structure;
    if (n_frames_ == 0) {
        units_ = find_tetrahedra(frame, options_.centres, options_.corner, options_.cutoff);
        if (units_.empty())
            throw InputError(fmt::format("{}: no tetrahedron of {} within {} Å; another cutoff is needed", frame.origin,
                                         element_symbol(options_.corner), options_.cutoff));
        for (const int z : structure.species) n_incomplete_ += contains(options_.centres, z) ? 1 : 0;
        if (!options_.centres.empty()) n_incomplete_ -= static_cast<long>(units_.size());
        for (Tetrahedron& unit : units_) unit.edges = (structure.cell.inverse() * unit.edges).eval();
        first_time_ = frame.time;
    }
    const Matrix3 inverse = structure.cell.inverse();
    Eigen::ArrayXd angles(12 * static_cast<Eigen::Index>(units_.size()));
    for (std::size_t u = 0; u < units_.size(); ++u) {
        Tetrahedron& unit = units_[u];
        for (Eigen::Index k = 0; k < 3; ++k) {
            // The image of the edge that is nearest to its last position.
            Vector3 s = inverse * (structure.positions.col(unit.corners[static_cast<std::size_t>(k) + 1]) -
                                   structure.positions.col(unit.corners[0]));
            s -= (s - unit.edges.col(k)).array().round().matrix();
            unit.edges.col(k) = s;
        }
        angles.segment<12>(12 * static_cast<Eigen::Index>(u)) = corner_angles(structure.cell * unit.edges);
    }
    const auto n_bins = std::max<Eigen::Index>(1, std::lround(180.0 / options_.width));
    theta_.add(histogram_of(angles, n_bins, 0.0, 180.0));
    angle_squares_ += (angles - triangle_mean).square().mean();
    last_time_ = frame.time;
    ++n_frames_;
    sample(angles);
}

void TetrahedronAngles::sample(const Eigen::ArrayXd& angles) {
    open_ = n_open_ == 0 ? angles : Eigen::ArrayXd(open_ + angles);
    if (++n_open_ < frames_per_sample_) return;
    samples_.push_back(open_ / static_cast<double>(n_open_));
    n_open_ = 0;
    if (samples_.size() < static_cast<std::size_t>(options_.max_samples) || samples_.size() % 2 != 0) return;
    for (std::size_t k = 0; 2 * k < samples_.size(); ++k) samples_[k] = 0.5 * (samples_[2 * k] + samples_[2 * k + 1]);
    samples_.resize(samples_.size() / 2);
    frames_per_sample_ *= 2;
}

TetrahedronMotion TetrahedronAngles::result() const {
    const auto n_samples = static_cast<Eigen::Index>(samples_.size());
    if (n_samples < least_samples / 2 || n_frames_ < least_samples)
        throw InputError(fmt::format("{} frames are too few for the motion of tetrahedra; at least {} are needed",
                                     n_frames_, least_samples));
    const double spacing =
        (last_time_ - first_time_) / static_cast<double>(n_frames_ - 1) * static_cast<double>(frames_per_sample_);
    const double cutoff = options_.filter * cm_per_fs;  // [1/fs]
    TetrahedronMotion out;
    out.n_units = units_.size();
    out.theta = distribution_of(theta_, 0.0, 180.0);
    out.theta_deviation = std::sqrt(angle_squares_ / static_cast<double>(n_frames_));

    Eigen::ArrayXXd slow(samples_[0].size(), n_samples);  // n_angles × n_samples
    for (Eigen::Index a = 0; a < slow.rows(); ++a) {
        for (Eigen::Index k = 0; k < n_samples; ++k) slow(a, k) = samples_[static_cast<std::size_t>(k)][a];
        slow.row(a) = low_pass(slow.row(a).transpose(), spacing, cutoff).transpose();
    }
    BlockAverage theta, omega;
    double squares = 0.0, inside = 0.0;
    for (Eigen::Index k = 0; k < n_samples; ++k) {
        theta.add(histogram_of(slow.col(k), out.theta.x.size(), 0.0, 180.0));
        if (k == 0 || k + 1 == n_samples) continue;
        const Eigen::ArrayXd velocity = (slow.col(k + 1) - slow.col(k - 1)) / (2.0 * spacing);
        omega.add(histogram_of(velocity, options_.omega_bins, -options_.omega_max, options_.omega_max));
        squares += velocity.square().mean() / static_cast<double>(n_samples - 2);
        inside += (velocity.abs() <= options_.omega_max).cast<double>().mean() / static_cast<double>(n_samples - 2);
    }
    out.slow_theta = distribution_of(theta, 0.0, 180.0);
    out.omega = distribution_of(omega, -options_.omega_max, options_.omega_max);
    out.omega_rms = std::sqrt(squares);

    if (n_incomplete_ > 0)
        out.warnings.push_back(
            fmt::format("{} centres do not have exactly four {} within {} Å in the first frame and are "
                        "left out",
                        n_incomplete_, element_symbol(options_.corner), options_.cutoff));
    if (1.0 - inside > share_outside)
        out.warnings.push_back(fmt::format("{:.0f} % of the angular velocities exceed omega_max = {} degrees/fs",
                                           100.0 * (1.0 - inside), options_.omega_max));
    if (2.0 * spacing * cutoff > 1.0)
        out.warnings.push_back(
            fmt::format("angles are {:g} fs apart, too far for a filter at {} cm⁻¹ to act", spacing, options_.filter));
    if ((last_time_ - first_time_) * cutoff < 1.0)
        out.warnings.push_back(
            fmt::format("the run is shorter than a period of the filter at {} cm⁻¹ ({:.3g} ps): its "
                        "angular velocities are hardly meaningful",
                        options_.filter, 1e-3 / cutoff));
    return out;
}

}  // namespace mlff::analysis
