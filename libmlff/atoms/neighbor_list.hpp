#pragma once

#include <Eigen/Core>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff {

/// All pairs (i, j, S) with 0 < |r_ij| < cutoff, r_ij = r_j + H S − r_i: a full list, every periodic image counted, an
/// atom's own images included. Cells smaller than the cutoff and a single atom in a cell are ordinary.
///
/// The list has exactly the pairs within the cutoff, in canonical order: by i, then j, then S (lexicographic). It
/// depends on the structure alone, neither on the step of the last search nor on the number of threads. A restarted run
/// therefore sums in the same order and gets the same bits.
///
/// Either all pairs are stored (`update`), or those of one atom at a time are found from the candidates of a search
/// (`prepare`, then `pairs`): 12 instead of 48 bytes per pair, and the same bits.
///
/// With a skin, both search again only after an atom has moved skin/2 (or species or number of atoms changed); else
/// they refresh the vectors of the pairs that were kept. A cell that moves takes the atoms along: with F = H H₀⁻¹ since
/// the search and u = r − F r₀, every pair is kept while 2 max|u| ≤ (cutoff + skin)/|F⁻¹| − cutoff. Linear cost in the
/// number of atoms (cell lists). Memory is kept from update to update and grows only with the number of pairs.
class NeighborList {
 public:
    /// @param cutoff [Å] > 0,  @param skin [Å] ≥ 0
    /// @throws std::invalid_argument if either is out of its range
    explicit NeighborList(double cutoff, double skin = 0.0);

    /// @throws InputError if two atoms are closer than `too_close` (the message names them and their distance), or the
    ///         structure is not valid. The content of the list is then unspecified until the next update succeeds.
    /// @param own  if not empty, only atoms with a nonzero entry get pairs; it may change with the species alone
    void update(const Structure& structure, std::span<const char> own = {});

    /// Pairs of one atom, in the order of the list. Arrays grow and never shrink.
    struct Pairs {
        Eigen::Index size = 0;
        std::vector<std::int32_t> neighbor;
        std::vector<double> vectors;    ///< r_ij [Å], 3 for each
        std::vector<double> distances;  ///< |r_ij| [Å]
        bool too_close = false;         ///< one of them is nearer than `too_close`: `update` names it
    };

    /// As `update`, but stores no pairs; `pairs` reports atoms that are too close.
    /// @throws InputError if the structure is not valid
    void prepare(const Structure& structure, std::span<const char> own = {});
    /// Pairs of atom i, after `prepare` or `update`.
    void pairs(Eigen::Index i, Pairs& out) const;

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
    [[nodiscard]] long n_searches() const { return n_searches_; }                      ///< number of searches so far

    static constexpr double too_close = 0.1;  ///< [Å]

 private:
    /// A pair within cutoff + skin at the time of the search.
    struct Candidate {
        std::int32_t neighbor;  ///< j
        std::int16_t shift[3];  ///< T: S in lattice vectors of the reduced cell, H S = B T
    };

    /// Atoms sorted into bins of a reduced cell B that spans the same lattice as H: B = H U on the periodic axes, unit
    /// vectors normal to them on the others. Bin counts and ranges are per axis of B.
    struct Bins {
        Matrix3 basis, to_original;     ///< B, U (integers)
        std::array<int, 3> n, range;    ///< number of bins, and of bins to search ahead and back
        std::vector<std::int32_t> bin;  ///< of each atom, per axis, 3 n_atoms
        Matrix3X wraps;                 ///< lattice vectors of B subtracted from each atom (integers), 3 × n_atoms
        Matrix3X positions;             ///< after the subtraction [Å], 3 × n_atoms
        std::vector<Eigen::Index> first;
        std::vector<std::int32_t> atoms;  ///< by bin: atoms[first[b]] .. atoms[first[b + 1]]

        void find_basis(const Structure& structure);
        void sort(const Structure& structure, double reach);
        [[nodiscard]] std::size_t index(int a, int b, int c) const;
        template <class Visit>
        void for_each_image(const Structure& structure, double reach, Eigen::Index i, Visit&& visit) const;
    };

    [[nodiscard]] bool follow(const Structure& structure);
    void search(const Structure& structure, std::span<const char> own);
    void refresh(const Structure& structure);

    double cutoff_, skin_;
    Matrix3X positions_;  ///< of the latest structure, for `pairs`
    std::vector<Eigen::Index> first_ = {0};
    std::vector<std::int32_t> neighbor_;
    std::vector<double> distances_;
    Matrix3X vectors_;

    Bins bins_;
    std::vector<Eigen::Index> candidate_first_;
    std::vector<Candidate> candidates_;
    Structure searched_;  ///< the structure of the last search
    Matrix3 searched_basis_ = Matrix3::Identity();
    bool valid_ = false;  ///< the candidates belong to `searched_`
    long n_searches_ = 0;
};

}  // namespace mlff
