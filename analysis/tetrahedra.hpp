#pragma once

#include <Eigen/Core>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "analysis/series.hpp"
#include "analysis/trajectory_reader.hpp"

namespace mlff::analysis {

/// Four corner atoms; edges[k] leads from corner 0 to corner k + 1 [Å].
struct Tetrahedron {
    std::array<Eigen::Index, 4> corners = {};
    Eigen::Matrix3d edges = Eigen::Matrix3d::Zero();
};

/// Units AX₄: for every atom of the centre species with exactly four corner atoms within the cutoff, these four.
/// Without centres, every four corner atoms within the cutoff of each other, such as the interstices of a lattice.
/// Periodic images count; the four must be different atoms.
/// @param centres  atomic numbers; none: without centres
/// @param cutoff   [Å] > 0, centre to corner, or corner to corner without centres
/// @throws InputError if a species is missing
[[nodiscard]] std::vector<Tetrahedron> find_tetrahedra(const Frame& frame, const std::vector<int>& centres, int corner,
                                                       double cutoff);

/// The twelve angles X-X-X of a tetrahedron [degrees]: at each corner the three between the edges to the others.
[[nodiscard]] Eigen::Array<double, 12, 1> corner_angles(const Eigen::Matrix3d& edges);

struct TetrahedraOptions {
    std::vector<int> centres = {};  ///< atomic numbers; none: units of corners alone
    int corner = 0;                 ///< atomic number
    double cutoff = 0.0;            ///< [Å] > 0
    double filter = 5.0;            ///< [cm⁻¹] > 0, of the angles before their velocity is taken
    double width = 1.0;             ///< [degrees] of a bin of θ, > 0
    double omega_max = 0.05;        ///< [degrees/fs] > 0, end of the bins of ω
    int omega_bins = 100;           ///< over −omega_max … omega_max, ≥ 2
    int max_samples = 2000;         ///< of each angle kept in memory, ≥ 20

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// A probability density.
struct Distribution {
    Eigen::ArrayXd x;                     ///< middle of each bin
    Eigen::ArrayXd density;               ///< 1/unit of x
    std::optional<Eigen::ArrayXd> error;  ///< standard error over blocks of time
};

struct TetrahedronMotion {
    std::size_t n_units = 0;
    Distribution theta;            ///< of all angles at all frames [degrees]
    Distribution slow_theta;       ///< of the filtered angles
    Distribution omega;            ///< of the angular velocity of the filtered angles [degrees/fs]
    double theta_deviation = 0.0;  ///< standard deviation of θ [degrees]; the mean of the angles of triangles is 60
    double omega_rms = 0.0;        ///< [degrees/fs]
    std::vector<std::string> warnings;
};

/// Angles of the tetrahedra of the first frame, followed through the run: θ, its low-pass Fourier filter θ̄ and
/// ω = dθ̄/dt by central differences, and their densities. The filter removes the vibrations, so ω measures how fast
/// units tilt and deform.
///
/// ρ(θ) counts every frame. For the filter, samples are means over 1, 2, 4, … frames, at most max_samples of them:
/// memory max_samples × 12 × n_units × 8 bytes, for any length of the run.
/// Source: method.md section 7, [M24] eqs. 4 and 5.
class TetrahedronAngles {
 public:
    /// @throws InputError as validate()
    explicit TetrahedronAngles(const TetrahedraOptions& options);

    /// Frames of one run as TrajectoryReader gives them.
    /// @throws InputError if the first frame has no such tetrahedron
    void add(const Frame& frame);

    /// @throws InputError if there are fewer than 20 frames
    [[nodiscard]] TetrahedronMotion result() const;

 private:
    void sample(const Eigen::ArrayXd& angles);

    TetrahedraOptions options_;
    std::vector<Tetrahedron> units_;  ///< edges in units of the cell, as of the last frame
    BlockAverage theta_;
    double angle_squares_ = 0.0;
    long n_frames_ = 0, n_incomplete_ = 0;
    double first_time_ = 0.0, last_time_ = 0.0;
    long frames_per_sample_ = 1, n_open_ = 0;
    Eigen::ArrayXd open_;                  ///< sum of the sample in progress
    std::vector<Eigen::ArrayXd> samples_;  ///< mean angles [degrees], 12 × n_units each
};

}  // namespace mlff::analysis
