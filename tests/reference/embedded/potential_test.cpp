#include "reference/embedded/potential.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "reference/embedded/catalogue.hpp"
#include "reference/embedded/structures.hpp"
#include "support/allocations.hpp"
#include "support/finite_difference.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::gradient_matches;
using testing::all_near;
using testing::jittered_grid;

/// Every property holds for every potential of the catalogue: 27 atoms of its species in a triclinic, left-handed cell
/// that is smaller than the cutoff, at distances where its terms are all at work.
class EveryPotential : public ::testing::TestWithParam<std::string> {
 protected:
    std::unique_ptr<EmbeddedPotential> potential = make_embedded(GetParam());
    Structure structure = jittered_grid(1, 3, GetParam().starts_with("ar") ? 3.6 : 2.4, potential->species());
    /// Of central differences: a plain cutoff is differentiable only where no pair crosses it, hence the small one.
    double step = GetParam() == "ar-plain" ? 1e-7 : 1e-5;
};

TEST_P(EveryPotential, ForcesAreTheDerivative) {
    const auto energy = [&](const Eigen::VectorXd& x) {
        Structure moved = structure;
        moved.positions = x.reshaped(3, structure.size());
        return potential->evaluate(moved).energy;
    };
    const Evaluation e = potential->evaluate(structure);
    EXPECT_GT(e.forces.norm(), 0.1);
    EXPECT_TRUE(gradient_matches(energy, structure.positions.reshaped(), -e.forces.reshaped(), step, 1e-6));
}

TEST_P(EveryPotential, StressIsTheDerivative) {
    const auto energy = [&](const Eigen::VectorXd& strain) {
        const Matrix3 deformation = Matrix3::Identity() + from_voigt(Voigt(strain));
        Structure strained = structure;
        strained.cell = deformation * structure.cell;
        strained.positions = deformation * structure.positions;
        return potential->evaluate(strained).energy;
    };
    Eigen::VectorXd analytic = potential->evaluate(structure).stress.value() * structure.volume();
    EXPECT_GT(analytic.norm(), 0.1);
    analytic.tail(3) *= 2.0;  // a shear strain stands in two places of the tensor
    EXPECT_TRUE(gradient_matches(energy, Eigen::VectorXd::Zero(6), analytic, step, 1e-6));
}

TEST_P(EveryPotential, KnowsNoOriginOrientationOrOrder) {
    const Evaluation e = potential->evaluate(structure);
    const double scale = 1e-11 * (1.0 + e.forces.cwiseAbs().maxCoeff());
    EXPECT_TRUE(all_near(e.forces.rowwise().sum(), Vector3::Zero(), 27.0 * scale));
    EXPECT_NEAR(e.atom_energies.sum(), e.energy, 1e-10);

    Structure shifted = structure;
    shifted.positions.colwise() += Vector3(1.3, -20.0, 7.7);
    for (Eigen::Index i = 0; i < shifted.size(); i += 2)  // images of atoms are as good as the atoms
        shifted.positions.col(i) += shifted.cell * Vector3(3.0, -1.0, 2.0);
    Evaluation other = potential->evaluate(shifted);
    EXPECT_NEAR(other.energy, e.energy, 1e-9);
    EXPECT_TRUE(all_near(other.forces, e.forces, 100.0 * scale));
    EXPECT_TRUE(all_near(other.stress.value(), e.stress.value(), scale));

    const Matrix3 rotation = Eigen::AngleAxisd(1.1, Vector3(1.0, 2.0, -0.5).normalized()).toRotationMatrix() *
                             Vector3(1.0, 1.0, -1.0).asDiagonal();  // with a reflection
    Structure rotated = structure;
    rotated.cell = rotation * structure.cell;
    rotated.positions = rotation * structure.positions;
    other = potential->evaluate(rotated);
    EXPECT_NEAR(other.energy, e.energy, 1e-10);
    EXPECT_TRUE(all_near(other.forces, rotation * e.forces, 10.0 * scale));
    EXPECT_TRUE(all_near(from_voigt(other.stress.value()),
                         rotation * from_voigt(e.stress.value()) * rotation.transpose(), scale));

    std::vector<Eigen::Index> order(27);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937_64(2));
    Structure permuted = structure;
    for (Eigen::Index i = 0; i < 27; ++i) {
        permuted.positions.col(i) = structure.positions.col(order[static_cast<std::size_t>(i)]);
        permuted.species[static_cast<std::size_t>(i)] =
            structure.species[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
    }
    other = potential->evaluate(permuted);
    EXPECT_NEAR(other.energy, e.energy, 1e-10);
    for (Eigen::Index i = 0; i < 27; ++i)
        EXPECT_TRUE(all_near(other.forces.col(i), e.forces.col(order[static_cast<std::size_t>(i)]), 10.0 * scale));
}

