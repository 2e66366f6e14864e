#include "libmlff/model/shortest_distances.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "libmlff/regression/regression.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

const std::vector<int> two_species = {47, 53};
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Every pair of a structure within the cutoff, from all images in reach: visit(i, j, distance).
template <class Visit>
void for_each_pair(const Structure& s, double cutoff, Visit&& visit) {
    constexpr int reach = 4;
    for (Index i = 0; i < s.size(); ++i)
        for (Index j = 0; j < s.size(); ++j)
            for (int a = -reach; a <= reach; ++a)
                for (int b = -reach; b <= reach; ++b)
                    for (int c = -reach; c <= reach; ++c) {
                        const auto n = [&](int shift, std::size_t axis) { return s.periodic[axis] ? shift : 0; };
                        if (n(a, 0) != a || n(b, 1) != b || n(c, 2) != c) continue;
                        if (i == j && a == 0 && b == 0 && c == 0) continue;
                        const double r = (s.positions.col(j) + s.cell * Vector3(a, b, c) - s.positions.col(i)).norm();
                        if (r < cutoff) visit(i, j, r);
                    }
}

Index channel_of(const Structure& s, Index i) { return s.species[static_cast<std::size_t>(i)] == 47 ? 0 : 1; }

/// Cells smaller than the cutoff, left-handed ones, free and partly periodic ones; one without a pair.
std::vector<LabeledStructure> various() {
    std::vector<LabeledStructure> data;
    for (unsigned seed = 0; seed < 4; ++seed)
        data.push_back({testing::jittered_crystal(seed, 2, 2.9, two_species, seed % 2 == 1, 0.25), {}, {}});
    data.push_back({testing::small_cell(two_species, false), {}, {}});
    data.push_back({testing::small_cell({53, 53}, true), {}, {}});
    data.back().structure.periodic = {true, false, true};
    data.push_back({testing::cluster({47, 53}, Matrix3X::Random(3, 2) * 20.0), {}, {}});
    return data;
}

MatrixXd distances_of(const Structure& structure, double cutoff) {
    Environments environments(two_species, cutoff, 0.0);
    environments.update(structure);
    return shortest_distances(environments);
}

TEST(ShortestDistances, AreThoseOfAllPairs) {
    const double cutoff = 4.6;
    for (const auto& item : various()) {
        MatrixXd expected = no_distances(2);
        for_each_pair(item.structure, cutoff, [&](Index i, Index j, double r) {
            double& known = expected(channel_of(item.structure, i), channel_of(item.structure, j));
            known = std::min(known, r);
        });
        const MatrixXd found = distances_of(item.structure, cutoff);
        EXPECT_TRUE(((found.array() == expected.array()) || ((found - expected).array().abs() < 1e-12)).all())
            << found << "\n\n"
            << expected;
        EXPECT_EQ(found, found.transpose());
    }
}

/// The training data of every way to a force field: in parts, merged, written for another rank.
TEST(ShortestDistances, AreThoseOfAllTrainingStructures) {
    const ForceField made = testing::random_force_field(testing::small_descriptor(), two_species);
    const double cutoff = made.descriptor().cutoff();
    MatrixXd expected = no_distances(2);
    RegressionData some(made.n_references(), two_species), others = some;
    bool first = true;
    for (const auto& item : various()) {
        expected = expected.cwiseMin(distances_of(item.structure, cutoff));
        (first ? some : others).add(testing::rows_of(made, item.structure), item);
        first = !first;
    }
    EXPECT_NE(some.distances(), expected);
    EXPECT_NE(others.distances(), expected);
    some.merge(others);
    EXPECT_EQ(some.distances(), expected);
    EXPECT_EQ(some.restricted_to({0, 2}).distances(), expected);
    Message message;
    some.write(message);
    EXPECT_EQ(RegressionData::read(message).distances(), expected);
}

TEST(ShortestDistances, AreInfiniteForSpeciesThatNeverMeet) {
    Matrix3X positions = Matrix3X::Zero(3, 3);
    positions(0, 1) = 2.5;   // Ag
    positions(0, 2) = 50.0;  // I, alone
    MatrixXd expected(2, 2);
    expected << 2.5, infinity, infinity, infinity;
    EXPECT_EQ(distances_of(testing::cluster({47, 47, 53}, positions), 5.0), expected);
}

