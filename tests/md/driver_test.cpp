#include "md/driver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "runs.hpp"
#include "support/finite_difference.hpp"
#include "support/mechanical_models.hpp"
#include "support/time_series.hpp"

namespace mlff::md {
namespace {

using testing::go_on;
using testing::nve;
using testing::nvt;
using testing::SpringCrystal;
using testing::SpringNetwork;

constexpr double stiffness = 1.5;  // eV/Å²: the fastest vibration of the crystal has a period near 0.2 ps

std::string message_of(const DynamicsOptions& options) {
    try {
        options.validate();
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

// The model that everything below rests on.
TEST(SpringNetworkModel, ForcesAndStressAreDerivatives) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, stiffness);
    Structure shaken = crystal.structure;
    shaken.positions += 0.2 * Matrix3X::Random(3, 8);
    const Eigen::VectorXd x = shaken.positions.reshaped();
    const auto energy = [&](const Eigen::VectorXd& y) {
        Structure moved = shaken;
        moved.positions = y.reshaped(3, 8);
        return springs.evaluate(moved).energy;
    };
    const Evaluation at = springs.evaluate(shaken);
    const double laplacian = springs.laplacian();
    EXPECT_TRUE(testing::gradient_matches(energy, x, -at.forces.reshaped()));
    const auto strained = [&](const Eigen::VectorXd& strain) {
        Structure moved = shaken;
        Voigt tensor = strain;
        tensor.tail<3>() *= 0.5;  // both off-diagonal elements move together
        const Matrix3 deformation = Matrix3::Identity() + from_voigt(tensor);
        moved.cell = deformation * moved.cell;
        moved.positions = deformation * moved.positions;
        return springs.evaluate(moved).energy / shaken.volume();
    };
    EXPECT_TRUE(testing::gradient_matches(strained, Eigen::VectorXd::Zero(6), *at.stress));
    double trace = 0.0;
    for (Eigen::Index k = 0; k < x.size(); ++k) {
        Eigen::VectorXd plus = x, minus = x;
        plus[k] += 1e-4;
        minus[k] -= 1e-4;
        trace += (energy(plus) + energy(minus) - 2.0 * energy(x)) / 1e-8;
    }
    EXPECT_NEAR(laplacian, trace, 1e-4 * trace);
}

TEST(DynamicsOptions, NamesFieldValueAndBound) {
    const DynamicsOptions good = nvt(ThermostatType::csvr, 300.0, 1.0, 10);
    EXPECT_EQ(message_of(DynamicsOptions()), "");
    EXPECT_EQ(message_of(good), "");
    EXPECT_EQ(message_of(nve(0.0, 1.0, 0)), "");
    const auto spoiled = [&](auto&& spoil) {
        DynamicsOptions options = good;
        spoil(options);
        return message_of(options);
    };
    EXPECT_EQ(spoiled([](auto& o) { o.timestep = 0.0; }), "timestep is 0 fs; it must be positive");
    EXPECT_NE(spoiled([](auto& o) { o.timestep = std::nan(""); }), "");
    EXPECT_EQ(spoiled([](auto& o) { o.steps = -1; }), "steps is -1; it must not be negative");
    EXPECT_EQ(spoiled([](auto& o) { o.temperature_end = -5.0; }), "temperature_end is -5 K; it must not be negative");
    EXPECT_NE(spoiled([](auto& o) { o.temperature_start = 0.0; }), "");
    EXPECT_NE(spoiled([](auto& o) { o.thermostat.type = ThermostatType::none; }), "");
    EXPECT_NE(spoiled([](auto& o) { o.thermostat.period = 0.0; }), "");
    EXPECT_NE(spoiled([](auto& o) { o.max_displacement = 0.0; }), "");
    EXPECT_NE(spoiled([](auto& o) { o.max_temperature = std::nan(""); }), "");
    EXPECT_NE(spoiled([](auto& o) { o.ensemble = Ensemble::nve; }), "");
    DynamicsOptions ramp = nve(300.0, 1.0, 10);
    ramp.temperature_end = 400.0;
    EXPECT_NE(message_of(ramp), "");
}

TEST(DynamicsOptions, RampIsLinearAndThenStays) {
    DynamicsOptions options = nvt(ThermostatType::csvr, 400.0, 1.0, 100);
    options.temperature_end = 650.0;
    EXPECT_EQ(options.target_temperature(0), 400.0);
    EXPECT_EQ(options.target_temperature(50), 525.0);
    EXPECT_EQ(options.target_temperature(100), 650.0);
    EXPECT_EQ(options.target_temperature(1000), 650.0);
}

TEST(Driver, ReportsStepZeroAndEveryStepOnce) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, stiffness);
    Driver driver(springs, make_state(crystal.structure), nvt(ThermostatType::nose_hoover, 300.0, 2.0, 5));
    EXPECT_THROW((void)driver.report(), std::logic_error);
    std::vector<std::int64_t> steps;
    const auto observer = [&](const StepReport& report) {
        steps.push_back(report.step);
        EXPECT_EQ(report.time, 2.0 * static_cast<double>(report.step));
        EXPECT_EQ(report.target_temperature, 300.0);
        EXPECT_EQ(report.potential, report.evaluation.energy);
        EXPECT_EQ(report.kinetic, kinetic_energy(report.state));
        EXPECT_EQ(report.temperature, temperature(report.kinetic, 21));
        EXPECT_TRUE(report.pressure.has_value());
        EXPECT_EQ(*report.pressure, pressure(report.kinetic, *report.evaluation.stress, crystal.structure.volume()));
        // The forces reported belong to the positions reported.
        EXPECT_EQ(report.evaluation.forces, springs.evaluate(report.state.structure).forces);
        if (report.step == 0) {
            EXPECT_NEAR(report.temperature, 300.0, 1e-10);
            EXPECT_EQ(report.conserved, report.kinetic + report.potential);
        }
        return report.step != 3;
    };
    EXPECT_FALSE(driver.run(observer));
    EXPECT_TRUE(driver.run(observer));
    EXPECT_TRUE(driver.run(observer));
    EXPECT_EQ(steps, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}));
}

