// Compiled without contraction to fused multiply-add (CMakeLists.txt): pairs are counted in one pass and written in
// another, and a distance must have the same bits in both, however the compiler translates either loop.
#include "libmlff/atoms/neighbor_list.hpp"

#include <fmt/format.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

constexpr double rounding_margin = 1e-6;  ///< [Å] added to the reach of a search; far above the rounding of positions
constexpr Eigen::Index parallel_from = 256;  ///< atoms; with fewer, starting threads costs more than it gains

/// r_ij = (r_j − r_i) + B T, and its length. Exactly antisymmetric: (j, i, −S) gives the same bits with the opposite
/// sign. Written out by component for speed: every step computes it for every candidate.
struct Separation {
    double x, y, z, length;

    Separation(const double* from, const double* to, const double* cell, const std::int16_t (&shift)[3])
        : x(component(0, from, to, cell, shift)),
          y(component(1, from, to, cell, shift)),
          z(component(2, from, to, cell, shift)),
          length(std::sqrt(x * x + y * y + z * z)) {}

 private:
    static double component(int k, const double* from, const double* to, const double* cell,
                            const std::int16_t (&shift)[3]) {
        return (to[k] - from[k]) + (cell[k] * shift[0] + cell[3 + k] * shift[1] + cell[6 + k] * shift[2]);
    }
};

/// first[i + 1] holds the count of i; turns first[i] into the position of i in a flat array and returns the total.
Eigen::Index counts_to_positions(std::vector<Eigen::Index>& first) {
    first.front() = 0;
    std::partial_sum(first.begin(), first.end(), first.begin());
    return first.back();
}

[[noreturn]] void throw_too_close(const Structure& s, Eigen::Index i, Eigen::Index j, double distance) {
    const auto symbol = [&](Eigen::Index k) { return element_symbol(s.species[static_cast<std::size_t>(k)]); };
    const std::string other = i == j ? "its own periodic image" : fmt::format("atom {} ({})", j + 1, symbol(j));
    throw InputError(fmt::format("atom {} ({}) and {} are {:.3g} Å apart; at least {} Å is needed", i + 1, symbol(i),
                                 other, distance, NeighborList::too_close));
}

/// A short basis of the same lattice: no vector becomes shorter by adding a multiple of another, or both others
/// together (Minkowski's conditions). A skewed cell has small heights, hence few bins and many images; its reduced form
/// does not.
void reduce(const std::array<bool, 3>& periodic, Matrix3& basis, Matrix3& to_original) {
    constexpr double shorter = 1.0 - 1e-9;  // a gain below rounding could repeat for ever
    bool changed = true;
    const auto subtract_if_shorter = [&](int a, const Vector3& others) {
        const Vector3 trial = basis.col(a) - basis * others;
        if (!(trial.squaredNorm() < shorter * basis.col(a).squaredNorm())) return;
        basis.col(a) = trial;
        to_original.col(a) -= to_original * others;
        changed = true;
    };
    const auto is_periodic = [&](int axis) { return periodic[static_cast<std::size_t>(axis)]; };
    while (changed) {
        changed = false;
        for (int a = 0; a < 3; ++a) {
            const int b = (a + 1) % 3, c = (a + 2) % 3;
            for (const int other : {b, c})
                if (is_periodic(a) && is_periodic(other))
                    subtract_if_shorter(
                        a, std::round(basis.col(a).dot(basis.col(other)) / basis.col(other).squaredNorm()) *
                               Vector3::Unit(other));
            if (is_periodic(a) && is_periodic(b) && is_periodic(c))
                for (const int m : {-1, 1})
                    for (const int n : {-1, 1}) subtract_if_shorter(a, m * Vector3::Unit(b) + n * Vector3::Unit(c));
        }
    }
}

