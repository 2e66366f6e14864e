#include "reference/embedded/pair.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace mlff::reference {

PairValue PairForm::operator()(double r) const {
    // Horner in x = 1/r for V and dV/dx; dV/dr = −x² dV/dx.
    const double x = 1.0 / r;
    double value = 0.0, derivative = 0.0;
    for (std::size_t n = inverse_powers.size(); n-- > 0;) {
        derivative = derivative * x + value;
        value = value * x + inverse_powers[n];
    }
    PairValue result{value, -x * x * derivative};
    if (amplitude != 0.0) {
        const double repulsion = amplitude * std::exp(-r / decay);
        result.energy += repulsion;
        result.slope -= repulsion / decay;
    }
    return result;
}

PairForm lennard_jones(double epsilon, double sigma) {
    PairForm form;
    form.inverse_powers[12] = 4.0 * epsilon * std::pow(sigma, 12);
    form.inverse_powers[6] = -4.0 * epsilon * std::pow(sigma, 6);
    return form;
}

PairTerm::PairTerm(const PairTable<PairForm>& forms, double cutoff, Truncation truncation)
    : entries_(forms.n_kinds()), cutoff_(cutoff) {
    if (!(cutoff > 0.0))
        throw std::invalid_argument(fmt::format("cutoff of a pair term must be above 0 Å, got {}", cutoff));
    const auto n_kinds = static_cast<int>(forms.n_kinds());
    for (int a = 0; a < n_kinds; ++a)
        for (int b = a; b < n_kinds; ++b) {
            Entry entry;
            entry.form = forms(a, b);
            const auto& powers = entry.form.inverse_powers;
            entry.interacts = entry.form.amplitude != 0.0 ||
                              std::any_of(powers.begin(), powers.end(), [](double c) { return c != 0.0; });
            if (truncation == Truncation::ShiftedForce) entry.at_cutoff = entry.form(cutoff);
            entries_.set(a, b, entry);
        }
}

PairValue PairTerm::pair(int a, int b, double r) const {
    const Entry& entry = entries_(a, b);
    if (!entry.interacts) return {};
    PairValue value = entry.form(r);
    value.energy -= entry.at_cutoff.energy + (r - cutoff_) * entry.at_cutoff.slope;
    value.slope -= entry.at_cutoff.slope;
    return value;
}

void PairTerm::add(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors, Sums& sums) const {
    const int a = kinds[static_cast<std::size_t>(i)];
    add_pairs(i, cutoff_, neighbors, sums,
              [&](Eigen::Index j, double r) { return pair(a, kinds[static_cast<std::size_t>(j)], r); });
}

}  // namespace mlff::reference
