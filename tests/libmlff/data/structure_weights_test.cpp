#include "libmlff/data/structure_weights.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace mlff