/// Columns of the axes that are not periodic become unit vectors normal to all others.
void complete(const std::array<bool, 3>& periodic, Matrix3& basis) {
    std::array<bool, 3> settled = periodic;
    for (int axis = 0; axis < 3; ++axis) {
        const int b = (axis + 1) % 3, c = (axis + 2) % 3;
        const bool has_b = settled[static_cast<std::size_t>(b)], has_c = settled[static_cast<std::size_t>(c)];
        if (settled[static_cast<std::size_t>(axis)]) continue;
        if (has_b && has_c)
            basis.col(axis) = basis.col(b).cross(basis.col(c)).normalized();
        else if (has_b || has_c)
            basis.col(axis) = basis.col(has_b ? b : c).unitOrthogonal();
        else
            basis.col(axis) = Vector3::Unit(axis);
        settled[static_cast<std::size_t>(axis)] = true;
    }
}

}  // namespace

NeighborList::NeighborList(double cutoff, double skin) : cutoff_(cutoff), skin_(skin) {
    if (!(cutoff > 0.0 && std::isfinite(cutoff)))
        throw std::invalid_argument(fmt::format("cutoff of the neighbour list must be above 0 Å, got {}", cutoff));
    if (!(skin >= 0.0 && std::isfinite(skin)))
        throw std::invalid_argument(fmt::format("skin of the neighbour list must be at least 0 Å, got {}", skin));
}

void NeighborList::update(const Structure& structure, std::span<const char> own) {
    prepare(structure, own);
    refresh(structure);
}

void NeighborList::prepare(const Structure& structure, std::span<const char> own) {
    if (!follow(structure)) search(structure, own);
    positions_ = structure.positions;
}

void NeighborList::pairs(Eigen::Index i, Pairs& out) const {
    const Candidate* const begin = candidates_.data() + candidate_first_[static_cast<std::size_t>(i)];
    const Candidate* const end = candidates_.data() + candidate_first_[static_cast<std::size_t>(i) + 1];
    const auto most = static_cast<std::size_t>(end - begin);
    if (out.distances.size() < most) {
        out.neighbor.resize(most);
        out.vectors.resize(3 * most);
        out.distances.resize(most);
    }
    const double* const positions = positions_.data();
    const double* const cell = bins_.basis.data();
    double nearest = cutoff_;
    std::size_t p = 0;
    for (const Candidate* pair = begin; pair != end; ++pair) {
        // Every candidate is written and the next one overwrites it if it is too far: a branch would be hard to
        // predict.
        const Separation r(positions + 3 * i, positions + 3 * pair->neighbor, cell, pair->shift);
        out.neighbor[p] = pair->neighbor;
        out.distances[p] = r.length;
        out.vectors[3 * p] = r.x;
        out.vectors[3 * p + 1] = r.y;
        out.vectors[3 * p + 2] = r.z;
        nearest = std::min(nearest, r.length);
        p += r.length < cutoff_ ? 1 : 0;
    }
    out.size = static_cast<Eigen::Index>(p);
    out.too_close = nearest < too_close;
}

/// Whether the candidates hold all pairs of this structure; the basis is then that of its cell.
bool NeighborList::follow(const Structure& structure) {
    if (!valid_ || structure.periodic != searched_.periodic || structure.size() != searched_.size() ||
        structure.species != searched_.species)
        return false;
    double limit = 0.5 * skin_;
    Matrix3 basis = searched_basis_, deformation = Matrix3::Identity();
    const bool same_cell = structure.cell == searched_.cell;
    if (!same_cell) {
        Bins now;
        now.find_basis(structure);
        // Another reduced form would give vectors with other rounding than a search now.
        if (now.to_original != bins_.to_original) return false;
        basis = now.basis;
        deformation = basis * searched_basis_.inverse();
        const double stretch = 1.0 + (deformation.inverse() - Matrix3::Identity()).norm();  // at least |F⁻¹|
        limit = 0.5 * ((cutoff_ + skin_) / stretch - cutoff_);
    }
    if (!(limit >= 0.0)) return false;
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const Vector3 start = searched_.positions.col(i);
        const double moved =
            (structure.positions.col(i) - (same_cell ? start : Vector3(deformation * start))).squaredNorm();
        if (!(moved <= limit * limit)) return false;  // for NaN as well; the search refuses it
    }
    bins_.basis = basis;
    return true;
}

