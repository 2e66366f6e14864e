#include "analysis/series.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>

namespace mlff::analysis {
namespace {

TEST(BlockAverage, IndependentSamplesHaveTheTextbookError) {
    // Samples of unit variance: the standard error of n of them is 1/√n, and the blocks know it within their number.
    std::mt19937_64 random(3);
    std::normal_distribution<double> normal(5.0, 1.0);
    constexpr long n = 5000;
    constexpr Eigen::Index n_components = 200;
    BlockAverage average;
    Eigen::ArrayXd sample(n_components);
    for (long k = 0; k < n; ++k) {
        for (double& value : sample) value = normal(random);
        average.add(sample);
    }
    EXPECT_EQ(average.n_samples(), n);
    EXPECT_GE(average.n_blocks(), 8);
    EXPECT_LE(average.n_blocks(), 15);
    const double expected = 1.0 / std::sqrt(static_cast<double>(n));
    EXPECT_NEAR(average.mean().mean(), 5.0, 5.0 * expected / std::sqrt(200.0));
    const Eigen::ArrayXd error = average.error().value();
    EXPECT_NEAR(std::sqrt(error.square().mean()), expected, 0.1 * expected);
}

TEST(BlockAverage, CorrelatedSamplesAreNotTakenForIndependent) {
    // x' = a x + noise has the statistical inefficiency (1 + a)/(1 − a) = 19.
    std::mt19937_64 random(4);
    std::normal_distribution<double> normal;
    constexpr double a = 0.9;
    constexpr long n = 20000;
    BlockAverage average;
    Eigen::ArrayXd x = Eigen::ArrayXd::Zero(100);
    for (long k = 0; k < n; ++k) {
        for (double& value : x) value = a * value + std::sqrt(1.0 - a * a) * normal(random);
        average.add(x);
    }
    const double expected = std::sqrt(19.0 / static_cast<double>(n));
    EXPECT_NEAR(std::sqrt(average.error().value().square().mean()), expected, 0.15 * expected);
}

TEST(BlockAverage, MeanOfEverySampleWhateverTheBlocks) {
    BlockAverage average;
    double sum = 0.0;
    for (int k = 1; k <= 77; ++k) {
        average.add(Eigen::ArrayXd::Constant(1, k * k));
        sum += k * k;
        ASSERT_NEAR(average.mean()[0], sum / k, 1e-12 * sum);
        ASSERT_EQ(average.error().has_value(), average.n_blocks() >= BlockAverage::least_blocks);
        ASSERT_EQ(average.n_blocks(), k < 16 ? k : k < 32 ? k / 2 : k < 64 ? k / 4 : k / 8);
    }
}

TEST(BlockAverage, ErrorOfBlocksByHand) {
    BlockAverage average;  // blocks of two: 1.5, 3.5, … 15.5
    for (int k = 1; k <= 16; ++k) average.add(Eigen::ArrayXd::Constant(1, k));
    EXPECT_EQ(average.n_blocks(), 8);
    EXPECT_NEAR(average.error().value()[0], std::sqrt(168.0 / (8.0 * 7.0)), 1e-12);  // Σ (2k − 9)² over 1..8 is 168
}

TEST(BlockAverage, RefusesMisuse) {
    BlockAverage average;
    EXPECT_THROW((void)average.mean(), std::logic_error);
    average.add(Eigen::ArrayXd::Zero(2));
    EXPECT_THROW(average.add(Eigen::ArrayXd::Zero(3)), std::invalid_argument);
}

TEST(FitLine, FindsAnExactLineWithAnyWeights) {
    const Eigen::ArrayXd x = Eigen::ArrayXd::LinSpaced(7, 2.0, 5.0), y = 3.0 - 0.7 * x;
    const Line line = fit_line(x, y, x.square());
    EXPECT_NEAR(line.intercept, 3.0, 1e-12);
    EXPECT_NEAR(line.slope, -0.7, 1e-12);
}

TEST(FitLine, ResidualsAreOrthogonal) {
    const Eigen::ArrayXd x = (Eigen::ArrayXd(5) << 0, 1, 2, 4, 7).finished();
    const Eigen::ArrayXd y = (Eigen::ArrayXd(5) << 1, 0, 5, 2, 9).finished();
    const Eigen::ArrayXd w = (Eigen::ArrayXd(5) << 1, 2, 0.5, 3, 1).finished();
    const Line line = fit_line(x, y, w);
    const Eigen::ArrayXd residual = y - line.intercept - line.slope * x;
    EXPECT_NEAR((w * residual).sum(), 0.0, 1e-12);
    EXPECT_NEAR((w * residual * x).sum(), 0.0, 1e-12);
}

TEST(FitLine, RefusesWhatIsNoLine) {
    const Eigen::ArrayXd one = Eigen::ArrayXd::Ones(3);
    EXPECT_THROW((void)fit_line(one, one, one), std::invalid_argument);
    EXPECT_THROW((void)fit_line(Eigen::ArrayXd::LinSpaced(3, 0.0, 1.0), one, 0.0 * one), std::invalid_argument);
    EXPECT_THROW((void)fit_line(Eigen::ArrayXd::LinSpaced(3, 0.0, 1.0), one, Eigen::ArrayXd::Ones(2)),
                 std::invalid_argument);
}

}  // namespace
}  // namespace mlff::analysis
