#include "libmlff/model/design_rows.hpp"
#include "libmlff/model/force_field_calculator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "support/force_fields.hpp"

namespace mlff {
namespace {

using descriptors::Compression;
using descriptors::Normalization;
using Eigen::Index;
using testing::agree;
using testing::jittered_crystal;
using testing::random_force_field;
using testing::rows_of;

const std::vector<int> two_species = {47, 53}, four_species = {3, 15, 16, 32};

struct Case {
    std::vector<int> species;
    Normalization normalization;
    Compression compression;
    double radial_weight = 0.3, softening = 0.0;

    [[nodiscard]] ForceField force_field() const {
        auto options = testing::small_descriptor();
        options.normalization = normalization;
        options.compression = compression;
        options.radial_weight = radial_weight;
        options.softening = softening;
        return random_force_field(options, species, 5, 3);
    }
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.species.size() << " species " << (c.normalization == Normalization::joint ? "joint" : "separate")
               << (c.compression == Compression::none ? " none" : " element") << " weight " << c.radial_weight
               << " softening " << c.softening;
}

class DesignMatrixCases : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(All, DesignMatrixCases,
                         ::testing::Values(Case{two_species, Normalization::joint, Compression::none},
                                           Case{two_species, Normalization::separate, Compression::none},
                                           Case{two_species, Normalization::joint, Compression::element},
                                           Case{two_species, Normalization::separate, Compression::element},
                                           Case{four_species, Normalization::joint, Compression::none},
                                           Case{four_species, Normalization::separate, Compression::none},
                                           Case{four_species, Normalization::joint, Compression::element},
                                           Case{four_species, Normalization::separate, Compression::element},
                                           Case{two_species, Normalization::joint, Compression::none, 0.0},
                                           Case{two_species, Normalization::separate, Compression::none, 1.0},
                                           Case{two_species, Normalization::joint, Compression::none, 0.3, 0.6},
                                           Case{two_species, Normalization::separate, Compression::none, 0.3, 0.6}));

TEST_P(DesignMatrixCases, EnergyRowsAreSumsOfKernels) {
    const ForceField force_field = GetParam().force_field();
    const Structure structure = jittered_crystal(3, 2, 2.3, GetParam().species, true);
    Environments environments(force_field.species(), force_field.descriptor().cutoff(), 0.0);
    environments.update(structure);
    const Eigen::MatrixXd x = compute_features(force_field.descriptor(), environments);
    Eigen::VectorXd expected = Eigen::VectorXd::Zero(force_field.n_references());
    for (Index i = 0; i < structure.size(); ++i) {
        const auto& set = force_field.references(environments.channel(i));
        for (Index b = 0; b < set.size(); ++b)
            expected[force_field.first(environments.channel(i)) + b] +=
                std::pow(x.col(i).dot(set.features.col(b)), 3) / static_cast<double>(structure.size());
    }
    EXPECT_TRUE(agree(rows_of(force_field, structure).energy, expected, 1e-13));
}

/// Each reference alone: forces and stress are slopes of its energy row, in a cell smaller than the cutoffs too.
TEST_P(DesignMatrixCases, ForceAndStressRowsAreSlopesOfEnergyRows) {
    const ForceField force_field = GetParam().force_field();
    for (const Structure& s :
         {jittered_crystal(3, 2, 2.3, GetParam().species), testing::small_cell(GetParam().species, true)}) {
        const DesignRows rows = rows_of(force_field, s);
        const auto n = static_cast<double>(s.size());
        Eigen::MatrixXd forces(rows.forces.rows(), rows.forces.cols()), stress(rows.stress.rows(), 6);
        for (Index i = 0; i < s.size(); ++i)
            for (int c = 0; c < 3; ++c)
                forces.col(3 * i + c) = -testing::derivative([&](double h) -> Eigen::VectorXd {
                    return n * rows_of(force_field, testing::moved(s, i, c, h)).energy.col(0);
                });
        for (int k = 0; k < 6; ++k)
            stress.col(k) = testing::derivative([&](double h) -> Eigen::VectorXd {
                                return n * rows_of(force_field, testing::strained(s, k, h)).energy.col(0);
                            }) /
                            s.volume();
        EXPECT_TRUE(agree(rows.forces, forces, 1e-7));
        EXPECT_TRUE(agree(rows.stress, stress, 1e-7));
    }
}

TEST_P(DesignMatrixCases, RowsTimesWeightsAreThePrediction) {
    const ForceField force_field = GetParam().force_field();
    ForceFieldCalculator calculator(force_field);
    const Structure structure = jittered_crystal(6, 2, 2.2, GetParam().species, true);
    const Evaluation result = calculator.evaluate(structure);
    const DesignRows rows = rows_of(force_field, structure);
    const Eigen::VectorXd& w = force_field.posterior().weights();
    double e0 = 0.0;
    for (const int z : structure.species)
        e0 +=
            force_field
                .e0()[std::find(GetParam().species.begin(), GetParam().species.end(), z) - GetParam().species.begin()];
    const Eigen::VectorXd forces = rows.forces.transpose() * w;
    EXPECT_NEAR(result.energy, e0 + 8.0 * rows.energy.col(0).dot(w), 1e-12 * std::abs(result.energy));
    EXPECT_TRUE(agree(result.forces, Eigen::Map<const Matrix3X>(forces.data(), 3, 8), 1e-12));
    EXPECT_TRUE(agree(*result.stress, rows.stress.transpose() * w, 1e-12));
}

/// More atoms than one batch holds, more threads than references in a channel.
TEST(DesignMatrix, ThreadsAgreeAndTheSameNumberGivesTheSameBits) {
    const ForceField force_field = random_force_field(testing::small_descriptor(), two_species, 3);
    const Structure structure = jittered_crystal(6, 5, 2.3, two_species);
    const auto rows = [&](int n_threads) {
        const testing::Threads threads(n_threads);
        return rows_of(force_field, structure);
    };
    const DesignRows one = rows(1);
    for (const int n_threads : {1, 2, 5}) {
        const DesignRows first = rows(n_threads), again = rows(n_threads);
        EXPECT_TRUE(agree(first.energy, one.energy, 1e-12));
        EXPECT_TRUE(agree(first.forces, one.forces, 1e-12));
        EXPECT_TRUE(agree(first.stress, one.stress, 1e-12));
        EXPECT_EQ(first.energy, again.energy);
        EXPECT_EQ(first.forces, again.forces);
        EXPECT_EQ(first.stress, again.stress);
    }
}

TEST(DesignMatrix, AClusterHasNoStressRowsAndALonelyAtomNoForces) {
    const ForceField force_field = random_force_field(testing::small_descriptor(), two_species, 3);
    Matrix3X positions = Matrix3X::Zero(3, 3);
    positions(0, 1) = 2.0;
    positions(1, 2) = 20.0;
    const DesignRows rows = rows_of(force_field, testing::cluster({47, 53, 47}, positions));
    EXPECT_EQ(rows.stress.cols(), 0);
    EXPECT_EQ(rows.forces.rightCols(3).cwiseAbs().maxCoeff(), 0.0);
    EXPECT_GT(rows.forces.leftCols(3).cwiseAbs().maxCoeff(), 1e-3);
    EXPECT_TRUE(rows.energy.allFinite());
}

}  // namespace
}  // namespace mlff