void NeighborList::search(const Structure& structure, std::span<const char> own) {
    valid_ = false;
    structure.validate();
    const double reach = cutoff_ + skin_ + rounding_margin;
    bins_.sort(structure, reach);

    const Eigen::Index n = structure.size();
    candidate_first_.resize(static_cast<std::size_t>(n) + 1);
#pragma omp parallel for schedule(static) if (n >= parallel_from)
    for (Eigen::Index i = 0; i < n; ++i) {
        Eigen::Index count = 0;
        if (own.empty() || own[static_cast<std::size_t>(i)])
            bins_.for_each_image(structure, reach, i, [&](std::int32_t, const Vector3&) { ++count; });
        candidate_first_[static_cast<std::size_t>(i) + 1] = count;
    }
    const auto n_candidates = static_cast<std::size_t>(counts_to_positions(candidate_first_));
    if (candidates_.capacity() < n_candidates) {
        candidates_ = {};  // by far the largest array of a run: freed before the new one is allocated
        candidates_.reserve(n_candidates + n_candidates / 16);
    }
    candidates_.resize(n_candidates);

#pragma omp parallel for schedule(static) if (n >= parallel_from)
    for (Eigen::Index i = 0; i < n; ++i) {
        if (!own.empty() && !own[static_cast<std::size_t>(i)]) continue;
        Candidate* const begin = candidates_.data() + candidate_first_[static_cast<std::size_t>(i)];
        Candidate* end = begin;
        bins_.for_each_image(structure, reach, i, [&](std::int32_t j, const Vector3& images) {
            const Vector3 shift = images - bins_.wraps.col(j) + bins_.wraps.col(i);
            *end++ = {j,
                      {static_cast<std::int16_t>(shift[0]), static_cast<std::int16_t>(shift[1]),
                       static_cast<std::int16_t>(shift[2])}};
        });
        std::sort(begin, end, [this](const Candidate& a, const Candidate& b) {
            if (a.neighbor != b.neighbor) return a.neighbor < b.neighbor;
            const Vector3 shift =
                bins_.to_original * Vector3(a.shift[0] - b.shift[0], a.shift[1] - b.shift[1], a.shift[2] - b.shift[2]);
            return std::tie(shift[0], shift[1], shift[2]) < std::tuple(0.0, 0.0, 0.0);
        });
    }
    searched_ = structure;
    searched_basis_ = bins_.basis;
    valid_ = true;
    ++n_searches_;
}

void NeighborList::refresh(const Structure& structure) {
    const Eigen::Index n = structure.size();
    const double* const positions = structure.positions.data();
    const double* const cell = bins_.basis.data();
    first_.resize(static_cast<std::size_t>(n) + 1);
    const auto candidates_of = [this](Eigen::Index i) {
        return std::pair{candidate_first_[static_cast<std::size_t>(i)],
                         candidate_first_[static_cast<std::size_t>(i) + 1]};
    };
#pragma omp parallel for schedule(static) if (n >= parallel_from)
    for (Eigen::Index i = 0; i < n; ++i) {
        const auto [begin, end] = candidates_of(i);
        Eigen::Index count = 0;
        for (Eigen::Index c = begin; c < end; ++c) {
            const Candidate& pair = candidates_[static_cast<std::size_t>(c)];
            count += Separation(positions + 3 * i, positions + 3 * pair.neighbor, cell, pair.shift).length < cutoff_;
        }
        first_[static_cast<std::size_t>(i) + 1] = count;
    }
    const Eigen::Index n_pairs = counts_to_positions(first_);
    neighbor_.resize(static_cast<std::size_t>(n_pairs));
    distances_.resize(static_cast<std::size_t>(n_pairs));
    if (vectors_.cols() < n_pairs) vectors_.resize(3, n_pairs + n_pairs / 8);  // with room for thermal fluctuations

    Eigen::Index offending = std::numeric_limits<Eigen::Index>::max();  // the first pair that is too close
#pragma omp parallel for schedule(static) reduction(min : offending) if (n >= parallel_from)
    for (Eigen::Index i = 0; i < n; ++i) {
        const auto [begin, end] = candidates_of(i);
        Eigen::Index p = first(i);
        for (Eigen::Index c = begin; c < end; ++c) {
            const Candidate& pair = candidates_[static_cast<std::size_t>(c)];
            const Separation r(positions + 3 * i, positions + 3 * pair.neighbor, cell, pair.shift);
            if (!(r.length < cutoff_)) continue;
            if (r.length < too_close) offending = std::min(offending, p);
            neighbor_[static_cast<std::size_t>(p)] = pair.neighbor;
            distances_[static_cast<std::size_t>(p)] = r.length;
            double* const vector = vectors_.data() + 3 * p;
            vector[0] = r.x;
            vector[1] = r.y;
            vector[2] = r.z;
            ++p;
        }
    }
    if (offending < n_pairs) {
        const auto owner = std::upper_bound(first_.begin(), first_.end(), offending) - first_.begin() - 1;
        throw_too_close(structure, owner, neighbor(offending), distances_[static_cast<std::size_t>(offending)]);
    }
}