TEST(Driver, TakesTheVelocitiesItIsGiven) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, stiffness);
    const Matrix3X given = 0.01 * Matrix3X::Random(3, 8);
    DynamicsOptions options = nve(300.0, 1.0, 5);
    options.given_velocities = true;
    const Driver resting(springs, make_state(crystal.structure, given), options);
    EXPECT_LT(drift_velocity(resting.state()).norm(), 1e-17);
    State expected = make_state(crystal.structure, given);
    remove_drift(expected);
    EXPECT_EQ(resting.state().velocities, expected.velocities);
    EXPECT_THROW(Driver(springs, make_state(crystal.structure), options), InputError);

    options = nvt(ThermostatType::langevin, 300.0, 1.0, 5);
    options.given_velocities = true;
    EXPECT_EQ(Driver(springs, make_state(crystal.structure, given), options).state().velocities, given);

    options = nvt(ThermostatType::csvr, 300.0, 1.0, 5);
    options.given_velocities = true;
    EXPECT_THROW(Driver(springs, make_state(crystal.structure, Matrix3X::Zero(3, 8)), options), InputError);
    options.given_velocities = false;  // what the state brings along is then replaced
    EXPECT_NE(Driver(springs, make_state(crystal.structure, given), options).state().velocities, given);
}

TEST(Driver, SeedDecides) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, stiffness);
    const auto end_of = [&](std::uint64_t seed) {
        DynamicsOptions options = nvt(ThermostatType::langevin, 300.0, 2.0, 20);
        options.seed = seed;
        Driver driver(springs, make_state(crystal.structure), options);
        driver.run(go_on);
        return driver.snapshot();
    };
    EXPECT_EQ(end_of(5), end_of(5));
    EXPECT_NE(end_of(5), end_of(6));
}

