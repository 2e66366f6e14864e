#include "reference/embedded/stillinger_weber.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "reference/embedded/structures.hpp"

namespace mlff::reference {
namespace {

/// Kinds P = 0 and S = 1 with two-body energies between unlike atoms and angles S-P-S; the two ranges differ from those
/// of like atoms so that a wrong look-up shows.
EmbeddedPotential phosphorus_sulfur(double angle_energy, double pair_energy = 2.0) {
    auto term = std::make_unique<StillingerWeber>(2);
    term->set_pair(0, 1, {.energy = pair_energy, .repulsion = 5.0, .sigma = 1.2, .gamma = 0.9, .range = 3.0});
    term->set_angle(0, 1, 1, {.energy = angle_energy, .cosine = -0.4});
    std::vector<std::unique_ptr<Term>> terms;
    terms.push_back(std::move(term));
    return EmbeddedPotential("test", "test", {15, 16}, std::move(terms));
}

Structure bent_molecule(double r_j, double r_k, double angle) {  // S-P-S
    Structure s = testing::dimer("P", "S", r_j);
    const Vector3 along = (s.positions.col(1) - s.positions.col(0)) / r_j;
    s.species.push_back(16);
    s.positions.conservativeResize(3, 3);
    s.positions.col(2) =
        s.positions.col(0) + r_k * (std::cos(angle) * along + std::sin(angle) * along.unitOrthogonal());
    return s;
}

TEST(StillingerWeber, TwoBodyEnergyByHand) {
    const double r = 2.2, x = 1.2 / r;
    const double expected = 2.0 * (5.0 * std::pow(x, 4) - 1.0) * std::exp(1.2 / (r - 3.0));
    auto potential = phosphorus_sulfur(0.0);
    EXPECT_NEAR(potential.evaluate(testing::dimer("P", "S", r)).energy, expected, 1e-14);
    EXPECT_EQ(potential.evaluate(testing::dimer("S", "S", r)).energy, 0.0);
    EXPECT_EQ(potential.evaluate(testing::dimer("P", "P", r)).energy, 0.0);
}

TEST(StillingerWeber, ThreeBodyEnergyByHand) {
    const double r_j = 2.1, r_k = 2.5, angle = 1.9;
    auto potential = phosphorus_sulfur(30.0, 0.0);
    const double expected = 30.0 * std::pow(std::cos(angle) + 0.4, 2) * std::exp(0.9 * 1.2 / (r_j - 3.0)) *
                            std::exp(0.9 * 1.2 / (r_k - 3.0));
    const Structure s = bent_molecule(r_j, r_k, angle);
    const Evaluation e = potential.evaluate(s);
    EXPECT_NEAR(e.energy, expected, 1e-13);
    EXPECT_NEAR(e.atom_energies[0], expected, 1e-13);  // it belongs to the atom in the middle
    // The order of atoms does not matter, the atom in the middle does.
    Structure swapped = s;
    swapped.positions.col(0).swap(swapped.positions.col(2));
    std::swap(swapped.species[0], swapped.species[2]);
    EXPECT_NEAR(potential.evaluate(swapped).energy, expected, 1e-13);
    Structure other = s;
    other.species = {16, 15, 15};  // P-S-P: no such angle
    EXPECT_EQ(potential.evaluate(other).energy, 0.0);
    // At the preferred angle there is neither energy nor force.
    const Evaluation relaxed = potential.evaluate(bent_molecule(r_j, r_k, std::acos(-0.4)));
    EXPECT_NEAR(relaxed.energy, 0.0, 1e-25);
    EXPECT_TRUE(testing::all_near(relaxed.forces, Matrix3X::Zero(3, 3), 1e-12));
}

TEST(StillingerWeber, VanishesSmoothlyAtItsRange) {
    auto potential = phosphorus_sulfur(30.0);
    double last = 1.0;
    for (const double gap : {0.1, 0.05, 0.02, 0.01, 1e-4, 1e-9, 1e-15}) {
        const Evaluation e = potential.evaluate(bent_molecule(2.1, 3.0 - gap, 1.9));
        ASSERT_TRUE(std::isfinite(e.energy) && e.forces.allFinite()) << gap;
        const double end_force = e.forces.col(2).norm();
        EXPECT_LE(end_force, last) << gap;
        last = end_force;
    }
    EXPECT_EQ(last, 0.0);
    EXPECT_EQ(potential.evaluate(testing::dimer("P", "S", 3.0)).energy, 0.0);
}

TEST(StillingerWeber, AnglesBetweenImagesOfOneAtom) {
    // P with one S in a cell so small that all its neighbours are images of that S, against the same as a supercell.
    auto potential = phosphorus_sulfur(30.0);
    Structure s = testing::cubic(2.6, {"P", "S"}, {{0.0, 0.0, 0.0}, {0.55, 0.45, 0.6}});
    s.cell(0, 1) = 0.4;
    const Evaluation small = potential.evaluate(s);
    const Evaluation large = potential.evaluate(make_supercell(s, {2, 3, 2}));
    EXPECT_GT(std::abs(small.atom_energies[0]), 1e-3);
    EXPECT_NEAR(12.0 * small.energy, large.energy, 1e-11);
    EXPECT_TRUE(testing::all_near(small.forces, large.forces.rightCols(2), 1e-12));
    EXPECT_TRUE(testing::all_near(small.stress.value(), large.stress.value(), 1e-12));
}

TEST(StillingerWeber, RefusesAPairWithoutRange) {
    StillingerWeber term(1);
    EXPECT_THROW(term.set_pair(0, 0, {.energy = 1.0}), std::invalid_argument);
    EXPECT_THROW(term.set_pair(0, 0, {.energy = 1.0, .sigma = 0.0, .range = 3.0}), std::invalid_argument);
}

}  // namespace
}  // namespace mlff::reference