TEST_P(EveryPotential, SupercellIsTheSameCrystal) {
    const Evaluation e = potential->evaluate(structure);
    const Evaluation super = potential->evaluate(make_supercell(structure, {1, 2, 2}));
    const double scale = 1e-11 * (1.0 + e.forces.cwiseAbs().maxCoeff());
    EXPECT_NEAR(super.energy, 4.0 * e.energy, 1e-9);
    EXPECT_TRUE(all_near(super.forces.middleCols(54, 27), e.forces, 10.0 * scale));
    EXPECT_TRUE(all_near(super.atom_energies.tail(27), e.atom_energies, 10.0 * scale));
    EXPECT_TRUE(all_near(super.stress.value(), e.stress.value(), 10.0 * scale));
}

TEST_P(EveryPotential, TermsAddUp) {
    double total = 0.0;
    for (const auto& [name, energy] : potential->energy_by_term(structure)) {
        EXPECT_NE(energy, 0.0) << name;
        total += energy;
    }
    EXPECT_NEAR(total, potential->evaluate(structure).energy, 1e-10);
}

TEST_P(EveryPotential, NothingStepsWhereAPairLeaves) {
    if (GetParam() == "ar-plain") GTEST_SKIP() << "the step at a plain cutoff is its definition";
    // Two atoms drawn apart through every cutoff. The energy is the integral of the force, so that it has no step above
    // 1e-6 eV; a step of 1e-3 eV/Å in the force would show in its slope, which a shifted force itself breaks at the
    // cutoff, by 0.3 eV/Å² at most (W-W).
    const double dr = 2e-3;
    for (const int a : potential->species())
        for (const int b : potential->species()) {
            if (b < a) continue;
            double energy = 0.0, force = 0.0, slope = 0.0;
            for (int k = 0; k < 3000; ++k) {
                const double r = 3.0 + k * dr;
                Structure s = testing::dimer("H", "H", r);
                s.species = {a, b};
                const Evaluation e = potential->evaluate(s);
                const double last_energy = std::exchange(energy, e.energy);
                const double last_force =
                    std::exchange(force, e.forces.col(1).dot(s.positions.col(1) - s.positions.col(0)) / r);
                const double last_slope = std::exchange(slope, (force - last_force) / dr);
                if (k > 0) {
                    ASSERT_NEAR(energy, last_energy - 0.5 * (force + last_force) * dr, 1e-6) << r;
                }
                if (k > 1 && r > 3.5) {
                    ASSERT_NEAR(slope, last_slope, 0.5) << r;
                }
            }
            EXPECT_EQ(force, 0.0);  // all left
        }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryPotential, ::testing::ValuesIn(embedded_names()), [](const auto& test) {
    std::string name = test.param;
    for (char& c : name)
        if (c == '-' || c == '.') c = '_';
    return name;
});

TEST(EmbeddedPotential, SkinAndHistoryChangeNoBit) {
    Structure s = jittered_grid(3, 5, 3.0, {47, 53});
    const auto traveller = make_embedded("agi");
    std::mt19937_64 random(4);
    std::uniform_real_distribution<double> step(-0.06, 0.06);
    for (int t = 0; t < 30; ++t) {
        for (auto& x : s.positions.reshaped()) x += step(random);
        const Evaluation a = traveller->evaluate(s), b = make_embedded("agi")->evaluate(s);
        ASSERT_EQ(a.energy, b.energy) << t;
        ASSERT_EQ(a.forces, b.forces) << t;
        ASSERT_EQ(a.stress.value(), b.stress.value()) << t;
    }
}

