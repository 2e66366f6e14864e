#include "libmlff/learning/decision.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

TEST(Decision, Table) {
    const DecisionOptions options{.critical_factor = 2.0, .interval = 10, .block = 5};
    struct Row {
        const char* what;
        Situation now;
        Action expected;
    };
    const std::vector<Row> table = {
        {"no model", {false, 0.0, 0.1, 100, 0}, Action::critical},
        {"far too uncertain", {true, 0.21, 0.1, 1, 0}, Action::critical},
        {"far too uncertain, whatever waits", {true, 0.21, 0.1, 100, 4}, Action::critical},
        {"exactly at the critical multiple", {true, 0.2, 0.1, 10, 0}, Action::threshold},
        {"uncertain, but sampled just before", {true, 0.2, 0.1, 9, 4}, Action::accurate},
        {"uncertain, long since a sample", {true, 0.11, 0.1, 10, 0}, Action::threshold},
        {"uncertain, the block not full yet", {true, 0.11, 0.1, 10, 3}, Action::threshold},
        {"uncertain, this one fills the block", {true, 0.11, 0.1, 10, 4}, Action::learning},
        {"uncertain, the block more than full", {true, 0.11, 0.1, 50, 7}, Action::learning},
        {"exactly at the threshold", {true, 0.1, 0.1, 100, 4}, Action::accurate},
        {"sure", {true, 0.05, 0.1, 100, 4}, Action::accurate},
    };
    for (const auto& row : table) EXPECT_EQ(decide(row.now, options), row.expected) << row.what;
    EXPECT_EQ(decide({true, 0.11, 0.1, 1, 0}, {.critical_factor = 2.0, .interval = 1, .block = 1}), Action::learning);
    EXPECT_EQ(decide({true, 0.11, 0.1, 1, 0}, {.critical_factor = 1.0}), Action::critical);
    // Closer than the training data, whatever the error estimates say.
    EXPECT_EQ(decide({true, 0.0, 0.1, 1, 0, 0.89}, {.distance = 0.9}), Action::critical);
    EXPECT_EQ(decide({true, 0.0, 0.1, 1, 0, 0.9}, {.distance = 0.9}), Action::accurate);
    EXPECT_EQ(decide({true, 0.0, 0.1, 1, 0, 0.0}, {.distance = 0.0}), Action::accurate);
}

TEST(Decision, Names) {
    EXPECT_STREQ(name(Action::accurate), "accurate");
    EXPECT_STREQ(name(Action::threshold), "threshold");
    EXPECT_STREQ(name(Action::learning), "learning");
    EXPECT_STREQ(name(Action::critical), "critical");
}

/// By hand: mean 3, deviations −2 −1 2 1 0 so std = √2, slope (−2·1 − 1·2 + 0·5 + 1·4 + 2·3)/10 = 0.6.
TEST(Threshold, StatisticsOfAHistory) {
    const HistoryStatistics s = statistics({1.0, 2.0, 5.0, 4.0, 3.0});
    EXPECT_NEAR(s.mean, 3.0, 1e-15);
    EXPECT_NEAR(s.spread, std::sqrt(2.0) / 3.0, 1e-15);
    EXPECT_NEAR(s.slope, 0.2, 1e-15);
    EXPECT_NEAR(statistics({3.0, 4.0, 5.0, 2.0, 1.0}).slope, 0.2, 1e-15);  // falling: the same magnitude
}

TEST(Threshold, AdaptiveMovesOnlyWhenTheHistoryIsFullAndSettled) {
    Threshold threshold({.start = 0.5, .history = 3, .max_spread = 0.4, .max_slope = 0.2, .factor = -0.1});
    EXPECT_FALSE(threshold.after_retraining(1.0));
    EXPECT_FALSE(threshold.after_retraining(1.0));
    EXPECT_EQ(threshold.value(), 0.5);
    EXPECT_TRUE(threshold.after_retraining(1.3));  // mean 1.1, spread 0.13, slope 0.15/1.1 = 0.14
    EXPECT_NEAR(threshold.value(), 0.9 * 1.1, 1e-15);
    EXPECT_FALSE(threshold.after_retraining(1.6));  // {1, 1.3, 1.6}: slope 0.3/1.3 = 0.23
    EXPECT_NEAR(threshold.value(), 0.9 * 1.1, 1e-15);
    EXPECT_EQ(threshold.history(), (std::vector<double>{1.0, 1.3, 1.6}));
    EXPECT_FALSE(threshold.after_prediction(7.0));  // no matter for this mode
    EXPECT_EQ(threshold.history().size(), 3u);
}