std::size_t NeighborList::Bins::index(int a, int b, int c) const {
    return (static_cast<std::size_t>(a) * static_cast<std::size_t>(n[1]) + static_cast<std::size_t>(b)) *
               static_cast<std::size_t>(n[2]) +
           static_cast<std::size_t>(c);
}

void NeighborList::Bins::find_basis(const Structure& structure) {
    basis = structure.cell;
    to_original.setZero();
    for (int axis = 0; axis < 3; ++axis)
        if (structure.periodic[static_cast<std::size_t>(axis)]) to_original(axis, axis) = 1.0;
    reduce(structure.periodic, basis, to_original);
    complete(structure.periodic, basis);
}

void NeighborList::Bins::sort(const Structure& structure, double reach) {
    const Eigen::Index n_atoms = structure.size();
    find_basis(structure);
    // A cell in the wrong unit would have a huge number of images: refuse it before they are listed.
    for (int axis = 0; axis < 3; ++axis)
        if (n_atoms > 0 && structure.periodic[static_cast<std::size_t>(axis)] && basis.col(axis).norm() < too_close)
            throw_too_close(structure, 0, 0, basis.col(axis).norm());

    // Coordinates along B; whole lattice vectors are subtracted on periodic axes.
    const Matrix3 inverse = basis.inverse();
    wraps.resize(3, n_atoms);
    positions.resize(3, n_atoms);
    Vector3 low = Vector3::Constant(std::numeric_limits<double>::infinity()), high = -low;
    Vector3 most_wraps = Vector3::Zero();
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        const Vector3 s = inverse * structure.positions.col(i);
        for (int axis = 0; axis < 3; ++axis) {
            const bool wrap = structure.periodic[static_cast<std::size_t>(axis)];
            wraps(axis, i) = wrap ? std::floor(s[axis]) : 0.0;
        }
        positions.col(i) = s - wraps.col(i);
        low = low.cwiseMin(positions.col(i));
        high = high.cwiseMax(positions.col(i));
        most_wraps = most_wraps.cwiseMax(wraps.col(i).cwiseAbs());
    }

    // Half the reach is a good edge. Edges are larger where that would make more bins than atoms (a sparse cluster, a
    // long chain), so that memory and time stay linear in the number of atoms.
    Vector3 heights = inverse.rowwise().norm().cwiseInverse();
    for (int axis = 0; axis < 3; ++axis) {
        if (structure.periodic[static_cast<std::size_t>(axis)]) {
            low[axis] = 0.0;
            high[axis] = 1.0;
        }
        heights[axis] *= n_atoms > 0 ? high[axis] - low[axis] : 0.0;  // thickness of the region with atoms [Å]
    }
    const double most_bins = std::max<double>(1.0, static_cast<double>(n_atoms));
    double edge = 0.5 * reach;
    const auto bins_along = [&](int axis) { return std::clamp(std::floor(heights[axis] / edge), 1.0, most_bins); };
    if (heights.allFinite())
        while (bins_along(0) * bins_along(1) * bins_along(2) > most_bins) edge *= 1.25;
    Vector3 reach_in_bins, scale;
    for (int axis = 0; axis < 3; ++axis) {
        const auto k = static_cast<std::size_t>(axis);
        n[k] = static_cast<int>(bins_along(axis));
        // On an open axis one bin may have any thickness, even zero; it has no neighbours.
        const bool alone = n[k] == 1 && !structure.periodic[k];
        reach_in_bins[axis] = alone ? 0.0 : std::ceil(reach * n[k] / heights[axis]);
        scale[axis] = alone ? 0.0 : n[k] / (high[axis] - low[axis]);
    }
    const Vector3 farthest = 2.0 * most_wraps + reach_in_bins + Vector3::Ones();
    if (!(heights.allFinite() && farthest.maxCoeff() < std::numeric_limits<std::int16_t>::max()))
        throw InputError("atoms lie too many lattice vectors outside the cell; wrap them into it first");
    for (int axis = 0; axis < 3; ++axis) range[static_cast<std::size_t>(axis)] = static_cast<int>(reach_in_bins[axis]);

    bin.resize(3 * static_cast<std::size_t>(n_atoms));
    // Counts are stored at b + 2 and atoms are then filled in with b + 1, so that first[b] ends as the beginning of bin
    // b.
    first.assign(index(n[0] - 1, n[1] - 1, n[2] - 1) + 3, 0);
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        std::int32_t* const b = bin.data() + 3 * i;
        for (int axis = 0; axis < 3; ++axis)
            b[axis] = std::min(static_cast<int>((positions(axis, i) - low[axis]) * scale[axis]),
                               n[static_cast<std::size_t>(axis)] - 1);
        positions.col(i) = structure.positions.col(i) - basis * wraps.col(i);
        ++first[index(b[0], b[1], b[2]) + 2];
    }
    counts_to_positions(first);
    atoms.resize(static_cast<std::size_t>(n_atoms));
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        const std::int32_t* const b = bin.data() + 3 * i;
        atoms[static_cast<std::size_t>(first[index(b[0], b[1], b[2]) + 1]++)] = static_cast<std::int32_t>(i);
    }
}

