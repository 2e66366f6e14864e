#pragma once

#include <Eigen/Core>
#include <optional>
#include <utility>
#include <vector>

#include "analysis/path_history.hpp"

namespace mlff::analysis {

struct VanHoveOptions {
    std::vector<int> species = {};                ///< atomic numbers of the self part; none: all of the trajectory
    std::vector<std::pair<int, int>> pairs = {};  ///< of the distinct part; none: each of the species with itself
    std::vector<int> framework = {};              ///< atoms whose centre of mass is brought to rest; none: all atoms
    double r_max = 8.0;                           ///< [Å] > 0, any size: images are counted
    double width = 0.1;                           ///< [Å] of a bin, > 0; shrunk or stretched to divide r_max evenly
    double longest = 0.5;                         ///< longest time as a fraction of the run, > 0 and < 1
    int times = 20;                               ///< number of times up to it, equally spaced, ≥ 1
    int origins = 100;                            ///< most time origins that are used, ≥ 1
    int max_frames = 500;                         ///< frames kept in memory, ≥ 20

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// A function of distance and time.
struct VanHove {
    int a = 0, b = 0;                      ///< atomic numbers; equal for a self part
    Eigen::ArrayXd r;                      ///< [Å], middle of each bin
    Eigen::ArrayXd time;                   ///< [fs]; begins with 0 in a distinct part
    Eigen::ArrayXXd value;                 ///< G [Å⁻³], n_r × n_times
    std::optional<Eigen::ArrayXXd> error;  ///< standard error; none if A or B is one atom
    double density = 0.0;                  ///< of B [Å⁻³], limit of a distinct part
};

struct VanHoveResult {
    std::vector<VanHove> self, distinct;
};

/// Van Hove functions: density of an atom itself, and of the others, a time t after it was at the origin,
///
///     G_s(r,t) = <1/N_A Σ_i δ(r − |u_i(τ+t) − u_i(τ)|)>_τ / 4πr²,
///     G_d(r,t) = <1/N_A Σ_i Σ_{j≠i} δ(r − |r_j(τ) + u_j(τ+t) − u_j(τ) − r_i(τ)|)>_τ / 4πr²,   i of A, j of B,
///
/// u: paths less the framework's motion. The distinct part counts every periodic image, an atom's own images too; at
/// t = 0 it is ρ_B g_AB(r), at long times and distances ρ_B. ∫_0^∞ 4πr² G_s dr = 1, and up to r_max it is the share of
/// atoms that have moved less than r_max.
///
/// Errors come from the scatter between atoms: origins closer than t share most of their paths, and blocks of origins
/// are not independent either. In a distinct part a pair belongs to both of its atoms. With the counts n_i of the atoms
/// of A and m_j of the atoms of B (per origin, <n> = mean over A)
///
///     A ≠ B: error² = s²(n)/N_A + (N_B/N_A)² s²(m)/N_B,     A = B: error² = s²(n + m)/N_A,
///
/// which is right where the counts of different atoms are independent, and √2 too large where all pairs are independent
/// of each other, as in a gas.
///
/// Memory: max_frames × n_atoms × 48 bytes, and bins × times × n_atoms × 8 (self) or 16 (distinct); cost of a distinct
/// part origins × times × N_A × N_B × images. Source: method.md section 7, [M24] eqs. 8 and 9; van Hove, Phys. Rev. 95,
/// 249 (1954).
class VanHoveFunctions {
 public:
    /// @throws InputError as validate()
    explicit VanHoveFunctions(const VanHoveOptions& options);

    /// Frames of one run as TrajectoryReader gives them.
    /// @throws InputError if a requested species is missing, or the cell is not periodic in three directions
    void add(const Frame& frame);

    /// @throws InputError if there are fewer than 20 frames
    [[nodiscard]] VanHoveResult result() const;

 private:
    /// A frame that is kept.
    struct Moment {
        double time;               ///< [fs]
        Matrix3 cell;              ///< [Å]
        Matrix3X positions, path;  ///< r and u [Å], 3 × n_atoms
    };

    VanHoveOptions options_;
    SpeciesMembers members_;  ///< of the self part
    std::vector<std::pair<std::vector<Eigen::Index>, std::vector<Eigen::Index>>> pair_members_;
    Eigen::VectorXd weights_;
    History<Moment> history_;
};

}  // namespace mlff::analysis
