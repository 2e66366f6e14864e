#include "libmlff/model/guard.hpp"

#include <gtest/gtest.h>

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
        return out;
    }
    std::string description() const override { return "spilling"; }

    Eigen::VectorXd factors = Eigen::VectorXd::Zero(2);
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

TEST(Guard, RefusesOptionsOutOfBounds) {
    Spilling inner;
    EXPECT_THROW(GuardedCalculator(inner, {.spilling = 0.0}, {}), std::invalid_argument);
    EXPECT_THROW(GuardedCalculator(inner, {.spilling = 1.1}, {}), std::invalid_argument);
    EXPECT_THROW(GuardedCalculator(inner, {.every = 0}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