TEST(EmbeddedPotential, ThreadsAgree) {
    const int before = omp_get_max_threads();
    for (const auto* name : {"agi", "sulfide"}) {
        const auto potential = make_embedded(name);
        const Structure s = jittered_grid(5, 6, 2.9, potential->species());
        omp_set_num_threads(1);
        const Evaluation one = potential->evaluate(s);
        for (const int n : {2, 5}) {
            omp_set_num_threads(n);
            const Evaluation several = potential->evaluate(s), again = make_embedded(name)->evaluate(s);
            EXPECT_EQ(several.energy, again.energy);
            EXPECT_EQ(several.forces, again.forces);
            EXPECT_EQ(several.stress.value(), again.stress.value());
            EXPECT_NEAR(several.energy, one.energy, 1e-12 * std::abs(one.energy));
            EXPECT_TRUE(all_near(several.forces, one.forces, 1e-12 * one.forces.cwiseAbs().maxCoeff()));
        }
    }
    omp_set_num_threads(before);
}

TEST(EmbeddedPotential, StructuresOfAnySizeFollowEachOther) {
    const auto potential = make_embedded("agi");
    const Structure small = jittered_grid(6, 2, 3.0, {47, 53}), large = jittered_grid(7, 5, 3.0, {47, 53});
    const double first = potential->evaluate(small).energy;
    (void)potential->evaluate(large);
    EXPECT_EQ(potential->evaluate(small).energy, first);
    EXPECT_EQ(potential->evaluate(small).forces.cols(), 8);
}

std::string message_of(EmbeddedPotential& potential, const Structure& s, const Request& request = {}) {
    try {
        (void)potential.evaluate(s, request);
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

TEST(EmbeddedPotential, RefusesWhatItCannotAnswer) {
    const auto potential = make_embedded("agi");
    Structure s = jittered_grid(8, 2, 3.0, {47, 53});
    EXPECT_EQ(message_of(*potential, s), "no error");
    EXPECT_EQ(message_of(*potential, s, {.uncertainty = true}),
              "embedded potential 'agi' has no uncertainty; a force field has");
    EXPECT_EQ(message_of(*potential, s, {.spilling = true}),
              "embedded potential 'agi' has no spilling factors; a force field has");
    s.species[5] = 17;
    EXPECT_EQ(message_of(*potential, s), "embedded potential 'agi' has no parameters for Cl; it has them for Ag, I");
    s.species[5] = 1234;
    EXPECT_EQ(message_of(*potential, s), "atomic number 1234 is not an element; 1..118 is");
    s.species[5] = 47;
    s.positions.col(0) = s.positions.col(3) + Vector3(0.01, 0.0, 0.0);
    EXPECT_NE(message_of(*potential, s).find("apart"), std::string::npos);
    s.positions(0, 0) = std::nan("");
    EXPECT_EQ(message_of(*potential, s), "position of atom 1 is not a finite number");
    s = jittered_grid(8, 2, 3.0, {47, 53});
    EXPECT_EQ(message_of(*potential, s), "no error");  // an error leaves nothing behind
}

TEST(EmbeddedPotential, NeedsATerm) {
    EXPECT_THROW(EmbeddedPotential("test", "test", {47}, {}), std::invalid_argument);
}

TEST(EmbeddedPotential, AllocatesNothingInThreads) {
    if (!mlff::testing::can_fail_allocations()) GTEST_SKIP() << "malloc is not ours";
    const int n_threads = omp_get_max_threads();
    omp_set_num_threads(2);
    const Structure structure = jittered_grid(1, 6, 2.4, {14});  // enough atoms for two threads
    const auto work = [&] { (void)make_embedded("si")->evaluate(structure); };
    work();
    EXPECT_EQ(mlff::testing::allocations_in_regions(work), 0) << "one that fails there would end the program";
    omp_set_num_threads(n_threads);
}

}  // namespace
}  // namespace mlff::reference
