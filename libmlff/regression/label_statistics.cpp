#include "libmlff/regression/label_statistics.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "libmlff/atoms/elements.hpp"

namespace mlff {
namespace {

using Eigen::Index;

constexpr LabelScales floors{.energy = 1e-3, .force = 1e-3, .stress = 1e-5};

}  // namespace

void LabelWeights::validate() const {
    const auto require = [](const char* field, double value) {
        if (!(value >= 0.0 && std::isfinite(value)))
            throw std::invalid_argument(fmt::format("{} must be 0 or positive, got {}", field, value));
    };
    require("energy", energy);
    require("force", force);
    require("stress", stress);
    if (energy + force + stress <= 0.0) throw std::invalid_argument("at least one weight must be positive");
}

void LabelStatistics::add(const LabeledStructure& item) {
    const auto& [structure, labels, origin, label_group, weight] = item;
    Group& group = groups_[composition(structure)];
    if (labels.energy) {
        const double energy = *labels.energy / static_cast<double>(structure.size());
        if (group.n_energy == 0.0) group.energy_origin = energy;
        group.n_energy += 1.0;
        group.energy += energy - group.energy_origin;
        group.energy_squared += std::pow(energy - group.energy_origin, 2);
    }
    if (labels.forces) {
        group.n_force += static_cast<double>(labels.forces->size());
        group.force_squared += labels.forces->squaredNorm();
    }
    if (labels.stress) {
        if (group.n_stress == 0.0) group.stress_origin = *labels.stress;
        const Voigt shifted = *labels.stress - group.stress_origin;
        group.n_stress += 1.0;
        group.stress += shifted;
        group.stress_squared += shifted.cwiseAbs2();
    }
    ++n_structures_;
    n_atoms_ += structure.size();
}

void LabelStatistics::write(Message& message) const {
    message << n_structures_ << n_atoms_ << groups_.size();
    for (const auto& [composition, g] : groups_)
        message << composition << g.n_energy << g.energy << g.energy_squared << g.energy_origin << g.n_force
                << g.force_squared << g.n_stress << g.stress << g.stress_squared << g.stress_origin;
}

LabelStatistics LabelStatistics::read(Message& message) {
    LabelStatistics statistics;
    message >> statistics.n_structures_ >> statistics.n_atoms_;
    for (auto n = message.get<std::size_t>(); n > 0; --n) {
        Group& g = statistics.groups_[message.get<std::map<int, long>>()];
        message >> g.n_energy >> g.energy >> g.energy_squared >> g.energy_origin >> g.n_force >> g.force_squared >>
            g.n_stress >> g.stress >> g.stress_squared >> g.stress_origin;
    }
    return statistics;
}

void LabelStatistics::merge(const LabelStatistics& other) {
    for (const auto& [composition, from] : other.groups_) {
        const auto [found, is_new] = groups_.try_emplace(composition, from);
        if (is_new) continue;
        Group& to = found->second;
        if (to.n_energy == 0.0) to.energy_origin = from.energy_origin;
        const double shift = from.energy_origin - to.energy_origin;
        to.energy_squared += from.energy_squared + shift * (2.0 * from.energy + from.n_energy * shift);
        to.energy += from.energy + from.n_energy * shift;
        to.n_energy += from.n_energy;
        to.n_force += from.n_force;
        to.force_squared += from.force_squared;
        if (to.n_stress == 0.0) to.stress_origin = from.stress_origin;
        const Voigt moved = from.stress_origin - to.stress_origin;
        to.stress_squared += from.stress_squared + moved.cwiseProduct(2.0 * from.stress + from.n_stress * moved);
        to.stress += from.stress + from.n_stress * moved;
        to.n_stress += from.n_stress;
    }
    n_structures_ += other.n_structures_;
    n_atoms_ += other.n_atoms_;
}

long LabelStatistics::n_energies() const {
    double n = 0.0;
    for (const auto& [composition, group] : groups_) n += group.n_energy;
    return std::lround(n);
}

LabelScales LabelStatistics::deviations() const {
    LabelScales sum{0.0, 0.0, 0.0};
    double n_energy = 0.0, n_force = 0.0, n_stress = 0.0;
    for (const auto& [composition, group] : groups_) {
        if (group.n_energy > 0.0) {
            const double mean = group.energy / group.n_energy;
            sum.energy += std::sqrt(std::max(0.0, group.energy_squared / group.n_energy - mean * mean));
            n_energy += 1.0;
        }
        if (group.n_force > 0.0) {
            sum.force += std::sqrt(group.force_squared / group.n_force);
            n_force += 1.0;
        }
        if (group.n_stress > 0.0) {
            const Voigt mean = group.stress / group.n_stress;
            sum.stress += std::sqrt(std::max(0.0, (group.stress_squared / group.n_stress - mean.cwiseAbs2()).mean()));
            n_stress += 1.0;
        }
    }
    const auto average = [](double total, double n, double floor) {
        return std::max(n > 0.0 ? total / n : 0.0, floor);
    };
    return {average(sum.energy, n_energy, floors.energy), average(sum.force, n_force, floors.force),
            average(sum.stress, n_stress, floors.stress)};
}

Eigen::VectorXd LabelStatistics::composition_energies(const std::vector<int>& species) const {
    std::vector<const Group*> groups;
    std::vector<Eigen::RowVectorXd> shares;
    double total = 0.0, n_energies = 0.0;
    for (const auto& [composition, group] : groups_) {
        if (group.n_energy == 0.0) continue;
        Eigen::RowVectorXd share = Eigen::RowVectorXd::Zero(static_cast<Index>(species.size()));
        double n_atoms = 0.0;
        for (const auto& [z, count] : composition) {
            share[static_cast<Index>(channel_of(species, z))] = static_cast<double>(count);
            n_atoms += static_cast<double>(count);
        }
        groups.push_back(&group);
        shares.push_back(share / n_atoms);
        total += group.energy + group.n_energy * group.energy_origin;
        n_energies += group.n_energy;
    }
    if (groups.empty()) return Eigen::VectorXd::Zero(static_cast<Index>(species.size()));
    const double mean = total / n_energies;
    Eigen::MatrixXd C(static_cast<Index>(groups.size()), static_cast<Index>(species.size()));
    Eigen::VectorXd residual(C.rows());
    for (Index g = 0; g < C.rows(); ++g) {
        const Group& group = *groups[static_cast<std::size_t>(g)];
        const double root = std::sqrt(group.n_energy);
        C.row(g) = root * shares[static_cast<std::size_t>(g)];
        residual[g] = root * (group.energy / group.n_energy + group.energy_origin - mean);
    }
    // Least squares of smallest norm: what the compositions do not determine stays at the mean.
    return C.completeOrthogonalDecomposition().solve(residual).array() + mean;
}

}  // namespace mlff
