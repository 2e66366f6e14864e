#include "libmlff/model/repulsion.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/search/compile.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using Eigen::Index;

const std::vector<int> silver_iodide = {47, 53};

Eigen::MatrixXd distances(double ag_ag, double ag_i, double i_i) {
    Eigen::MatrixXd shortest(2, 2);
    shortest << ag_ag, ag_i, ag_i, i_i;
    return shortest;
}

/// A force field that every pair of jittered_crystal(…, 2.4, …) is too close for, but not all equally.
ForceField repelling() {
    return testing::with_shortest_distances(testing::random_force_field(testing::small_descriptor(), silver_iodide),
                                            distances(4.0, 3.2, 3.6))
        .with_repulsion(Repulsion::zbl);
}

/// Written once more from the publication, with other constants in other units (hartree, bohr).
TEST(ZblRepulsion, IsTheUniversalPotential) {
    const ZblRepulsion repulsion(silver_iodide, distances(10.0, 10.0, 10.0));
    for (const double r : {0.05, 0.3, 1.0, 2.5, 5.9}) {
        const double bohr = 0.529177, hartree = 27.2114, a = 0.8854 / (std::pow(47.0, 0.23) + std::pow(53.0, 0.23));
        const double x = r / bohr / a;
        const double screening = 0.18175 * std::exp(-3.1998 * x) + 0.50986 * std::exp(-0.94229 * x) +
                                 0.28022 * std::exp(-0.4029 * x) + 0.02817 * std::exp(-0.20162 * x);
        const double expected = hartree * 47.0 * 53.0 / (r / bohr) * screening;
        EXPECT_NEAR(repulsion.pair(0, 1, r)[0], expected, 2e-5 * expected) << r;
        EXPECT_NEAR(repulsion.pair(1, 0, r)[0], repulsion.pair(0, 1, r)[0], 1e-12 * expected) << r;
    }
}

TEST(ZblRepulsion, EndsSmoothlyAtTheShortestDistance) {
    const double shortest = 2.6;
    const ZblRepulsion repulsion(silver_iodide, distances(shortest, 3.0, 3.0));
    const auto value = [&](double r) { return repulsion.pair(0, 0, r)[0]; };
    const auto slope = [&](double r) { return repulsion.pair(0, 0, r)[1]; };
    for (double r = 0.4; r < 2.8; r += 0.0431) {
        const double h = 1e-4, numeric = (value(r + h) - value(r - h)) / (2.0 * h);
        EXPECT_NEAR(slope(r), numeric, 1e-6 * std::abs(slope(0.9 * r)) + 1e-9) << r;
        EXPECT_LE(slope(r), 0.0);
    }
    for (const double joint : {0.6 * shortest, 0.9 * shortest}) {  // second derivatives from both sides
        const double h = 1e-5, before = (slope(joint) - slope(joint - h)) / h,
                     after = (slope(joint + h) - slope(joint)) / h;
        EXPECT_NEAR(before, after, 2e-3 * std::abs((slope(0.6 * shortest + h) - slope(0.6 * shortest)) / h));
    }
    EXPECT_GT(value(0.899 * shortest), 0.0);
    EXPECT_EQ(value(0.9 * shortest), 0.0);
    EXPECT_EQ(slope(0.9 * shortest), 0.0);
}

TEST(ZblRepulsion, OfSpeciesThatWereNoPairStartsAtTwoAngstrom) {
    const ZblRepulsion repulsion(silver_iodide, distances(2.6, std::numeric_limits<double>::infinity(), 2.6));
    EXPECT_GT(repulsion.pair(0, 1, 1.9)[0], 0.0);
    EXPECT_EQ(repulsion.pair(0, 1, 2.0)[0], 0.0);
}

