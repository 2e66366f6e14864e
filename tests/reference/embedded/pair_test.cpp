#include "reference/embedded/pair.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "reference/embedded/structures.hpp"
#include "support/finite_difference.hpp"
#include "support/source_dir.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::gradient_matches;

PairForm mixed_form() {
    PairForm form{.amplitude = 1550.0, .decay = 0.27};
    form.inverse_powers[1] = 0.7;
    form.inverse_powers[4] = -14.9;
    form.inverse_powers[9] = 1310.0;
    form.inverse_powers[12] = 20.0;
    return form;
}

/// One term for one element.
EmbeddedPotential potential_of(const PairForm& form, double cutoff, Truncation truncation, double skin = 1.0) {
    PairTable<PairForm> forms(1);
    forms.set(0, 0, form);
    std::vector<std::unique_ptr<Term>> terms;
    terms.push_back(std::make_unique<PairTerm>(forms, cutoff, truncation));
    return EmbeddedPotential("test", "test", {18}, std::move(terms), skin);
}

TEST(PairForm, IsTheSumOfItsParts) {
    const double r = 2.3;
    EXPECT_NEAR(mixed_form()(r).energy,
                1550.0 * std::exp(-r / 0.27) + 0.7 / r - 14.9 / std::pow(r, 4) + 1310.0 / std::pow(r, 9) +
                    20.0 / std::pow(r, 12),
                1e-13);
}

TEST(PairForm, SlopeIsTheDerivative) {
    for (const double r : {1.7, 2.4, 5.0})
        EXPECT_TRUE(gradient_matches([](const Eigen::VectorXd& x) { return mixed_form()(x[0]).energy; },
                                     Eigen::VectorXd::Constant(1, r),
                                     Eigen::VectorXd::Constant(1, mixed_form()(r).slope)));
}

TEST(PairForm, LennardJonesMinimum) {
    const PairForm form = lennard_jones(0.0103, 3.405);
    const PairValue minimum = form(3.405 * std::pow(2.0, 1.0 / 6.0));
    EXPECT_NEAR(minimum.energy, -0.0103, 1e-15);
    EXPECT_NEAR(minimum.slope, 0.0, 1e-15);
    EXPECT_NEAR(form(3.405).energy, 0.0, 1e-15);
}

TEST(PairTerm, ShiftedForceEndsSmoothly) {
    PairTable<PairForm> forms(2);
    forms.set(0, 1, mixed_form());
    const double cutoff = 6.5;
    const PairTerm term(forms, cutoff, Truncation::ShiftedForce);
    EXPECT_NEAR(term.pair(0, 1, cutoff).energy, 0.0, 1e-16);
    EXPECT_NEAR(term.pair(1, 0, cutoff).slope, 0.0, 1e-16);
    // Value ∝ h² and slope ∝ h just inside, hence no step in either.
    const double curvature = -(term.pair(0, 1, cutoff - 1e-3).slope) / 1e-3;
    EXPECT_NEAR(term.pair(0, 1, cutoff - 1e-3).energy, 0.5 * curvature * 1e-6, 1e-3 * std::abs(curvature) * 1e-6);
    // Inside, force and energy are the bare ones less the linear shift.
    const PairForm bare = mixed_form();
    EXPECT_NEAR(term.pair(0, 1, 3.0).energy,
                bare(3.0).energy - bare(cutoff).energy - (3.0 - cutoff) * bare(cutoff).slope, 1e-14);
    EXPECT_NEAR(term.pair(0, 1, 3.0).slope, bare(3.0).slope - bare(cutoff).slope, 1e-14);
    EXPECT_EQ(term.pair(0, 0, 3.0).energy, 0.0);  // nothing was given for these
    EXPECT_EQ(term.pair(1, 1, 3.0).slope, 0.0);
}

TEST(PairTerm, PublishedPairValues) {  // AgI, rePRV at 8 Å
    const auto form = [](std::size_t n, double h, double p, double w) {
        PairForm f;
        f.inverse_powers[n] = h;
        f.inverse_powers[4] = -p;
        f.inverse_powers[6] = -w;
        return f;
    };
    PairTable<PairForm> forms(2);
    forms.set(0, 0, form(11, 0.16, 0.0, 0.0));
    forms.set(0, 1, form(9, 1310.0, 14.9, 0.0));
    forms.set(1, 1, form(7, 5328.0, 29.8, 84.5));
    const PairTerm term(forms, 8.0, Truncation::ShiftedForce);
    EXPECT_NEAR(term.pair(0, 1, 3.0).energy, -0.104728450329, 1e-12);
    EXPECT_NEAR(term.pair(0, 1, 3.0).slope, 0.043794937087, 1e-12);
    EXPECT_NEAR(term.pair(1, 1, 4.2).energy, 0.131299795560, 1e-12);
    EXPECT_NEAR(term.pair(1, 1, 4.2).slope, -0.273640914001, 1e-12);
    EXPECT_NEAR(term.pair(0, 0, 3.0).energy, 9.03058e-7, 1e-12);
    EXPECT_NEAR(term.pair(0, 0, 3.0).slope, -3.311725e-6, 1e-12);
}