ForceField with_distances(const MatrixXd& shortest) {
    return testing::with_shortest_distances(testing::random_force_field(testing::small_descriptor(), two_species),
                                            shortest);
}

TEST(ClosestPair, OfAnEvaluationIsThatOfAllPairs) {
    MatrixXd shortest(2, 2);
    shortest << 2.9, 2.2, 2.2, 3.6;
    ForceFieldCalculator calculator(with_distances(shortest));
    for (const auto& item : various()) {
        const Structure& s = item.structure;
        double smallest = infinity;
        for_each_pair(s, calculator.force_field().descriptor().cutoff(), [&](Index i, Index j, double r) {
            smallest = std::min(smallest, r / shortest(channel_of(s, i), channel_of(s, j)));
        });
        for (const int n_threads : {1, 3}) {
            const testing::Threads threads(n_threads);
            const auto closest = calculator.evaluate(s).closest;
            ASSERT_EQ(closest.has_value(), smallest < infinity);
            if (!closest) continue;
            EXPECT_NEAR(closest->ratio, smallest, 1e-12);
            EXPECT_LE(closest->i, closest->j);
            EXPECT_EQ(closest->trained, shortest(channel_of(s, closest->i), channel_of(s, closest->j)));
            EXPECT_NEAR(closest->distance, smallest * closest->trained, 1e-12);
        }
    }
}

TEST(ClosestPair, OfSpeciesThatNeverMetComesFirst) {
    MatrixXd shortest(2, 2);
    shortest << 2.9, infinity, infinity, 3.6;
    ForceFieldCalculator calculator(with_distances(shortest));
    Matrix3X positions = Matrix3X::Zero(3, 3);
    positions(0, 1) = 4.0;
    positions(0, 2) = -2.0;
    const auto closest = calculator.evaluate(testing::cluster({47, 53, 47}, positions)).closest;
    ASSERT_TRUE(closest);
    EXPECT_EQ(std::pair(closest->i, closest->j), std::pair(Index{0}, Index{1}));
    EXPECT_EQ(closest->ratio, 0.0);
    EXPECT_EQ(closest->trained, infinity);
}

TEST(ClosestPair, IsUnknownWithoutTrainingDistances) {
    ForceFieldCalculator calculator(testing::random_force_field(testing::small_descriptor(), two_species));
    EXPECT_FALSE(calculator.evaluate(various().front().structure).closest);
}

TEST(ClosestPair, IsCarriedByEveryCopyOfTheForceField) {
    MatrixXd shortest(2, 2);
    shortest << 2.9, infinity, infinity, 3.6;
    const ForceField made = with_distances(shortest);
    EXPECT_EQ(made.with_calibration({.energy = 2.0}).shortest_distances(), shortest);
    EXPECT_EQ(made.with_production({}).shortest_distances(), shortest);
    EXPECT_EQ(made.with_posterior_factor(made.posterior().factor()).shortest_distances(), shortest);
}

TEST(ClosestPair, DistancesOfAForceFieldMustMakeSense) {
    MatrixXd lopsided(2, 2);
    lopsided << 2.9, 2.0, 2.1, 3.6;
    EXPECT_THROW((void)with_distances(lopsided), std::invalid_argument);
    EXPECT_THROW((void)with_distances(MatrixXd::Zero(2, 2)), std::invalid_argument);
    EXPECT_THROW((void)with_distances(MatrixXd::Constant(2, 2, std::nan(""))), std::invalid_argument);
    EXPECT_THROW((void)with_distances(MatrixXd::Ones(3, 3)), std::invalid_argument);
}

TEST(ClosestPair, IsDescribedInWords) {
    const Structure s = testing::cluster({47, 53, 47}, Matrix3X::Zero(3, 3));
    EXPECT_EQ(describe({0, 2, 1.234, 2.691, 0.46}, s),
              "atoms 1 (Ag) and 3 (Ag) are 1.23 Å apart; the shortest Ag-Ag distance in the training data is 2.69 Å");
    EXPECT_EQ(
        describe({1, 1, 3.0, infinity, 0.0}, s),
        "atom 2 (I) and its periodic image are 3.00 Å apart; the training data hold no I-I pair within the cutoff");
}

}  // namespace
}  // namespace mlff