// Two atoms on a spring vibrate with the reduced mass; a single atom has no temperature, but moves as the force says.
TEST(Driver, DiatomicVibratesWithItsReducedMass) {
    Structure pair;
    pair.cell = Vector3(20.0, 20.0, 20.0).asDiagonal();
    pair.species = {1, 53};
    pair.positions.resize(3, 2);
    pair.positions << 0.0, 1.0, 0.0, 1.0, 0.0, 1.0;
    const double length = std::sqrt(3.0);
    SpringNetwork spring({{0, 1, {0, 0, 0}, length}}, 5.0);
    const Vector3 along = Vector3::Constant(1.0 / length);
    Matrix3X given(3, 2);
    given << along * 0.01, -along * 0.01;
    DynamicsOptions options = nve(0.0, 0.1, 4000);
    options.given_velocities = true;
    const State initial = make_state(pair, given);
    Driver driver(spring, initial, options);
    std::vector<double> crossings;
    double last = 0.0;
    driver.run([&](const StepReport& report) {
        const Matrix3X& r = report.state.structure.positions;
        const double stretch = (r.col(1) - r.col(0)).norm() - length;
        if (last * stretch < 0.0) crossings.push_back(report.time - 0.1 * stretch / (stretch - last));
        last = stretch;
        return true;
    });
    ASSERT_GT(crossings.size(), 20u);
    const double half = (crossings.back() - crossings.front()) / static_cast<double>(crossings.size() - 1);
    const double reduced = initial.masses[0] * initial.masses[1] / initial.masses.sum();
    EXPECT_NEAR(half, std::numbers::pi / std::sqrt(5.0 * units::acceleration / reduced), 1e-3);
}

TEST(Driver, SingleAtom) {
    Structure one;
    one.species = {3};
    one.positions.resize(3, 1);
    one.positions << 0.1, 0.0, 0.0;
    testing::Wells well(Matrix3X::Zero(3, 1), Eigen::VectorXd::Constant(1, 1.0));
    Driver falling(well, make_state(one), nve(300.0, 1.0, 10));
    falling.run([](const StepReport& report) {
        EXPECT_EQ(report.temperature, 0.0);
        EXPECT_FALSE(report.target_temperature.has_value());
        EXPECT_FALSE(report.pressure.has_value());
        EXPECT_NEAR(report.conserved, 0.005, 1e-5);
        return true;
    });
    EXPECT_LT(falling.state().structure.positions(0, 0), 0.1);
    EXPECT_NO_THROW(Driver(well, make_state(one), nvt(ThermostatType::langevin, 300.0, 1.0, 10)));
    EXPECT_THROW(Driver(well, make_state(one), nvt(ThermostatType::nose_hoover, 300.0, 1.0, 10)), InputError);
    EXPECT_THROW(Driver(well, make_state(one), nvt(ThermostatType::csvr, 300.0, 1.0, 10)), InputError);
}

TEST(Driver, RunsBackwards) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, stiffness);
    Driver forth(springs, make_state(crystal.structure), nve(600.0, 4.0, 300));
    const State start = forth.state();
    forth.run(go_on);
    State turned = forth.state();
    turned.step = 0;
    turned.velocities *= -1.0;
    DynamicsOptions options = nve(600.0, 4.0, 300);
    options.given_velocities = true;
    Driver back(springs, turned, options);
    back.run(go_on);
    EXPECT_GT((turned.structure.positions - start.structure.positions).norm(), 0.5);
    EXPECT_LT((back.state().structure.positions - start.structure.positions).norm(), 1e-9);
    EXPECT_LT((back.state().velocities + start.velocities).norm(), 1e-11);
}

// Scatter of the conserved quantity over the same stretch of time, and its end minus its beginning.
struct Conservation {
    double scatter, drift;
};

Conservation conservation(const DynamicsOptions& options, double duration) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, stiffness);
    DynamicsOptions timed = options;
    timed.steps = std::llround(duration / options.timestep);
    Driver driver(springs, make_state(crystal.structure), timed);
    std::vector<double> series;
    driver.run([&](const StepReport& report) {
        series.push_back(report.conserved);
        return true;
    });
    const std::size_t third = series.size() / 3;
    double first = 0.0, last = 0.0;
    for (std::size_t k = 0; k < third; ++k) {
        first += series[k] / static_cast<double>(third);
        last += series[series.size() - 1 - k] / static_cast<double>(third);
    }
    return {testing::scatter(series), last - first};
}

