#include "libmlff/data/near_pairs.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <random>
#include <set>

namespace mlff {
namespace {

using Eigen::Index;
using Data = std::vector<LabeledStructure>;
using Items = std::vector<const LabeledStructure*>;

/// Lattice of the fractional coordinates: the cell, or a cube of 10 Å without a cell.
Matrix3 frame_of(const Structure& s) { return s.has_volume() ? s.cell : Matrix3(10.0 * Matrix3::Identity()); }

/// Projections of periodic functions of the fractional coordinates s: Σ cos(2π s + φ), φ random and fixed. Equal
/// structures have equal projections; near structures differ by about 2π |Δs|/√2.
class Fingerprints {
 public:
    static constexpr int n = 4;
    using Value = std::array<double, n>;

    explicit Fingerprints(Index n_atoms) : phases_(3 * n, n_atoms) {
        std::mt19937_64 random(1);
        for (double& phase : phases_.reshaped())
            phase = 2.0 * std::numbers::pi * static_cast<double>(random() >> 11) * 0x1p-53;
    }

    [[nodiscard]] Value operator()(const Structure& structure) const {
        const Matrix3X angles = 2.0 * std::numbers::pi * (frame_of(structure).inverse() * structure.positions);
        Value value;
        for (int k = 0; k < n; ++k)
            value[static_cast<std::size_t>(k)] = (angles + phases_.middleRows(3 * k, 3)).array().cos().sum();
        return value;
    }

 private:
    Eigen::MatrixXd phases_;
};

Items items_of(const Data& data) {
    Items items;
    for (const auto& item : data) items.push_back(&item);
    return items;
}

/// Structures of the same species sequence and periodicity, in file order.
std::vector<Frames> alike(const Items& items) {
    std::map<std::pair<std::array<bool, 3>, std::vector<int>>, Frames> groups;
    for (std::size_t s = 0; s < items.size(); ++s)
        groups[{items[s]->structure.periodic, items[s]->structure.species}].push_back(s);
    std::vector<Frames> list;
    for (auto& [key, frames] : groups) list.push_back(std::move(frames));
    return list;
}

/// Difference of b from a, if within the limits (Frobenius norm of the strain, largest displacement [Å]).
std::optional<NearPair> compare(const Structure& a, const Structure& b, double max_strain, double max_displacement) {
    if (a.has_volume() != b.has_volume()) return std::nullopt;
    const Matrix3 cell_a = frame_of(a), cell_b = frame_of(b), inverse_a = cell_a.inverse(),
                  inverse_b = cell_b.inverse();
    NearPair pair;
    pair.strain = cell_b * inverse_a - Matrix3::Identity();
    if (!(pair.strain.norm() <= max_strain)) return std::nullopt;
    const Matrix3 middle = 0.5 * (cell_a + cell_b);
    for (Index i = 0; i < a.size(); ++i) {
        Vector3 ds = inverse_b * b.positions.col(i) - inverse_a * a.positions.col(i);
        for (int axis = 0; axis < 3; ++axis)
            if (a.periodic[static_cast<std::size_t>(axis)]) ds[axis] -= std::round(ds[axis]);
        pair.displacement = std::max(pair.displacement, (middle * ds).norm());
        if (!(pair.displacement <= max_displacement)) return std::nullopt;
    }
    return pair;
}

double work_of_forces(const LabeledStructure& a, const LabeledStructure& b) {
    const Matrix3 cell_a = frame_of(a.structure), cell_b = frame_of(b.structure);
    Matrix3X ds = cell_b.inverse() * b.structure.positions - cell_a.inverse() * a.structure.positions;
    for (int axis = 0; axis < 3; ++axis)
        if (a.structure.periodic[static_cast<std::size_t>(axis)]) ds.row(axis) -= ds.row(axis).array().round().matrix();
    return 0.5 * (*a.labels.forces + *b.labels.forces).cwiseProduct(0.5 * (cell_a + cell_b) * ds).sum();
}

constexpr double same = 1e-6;  ///< [Å] of duplicates

bool equal(const Structure& a, const Structure& b) {
    return (a.cell - b.cell).cwiseAbs().maxCoeff() <= same && compare(a, b, 1e-6, same).has_value();
}

bool equal_labels(const Labels& a, const Labels& b, Index n_atoms) {
    if (a.energy && b.energy && !(std::abs(*a.energy - *b.energy) <= 1e-6 * static_cast<double>(n_atoms))) return false;
    if (a.forces && b.forces && !((*a.forces - *b.forces).cwiseAbs().maxCoeff() <= 1e-4)) return false;
    return !(a.stress && b.stress) || (*a.stress - *b.stress).cwiseAbs().maxCoeff() <= 1e-5;
}

/// For each structure that is a copy, the first structure equal to it.
std::map<std::size_t, std::size_t> copies(const Items& items) {
    std::map<std::size_t, std::size_t> copy_of;
    for (const Frames& group : alike(items)) {
        const Index n_atoms = items[group[0]]->structure.size();
        if (group.size() < 2 || n_atoms == 0) continue;
        const Fingerprints fingerprint(n_atoms);
        // Largest change of the sum within the tolerance, for cells of at least 1 Å.
        const double window = 2.0 * std::numbers::pi * 3.0 * static_cast<double>(n_atoms) * same;
        std::vector<std::pair<double, std::size_t>> order;
        for (const std::size_t s : group) order.emplace_back(fingerprint(items[s]->structure)[0], s);
        std::sort(order.begin(), order.end());
        std::vector<bool> taken(order.size(), false);
        for (std::size_t k = 0; k < order.size(); ++k) {
            if (taken[k]) continue;
            Frames equals = {order[k].second};
            for (std::size_t m = k + 1; m < order.size() && order[m].first - order[k].first <= window; ++m)
                if (!taken[m] && equal(items[order[k].second]->structure, items[order[m].second]->structure)) {
                    taken[m] = true;
                    equals.push_back(order[m].second);
                }
            std::sort(equals.begin(), equals.end());
            for (std::size_t m = 1; m < equals.size(); ++m) copy_of[equals[m]] = equals[0];
        }
    }
    return copy_of;
}

}  // namespace

std::vector<NearPair> near_pairs(const Data& data) {
    constexpr double max_strain = 0.03, max_displacement = 0.3;  // [Å]
    constexpr std::size_t in_file = 3, in_order = 200, max_partners = 10;
    std::vector<NearPair> pairs;
    for (const Frames& group : alike(items_of(data))) {
        const Index n_atoms = data[group[0]].structure.size();
        if (group.size() < 2 || n_atoms == 0) continue;
        const Fingerprints fingerprint(n_atoms);
        std::vector<Fingerprints::Value> values;
        std::vector<double> volumes;
        double shortest = std::numeric_limits<double>::infinity();
        for (const std::size_t s : group) {
            const Matrix3 cell = frame_of(data[s].structure);
            values.push_back(fingerprint(data[s].structure));
            volumes.push_back(std::abs(cell.determinant()));
            shortest = std::min(shortest, cell.colwise().norm().minCoeff());
        }
        // Three standard deviations of the change by displacements of half the limit in random directions.
        const double window =
            3.0 * std::numbers::pi * max_displacement / shortest * std::sqrt(0.5 * static_cast<double>(n_atoms));
        // Copies under strain have equal sums up to rounding: order those by volume, so that small strains come first.
        const auto key = [&](std::size_t k) { return std::pair(std::round(values[k][0] * 1e6), volumes[k]); };
        std::vector<std::size_t> order(group.size());
        for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });

