#include "analysis/distance_angle.hpp"

#include <fmt/format.h>

#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::analysis {
namespace {

constexpr double degrees = 180.0 / std::numbers::pi;

const DistanceAngleOptions& validated(const DistanceAngleOptions& options) {
    options.validate();
    return options;
}

}  // namespace

void DistanceAngleOptions::validate() const {
    if (centres.empty())
        throw InputError("centres is missing; give the elements that the anions are bonded to, such as P");
    if (anion < 1) throw InputError("anion is missing; give its element, such as S");
    if (cation < 1) throw InputError("cation is missing; give its element, such as Li");
    if (!(bond > 0.0 && std::isfinite(bond)))
        throw InputError(fmt::format("bond is {}; it must be positive: the longest bond [Å]", bond));
    if (!(r_max > 0.0 && std::isfinite(r_max)))
        throw InputError(fmt::format("r_max is {}; it must be positive", r_max));
    if (!(r_width > 0.0 && r_width <= r_max))
        throw InputError(fmt::format("r_width is {}; it must be positive and at most r_max, {}", r_width, r_max));
    if (!(angle_width > 0.0 && angle_width <= 90.0))
        throw InputError(fmt::format("angle_width is {}; it must be positive and at most 90 degrees", angle_width));
    if (every < 1) throw InputError(fmt::format("every is {}; it must be at least 1 frame", every));
}

DistanceAngleMap::DistanceAngleMap(const DistanceAngleOptions& options)
    : options_(validated(options)),
      neighbors_(std::max(options.bond, options.r_max)),
      n_r_(std::max<Eigen::Index>(1, std::llround(options.r_max / options.r_width))),
      n_angles_(std::max<Eigen::Index>(1, std::llround(180.0 / options.angle_width))) {}

void DistanceAngleMap::add(const Frame& frame) {
    if (n_seen_++ % options_.every != 0) return;
    const Structure& structure = frame.structure;
    if (histograms_.n_samples() == 0) {
        const std::vector<int> present = species_present(structure);
        std::vector<int> wanted = options_.centres;
        wanted.insert(wanted.end(), {options_.anion, options_.cation});
        for (const int z : wanted)
            if (!std::binary_search(present.begin(), present.end(), z))
                throw InputError(
                    fmt::format("{}: there is no {} in {}", frame.origin, element_symbol(z), formula(structure)));
    }
    try {
        neighbors_.update(structure);
    } catch (const InputError& error) {
        throw InputError(frame.origin + ": " + error.what());
    }
    const auto species = [&](Eigen::Index i) { return structure.species[static_cast<std::size_t>(i)]; };
    Eigen::ArrayXXd histogram = Eigen::ArrayXXd::Zero(n_r_, n_angles_);
    const double r_width = options_.r_max / static_cast<double>(n_r_);
    const double angle_width = 180.0 / static_cast<double>(n_angles_);
    std::vector<Vector3> bonds;
    double n_bonds = 0.0;
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        if (species(i) != options_.anion) continue;
        bonds.clear();
        for (Eigen::Index p = neighbors_.first(i); p < neighbors_.first(i + 1); ++p)
            if (std::find(options_.centres.begin(), options_.centres.end(), species(neighbors_.neighbor(p))) !=
                    options_.centres.end() &&
                neighbors_.distances()[static_cast<std::size_t>(p)] < options_.bond)
                bonds.emplace_back(neighbors_.vectors().col(p));
        n_bonds += static_cast<double>(bonds.size());
        for (Eigen::Index p = neighbors_.first(i); p < neighbors_.first(i + 1); ++p) {
            const double r = neighbors_.distances()[static_cast<std::size_t>(p)];
            if (species(neighbors_.neighbor(p)) != options_.cation || r >= options_.r_max) continue;
            const Vector3 to_cation = neighbors_.vectors().col(p);
            for (const Vector3& bond : bonds) {
                if (bond == to_cation) continue;  // the centre itself, where cations are centres too
                const double angle = degrees * std::atan2(bond.cross(to_cation).norm(), bond.dot(to_cation));
                histogram(std::min(static_cast<Eigen::Index>(r / r_width), n_r_ - 1),
                          std::min(static_cast<Eigen::Index>(angle / angle_width), n_angles_ - 1)) += 1.0;
            }
        }
    }
    bonds_ += n_bonds;
    histograms_.add(histogram.reshaped() / (std::max(n_bonds, 1.0) * r_width * angle_width));
}

DistanceAngleDensity DistanceAngleMap::result() const {
    if (histograms_.n_samples() == 0) throw InputError("a density of distance and angle needs at least one frame");
    DistanceAngleDensity out;
    out.bonds = bonds_ / static_cast<double>(histograms_.n_samples());
    if (out.bonds == 0.0)
        throw InputError(fmt::format("no {} has a bond shorter than {} Å; raise bond", element_symbol(options_.anion),
                                     options_.bond));
    const double half_r = 0.5 * options_.r_max / static_cast<double>(n_r_);
    const double half_angle = 90.0 / static_cast<double>(n_angles_);
    out.r = Eigen::ArrayXd::LinSpaced(n_r_, half_r, options_.r_max - half_r);
    out.angle = Eigen::ArrayXd::LinSpaced(n_angles_, half_angle, 180.0 - half_angle);
    out.density = histograms_.mean().reshaped(n_r_, n_angles_);
    if (const auto error = histograms_.error()) out.error = error->reshaped(n_r_, n_angles_);
    return out;
}

}  // namespace mlff::analysis