/// Two routes: the pairs of all images summed up here, and the difference to the same force field without.
TEST(ZblRepulsion, IsAddedToTheForceField) {
    const ForceField with = repelling(), without = with.with_repulsion(Repulsion::none);
    const ZblRepulsion repulsion(silver_iodide, with.shortest_distances());
    for (const Structure& s :
         {testing::jittered_crystal(5, 2, 2.4, silver_iodide), testing::small_cell(silver_iodide, true)}) {
        const Evaluation a = ForceFieldCalculator(with).evaluate(s, {.virials = true});
        const Evaluation b = ForceFieldCalculator(without).evaluate(s, {.virials = true});
        double energy = 0.0;
        Eigen::VectorXd of_atoms = Eigen::VectorXd::Zero(s.size());
        Matrix3X forces = Matrix3X::Zero(3, s.size());
        Matrix3 strain = Matrix3::Zero();
        int n_pairs = 0;
        for (Index i = 0; i < s.size(); ++i)
            for (Index j = 0; j < s.size(); ++j)
                for (int n = 0; n < 7 * 7 * 7; ++n) {
                    const Vector3 image(n / 49 - 3, n / 7 % 7 - 3, n % 7 - 3);
                    const Vector3 d = s.positions.col(j) + s.cell * image - s.positions.col(i);
                    if (d.norm() < 1e-9) continue;
                    const auto channel = [&](Index k) { return s.species[static_cast<std::size_t>(k)] == 47 ? 0 : 1; };
                    const auto [v, slope] = repulsion.pair(channel(i), channel(j), d.norm());
                    n_pairs += v > 0.0;
                    energy += 0.5 * v;
                    of_atoms[i] += 0.5 * v;
                    forces.col(i) += slope * d.normalized();
                    strain += 0.5 * slope / d.norm() * d * d.transpose();
                }
        EXPECT_GT(n_pairs, 4);
        EXPECT_NEAR(a.energy - b.energy, energy, 1e-9 * energy);
        EXPECT_TRUE(testing::agree(a.forces - b.forces, forces, 1e-9));
        EXPECT_TRUE(testing::agree(*a.stress - *b.stress, to_voigt(strain) / s.volume(), 1e-9));
        EXPECT_TRUE(testing::agree(a.atom_energies - b.atom_energies, of_atoms, 1e-9));
        const Matrix3 virial = (a.atom_virials - b.atom_virials).rowwise().sum().reshaped(3, 3).transpose();
        EXPECT_TRUE(testing::agree(virial, Matrix3(-strain), 1e-9));
    }
}

TEST(ZblRepulsion, ForcesAndStressAreSlopesInAllForms) {
    const ForceField fitted = repelling();
    const ProductionForms compiled(fitted);
    const Structure s = testing::jittered_crystal(6, 2, 2.4, silver_iodide, true);
    for (const ForceField& form : {fitted, fitted.with_production(compiled.leading(4, false))}) {
        ForceFieldCalculator calculator(form);
        const auto energy = [&](const Structure& moved) {
            return Eigen::VectorXd::Constant(1, calculator.evaluate(moved).energy);
        };
        const Evaluation result = calculator.evaluate(s);
        Matrix3X forces(3, s.size());
        Voigt stress;
        for (Index i = 0; i < s.size(); ++i)
            for (int c = 0; c < 3; ++c)
                forces(c, i) = -testing::derivative([&](double h) { return energy(testing::moved(s, i, c, h)); })[0];
        for (int k = 0; k < 6; ++k)
            stress[k] =
                testing::derivative([&](double h) { return energy(testing::strained(s, k, h)); })[0] / s.volume();
        EXPECT_TRUE(testing::agree(result.forces, forces, 1e-7));
        EXPECT_TRUE(testing::agree(*result.stress, stress, 1e-7));
    }
}

TEST(ZblRepulsion, ChangesNothingWhereNoPairIsCloser) {
    const Structure s = testing::jittered_crystal(5, 2, 2.4, silver_iodide);
    const ForceField with =
        testing::with_shortest_distances(testing::random_force_field(testing::small_descriptor(), silver_iodide),
                                         distances(1.0, 1.0, 1.0))
            .with_repulsion(Repulsion::zbl);
    const Evaluation a = ForceFieldCalculator(with).evaluate(s);
    const Evaluation b = ForceFieldCalculator(with.with_repulsion(Repulsion::none)).evaluate(s);
    EXPECT_EQ(a.energy, b.energy);
    EXPECT_EQ(a.forces, b.forces);
}

TEST(ZblRepulsion, NeedsTheShortestDistancesAndStaysWithOtherFactors) {
    const ForceField unknown = testing::random_force_field(testing::small_descriptor(), silver_iodide);
    EXPECT_EQ(unknown.with_repulsion(Repulsion::zbl).repulsion(), Repulsion::none);
    EXPECT_EQ(repelling().with_calibration({.energy = 2.0, .force = 2.0, .stress = 2.0}).repulsion(), Repulsion::zbl);
}

}  // namespace
}  // namespace mlff
