#include "reference/embedded/coulomb.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "libmlff/atoms/units.hpp"

namespace mlff::reference {

DampedShiftedCoulomb::DampedShiftedCoulomb(std::vector<double> charges, double damping, double cutoff)
    : charges_(std::move(charges)), damping_(damping), cutoff_(cutoff) {
    if (!(damping >= 0.0))
        throw std::invalid_argument(fmt::format("damping of the Coulomb term must be at least 0 1/Å, got {}", damping));
    if (!(cutoff > 0.0))
        throw std::invalid_argument(fmt::format("cutoff of the Coulomb term must be above 0 Å, got {}", cutoff));
    const PairValue bare = unit_charges(cutoff);  // the shifts are still zero
    energy_at_cutoff_ = bare.energy;
    force_at_cutoff_ = -bare.slope;
}

PairValue DampedShiftedCoulomb::unit_charges(double r) const {
    const double x = damping_ * r;
    const double screened = std::erfc(x) / r;
    const double gaussian = 2.0 * damping_ * std::numbers::inv_sqrtpi * std::exp(-x * x);
    return {screened - energy_at_cutoff_ + force_at_cutoff_ * (r - cutoff_),
            force_at_cutoff_ - (screened + gaussian) / r};
}

PairValue DampedShiftedCoulomb::pair(int a, int b, double r) const {
    const double strength =
        units::coulomb * charges_[static_cast<std::size_t>(a)] * charges_[static_cast<std::size_t>(b)];
    const PairValue unit = unit_charges(r);
    return {strength * unit.energy, strength * unit.slope};
}

double DampedShiftedCoulomb::self_energy(int a) const {
    const double charge = charges_[static_cast<std::size_t>(a)];
    return -units::coulomb * charge * charge *
           (0.5 * (energy_at_cutoff_ + force_at_cutoff_ * cutoff_) + damping_ * std::numbers::inv_sqrtpi);
}

void DampedShiftedCoulomb::add(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors,
                               Sums& sums) const {
    const int a = kinds[static_cast<std::size_t>(i)];
    sums.atom_energies[i] += self_energy(a);
    add_pairs(i, cutoff_, neighbors, sums,
              [&](Eigen::Index j, double r) { return pair(a, kinds[static_cast<std::size_t>(j)], r); });
}

}  // namespace mlff::reference