TEST(Driver, NveKeepsTheEnergyToSecondOrderWithoutDrift) {
    const Conservation coarse = conservation(nve(600.0, 8.0, 0), 20000.0);
    const Conservation fine = conservation(nve(600.0, 2.0, 0), 20000.0);
    EXPECT_NEAR(std::log2(coarse.scatter / fine.scatter) / 2.0, 2.0, 0.1);
    EXPECT_LT(std::abs(coarse.drift), 0.1 * coarse.scatter);
    EXPECT_LT(std::abs(fine.drift), 0.1 * fine.scatter);
}

class Thermostatted : public ::testing::TestWithParam<ThermostatType> {};

TEST_P(Thermostatted, KeepsTheConservedQuantityToSecondOrder) {
    const Conservation coarse = conservation(nvt(GetParam(), 600.0, 8.0, 0), 20000.0);
    const Conservation fine = conservation(nvt(GetParam(), 600.0, 2.0, 0), 20000.0);
    EXPECT_NEAR(std::log2(coarse.scatter / fine.scatter) / 2.0, 2.0, 0.3);
}

TEST_P(Thermostatted, FollowsARampAndStillConserves) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, stiffness);
    DynamicsOptions options = nvt(GetParam(), 100.0, 4.0, 40000);
    options.temperature_end = 700.0;
    Driver driver(springs, make_state(crystal.structure), options);
    // Means of T/target − 1 over tenths of the run; each is known to within 0.02.
    std::vector<double> means(10, 0.0);
    double first = 0.0, worst = 0.0;
    driver.run([&](const StepReport& report) {
        if (report.step == 0) {
            first = report.conserved;
            return true;
        }
        means[static_cast<std::size_t>((report.step - 1) / 4000)] +=
            (report.temperature / *report.target_temperature - 1.0) / 4000.0;
        worst = std::max(worst, std::abs(report.conserved - first));
        return true;
    });
    for (const double mean : means) EXPECT_NEAR(mean, 0.0, 0.08);
    EXPECT_LT(worst, 0.05);
}

TEST_P(Thermostatted, LeavesTheCentreOfMassAtRest) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, stiffness);
    Driver driver(springs, make_state(crystal.structure), nvt(GetParam(), 600.0, 4.0, 5000));
    driver.run(go_on);
    const double drift = drift_velocity(driver.state()).norm();
    if (GetParam() == ThermostatType::langevin)
        EXPECT_GT(drift, 1e-5);  // three degrees of freedom like the others
    else
        EXPECT_LT(drift, 1e-15);
}

INSTANTIATE_TEST_SUITE_P(All, Thermostatted,
                         ::testing::Values(ThermostatType::nose_hoover, ThermostatType::langevin,
                                           ThermostatType::csvr));

/// The forces of a code on a grid: they do not sum to zero, and the energy does not know.
class OnAGrid final : public Calculator {
 public:
    explicit OnAGrid(Calculator& calculator) : calculator_(calculator) {}

    Evaluation evaluate(const Structure& structure, const Request& request = {}) override {
        Evaluation evaluation = calculator_.evaluate(structure, request);
        evaluation.forces.colwise() += Vector3(1e-3, -2e-3, 5e-4);
        return evaluation;
    }
    std::string description() const override { return "springs on a grid"; }

 private:
    Calculator& calculator_;
};

