#include "md/relaxation.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <string>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "md/random.hpp"
#include "support/mechanical_models.hpp"

namespace mlff::md {
namespace {

using testing::SpringCrystal;
using testing::SpringNetwork;

/// The crystal, whose springs are at rest when it is smaller by a factor of 1.1, with its atoms out of place.
State disturbed(const SpringCrystal& crystal, double by) {
    State state = make_state(crystal.structure);
    Random random(3);
    for (auto& x : state.structure.positions.reshaped()) x += by * (random.uniform() - 0.5);
    return state;
}

bool go_on(const RelaxationReport&) { return true; }

TEST(Relaxation, PositionsFindTheirMinimum) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, 1.0);
    State state = disturbed(crystal, 0.4);
    const RelaxationOptions options = {.force = 1e-4};
    double last = 0.0;
    std::int64_t steps = 0;
    const bool converged = relax(springs, state, options, [&](const RelaxationReport& report) {
        if (report.step > 0) {
            EXPECT_LE(report.enthalpy, last + 1e-6);
        }
        last = report.enthalpy;
        steps = report.step;
        return true;
    });
    EXPECT_TRUE(converged);
    EXPECT_LT(steps, 100);
    EXPECT_LT(springs.evaluate(state.structure).forces.colwise().norm().maxCoeff(), 1e-4);
    EXPECT_EQ(state.structure.cell, crystal.structure.cell);
    EXPECT_NEAR(last, springs.evaluate(crystal.structure).energy, 1e-5);  // all sites are alike
}

// At rest all springs have their length: the minimum is known, whatever of the cell moves and from where.
TEST(Relaxation, CellFindsTheSpringsAtRest) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, 1.0);
    State state = disturbed(crystal, 0.2);
    Matrix3 strain;
    strain << 0.02, 0.03, 0.01, 0.0, -0.03, 0.02, 0.01, 0.0, 0.05;
    state.structure.cell += strain * state.structure.cell;
    state.structure.positions += strain * state.structure.positions;
    const RelaxationOptions options = {.cell = CellMotion::triclinic, .force = 1e-4, .stress = 1e-3};
    EXPECT_TRUE(relax(springs, state, options, go_on));
    const Evaluation at_rest = springs.evaluate(state.structure);
    EXPECT_LT(at_rest.energy, 1e-5);
    EXPECT_LT(at_rest.stress->cwiseAbs().maxCoeff() * units::ev_per_cubic_angstrom_in_gpa, 1e-3);
    EXPECT_NEAR(state.structure.volume(), crystal.structure.volume() / std::pow(1.1, 3), 0.01);
}

TEST(Relaxation, ReachesTheExternalPressure) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    for (const bool tensor : {false, true}) {
        State state = make_state(crystal.structure);
        state.structure.cell /= 1.1;
        state.structure.positions /= 1.1;
        RelaxationOptions options = {.cell = CellMotion::triclinic, .force = 1e-4, .stress = 1e-3};
        options.pressure << 2.0, 2.0, 2.0, 0.0, 0.0, 0.0;
        if (tensor) options.pressure << 0.4, 0.2, 0.3, 0.05, -0.04, 0.03;
        EXPECT_TRUE(relax(springs, state, options, go_on));
        const Voigt pressure = -*springs.evaluate(state.structure).stress * units::ev_per_cubic_angstrom_in_gpa;
        // A tensor is a tension of the initial cell: right up to the strain, here some 1 %.
        EXPECT_LT((pressure - options.pressure).cwiseAbs().maxCoeff(), tensor ? 0.02 : 2e-3);
    }
}

TEST(Relaxation, HeldAtomsAndFixedLatticeVectorsStay) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    State state = disturbed(crystal, 0.3);
    state.move_mask = MoveMask::Constant(3, 8, true);
    state.move_mask.col(5).setConstant(false);
    const State before = state;
    RelaxationOptions options = {.force = 1e-4};
    EXPECT_TRUE(relax(springs, state, options, go_on));
    EXPECT_EQ(state.structure.positions.col(5), before.structure.positions.col(5));
    EXPECT_NE(state.structure.positions.col(4), before.structure.positions.col(4));
    options.cell = CellMotion::triclinic;
    options.fixed[1] = true;
    EXPECT_TRUE(relax(springs, state, options, go_on));
    EXPECT_EQ(state.structure.cell.col(1), before.structure.cell.col(1));
    EXPECT_GT((state.structure.cell.col(0) - before.structure.cell.col(0)).norm(), 0.1);
    const Vector3 place = before.structure.cell.inverse() * before.structure.positions.col(5);
    EXPECT_LT((state.structure.cell.inverse() * state.structure.positions.col(5) - place).norm(), 1e-12);
}

/// Forces of the wrong sign.
class Wrong final : public Calculator {
 public:
    explicit Wrong(Calculator& inner) : inner_(inner) {}
    Evaluation evaluate(const Structure& structure, const Request& request) override {
        Evaluation answer = inner_.evaluate(structure, request);
        answer.forces *= -1.0;
        return answer;
    }
    std::string description() const override { return "wrong"; }

 private:
    Calculator& inner_;
};

TEST(Relaxation, SaysWhatIsWrong) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    State state = disturbed(crystal, 0.3);
    Wrong wrong(springs);
    EXPECT_THROW(relax(wrong, state, {}, go_on), std::runtime_error);
    testing::Wells wells(crystal.structure.positions, Eigen::VectorXd::Ones(8));
    EXPECT_THROW(relax(wells, state, {.cell = CellMotion::triclinic}, go_on), InputError);
    EXPECT_THROW(relax(springs, state, {.force = 0.0}, go_on), InputError);
    // Stopped early: not converged, and the state is that of the last step.
    State stopped = disturbed(crystal, 0.3);
    EXPECT_FALSE(relax(springs, stopped, {.steps = 1}, go_on));
    EXPECT_NE(stopped.structure.positions, disturbed(crystal, 0.3).structure.positions);
}

}  // namespace
}  // namespace mlff::md