/// Calls visit(j, T) for every atom j and image T, in lattice vectors of B, within `reach` of atom i.
template <class Visit>
void NeighborList::Bins::for_each_image(const Structure& structure, double reach, Eigen::Index i, Visit&& visit) const {
    const std::int32_t* const home = bin.data() + 3 * i;
    struct Step {
        int bin, image;
    };
    // Target of a step along an axis: a bin in an image of the cell; an open axis has image 0 only.
    const auto step = [&](int axis, int by) {
        const int size = n[static_cast<std::size_t>(axis)], to = home[axis] + by;
        const int image = to >= 0 ? to / size : -((size - 1 - to) / size);
        return Step{to - image * size, image};
    };
    const auto exists = [&](int axis, const Step& s) {
        return s.image == 0 || structure.periodic[static_cast<std::size_t>(axis)];
    };
    for (int da = -range[0]; da <= range[0]; ++da) {
        const Step a = step(0, da);
        if (!exists(0, a)) continue;
        for (int db = -range[1]; db <= range[1]; ++db) {
            const Step b = step(1, db);
            if (!exists(1, b)) continue;
            for (int dc = -range[2]; dc <= range[2]; ++dc) {
                const Step c = step(2, dc);
                if (!exists(2, c)) continue;
                const Vector3 images(a.image, b.image, c.image);
                const Vector3 origin = basis * images - positions.col(i);
                const std::size_t here = index(a.bin, b.bin, c.bin);
                for (Eigen::Index k = first[here]; k < first[here + 1]; ++k) {
                    const std::int32_t j = atoms[static_cast<std::size_t>(k)];
                    if (j == i && images.isZero(0.0)) continue;
                    if ((positions.col(j) + origin).squaredNorm() < reach * reach) visit(j, images);
                }
            }
        }
    }
}

}  // namespace mlff