TEST_P(Thermostatted, LeavesTheCentreOfMassAtRestWhateverTheForcesSumTo) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, stiffness);
    OnAGrid reference(springs);
    State initial = make_state(crystal.structure);
    for (Eigen::Index i = 0; i < initial.size(); i += 2) initial.masses[i] *= 5.0;
    const DynamicsOptions options = nvt(GetParam(), 600.0, 4.0, 1500);
    Driver driver(reference, initial, options);
    double first = 0.0, last = 0.0, net_force = 0.0, sum = 0.0;
    driver.run([&](const StepReport& report) {
        if (report.step == 0) first = report.conserved;
        last = report.conserved;
        net_force = report.net_force;
        sum = report.evaluation.forces.rowwise().sum().norm() / static_cast<double>(report.state.size());
        return true;
    });
    const double expected = Vector3(1e-3, -2e-3, 5e-4).norm();
    EXPECT_NEAR(sum, expected, 1e-9) << "the label must stay what it was";
    if (GetParam() == ThermostatType::langevin) {
        EXPECT_EQ(net_force, 0.0);
        return;
    }
    EXPECT_NEAR(net_force, expected, 1e-9);
    EXPECT_LT(drift_velocity(driver.state()).norm(), 1e-12);
    EXPECT_NEAR(last, first, 0.02) << "what is left out must do no work";

    // A run that goes on from a snapshot is the same.
    Driver half(reference, initial, [&] {
        DynamicsOptions shorter = options;
        shorter.steps = 700;
        return shorter;
    }());
    half.run(go_on);
    Driver rest(reference, initial, options);
    rest.restore(half.snapshot());
    rest.run(go_on);
    EXPECT_EQ(rest.snapshot(), driver.snapshot());
}

/// Passes on another calculator's answers, spoiled at one evaluation.
class Spoiled final : public Calculator {
 public:
    using Spoil = std::function<void(Evaluation&)>;
    Spoiled(Calculator& calculator, int at, Spoil spoil) : calculator_(calculator), at_(at), spoil_(std::move(spoil)) {}

    Evaluation evaluate(const Structure& structure, const Request& request = {}) override {
        Evaluation evaluation = calculator_.evaluate(structure, request);
        if (calls_++ == at_) spoil_(evaluation);
        return evaluation;
    }
    std::string description() const override { return "spoiled"; }

 private:
    Calculator& calculator_;
    int at_, calls_ = 0;
    Spoil spoil_;
};

TEST(Driver, RefusesWhatIsNotFiniteAndStandsWhereItStood) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, stiffness);
    const DynamicsOptions options = nvt(ThermostatType::langevin, 300.0, 2.0, 10);
    Driver undisturbed(springs, make_state(crystal.structure), options);
    undisturbed.run(go_on);

    const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
    const std::vector<std::pair<Spoiled::Spoil, std::string>> cases = {
        {[&](Evaluation& e) { e.energy = nan; }, "energy"},
        {[&](Evaluation& e) { e.energy = -inf; }, "energy"},
        {[&](Evaluation& e) { e.forces(2, 4) = nan; }, "atom 5 (I)"},
        {[&](Evaluation& e) { e.forces(0, 7) = inf; }, "atom 8 (I)"},
        {[&](Evaluation& e) { (*e.stress)[3] = nan; }, "stress"}};
    for (const int at : {0, 4})
        for (const auto& [spoil, words] : cases) {
            Spoiled spoiled(springs, at, spoil);
            Driver driver(spoiled, make_state(crystal.structure), options);
            try {
                driver.run(go_on);
                ADD_FAILURE() << "step " << at << " went through with a spoiled " << words;
            } catch (const std::runtime_error& error) {
                const std::string message = error.what();
                EXPECT_NE(message.find("step " + std::to_string(at)), std::string::npos) << message;
                EXPECT_NE(message.find(words), std::string::npos) << message;
            }
            EXPECT_EQ(driver.state().step, std::max(0, at - 1));
            driver.run(go_on);
            EXPECT_EQ(driver.snapshot(), undisturbed.snapshot());
        }
    Spoiled short_of_forces(springs, 2, [](Evaluation& e) { e.forces.conservativeResize(3, 7); });
    Driver driver(short_of_forces, make_state(crystal.structure), options);
    EXPECT_THROW(driver.run(go_on), std::logic_error);
}