TEST(PairTerm, DimerInEmptySpace) {
    auto potential = potential_of(mixed_form(), 7.0, Truncation::Plain);
    const double r = 2.9;
    const Structure s = testing::dimer("Ar", "Ar", r);
    const Evaluation e = potential.evaluate(s);
    const PairValue expected = mixed_form()(r);
    EXPECT_NEAR(e.energy, expected.energy, 1e-13);
    EXPECT_NEAR(e.atom_energies[0], 0.5 * expected.energy, 1e-13);
    const Vector3 direction = (s.positions.col(1) - s.positions.col(0)) / r;
    EXPECT_TRUE(testing::all_near(e.forces.col(0), expected.slope * direction, 1e-13));
    EXPECT_TRUE(testing::all_near(e.forces.col(1), -expected.slope * direction, 1e-13));
    EXPECT_FALSE(e.stress.has_value());
    EXPECT_EQ(potential.evaluate(testing::dimer("Ar", "Ar", 7.0)).energy, 0.0);
    EXPECT_NE(potential.evaluate(testing::dimer("Ar", "Ar", 6.999999)).energy, 0.0);
}

TEST(PairTerm, OneAtomAndItsImages) {  // simple cubic: 6 neighbours at a, 12 at √2 a, halves of each
    auto potential = potential_of(mixed_form(), 3.9, Truncation::Plain);
    const double a = 2.5;
    const Evaluation e = potential.evaluate(testing::cubic(a, {"Ar"}, {{0.1, 0.9, 0.4}}));
    const PairValue near = mixed_form()(a), far = mixed_form()(std::sqrt(2.0) * a);
    EXPECT_NEAR(e.energy, 3.0 * near.energy + 6.0 * far.energy, 1e-12);
    EXPECT_TRUE(testing::all_near(e.forces, Matrix3X::Zero(3, 1), 1e-14));
    // Strain along x: two of the six and eight of the twelve are stretched, the latter by x²/r = r/2.
    const double xx = a * near.slope + 4.0 * 0.5 * std::sqrt(2.0) * a * far.slope;
    EXPECT_NEAR(e.stress.value()[0], xx / std::pow(a, 3), 1e-12);
    EXPECT_NEAR(e.stress.value()[3], 0.0, 1e-14);
}

/// Configuration 4 of the Lennard-Jones reference set of NIST (30 atoms, cubic box of 8, reduced units); energies as
/// asserted by its distributors, virials from an independent sum.
TEST(PairTerm, LennardJonesReferenceConfiguration) {
    const char* shared = std::getenv("MLFF_SHARED");
    const std::string folder = shared != nullptr ? shared : source_dir() + "/../shared";
    std::ifstream file(folder + "/data/embedded/nist4.xyz");
    if (!file) GTEST_SKIP() << "no data/embedded/nist4.xyz under " << folder << " (MLFF_SHARED)";
    std::string line;
    std::getline(file, line);
    std::getline(file, line);
    Structure s = testing::cubic(8.0, std::vector<std::string>(30, "Ar"), std::vector<Vector3>(30, Vector3::Zero()));
    for (Eigen::Index i = 0; i < 30; ++i) {
        file >> line;
        for (int k = 0; k < 3; ++k) file >> s.positions(k, i);
    }
    ASSERT_TRUE(static_cast<bool>(file));
    struct Row {
        double cutoff, energy, virial;
    };
    for (const Row& row : {Row{3.0, -16.790321304626, -46.2491967463}, Row{4.0, -17.060453220271, -47.8688281911}}) {
        const Evaluation e = potential_of(lennard_jones(1.0, 1.0), row.cutoff, Truncation::Plain, 0.3).evaluate(s);
        EXPECT_NEAR(e.energy, row.energy, 1e-11);
        EXPECT_NEAR(-e.stress.value().head<3>().sum() * s.volume(), row.virial, 1e-9);
    }
}

TEST(PairTerm, RefusesACutoffOfNothing) {
    EXPECT_THROW(PairTerm(PairTable<PairForm>(1), 0.0, Truncation::Plain), std::invalid_argument);
    EXPECT_THROW(PairTerm(PairTable<PairForm>(1), std::nan(""), Truncation::Plain), std::invalid_argument);
}

}  // namespace
}  // namespace mlff::reference
