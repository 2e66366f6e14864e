#include "reference/embedded/stillinger_weber.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace mlff::reference {
namespace {

PairValue two_body(const StillingerWeberPair& s, double r) {
    const double x = s.sigma / r;
    const double repulsive = s.repulsion * std::pow(x, s.p), attractive = std::pow(x, s.q);
    const double gap = r - s.range;  // < 0
    const double decay = s.energy * std::exp(s.sigma / gap);
    const double value = (repulsive - attractive) * decay;
    return {value, (s.q * attractive - s.p * repulsive) / r * decay - value * s.sigma / (gap * gap)};
}

/// exp(γσ/(r − aσ)), the weight of a neighbour in the three-body sum.
PairValue weight(const StillingerWeberPair& s, double r) {
    const double gap = r - s.range;
    const double value = std::exp(s.gamma * s.sigma / gap);
    return {value, -value * s.gamma * s.sigma / (gap * gap)};
}

}  // namespace

StillingerWeber::StillingerWeber(std::size_t n_kinds)
    : pairs_(n_kinds), angles_(n_kinds, PairTable<StillingerWeberAngle>(n_kinds)) {}

void StillingerWeber::set_pair(int a, int b, const StillingerWeberPair& pair) {
    if (!(pair.range > 0.0 && pair.sigma > 0.0))
        throw std::invalid_argument(fmt::format(
            "range and sigma of a Stillinger-Weber pair must be above 0 Å, got {} and {}", pair.range, pair.sigma));
    pairs_.set(a, b, pair);
    range_ = std::max(range_, pair.range);
}

void StillingerWeber::set_angle(int centre, int a, int b, const StillingerWeberAngle& angle) {
    angles_[static_cast<std::size_t>(centre)].set(a, b, angle);
}

void StillingerWeber::add(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors, Sums& sums) const {
    const int a = kinds[static_cast<std::size_t>(i)];
    add_pairs(i, range_, neighbors, sums, [&](Eigen::Index j, double r) {
        const StillingerWeberPair& pair = pairs_(a, kinds[static_cast<std::size_t>(j)]);
        return r < pair.range ? two_body(pair, r) : PairValue{};
    });
    add_angles(i, kinds, neighbors, sums);
}

void StillingerWeber::add_angles(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors,
                                 Sums& sums) const {
    const int centre = kinds[static_cast<std::size_t>(i)];
    const auto kind = [&](Eigen::Index p) { return kinds[static_cast<std::size_t>(neighbors.neighbor(p))]; };
    const auto distance = [&](Eigen::Index p) { return neighbors.distances()[static_cast<std::size_t>(p)]; };
    const auto in_range = [&](Eigen::Index p) { return distance(p) < pairs_(centre, kind(p)).range; };
    const Eigen::Index end = neighbors.first(i + 1);
    for (Eigen::Index p = neighbors.first(i); p < end; ++p) {
        if (!in_range(p)) continue;
        const double r_j = distance(p);
        const Vector3 u_j = neighbors.vectors().col(p) / r_j;
        const PairValue weight_j = weight(pairs_(centre, kind(p)), r_j);
        for (Eigen::Index q = p + 1; q < end; ++q) {
            if (!in_range(q)) continue;
            const StillingerWeberAngle& angle = angles_[static_cast<std::size_t>(centre)](kind(p), kind(q));
            if (angle.energy == 0.0) continue;
            const double r_k = distance(q);
            const Vector3 u_k = neighbors.vectors().col(q) / r_k;
            const PairValue weight_k = weight(pairs_(centre, kind(q)), r_k);
            const double cosine = u_j.dot(u_k), bend = cosine - angle.cosine;
            // dE/dr_ij has a component along the bond from its weight, and one across it from the angle.
            const double bending = angle.energy * bend * bend;
            const double torque = 2.0 * angle.energy * bend * weight_j.energy * weight_k.energy;
            const Vector3 gradient_j =
                bending * weight_j.slope * weight_k.energy * u_j + torque / r_j * (u_k - cosine * u_j);
            const Vector3 gradient_k =
                bending * weight_j.energy * weight_k.slope * u_k + torque / r_k * (u_j - cosine * u_k);
            sums.atom_energies[i] += bending * weight_j.energy * weight_k.energy;
            sums.forces.col(i) += gradient_j + gradient_k;
            sums.forces.col(neighbors.neighbor(p)) -= gradient_j;
            sums.forces.col(neighbors.neighbor(q)) -= gradient_k;
            sums.virial += gradient_j * (r_j * u_j).transpose() + gradient_k * (r_k * u_k).transpose();
        }
    }
}

}  // namespace mlff::reference
