#pragma once

#include <Eigen/Core>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff {

/// All pairs (i, j, S) with 0 < |r_ij| < cutoff, r_ij = r_j + H S − r_i: a full list, every periodic image counted, an
/// atom's own images included. Cells smaller than the cutoff and a single atom in a cell are ordinary.
///
/// Order is canonical, by i, then j, then S (lexicographic), and holds exactly the pairs within the cutoff: it
/// depends on the structure alone, never on when the list was last rebuilt. A restarted run therefore sums in the
/// same order and gets the same bits.
///
/// With a skin, `update` searches again only after an atom has moved skin/2 (or the cell, species or number of atoms
/// changed); else it refreshes the vectors of the pairs it keeps. Linear cost in the number of atoms (cell lists).
class NeighborList {
 public:
    /// @param cutoff [Å] > 0,  @param skin [Å] ≥ 0
    explicit NeighborList(double cutoff, double skin = 0.0);

    /// @throws InputError if two atoms are closer than `too_close` (the message names them and their distance)
    void update(const Structure& structure);

    [[nodiscard]] double cutoff() const { return cutoff_; }
    [[nodiscard]] Eigen::Index n_atoms() const { return static_cast<Eigen::Index>(first_.size()) - 1; }
    [[nodiscard]] Eigen::Index n_pairs() const { return static_cast<Eigen::Index>(neighbor_.size()); }
    /// Pairs of atom i are first(i) ≤ p < first(i + 1).
    [[nodiscard]] Eigen::Index first(Eigen::Index i) const { return first_[static_cast<std::size_t>(i)]; }
    [[nodiscard]] Eigen::Index count(Eigen::Index i) const { return first(i + 1) - first(i); }
    [[nodiscard]] Eigen::Index neighbor(Eigen::Index pair) const { return neighbor_[static_cast<std::size_t>(pair)]; }
    /// r_ij of every pair [Å], 3 × n_pairs (more columns may be allocated than are used)
    [[nodiscard]] const Matrix3X& vectors() const { return vectors_; }
    [[nodiscard]] const std::vector<double>& distances() const { return distances_; }  ///< |r_ij| [Å], n_pairs
    [[nodiscard]] long n_searches() const { return n_searches_; }  ///< how often pairs were searched afresh

    static constexpr double too_close = 0.1;  ///< [Å]

 private:
    struct Candidates;  // pairs within cutoff + skin, with their shifts
    void search(const Structure& structure);

    double cutoff_, skin_;
    std::vector<Eigen::Index> first_ = {0};
    std::vector<Eigen::Index> neighbor_;
    std::vector<double> distances_;
    Matrix3X vectors_;

    std::vector<Eigen::Index> candidate_first_, candidate_neighbor_;
    std::vector<Eigen::Vector3i> candidate_shift_;
    Structure searched_;  ///< the structure of the last search
    long n_searches_ = 0;
};

}  // namespace mlff
