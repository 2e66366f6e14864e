#include "reference/embedded/coulomb.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "libmlff/atoms/units.hpp"
#include "reference/embedded/structures.hpp"
#include "support/finite_difference.hpp"

namespace mlff::reference {
namespace {

EmbeddedPotential sodium_chloride(double damping, double cutoff) {
    std::vector<std::unique_ptr<Term>> terms;
    terms.push_back(std::make_unique<DampedShiftedCoulomb>(std::vector{1.0, -1.0}, damping, cutoff));
    return EmbeddedPotential("test", "test", {11, 17}, std::move(terms));
}

TEST(DampedShiftedCoulomb, PublishedPairValues) {  // AgI, Z = 0.5815, α = 0.2, r_c = 8
    const DampedShiftedCoulomb term({0.5815, -0.5815}, 0.2, 8.0);
    EXPECT_NEAR(term.pair(0, 1, 3.0).energy, -0.566474893672, 1e-12);
    EXPECT_NEAR(term.pair(0, 1, 3.0).slope, 0.457447804171, 1e-12);
    EXPECT_NEAR(term.pair(1, 1, 4.2).energy, 0.210691442867, 1e-12);
    EXPECT_NEAR(term.pair(1, 1, 4.2).slope, -0.181605379280, 1e-12);
}

TEST(DampedShiftedCoulomb, SlopeIsTheDerivative) {
    const DampedShiftedCoulomb term({1.0, -0.8}, 0.25, 6.5);
    for (const double r : {0.4, 2.0, 4.0, 6.4})
        EXPECT_TRUE(mlff::testing::gradient_matches(
            [&](const Eigen::VectorXd& x) { return term.pair(0, 1, x[0]).energy; }, Eigen::VectorXd::Constant(1, r),
            Eigen::VectorXd::Constant(1, term.pair(0, 1, r).slope)));
}

TEST(DampedShiftedCoulomb, EndsSmoothly) {
    const DampedShiftedCoulomb term({1.0}, 0.2, 8.0);
    EXPECT_NEAR(term.pair(0, 0, 8.0).energy, 0.0, 1e-15);
    EXPECT_NEAR(term.pair(0, 0, 8.0).slope, 0.0, 1e-15);
    EXPECT_LT(term.pair(0, 0, 8.0 - 1e-4).energy, 1e-9);  // ∝ h²
}

TEST(DampedShiftedCoulomb, WithoutDampingItIsCoulombsLawWithAShiftedForce) {
    const DampedShiftedCoulomb term({1.0, -1.0}, 0.0, 10.0);
    const double r = 3.3;
    EXPECT_NEAR(term.pair(0, 1, r).energy, -units::coulomb * (1.0 / r - 0.1 + 0.01 * (r - 10.0)), 1e-13);
    EXPECT_NEAR(term.pair(0, 1, r).slope, units::coulomb * (1.0 / (r * r) - 0.01), 1e-13);
    EXPECT_NEAR(term.self_energy(0), -units::coulomb * 0.1, 1e-13);
}

TEST(DampedShiftedCoulomb, SelfEnergyBelongsToTheAtom) {
    auto potential = sodium_chloride(0.2, 9.0);
    const DampedShiftedCoulomb term({1.0, -1.0}, 0.2, 9.0);
    const Evaluation e = potential.evaluate(testing::dimer("Na", "Cl", 2.5));
    EXPECT_NEAR(e.atom_energies[0], term.self_energy(0) + 0.5 * term.pair(0, 1, 2.5).energy, 1e-13);
    EXPECT_NEAR(e.energy, 2.0 * term.self_energy(0) + term.pair(0, 1, 2.5).energy, 1e-13);
}

TEST(DampedShiftedCoulomb, MadelungConstantOfRockSalt) {
    const double a = 5.64;
    const Structure s = testing::cubic(a, {"Na", "Na", "Na", "Na", "Cl", "Cl", "Cl", "Cl"},
                                       {{0., 0., 0.},
                                        {0., .5, .5},
                                        {.5, 0., .5},
                                        {.5, .5, 0.},
                                        {.5, 0., 0.},
                                        {0., .5, 0.},
                                        {0., 0., .5},
                                        {.5, .5, .5}});
    auto potential = sodium_chloride(0.2, 18.0);
    const double madelung = -potential.evaluate(s).energy / 4.0 * (0.5 * a) / units::coulomb;
    EXPECT_NEAR(madelung, 1.747564594633, 1e-4);  // the sum converges with the cutoff, exponentially where α r_c ≫ 1
}

TEST(DampedShiftedCoulomb, RefusesNumbersOutOfRange) {
    EXPECT_THROW(DampedShiftedCoulomb({1.0}, -0.1, 8.0), std::invalid_argument);
    EXPECT_THROW(DampedShiftedCoulomb({1.0}, 0.2, 0.0), std::invalid_argument);
    EXPECT_THROW(DampedShiftedCoulomb({1.0}, std::nan(""), 8.0), std::invalid_argument);
}

}  // namespace
}  // namespace mlff::reference
