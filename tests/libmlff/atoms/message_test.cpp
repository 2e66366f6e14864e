#include "libmlff/atoms/message.hpp"

#include <gtest/gtest.h>

#include "libmlff/parallel/communicator.hpp"
#include "libmlff/parallel/descriptor_message.hpp"

namespace mlff {
namespace {

TEST(Message, ComesBackAsItWasSent) {
    LabeledStructure item;
    item.structure.cell << 5.0, 0.1, 0.2, 0.0, 6.0, 0.3, 0.0, 0.0, -7.0;
    item.structure.periodic = {true, false, true};
    item.structure.species = {47, 53};
    item.structure.positions = Matrix3X::Random(3, 2);
    item.labels.energy = -1.25;
    item.labels.stress = Voigt::Random();
    item.origin = "file:3";
    const descriptors::DescriptorOptions options{.radial = {.decay = 2.5},
                                                 .radial_weight = 0.3,
                                                 .softening = 0.25,
                                                 .normalization = descriptors::Normalization::separate,
                                                 .compression = descriptors::Compression::element,
                                                 .components = {1, 4, 7}};
    const std::map<int, std::vector<std::string>> words{{3, {"a", ""}}, {5, {}}};
    const Eigen::MatrixXd empty(4, 0);

    Message message(Message::of(item, options, words, empty, true, 7L).bytes());
    const auto item_2 = message.get<LabeledStructure>();
    const auto options_2 = message.get<descriptors::DescriptorOptions>();
    const auto words_2 = message.get<std::map<int, std::vector<std::string>>>();
    const auto empty_2 = message.get<Eigen::MatrixXd>();

    EXPECT_EQ(item_2.structure.cell, item.structure.cell);
    EXPECT_EQ(item_2.structure.periodic, item.structure.periodic);
    EXPECT_EQ(item_2.structure.species, item.structure.species);
    EXPECT_EQ(item_2.structure.positions, item.structure.positions);
    EXPECT_EQ(item_2.labels.energy, item.labels.energy);
    EXPECT_FALSE(item_2.labels.forces);
    EXPECT_EQ(*item_2.labels.stress, *item.labels.stress);
    EXPECT_EQ(item_2.origin, "file:3");
    EXPECT_EQ(options_2.radial_weight, 0.3);
    EXPECT_EQ(options_2.softening, 0.25);
    EXPECT_EQ(options_2.normalization, options.normalization);
    EXPECT_EQ(options_2.compression, options.compression);
    EXPECT_EQ(options_2.components, options.components);
    EXPECT_EQ(options_2.angular.filter, options.angular.filter);
    EXPECT_EQ(options_2.radial.decay, options.radial.decay);
    EXPECT_EQ(words_2, words);
    EXPECT_EQ(empty_2.rows(), 4);
    EXPECT_TRUE(message.get<bool>());
    EXPECT_EQ(message.get<long>(), 7);
    EXPECT_THROW((void)message.get<char>(), std::logic_error);
}

TEST(ShareByCost, GivesEachRankABlockOfAboutTheSameCost) {
    EXPECT_EQ(share_by_cost({1, 1, 1, 1}, 2), (std::vector<std::size_t>{0, 2, 4}));
    EXPECT_EQ(share_by_cost({1, 1, 1, 9, 1, 1}, 2), (std::vector<std::size_t>{0, 3, 6}));
    EXPECT_EQ(share_by_cost({5}, 3), (std::vector<std::size_t>{0, 0, 1, 1}));
    EXPECT_EQ(share_by_cost({}, 2), (std::vector<std::size_t>{0, 0, 0}));
    const std::vector<double> costs(1000, 1.0);
    const auto first = share_by_cost(costs, 7);
    for (std::size_t rank = 0; rank < 7; ++rank)
        EXPECT_NEAR(static_cast<double>(first[rank + 1] - first[rank]), 1000.0 / 7, 1.0);
}

TEST(Communicator, AloneItDoesNothing) {
    Communicator world;
    EXPECT_TRUE(world.alone());
    EXPECT_EQ(world.ranks_on_node(), 1);
    Eigen::VectorXd values = Eigen::VectorXd::Constant(2, 1.5);
    world.sum(values);
    EXPECT_EQ(values[1], 1.5);
    EXPECT_THROW(world.agree(std::make_exception_ptr(std::runtime_error("x"))), std::runtime_error);
}

}  // namespace
}  // namespace mlff
