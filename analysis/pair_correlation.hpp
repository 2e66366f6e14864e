#pragma once

#include <Eigen/Core>
#include <optional>
#include <utility>
#include <vector>

#include "analysis/series.hpp"
#include "analysis/trajectory_reader.hpp"
#include "libmlff/atoms/neighbor_list.hpp"

namespace mlff::analysis {

struct PairCorrelationOptions {
    double r_max = 8.0;                           ///< [Å] > 0, any size: images are counted
    double width = 0.05;                          ///< [Å] of a bin, > 0; shrunk or stretched to divide r_max evenly
    int every = 1;                                ///< take every n-th frame, ≥ 1
    std::vector<std::pair<int, int>> pairs = {};  ///< atomic numbers (A, B); none: all pairs of species, A ≤ B

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// First shell of neighbours.
struct FirstShell {
    double peak = 0.0;                   ///< distance of the first maximum [Å], by a parabola through three bins
    double height = 0.0;                 ///< g there
    std::optional<double> minimum;       ///< distance of the first minimum behind it [Å]; none within r_max
    std::optional<double> coordination;  ///< number of B closer to an A than the minimum
};

/// Pair correlation function of B around A.
struct PairCorrelation {
    int a = 0, b = 0;                     ///< atomic numbers
    Eigen::ArrayXd r;                     ///< [Å], middle of each bin
    Eigen::ArrayXd g;                     ///< average over frames
    std::optional<Eigen::ArrayXd> error;  ///< standard error of g from blocks; none if there are too few frames
    Eigen::ArrayXd coordination;          ///< number of B closer than r to an A
    double ratio = 1.0;                   ///< N_A / N_B: the number of A around a B is `coordination` times this
    std::optional<FirstShell> shell;      ///< none if g has no peak within r_max
};

/// The first shell of a curve, or none. The peak is the first bin with g > 1 that no bin within 0.3 Å exceeds, the
/// minimum the first bin behind it that no bin within 0.3 Å undercuts (the middle one of several equal bins).
/// @param r, g, coordination  as in PairCorrelation, at equal distances
[[nodiscard]] std::optional<FirstShell> find_first_shell(const Eigen::ArrayXd& r, const Eigen::ArrayXd& g,
                                                         const Eigen::ArrayXd& coordination);

/// Running average of
///
///     g_AB(r) = <n_AB(r)> / (N_A <N_B / V> v(r)),    v(r) = 4π/3 (r₊³ − r₋³),
///
/// n_AB(r) counts ordered pairs (i of A, j of B), every periodic image, with a distance in the bin from r₋ to r₊. For
/// A = B an atom's pair with itself is left out, but not its pairs with its images: at large distance g tends to 1, and
/// an ideal gas has 1 − 1/N_A below the shortest lattice vector. Memory: 16 histograms per pair.   Source: method.md
/// section 7, [M24] eq. 1.
class PairCorrelations {
 public:
    /// @throws InputError as validate()
    explicit PairCorrelations(const PairCorrelationOptions& options);

    /// @throws InputError if the structure is not periodic in three directions, two atoms are closer than 0.1 Å, or a
    ///         requested species is missing
    void add(const Frame& frame);

    /// @throws InputError if there was no frame
    [[nodiscard]] std::vector<PairCorrelation> result() const;

 private:
    void begin(const Frame& frame);

    PairCorrelationOptions options_;
    NeighborList neighbors_;
    Eigen::Index n_bins_;
    double width_;  ///< [Å]

    long n_seen_ = 0;
    std::vector<std::pair<int, int>> pairs_;
    std::vector<int> species_;                     ///< atomic numbers, ascending
    std::vector<Eigen::Index> channels_;           ///< index in species_ of each atom
    std::vector<double> counts_;                   ///< atoms of each species
    std::vector<std::vector<Eigen::Index>> slot_;  ///< number of the pair (A, B) by channels, −1 if not wanted
    Eigen::ArrayXd histogram_;                     ///< one frame's n_AB / N_A, pair after pair
    BlockAverage histograms_;
    BlockAverage inverse_volume_;
};

}  // namespace mlff::analysis
