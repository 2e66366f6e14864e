#include "libmlff/data/structure_weights.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "support/force_fields.hpp"

namespace mlff {
namespace {

/// Nine structures of 8 Ag and I, one of which has another composition, one another size.
std::vector<LabeledStructure> structures() {
    std::vector<LabeledStructure> data;
    for (unsigned k = 0; k < 9; ++k) {
        LabeledStructure item{testing::jittered_crystal(k, 2, 2.3, {47, 53}, false, 0.1), {}, ""};
        item.group = k < 3 ? "hot" : "cold";
        data.push_back(item);
    }
    data[3].structure.species[0] = 53;
    data[4].structure = make_supercell(data[4].structure, {2, 1, 1});
    return data;
}

double mean_weight(const std::vector<LabeledStructure>& data) {
    double sum = 0.0;
    for (const auto& item : data) sum += item.weight;
    return sum / static_cast<double>(data.size());
}

TEST(StructureWeights, RareKindsWeighMore) {
    auto data = structures();
    weigh_structures(data, 0.0);
    for (const auto& item : data) EXPECT_DOUBLE_EQ(item.weight, 1.0);
    weigh_structures(data, 0.5);
    EXPECT_NEAR(mean_weight(data), 1.0, 1e-14);
    EXPECT_NEAR(data[3].weight / data[0].weight, std::sqrt(7.0), 1e-13);
    EXPECT_NEAR(data[4].weight / data[0].weight, std::sqrt(7.0), 1e-13);
    EXPECT_EQ(data[8].weight, data[0].weight);
    weigh_structures(data, 1.0);  // each kind as much as another
    EXPECT_NEAR(data[3].weight, 3.0, 1e-13);
    EXPECT_NEAR(data[0].weight, 3.0 / 7.0, 1e-14);
}

TEST(SampleStructures, HasRareKindsMoreOften) {
    std::vector<LabeledStructure> data;
    for (int k = 0; k < 64; ++k) {
        data.push_back(structures()[k % 16 == 5 ? 3 : 0]);
        data.back().origin = std::to_string(k);
    }
    EXPECT_EQ(kind_sizes(data)[0], 60.0);
    EXPECT_EQ(kind_sizes(data)[5], 4.0);
    const auto sample = sample_structures(data, 4.0);
    long n_rare = 0;
    for (const auto& item : sample) n_rare += item.structure.species[0] == 53 ? 1 : 0;
    EXPECT_EQ(sample.size(), 16u);
    double of_rare = 0.0, of_all = 0.0;
    for (const auto& item : sample) {
        of_all += item.weight;
        if (item.structure.species[0] == 53) of_rare += item.weight;
    }
    EXPECT_NEAR(of_rare / of_all, 4.0 / 64.0, 0.02);
    EXPECT_GE(n_rare, 3);  // 4 √60/(4 √60 + 60 √4) of 16: 3.3; one in four of them all would be one
    const auto all = sample_structures(data, 1.0);
    ASSERT_EQ(all.size(), data.size());
    for (std::size_t k = 0; k < data.size(); ++k) EXPECT_EQ(all[k].origin, data[k].origin);
    EXPECT_TRUE(sample_structures({}, 4.0).empty());
}

TEST(StructureWeights, OfGroups) {
    auto data = structures();
    weigh_structures(data, 0.5, {{"hot", 4.0}});
    EXPECT_NEAR(mean_weight(data), 1.0, 1e-14);
    EXPECT_NEAR(data[0].weight / data[8].weight, 4.0, 1e-13);
    EXPECT_NEAR(data[3].weight / data[8].weight, std::sqrt(7.0), 1e-13);
}

TEST(StructureWeights, RefusesWhatMeansNothing) {
    auto data = structures();
    EXPECT_THROW(weigh_structures(data, -0.1), std::invalid_argument);
    EXPECT_THROW(weigh_structures(data, 1.1), std::invalid_argument);
    EXPECT_THROW(weigh_structures(data, 0.0, {{"hot", 0.0}}), std::invalid_argument);
    try {
        weigh_structures(data, 0.0, {{"hott", 2.0}});
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_STREQ(error.what(), "no structure belongs to a group 'hott'; there are: cold, hot");
    }
}

/// n structures of 8 atoms; Ge is in those that are named.
std::vector<LabeledStructure> silicon_with_germanium(int n, const std::vector<int>& with_germanium) {
    std::vector<LabeledStructure> data;
    for (int k = 0; k < n; ++k)
        data.push_back({testing::jittered_crystal(static_cast<unsigned>(k), 2, 2.4, {14}), {}, std::to_string(k)});
    for (const int k : with_germanium) data[static_cast<std::size_t>(k)].structure.species[0] = 32;
    return data;
}

/// How many structures hold Ge.
long n_with_germanium(const std::vector<LabeledStructure>& data) {
    return std::count_if(data.begin(), data.end(), [](const auto& item) { return item.structure.species[0] == 32; });
}

TEST(SampleStructures, HasEverySpecies) {
    for (int rare = 0; rare < 300; rare += 13) {
        const auto training = silicon_with_germanium(300, {rare}), validation = silicon_with_germanium(300, {7, rare});
        const auto [few, unseen] = sample_data(training, validation, 100.0);
        EXPECT_EQ(n_with_germanium(few), 1);
        EXPECT_LE(few.size(), 4U);
        EXPECT_GE(n_with_germanium(unseen), 1);
        double of_all = 0.0, of_rare = 0.0;
        for (const auto& item : few) (item.structure.species[0] == 32 ? of_rare : of_all) += item.weight;
        EXPECT_LT(of_rare, of_all);
    }
}

TEST(SampleStructures, IsNeverEmpty) {
    std::vector<LabeledStructure> large(3);
    for (auto& item : large) item.structure = testing::jittered_crystal(1, 19, 2.4, {14});  // 6859 atoms
    EXPECT_EQ(sample_structures({large[0]}, 2.3).size(), 1U);
    EXPECT_EQ(sample_structures(large, 7.0).size(), 1U);
    EXPECT_NEAR(sample_structures(large, 7.0)[0].weight, 1.0, 1e-12);
    EXPECT_EQ(sample_data(large, {large[0]}, 7.0).validation.size(), 1U);
    EXPECT_EQ(sample_data(large, {}, 7.0).training.size(), 2U);  // one for a fit that has not seen the other
    EXPECT_TRUE(sample_structures({}, 7.0).empty());
}

/// Thinning by the factor of the training data would leave few of a small validation set.
TEST(SampleStructures, KeepsEnoughToValidate) {
    const auto training = silicon_with_germanium(2000, {}), validation = silicon_with_germanium(20, {}),
               many = silicon_with_germanium(1000, {});
    EXPECT_EQ(sample_data(training, validation, 50.0).validation.size(), 20U);
    EXPECT_EQ(sample_data(training, many, 50.0).validation.size(), 125U);
    EXPECT_EQ(sample_data(training, many, 4.0).validation.size(), 250U);
    EXPECT_EQ(sample_data(training, many, 50.0).training.size(), 40U);
}

}  // namespace
}  // namespace mlff
