#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "libmlff/atoms/errors.hpp"
#include "md/driver.hpp"
#include "runs.hpp"
#include "support/mechanical_models.hpp"

namespace mlff::md {
namespace {

using testing::go_on;
using testing::nvt;
using testing::SpringCrystal;
using testing::SpringNetwork;

/// Asks the driver for a snapshot while it evaluates, as the learner does for every reference calculation.
class Recorder final : public Calculator {
 public:
    explicit Recorder(Calculator& calculator) : calculator_(calculator) {}
    void watch(const Driver& driver) { driver_ = &driver; }

    Evaluation evaluate(const Structure& structure, const Request& request = {}) override {
        snapshots.push_back(driver_->snapshot());
        return calculator_.evaluate(structure, request);
    }
    std::string description() const override { return "recorder"; }

    std::vector<std::string> snapshots;  ///< one per evaluation

 private:
    Calculator& calculator_;
    const Driver* driver_ = nullptr;
};

/// Every number of a report.
std::vector<double> numbers(const StepReport& report) {
    std::vector<double> all = {static_cast<double>(report.step),
                               report.time,
                               report.temperature,
                               report.target_temperature.value_or(-1.0),
                               report.potential,
                               report.kinetic,
                               report.conserved,
                               report.pressure.value()};
    for (const Matrix3X* matrix :
         {&report.state.structure.positions, &report.state.velocities, &report.evaluation.forces})
        all.insert(all.end(), matrix->data(), matrix->data() + matrix->size());
    return all;
}

class Restart : public ::testing::TestWithParam<ThermostatType> {
 protected:
    static constexpr std::int64_t n_steps = 24;

    Restart() : crystal_(3), springs_(crystal_.bonds, 1.5), options_(nvt(GetParam(), 300.0, 3.0, n_steps)) {
        if (GetParam() != ThermostatType::none) options_.temperature_end = 800.0;
    }

    /// A driver of the same atoms that stands somewhere else entirely.
    [[nodiscard]] Driver stranger() {
        State elsewhere = make_state(crystal_.structure);
        elsewhere.structure.positions.array() += 0.1;
        elsewhere.structure.positions(0, 0) += 0.2;
        elsewhere.step = 3;
        DynamicsOptions options = options_;
        options.seed = 99;
        Driver driver(springs_, elsewhere, options);
        driver.advance();
        driver.advance();
        return driver;
    }

    SpringCrystal crystal_;
    SpringNetwork springs_;
    DynamicsOptions options_;
};

TEST_P(Restart, ContinuesBitForBitFromAnyEvaluationAndAnyStep) {
    Recorder recorder(springs_);
    Driver whole(recorder, make_state(crystal_.structure), options_);
    recorder.watch(whole);
    const std::string untouched = whole.snapshot();
    std::vector<std::vector<double>> reports;
    std::vector<std::string> between;
    whole.run([&](const StepReport& report) {
        reports.push_back(numbers(report));
        between.push_back(whole.snapshot());
        return true;
    });
    ASSERT_EQ(recorder.snapshots.size(), static_cast<std::size_t>(n_steps + 1));
    EXPECT_EQ(recorder.snapshots[0], untouched);
    // While step k+1 is evaluated, and after step k was reported, it is the beginning of step k+1 that is kept.
    for (std::size_t k = 0; k < n_steps; ++k) EXPECT_EQ(recorder.snapshots[k + 1], between[k]);

    for (const std::size_t first : {0, 1, 2, 11, 23}) {
        Driver resumed = stranger();
        resumed.restore(recorder.snapshots[first]);
        EXPECT_EQ(resumed.snapshot(), recorder.snapshots[first]);
        if (first > 0) {
            EXPECT_EQ(numbers(resumed.report()), reports[first - 1]);
        }
        std::size_t k = first;
        EXPECT_TRUE(resumed.run([&](const StepReport& report) {
            EXPECT_EQ(numbers(report), reports.at(k++));
            return true;
        }));
        EXPECT_EQ(k, reports.size());
        EXPECT_EQ(resumed.snapshot(), whole.snapshot());
    }
}

TEST_P(Restart, RefusesWhatDoesNotFitAndStaysWhereItIs) {
    Driver driver(springs_, make_state(crystal_.structure), options_);
    driver.advance();
    const std::string good = driver.snapshot();
    std::string damaged = good;
    damaged[damaged.size() / 2] ^= 1;
    EXPECT_THROW(driver.restore(damaged), InputError);
    EXPECT_THROW(driver.restore(""), InputError);

    const SpringCrystal smaller(2);
    SpringNetwork small_springs(smaller.bonds, 1.5);
    EXPECT_THROW(driver.restore(Driver(small_springs, make_state(smaller.structure), options_).snapshot()), InputError);
    State heavier = make_state(crystal_.structure);
    heavier.masses[4] += 1.0;
    EXPECT_THROW(driver.restore(Driver(springs_, heavier, options_).snapshot()), InputError);
    State exchanged = make_state(crystal_.structure);
    std::swap(exchanged.structure.species[0], exchanged.structure.species[1]);
    EXPECT_THROW(driver.restore(Driver(springs_, exchanged, options_).snapshot()), InputError);
    DynamicsOptions chained = nvt(ThermostatType::nose_hoover, 300.0, 3.0, n_steps);
    chained.thermostat.chain_length = 4;
    EXPECT_THROW(driver.restore(Driver(springs_, make_state(crystal_.structure), chained).snapshot()), InputError);
    EXPECT_EQ(driver.snapshot(), good);
}

INSTANTIATE_TEST_SUITE_P(Ensembles, Restart,
                         ::testing::Values(ThermostatType::none, ThermostatType::nose_hoover, ThermostatType::langevin,
                                           ThermostatType::csvr));

}  // namespace
}  // namespace mlff::md
