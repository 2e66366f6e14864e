#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "analysis/series.hpp"
#include "analysis/trajectory_reader.hpp"
#include "libmlff/atoms/neighbor_list.hpp"

namespace mlff::analysis {

struct DistanceAngleOptions {
    std::vector<int> centres = {};  ///< atomic numbers, such as P; at least one
    int anion = 0;                  ///< atomic number, such as S
    int cation = 0;                 ///< atomic number, such as Li
    double bond = 0.0;              ///< [Å] > 0: longest centre-anion bond
    double r_max = 6.0;             ///< [Å] > 0
    double r_width = 0.1;           ///< [Å] of a bin, > 0; shrunk or stretched to divide r_max evenly
    double angle_width = 2.0;       ///< [degrees] of a bin, > 0; likewise for 180
    int every = 1;                  ///< take every n-th frame, ≥ 1

    /// @throws InputError naming field, value and bound
    void validate() const;
};

struct DistanceAngleDensity {
    Eigen::ArrayXd r;                      ///< [Å], middle of each bin
    Eigen::ArrayXd angle;                  ///< [degrees], middle of each bin
    Eigen::ArrayXXd density;               ///< ρ(r, φ) [1/(Å degree)], n_r × n_angles
    std::optional<Eigen::ArrayXXd> error;  ///< standard error over blocks of frames
    double bonds = 0.0;                    ///< centre-anion bonds, mean over frames
};

/// Density of cations around the bonds of the anions: r from anion to cation, φ the angle centre-anion-cation at the
/// anion, over all centre-anion pairs shorter than `bond`,
///
///     ρ(r, φ) = <number of cations in dr dφ about a bond, without its own centre> / (dr dφ),
///
/// so that ∬ ρ dr dφ is the number of cations within r_max of an anion; independent cations of density n have
/// ρ = 2π n r² sin φ · π/180. Memory: 16 histograms.   Source: method.md section 7, [M24].
class DistanceAngleMap {
 public:
    /// @throws InputError as validate()
    explicit DistanceAngleMap(const DistanceAngleOptions& options);

    /// @throws InputError if a species is missing, or two atoms are closer than 0.1 Å
    void add(const Frame& frame);

    /// @throws InputError if there was no frame, or no bond
    [[nodiscard]] DistanceAngleDensity result() const;

 private:
    DistanceAngleOptions options_;
    NeighborList neighbors_;
    Eigen::Index n_r_, n_angles_;
    long n_seen_ = 0;
    BlockAverage histograms_;  ///< of one frame, divided by its number of bonds
    double bonds_ = 0.0;
};

}  // namespace mlff::analysis