        std::set<std::pair<std::size_t, std::size_t>> seen;
        std::vector<std::size_t> partners(group.size(), 0);
        const auto consider = [&](std::size_t k, std::size_t m) {
            const auto [first, second] = std::minmax(k, m);
            if (std::abs(std::log(volumes[k] / volumes[m])) > 2.0 * max_strain) return;
            if (!seen.insert({first, second}).second) return;
            const LabeledStructure &a = data[group[first]], &b = data[group[second]];
            auto pair = compare(a.structure, b.structure, max_strain, max_displacement);
            if (!pair || (pair->strain.norm() <= 1e-7 && pair->displacement <= same)) return;
            pair->a = group[first];
            pair->b = group[second];
            if (a.labels.forces && b.labels.forces) pair->work = work_of_forces(a, b);
            ++partners[k];
            pairs.push_back(std::move(*pair));
        };
        for (std::size_t k = 0; k < group.size(); ++k)
            for (std::size_t m = k + 1; m < std::min(group.size(), k + 1 + in_file); ++m) consider(k, m);
        for (std::size_t k = 0; k < order.size(); ++k)
            for (std::size_t m = k + 1; m < std::min(order.size(), k + 1 + in_order); ++m) {
                const auto &one = values[order[k]], &other = values[order[m]];
                if (partners[order[k]] >= max_partners || other[0] - one[0] > window) break;
                bool near = true;
                for (std::size_t d = 1; d < one.size(); ++d) near = near && std::abs(one[d] - other[d]) <= window;
                if (near) consider(order[k], order[m]);
            }
    }
    std::sort(pairs.begin(), pairs.end(),
              [](const NearPair& p, const NearPair& q) { return std::pair(p.a, p.b) < std::pair(q.a, q.b); });
    return pairs;
}

DataWarnings find_duplicates(const Data& data) {
    Frames equal_frames, contradicting;
    for (const auto& [second, first] : copies(items_of(data))) {
        const bool agree = equal_labels(data[first].labels, data[second].labels, data[first].structure.size());
        (agree ? equal_frames : contradicting).push_back(second);
    }
    DataWarnings warnings;
    report(warnings, data, contradicting,
           fmt::format("{} of {} structures occur before with other labels", contradicting.size(), data.size()));
    report(warnings, data, equal_frames,
           fmt::format("{} of {} structures occur before", equal_frames.size(), data.size()));
    return warnings;
}

DataWarnings find_shared(const Data& train, const Data& validation) {
    Items all = items_of(train);
    for (const auto& item : validation) all.push_back(&item);
    Frames equal_frames, contradicting;  // of the validation set
    for (const auto& [second, first] : copies(all)) {
        if (first >= train.size() || second < train.size()) continue;
        const bool agree = equal_labels(all[first]->labels, all[second]->labels, all[first]->structure.size());
        (agree ? equal_frames : contradicting).push_back(second - train.size());
    }
    DataWarnings warnings;
    report(warnings, validation, contradicting,
           fmt::format("{} of {} validation structures are training structures with other labels", contradicting.size(),
                       validation.size()));
    report(
        warnings, validation, equal_frames,
        fmt::format("{} of {} validation structures are training structures", equal_frames.size(), validation.size()));
    return warnings;
}

}  // namespace mlff