TEST(Driver, StopsAnExplosion) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, stiffness);
    const auto message = [&](const DynamicsOptions& options, double push) -> std::string {
        Spoiled pushed(springs, 3, [&](Evaluation& e) { e.forces(1, 5) += push; });
        Driver driver(pushed, make_state(crystal.structure), options);
        try {
            driver.run(go_on);
        } catch (const GuardError& error) {
            EXPECT_EQ(driver.state().step, std::string(error.what()).starts_with("step 4") ? 3 : 2);
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(message(nve(300.0, 1.0, 20), 10.0), "");
    const std::string far = message(nve(300.0, 1.0, 20), 1e5);
    EXPECT_TRUE(far.starts_with("step 3: the temperature is ")) << far;
    DynamicsOptions hot = nve(300.0, 1.0, 20);
    hot.max_temperature = 1e12;
    const std::string moved = message(hot, 1e5);
    EXPECT_TRUE(moved.starts_with("step 4: atom 6 (Ag) would move ")) << moved;
}

/// Of 27 atoms nine stay where they are, three along z only.
State held_crystal(const Structure& structure) {
    State state = make_state(structure);
    state.move_mask.setConstant(3, structure.size(), true);
    state.move_mask.leftCols(9).setConstant(false);
    state.move_mask.row(2).segment(9, 3).setConstant(false);
    return state;
}

class Held : public ::testing::TestWithParam<ThermostatType> {};

TEST_P(Held, AtomsStayAndTheOthersHaveTheTemperature) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, stiffness);
    const State initial = held_crystal(crystal.structure);
    const Eigen::Index n_free = 27 * 3 - 9 * 3 - 3;
    DynamicsOptions options = nvt(GetParam(), 300.0, 2.0, 20000);
    Driver driver(springs, initial, options);
    double first = 0.0, largest_drift = 0.0, twice_kinetic = 0.0;
    double momentum = 0.0;
    driver.run([&](const StepReport& report) {
        if (report.step == 0) first = report.conserved;
        largest_drift = std::max(largest_drift, std::abs(report.conserved - first));
        twice_kinetic += 2.0 * report.kinetic;
        momentum = std::max(momentum, drift_velocity(report.state).norm());
        EXPECT_EQ(report.net_force, 0.0);
        return true;
    });
    const State& state = driver.state();
    const Matrix3X moved = state.structure.positions - initial.structure.positions;
    EXPECT_EQ(moved.leftCols(9).cwiseAbs().maxCoeff(), 0.0);
    EXPECT_EQ(moved.row(2).segment(9, 3).cwiseAbs().maxCoeff(), 0.0);
    EXPECT_GT((moved.array() != 0.0).count(), n_free - 1);
    EXPECT_GT(momentum, 1e-4);  // the held atoms take up momentum: nothing is removed
    EXPECT_LT(largest_drift, 0.01);
    if (GetParam() != ThermostatType::none) {
        EXPECT_NEAR(twice_kinetic / 20001.0 / static_cast<double>(n_free) / units::boltzmann, 300.0, 9.0);
    }
}

INSTANTIATE_TEST_SUITE_P(Thermostats, Held,
                         ::testing::Values(ThermostatType::none, ThermostatType::nose_hoover, ThermostatType::langevin,
                                           ThermostatType::csvr));

TEST(Driver, HoldsAtomsAfterARestart) {
    const SpringCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, stiffness);
    const DynamicsOptions options = nvt(ThermostatType::langevin, 300.0, 2.0, 40);
    Driver whole(springs, held_crystal(crystal.structure), options);
    ASSERT_TRUE(whole.run(go_on));
    Driver half(springs, held_crystal(crystal.structure), options);
    for (int step = 0; step < 20; ++step) half.advance();
    Driver again(springs, held_crystal(crystal.structure), options);
    again.restore(half.snapshot());
    ASSERT_TRUE(again.run(go_on));
    EXPECT_EQ(again.state().structure.positions, whole.state().structure.positions);
    EXPECT_EQ(again.state().structure.positions.leftCols(9), crystal.structure.positions.leftCols(9));
    Driver others(springs, make_state(crystal.structure), options);
    EXPECT_THROW(others.restore(half.snapshot()), InputError);
}

TEST(Driver, RefusesAtomsThatAreAllHeld) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, stiffness);
    State state = make_state(crystal.structure);
    state.move_mask.setConstant(3, state.size(), false);
    EXPECT_THROW(Driver(springs, state, nve(300.0, 1.0, 1)), InputError);
}

}  // namespace
}  // namespace mlff::md