TEST(Threshold, AdaptiveDoesNotMoveWhileTheHistoryScatters) {
    Threshold threshold({.start = 0.5, .history = 4, .max_spread = 0.4, .max_slope = 0.2});
    for (const double error : {1.0, 3.0, 3.0, 1.0}) EXPECT_FALSE(threshold.after_retraining(error));  // 0.5, slope 0
    for (const double error : {1.0, 1.0}) EXPECT_FALSE(threshold.after_retraining(error));
    EXPECT_TRUE(threshold.after_retraining(1.0));
    EXPECT_EQ(threshold.value(), 1.0);
}

TEST(Threshold, AdaptiveSurvivesErrorsOfZero) {
    Threshold threshold({.start = 0.5, .history = 2});
    EXPECT_FALSE(threshold.after_retraining(0.0));
    EXPECT_FALSE(threshold.after_retraining(0.0));
    EXPECT_EQ(threshold.value(), 0.5);
}

TEST(Threshold, FixedNeverMoves) {
    Threshold threshold({.mode = ThresholdMode::fixed, .start = 0.5, .history = 2, .window = 1});
    for (int k = 0; k < 5; ++k) EXPECT_FALSE(threshold.after_retraining(1.0) || threshold.after_prediction(1.0));
    EXPECT_EQ(threshold.value(), 0.5);
}

TEST(Threshold, MovingAverageFollowsThePredictions) {
    Threshold threshold({.mode = ThresholdMode::moving_average, .start = 0.5, .window = 4, .factor = 0.2});
    for (const double beef : {1.0, 2.0, 9.0}) EXPECT_FALSE(threshold.after_prediction(beef));
    EXPECT_TRUE(threshold.after_prediction(4.0));
    EXPECT_NEAR(threshold.value(), 1.2 * 4.0, 1e-15);
    EXPECT_TRUE(threshold.after_prediction(5.0));
    EXPECT_NEAR(threshold.value(), 1.2 * 5.0, 1e-15);
    EXPECT_FALSE(threshold.after_retraining(100.0));
    EXPECT_NEAR(threshold.value(), 1.2 * 5.0, 1e-15);
}

TEST(Threshold, StateIsExact) {
    const ThresholdOptions options{.start = 0.002, .history = 3, .max_spread = 10.0, .max_slope = 10.0};
    Threshold threshold(options);
    const double tiny = std::numeric_limits<double>::denorm_min();
    for (const double error : {1.0 / 3.0, 0.1 + 0.2, 1e-17, tiny, 0.7}) (void)threshold.after_retraining(error);
    Threshold copy(options);
    copy.restore(threshold.state());
    EXPECT_EQ(copy.value(), threshold.value());
    EXPECT_EQ(copy.history(), threshold.history());
    EXPECT_EQ(copy.state(), threshold.state());
    (void)threshold.after_retraining(0.11);
    (void)copy.after_retraining(0.11);
    EXPECT_EQ(copy.value(), threshold.value());
    EXPECT_THROW(copy.restore("0.1 O.2"), InputError);
    EXPECT_THROW(copy.restore(""), InputError);
}

TEST(Threshold, RefusesOptionsOutOfBounds) {
    EXPECT_THROW(Threshold({.start = 0.0}), std::invalid_argument);
    EXPECT_THROW(Threshold({.start = std::nan("")}), std::invalid_argument);
    EXPECT_THROW(Threshold({.history = 1}), std::invalid_argument);
    EXPECT_THROW(Threshold({.window = 0}), std::invalid_argument);
    EXPECT_THROW(Threshold({.max_spread = 0.0}), std::invalid_argument);
    EXPECT_THROW(Threshold({.max_slope = -1.0}), std::invalid_argument);
    EXPECT_THROW(Threshold({.factor = -1.0}), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
