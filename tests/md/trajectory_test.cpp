#include "md/trajectory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "runs.hpp"
#include "support/mechanical_models.hpp"

namespace mlff::md {
namespace {

using testing::nvt;
using testing::SpringCrystal;
using testing::SpringNetwork;

/// One atom, and its bonds, two cells away from the others: it is to stay there.
SpringCrystal unwrapped_crystal() {
    SpringCrystal crystal(2);
    crystal.structure.positions.col(0) += 2.0 * crystal.structure.cell.col(1);
    for (SpringNetwork::Bond& bond : crystal.bonds) {
        if (bond.i == 0) bond.image[1] += 2;
        if (bond.j == 0) bond.image[1] -= 2;
    }
    return crystal;
}

class TrajectoryFile : public ::testing::Test {
 protected:
    TrajectoryFile()
        : crystal_(unwrapped_crystal()),
          springs_(crystal_.bonds, 1.5),
          directory_(std::filesystem::temp_directory_path() / ("mlff_trajectory_" + std::to_string(getpid()))),
          path_((directory_ / "md.xyz").string()) {
        std::filesystem::create_directories(directory_);
    }
    ~TrajectoryFile() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] Driver driver(std::int64_t steps) {
        return {springs_, make_state(crystal_.structure), nvt(ThermostatType::csvr, 500.0, 2.5, steps)};
    }
    [[nodiscard]] std::string content() const {
        std::ostringstream text;
        text << std::ifstream(path_).rdbuf();
        return text.str();
    }

    SpringCrystal crystal_;
    SpringNetwork springs_;
    std::filesystem::path directory_;
    std::string path_;
};

TEST_F(TrajectoryFile, HoldsWhatHappened) {
    struct Seen {
        State state;
        Matrix3X forces;
        Voigt stress;
        double energy, temperature;
    };
    std::vector<Seen> seen;
    {
        Trajectory trajectory(path_, {.every = 4, .velocities = true, .forces = true});
        driver(10).run([&](const StepReport& report) {
            trajectory.write(report);
            if (report.step % 4 == 0)
                seen.push_back({report.state, report.evaluation.forces, *report.evaluation.stress, report.potential,
                                report.temperature});
            EXPECT_EQ(trajectory.position(), static_cast<std::int64_t>(std::filesystem::file_size(path_)));
            return true;
        });
    }
    ExtxyzReader reader(path_);
    for (const Seen& expected : seen) {
        const auto frame = reader.next();
        ASSERT_TRUE(frame.has_value());
        EXPECT_EQ(frame->structure.positions, expected.state.structure.positions);
        EXPECT_EQ(frame->structure.cell, expected.state.structure.cell);
        EXPECT_EQ(frame->structure.species, expected.state.structure.species);
        EXPECT_EQ(frame->velocities, expected.state.velocities);
        EXPECT_EQ(frame->labels.forces, expected.forces);
        EXPECT_EQ(frame->labels.stress, expected.stress);
        EXPECT_EQ(frame->labels.energy, expected.energy);
        EXPECT_EQ(frame->find("step"), std::to_string(expected.state.step));
        EXPECT_EQ(std::stod(frame->find("time").value()), expected.state.time);
        EXPECT_EQ(std::stod(frame->find("temperature").value()), expected.temperature);
    }
    EXPECT_EQ(seen.size(), 3u);
    EXPECT_FALSE(reader.next().has_value());
}

TEST_F(TrajectoryFile, LeavesOutWhatIsNotAskedFor) {
    Trajectory trajectory(path_, {.every = 5, .velocities = false});
    driver(5).run([&](const StepReport& report) {
        trajectory.write(report);
        return true;
    });
    ExtxyzReader reader(path_);
    const auto frame = reader.next();
    ASSERT_TRUE(frame.has_value());
    EXPECT_FALSE(frame->velocities.has_value());
    EXPECT_FALSE(frame->labels.forces.has_value());
    EXPECT_THROW(Trajectory(path_, {.every = 0}), InputError);
}

TEST_F(TrajectoryFile, ResumesAsIfNeverInterrupted) {
    std::string snapshot;
    std::int64_t position = -1;
    {
        Trajectory trajectory(path_, {.every = 2});
        Driver whole = driver(20);
        whole.run([&](const StepReport& report) {
            trajectory.write(report);
            if (report.step == 7) {
                snapshot = whole.snapshot();
                position = trajectory.position();
            }
            return true;
        });
    }
    const std::string expected = content();
    {
        Trajectory trajectory(path_, {.every = 2});
        trajectory.truncate(position);
        EXPECT_LT(content().size(), expected.size());
        Driver resumed = driver(20);
        resumed.restore(snapshot);
        resumed.run([&](const StepReport& report) {
            trajectory.write(report);
            return true;
        });
    }
    EXPECT_EQ(content(), expected);
}

}  // namespace
}  // namespace mlff::md
