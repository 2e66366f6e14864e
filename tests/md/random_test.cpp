#include "md/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>
#include <stdexcept>
#include <vector>

#include "support/time_series.hpp"

namespace mlff::md {
namespace {

using testing::erlang_cumulative;
using testing::kolmogorov_distance;

constexpr int n_draws = 400000;
constexpr double kolmogorov_bound = 1.95;  // distance × sqrt(n) exceeds it once in a thousand

// Outputs of the generators' published reference code for the same states.
TEST(Random, MatchesPublishedOutputs) {
    Random random(Random::State{1, 2, 3, 4});
    for (const std::uint64_t expected : std::initializer_list<std::uint64_t>{
             41943041u, 58720359u, 3588806011781223u, 3591011842654386u, 9228616714210784205u, 9973669472204895162u,
             14011001112246962877u, 12406186145184390807u, 15849039046786891736u, 10450023813501588000u})
        EXPECT_EQ(random.next(), expected);
    const Random::State seeded = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                  4593380528125082431u};
    EXPECT_EQ(Random(1234567).state(), seeded);
}

TEST(Random, ContinuesFromItsState) {
    Random random(7);
    for (int k = 0; k < 5; ++k) random.gamma(3.0);
    Random copy(random.state());
    for (int k = 0; k < 5; ++k) {
        EXPECT_EQ(random.normal(), copy.normal());
        EXPECT_EQ(random.gamma(10.5), copy.gamma(10.5));
        EXPECT_EQ(random.uniform(), copy.uniform());
    }
    EXPECT_NE(Random(7).next(), Random(8).next());
}

TEST(Random, UniformFillsTheUnitInterval) {
    Random random(11);
    std::vector<double> draws(n_draws);
    for (double& draw : draws) {
        draw = random.uniform();
        ASSERT_TRUE(draw >= 0.0 && draw < 1.0);
    }
    EXPECT_LT(kolmogorov_distance(draws, [](double x) { return x; }) * std::sqrt(n_draws), kolmogorov_bound);
}

TEST(Random, NormalHasItsDistribution) {
    Random random(12);
    std::vector<double> draws(n_draws);
    double fourth = 0.0, neighbours = 0.0;
    for (double& draw : draws) draw = random.normal();
    for (std::size_t k = 0; k < draws.size(); ++k) {
        fourth += std::pow(draws[k], 4) / n_draws;
        neighbours += draws[k] * draws[(k + 1) % draws.size()] / n_draws;
    }
    const auto cumulative = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
    EXPECT_LT(kolmogorov_distance(draws, cumulative) * std::sqrt(n_draws), kolmogorov_bound);
    EXPECT_NEAR(fourth, 3.0, 5.0 * std::sqrt(96.0 / n_draws));
    EXPECT_NEAR(neighbours, 0.0, 5.0 / std::sqrt(n_draws));
}

TEST(Random, GammaHasItsDistribution) {
    for (const int shape : {1, 4, 39}) {
        Random random(static_cast<std::uint64_t>(13 + shape));
        std::vector<double> draws(n_draws);
        for (double& draw : draws) draw = random.gamma(shape);
        EXPECT_LT(
            kolmogorov_distance(draws, [&](double x) { return erlang_cumulative(shape, x); }) * std::sqrt(n_draws),
            kolmogorov_bound)
            << shape;
    }
    // Half-integer shapes are sums of squared normal deviates: mean and variance are the shape.
    Random random(17);
    double mean = 0.0, square = 0.0;
    for (int k = 0; k < n_draws; ++k) {
        const double draw = random.gamma(2.5);
        mean += draw / n_draws;
        square += draw * draw / n_draws;
    }
    EXPECT_NEAR(mean, 2.5, 5.0 * std::sqrt(2.5 / n_draws));
    EXPECT_NEAR(square - mean * mean, 2.5, 5.0 * 2.5 * std::sqrt((2.0 + 6.0 / 2.5) / n_draws));
    EXPECT_THROW(random.gamma(0.5), std::invalid_argument);
}

}  // namespace
}  // namespace mlff::md
