#include "reference/embedded/catalogue.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "reference/embedded/coulomb.hpp"
#include "reference/embedded/pair.hpp"
#include "reference/embedded/stillinger_weber.hpp"

namespace mlff::reference {
namespace {

/// Components of a potential.
struct Model {
    std::string about;
    std::vector<int> species;
    std::vector<std::unique_ptr<Term>> terms;
};

std::vector<int> atomic_numbers(std::initializer_list<std::string_view> symbols) {
    std::vector<int> numbers;
    for (const auto symbol : symbols) numbers.push_back(atomic_number(symbol));
    return numbers;
}

// α-AgI: V = H_ab/rⁿ + k_e Z_a Z_b/r − P_ab/r⁴ − W_ab/r⁶, n = 11, 9, 7 for Ag-Ag, Ag-I, I-I; charges +Z and −Z.
struct AgIParameters {
    std::string_view label;
    double unit;    ///< [eV] of H, P, W in the source
    double charge;  ///< Z [e]
    double h_agag, h_agi, h_ii, p_agi, p_ii, w_ii;
};
// A published reparameterisation of the form, which states no charge; Z from the literature on the same form (both
// polarisation terms agree with it).
constexpr AgIParameters re_prv = {"rePRV", 1.0, 0.5815, 0.16, 1310.0, 5328.0, 14.9, 29.8, 84.5};
// Phys. Rev. Lett. 50, 1073 (1983), in units of e²; its H could not be confirmed from a second source.
constexpr AgIParameters prv83 = {"PRV83", units::coulomb, 0.6, 0.014804, 114.48, 446.64, 1.1736, 2.3472, 6.9331};

Model agi(const AgIParameters& set, double damping, double cutoff) {
    enum Kind { Ag, I, n_kinds };
    PairTable<PairForm> forms(n_kinds);
    const auto form = [&](int n, double h, double p, double w) {
        PairForm f;
        f.inverse_powers[static_cast<std::size_t>(n)] = set.unit * h;
        f.inverse_powers[4] = -set.unit * p;
        f.inverse_powers[6] = -set.unit * w;
        return f;
    };
    forms.set(Ag, Ag, form(11, set.h_agag, 0.0, 0.0));
    forms.set(Ag, I, form(9, set.h_agi, set.p_agi, 0.0));
    forms.set(I, I, form(7, set.h_ii, set.p_ii, set.w_ii));
    Model model;
    model.about = fmt::format("{} for alpha-AgI, damped shifted Coulomb {}/{}", set.label, damping, cutoff);
    model.species = atomic_numbers({"Ag", "I"});
    model.terms.push_back(std::make_unique<PairTerm>(forms, cutoff, Truncation::ShiftedForce));
    model.terms.push_back(
        std::make_unique<DampedShiftedCoulomb>(std::vector{set.charge, -set.charge}, damping, cutoff));
    return model;
}

// SulfideModel-1, made for this program: E = Coulomb + pairs (Li-S, Na-S, S-S) + Stillinger-Weber (X-S and S-X-S) with
// X = P, Ge, Sb, W. Tuned by hand to bond lengths and to a small pressure at the experimental cells.
Model sulfide(char variant, double damping, double cutoff) {
    enum Kind { Li, Na, P, S, Ge, Sb, W, n_kinds };
    // Charges are 0.8 of the formal ones for Li, Na and each XS₄ group, with −1 on sulfur.
    std::vector<double> charges(n_kinds);
    charges[Li] = charges[Na] = 0.8;
    charges[S] = -1.0;
    charges[P] = charges[Sb] = 1.6;
    charges[Ge] = 0.8;
    charges[W] = 2.4;

    PairTable<PairForm> forms(n_kinds);
    forms.set(Li, S, {.amplitude = 1550.0, .decay = 0.27});
    forms.set(Na, S, {.amplitude = 3000.0, .decay = 0.28});
    forms.set(S, S, lennard_jones(0.03, 3.8 * std::pow(2.0, -1.0 / 6.0)));  // minimum −0.03 eV at 3.8 Å

    struct Bond {
        Kind centre;
        double a, b, lambda, range;  // [eV], 1, [eV], [Å]
    };
    auto bonds = std::make_unique<StillingerWeber>(n_kinds);
    for (const Bond& bond : {Bond{P, 11.4396, 5.41885, 50.0, 2.95}, Bond{Ge, 9.19757, 5.95054, 50.0, 3.10},
                             Bond{Sb, 8.62809, 11.101, 70.0, 3.20}, Bond{W, 12.0447, 9.96438, 90.0, 3.05}}) {
        bonds->set_pair(bond.centre, S,
                        {.energy = bond.a, .repulsion = bond.b, .sigma = 1.2, .gamma = 1.0, .range = bond.range});
        bonds->set_angle(bond.centre, S, S, {.energy = bond.lambda, .cosine = -1.0 / 3.0});
    }

    Model model;
    model.about = fmt::format(
        "SulfideModel-1 variant {}, a model potential of our own and fitted to nothing, "
        "damped shifted Coulomb {}/{}",
        variant, damping, cutoff);
    model.species = atomic_numbers({"Li", "Na", "P", "S", "Ge", "Sb", "W"});
    model.terms.push_back(std::make_unique<PairTerm>(forms, cutoff, Truncation::ShiftedForce));
    model.terms.push_back(std::make_unique<DampedShiftedCoulomb>(charges, damping, cutoff));
    model.terms.push_back(std::move(bonds));
    return model;
}

Model silicon() {
    constexpr double epsilon = 2.1683, sigma = 2.0951;  // [eV], [Å]
    auto bonds = std::make_unique<StillingerWeber>(1);
    bonds->set_pair(0, 0,
                    {.energy = 7.049556277 * epsilon,
                     .repulsion = 0.6022245584,
                     .sigma = sigma,
                     .gamma = 1.20,
                     .range = 1.80 * sigma});
    bonds->set_angle(0, 0, 0, {.energy = 21.0 * epsilon, .cosine = -1.0 / 3.0});
    Model model;
    model.about = "Stillinger-Weber silicon of 1985";
    model.species = atomic_numbers({"Si"});
    model.terms.push_back(std::move(bonds));
    return model;
}

Model argon(Truncation truncation) {
    PairTable<PairForm> forms(1);
    forms.set(0, 0, lennard_jones(0.0103, 3.405));
    Model model;
    model.about = fmt::format("Lennard-Jones argon, {} at 8.5 Å",
                              truncation == Truncation::Plain ? "plain cutoff" : "shifted force");
    model.species = atomic_numbers({"Ar"});
    model.terms.push_back(std::make_unique<PairTerm>(forms, 8.5, truncation));
    return model;
}

struct Entry {
    std::string_view name;
    Model (*make)();
};
constexpr std::array<Entry, 9> entries = {{
    {"agi", [] { return agi(re_prv, 0.2, 8.0); }},
    {"agi-6.5", [] { return agi(re_prv, 0.25, 6.5); }},
    {"agi-prv83", [] { return agi(prv83, 0.2, 8.0); }},
    {"agi-prv83-6.5", [] { return agi(prv83, 0.25, 6.5); }},
    {"sulfide", [] { return sulfide('G', 0.25, 6.5); }},
    {"sulfide-f", [] { return sulfide('F', 0.2, 8.0); }},
    {"si", [] { return silicon(); }},
    {"ar", [] { return argon(Truncation::ShiftedForce); }},
    {"ar-plain", [] { return argon(Truncation::Plain); }},
}};

}  // namespace

std::unique_ptr<EmbeddedPotential> make_embedded(const std::string& name) {
    for (const Entry& entry : entries) {
        if (entry.name != name) continue;
        Model model = entry.make();
        return std::make_unique<EmbeddedPotential>(
            name,
            fmt::format("embedded classical potential '{}' ({}), a stand-in for first principles", name, model.about),
            std::move(model.species), std::move(model.terms));
    }
    throw InputError(
        fmt::format("unknown embedded potential '{}'; one of {} is needed", name, fmt::join(embedded_names(), ", ")));
}

std::vector<std::string> embedded_names() {
    std::vector<std::string> names;
    for (const Entry& entry : entries) names.emplace_back(entry.name);
    return names;
}

}  // namespace mlff::reference
