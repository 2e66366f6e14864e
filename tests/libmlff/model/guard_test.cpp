#include "libmlff/model/guard.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

/// Answers with given spilling factors and counts how often it is asked for them.
class Spilling final : public Calculator {
 public:
    Evaluation evaluate(const Structure& structure, const Request& request) override {
        n_asked += request.spilling ? 1 : 0;
        Evaluation out;
        out.energy = -1.5;
        out.forces.setZero(3, structure.size());
        if (request.spilling) out.spilling = factors;
        out.closest = closest;
        return out;
    }
    std::string description() const override { return "spilling"; }

    Eigen::VectorXd factors = Eigen::VectorXd::Zero(2);
    std::optional<ClosePair> closest;
    int n_asked = 0;
};

Structure dimer() {
    Structure s;
    s.species = {47, 53};
    s.positions = Matrix3X::Random(3, 2);
    return s;
}

TEST(Guard, LooksEverySoOften) {
    Spilling inner;
    GuardedCalculator guard(inner, {.spilling = 0.5, .every = 3}, {});
    for (int k = 0; k < 7; ++k) EXPECT_EQ(guard.evaluate(dimer(), Request{}).energy, -1.5);
    EXPECT_EQ(inner.n_asked, 3);  // evaluations 1, 4 and 7
    EXPECT_EQ(guard.description(), "spilling");
}

TEST(Guard, StopsAboveTheLimitAndNamesTheAtom) {
    Spilling inner;
    GuardedCalculator guard(inner, {.spilling = 0.5, .every = 1}, {});
    inner.factors << 0.1, 0.5;
    EXPECT_NO_THROW((void)guard.evaluate(dimer(), Request{}));
    inner.factors[1] = 0.51;
    const std::string message = testing::error_of<GuardError>([&] { (void)guard.evaluate(dimer(), Request{}); });
    EXPECT_NE(message.find("atom 2 (I)"), std::string::npos) << message;
    EXPECT_NE(message.find("0.510"), std::string::npos) << message;
}

TEST(Guard, WarnsIfSoAskedAndGoesOn) {
    Spilling inner;
    inner.factors << 0.9, 0.2;
    std::vector<std::string> warnings;
    GuardedCalculator guard(inner, {.spilling = 0.5, .every = 2, .action = GuardAction::warn},
                            [&](const std::string& line) { warnings.push_back(line); });
    for (int k = 0; k < 4; ++k) EXPECT_EQ(guard.evaluate(dimer(), Request{}).energy, -1.5);
    ASSERT_EQ(warnings.size(), 2u);
    EXPECT_NE(warnings[0].find("atom 1 (Ag)"), std::string::npos) << warnings[0];
}

ClosePair pair_at(double ratio) { return {0, 1, 2.5 * ratio, 2.5, ratio}; }

TEST(Guard, LooksAtDistancesInEveryEvaluation) {
    Spilling inner;
    GuardedCalculator guard(inner, {.distance = 0.9, .every = 1000}, {});
    EXPECT_NO_THROW((void)guard.evaluate(dimer(), Request{}));  // no pair at all
    inner.closest = pair_at(0.9);
    EXPECT_NO_THROW((void)guard.evaluate(dimer(), Request{}));
    inner.closest = pair_at(0.88);
    EXPECT_EQ(testing::error_of<GuardError>([&] { (void)guard.evaluate(dimer(), Request{}); }),
              "atoms 1 (Ag) and 2 (I) are 2.20 Å apart; the shortest Ag-I distance in the training data is 2.50 Å "
              "(guard.distance 0.9): train further under these conditions");
    inner.closest = {0, 1, 4.0, std::numeric_limits<double>::infinity(), 0.0};
    EXPECT_NE(testing::error_of<GuardError>([&] {
                  (void)guard.evaluate(dimer(), Request{});
              }).find("the training data hold no Ag-I pair within the cutoff"),
              std::string::npos);
}

TEST(Guard, LeavesDistancesAloneIfTheyAreSwitchedOff) {
    Spilling inner;
    GuardedCalculator guard(inner, {.distance = 0.0}, {});
    inner.closest = pair_at(0.01);
    EXPECT_NO_THROW((void)guard.evaluate(dimer(), Request{}));
}

TEST(Guard, WarnsOfAClosePairNotMoreOftenThanItLooksAtSpilling) {
    Spilling inner;
    inner.closest = pair_at(0.5);
    std::vector<std::string> warnings;
    GuardedCalculator guard(inner, {.every = 4, .action = GuardAction::warn},
                            [&](const std::string& line) { warnings.push_back(line); });
    for (int k = 0; k < 9; ++k) (void)guard.evaluate(dimer(), Request{});
    EXPECT_EQ(warnings.size(), 3u);  // evaluations 1, 5 and 9
}

TEST(Guard, WhatIsNotANumberIsBeyondTheLimit) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (const Eigen::Vector2d& factors : {Eigen::Vector2d(nan, 0.1), Eigen::Vector2d(0.1, nan)}) {
        Spilling inner;
        inner.factors = factors;
        GuardedCalculator guard(inner, {.spilling = 0.5, .every = 1}, {});
        const std::string message = testing::error_of<GuardError>([&] { (void)guard.evaluate(dimer(), Request{}); });
        EXPECT_NE(message.find(std::isnan(factors[0]) ? "atom 1 (Ag)" : "atom 2 (I)"), std::string::npos) << message;
    }
    Spilling inner;
    inner.closest = pair_at(nan);
    GuardedCalculator guard(inner, {}, {});
    EXPECT_THROW((void)guard.evaluate(dimer(), Request{}), GuardError);
}

TEST(Guard, RefusesACalculatorWithoutSpillingFactors) {
    Spilling inner;
    inner.factors.resize(0);
    GuardedCalculator guard(inner, {}, {});
    EXPECT_THROW((void)guard.evaluate(dimer(), Request{}), std::logic_error);
}

TEST(Guard, SaysWhatItWatches) {
    EXPECT_EQ(describe(GuardOptions{.distance = 0.9, .spilling = 0.5, .every = 10}),
              "stops if two atoms come closer than 0.9 of the shortest distance of their species in the training data "
              "(looks every step), or if a spilling factor exceeds 0.5 (looks every 10 steps)");
    EXPECT_EQ(describe(GuardOptions{.distance = 0.0, .spilling = 0.5, .every = 10, .action = GuardAction::warn}),
              "warns if a spilling factor exceeds 0.5 (looks every 10 steps)");
}

TEST(Guard, RefusesOptionsOutOfBounds) {
    Spilling inner;
    EXPECT_THROW(GuardedCalculator(inner, {.spilling = 0.0}, {}), std::invalid_argument);
    EXPECT_THROW(GuardedCalculator(inner, {.spilling = 1.1}, {}), std::invalid_argument);
    EXPECT_THROW(GuardedCalculator(inner, {.distance = -0.1}, {}), std::invalid_argument);
    EXPECT_THROW(GuardedCalculator(inner, {.distance = 1.1}, {}), std::invalid_argument);
    EXPECT_THROW(GuardedCalculator(inner, {.distance = std::nan("")}, {}), std::invalid_argument);
    EXPECT_THROW(GuardedCalculator(inner, {.every = 0}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
