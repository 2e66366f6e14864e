#include "analysis/trajectory_reader.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>

#include "analysis/frames.hpp"
#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::error_of;
using mlff::testing::recorded;
using mlff::testing::TemporaryDirectory;
using mlff::testing::text_of;

/// Four atoms of two species that drift apart slowly, each its own way, in a left-handed triclinic cell.
Structure atoms_at(double time) {
    Structure s = mlff::testing::empty_cell(mlff::testing::triclinic(6.0));
    s.cell.col(0).swap(s.cell.col(1));
    s.species = {47, 53, 47, 53};
    s.positions.resize(3, 4);
    s.positions << 0.5, 2.0, 4.0, 1.0, 0.5, 3.0, 1.0, 4.5, 0.5, 1.0, 3.0, 4.0;
    const Eigen::RowVector4d speeds(0.012, -0.015, 0.02, -0.01);
    s.positions += time * Vector3(0.6, -0.64, 0.48) * speeds;
    return s;
}

Structure wrapped(Structure s) {
    Matrix3X fractional = s.cell.inverse() * s.positions;
    s.positions -= s.cell * fractional.array().floor().matrix();
    return s;
}

ExtxyzFrame frame_at(double time) { return recorded(atoms_at(time), {{"time", fmt::format("{}", time)}}); }

std::vector<Frame> read_all(std::vector<std::string> files, const TrajectoryReaderOptions& options = {}) {
    TrajectoryReader reader(std::move(files), options);
    std::vector<Frame> frames;
    while (auto frame = reader.next()) frames.push_back(std::move(*frame));
    EXPECT_EQ(reader.n_frames(), static_cast<long>(frames.size()));
    return frames;
}

/// The complaint about a file that holds these frames.
std::string complaint(const std::vector<ExtxyzFrame>& frames, const TrajectoryReaderOptions& options = {}) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("run.xyz", text_of(frames));
    return error_of<InputError>([&] { read_all({path}, options); });
}

TEST(TrajectoryReader, ReadsFilesOfOneRunInSequence) {
    const TemporaryDirectory folder;
    const auto a = folder.file("a.xyz", text_of({frame_at(100), frame_at(110), frame_at(120)}));
    const auto b = folder.file("b.xyz", text_of({frame_at(130), frame_at(140)}));
    const auto frames = read_all({a, b});
    ASSERT_EQ(frames.size(), 5u);
    for (std::size_t k = 0; k < frames.size(); ++k) {
        const double time = 100.0 + 10.0 * static_cast<double>(k);
        EXPECT_DOUBLE_EQ(frames[k].time, time);
        EXPECT_TRUE(frames[k].structure.positions.isApprox(atoms_at(time).positions, 1e-12));
    }
    EXPECT_EQ(frames[3].origin, b + ":1");
}

TEST(TrajectoryReader, KeepsVelocities) {
    const TemporaryDirectory folder;
    auto first = frame_at(0), second = frame_at(5);
    first.velocities = Matrix3X::Constant(3, 4, 0.01);
    second.velocities = Matrix3X::Constant(3, 4, 0.02);
    const auto frames = read_all({folder.file("run.xyz", text_of({first, second}))});
    ASSERT_TRUE(frames[1].velocities);
    EXPECT_TRUE(frames[1].velocities->isApproxToConstant(0.02));
}

TEST(TrajectoryReader, LeavesOutTheFrameThatAFileRepeats) {
    const TemporaryDirectory folder;
    const auto a = folder.file("a.xyz", text_of({frame_at(0), frame_at(10), frame_at(20)}));
    const auto b = folder.file("b.xyz", text_of({frame_at(20), frame_at(30)}));
    const auto frames = read_all({a, b});
    ASSERT_EQ(frames.size(), 4u);
    EXPECT_DOUBLE_EQ(frames[3].time, 30.0);
}

TEST(TrajectoryReader, SkipsTheBeginning) {
    const TemporaryDirectory folder;
    std::vector<ExtxyzFrame> all;
    for (int k = 0; k < 10; ++k) all.push_back(frame_at(1000.0 + 0.1 * k));
    const auto frames = read_all({folder.file("run.xyz", text_of(all))}, {.skip = 0.3});
    ASSERT_EQ(frames.size(), 7u);
    EXPECT_DOUBLE_EQ(frames[0].time, 1000.3);
}

TEST(TrajectoryReader, UnwrapsWhatAProgramHasWrapped) {
    const TemporaryDirectory folder;
    std::vector<ExtxyzFrame> frames;
    std::vector<double> times;
    for (int k = 0; k < 120; ++k) {  // the fastest atom crosses the cell about four times
        times.push_back(10.0 * k);
        frames.push_back(recorded(wrapped(atoms_at(times.back())), {{"time", fmt::format("{}", times.back())}}));
    }
    TrajectoryReader reader({folder.file("run.xyz", text_of(frames))});
    const Structure begin = wrapped(atoms_at(0.0));
    std::size_t k = 0;
    while (const auto frame = reader.next()) {
        const Matrix3X expected = begin.positions + atoms_at(times[k]).positions - atoms_at(0.0).positions;
        ASSERT_LE((frame->path - expected).norm(), 1e-9) << "frame " << k;
        ++k;
    }
    EXPECT_EQ(k, frames.size());
    EXPECT_GT(reader.n_jumps(), 8);
}

TEST(TrajectoryReader, ABreathingCellMovesNoPath) {
    // Atoms at rest in units of the cell, but one that wanders 2 % of the cell each frame; the file is wrapped or not.
    const TemporaryDirectory folder;
    for (const bool wrap : {false, true}) {
        std::vector<ExtxyzFrame> frames;
        Vector3 expected = Vector3::Zero();
        Matrix3 last_cell;
        for (int k = 0; k < 300; ++k) {
            Structure s = atoms_at(0.0);
            const Matrix3X fractional = s.cell.inverse() * s.positions;
            Matrix3 strain = Matrix3::Identity();
            strain(0, 0) += 0.05 * std::sin(0.7 * k);
            strain(0, 1) += 0.03 * std::cos(0.4 * k);
            s.cell = strain * s.cell;
            s.positions = s.cell * fractional;
            const Vector3 step(0.02, -0.01, 0.015);
            s.positions.col(2) += s.cell * (k * step);
            if (k > 0) expected += 0.5 * (last_cell + s.cell) * step;
            last_cell = s.cell;
            frames.push_back(recorded(wrap ? wrapped(s) : s, {{"time", fmt::format("{}", 20.0 * k)}}));
        }
        const auto read = read_all({folder.file("run.xyz", text_of(frames))});
        const Matrix3X moved = read.back().path - read.front().path;
        EXPECT_LE(moved.col(0).norm() + moved.col(1).norm() + moved.col(3).norm(), 1e-9) << wrap;
        EXPECT_LE((moved.col(2) - expected).norm(), 1e-9) << wrap;
        EXPECT_GT(expected.norm(), 30.0);
        // What stands in the file stays as it is, for distances.
        EXPECT_TRUE(read[7].structure.positions.isApprox(frames[7].structure.positions, 1e-12));
    }
}

TEST(TrajectoryReader, LeavesUnwrappedPathsAsTheyAre) {
    const TemporaryDirectory folder;
    TrajectoryReader reader({folder.file("run.xyz", text_of({frame_at(0), frame_at(10), frame_at(20)}))});
    while (reader.next()) {
    }
    EXPECT_EQ(reader.n_jumps(), 0);
}

TEST(TrajectoryReader, DoesNotUnwrapAlongAnOpenAxis) {
    const TemporaryDirectory folder;
    for (const bool with_cell : {true, false}) {
        std::vector<ExtxyzFrame> frames = {frame_at(0), frame_at(1000)};
        for (auto& frame : frames) {
            if (!with_cell) frame.structure.cell.setZero();
            frame.structure.periodic = {false, false, false};
        }
        const auto read = read_all({folder.file("run.xyz", text_of(frames))});
        EXPECT_TRUE(read[1].structure.positions.isApprox(atoms_at(1000).positions, 1e-12)) << with_cell;
    }
}

TEST(TrajectoryReader, TimeFromStepOrFromTheUser) {
    const TemporaryDirectory folder;
    std::vector<ExtxyzFrame> steps, bare;
    for (int k = 0; k < 4; ++k) {
        steps.push_back(recorded(atoms_at(10.0 * k), {{"step", fmt::format("{}", 500 + 5 * k)}}));
        bare.push_back(recorded(atoms_at(10.0 * k), {}));
    }
    const auto by_step = read_all({folder.file("steps.xyz", text_of(steps))}, {.timestep = 2.0});
    EXPECT_DOUBLE_EQ(by_step[0].time, 1000.0);
    EXPECT_DOUBLE_EQ(by_step[3].time, 1030.0);
    const auto by_number = read_all({folder.file("bare.xyz", text_of(bare))}, {.spacing = 10.0});
    EXPECT_DOUBLE_EQ(by_number[3].time, 30.0);

    EXPECT_NE(complaint(steps).find("give the timestep"), std::string::npos);
    EXPECT_NE(complaint(bare).find("give the spacing"), std::string::npos);
}

TEST(TrajectoryReader, RefusesUnequalSpacing) {
    EXPECT_NE(complaint({frame_at(0), frame_at(10), frame_at(20), frame_at(40)}).find("equally spaced"),
              std::string::npos);
    EXPECT_NE(complaint({frame_at(0), frame_at(10), frame_at(10)}).find("from 10 fs to 10 fs"), std::string::npos);
    EXPECT_NE(complaint({frame_at(0), frame_at(10), frame_at(0)}).find("in order"), std::string::npos);
    // Two frames exchanged, told by their steps.
    std::vector<ExtxyzFrame> steps;
    for (const int step : {0, 5, 15, 10, 20})
        steps.push_back(recorded(atoms_at(0), {{"step", fmt::format("{}", step)}}));
    EXPECT_NE(complaint(steps, {.spacing = 10.0}).find("step 15 follows step 5"), std::string::npos);
    // Rounding of the times is not unequal spacing.
    EXPECT_EQ(complaint({frame_at(0), frame_at(0.3333), frame_at(0.6667), frame_at(1)}), "no error");
}

TEST(TrajectoryReader, RefusesOtherAtoms) {
    auto other = frame_at(10);
    std::swap(other.structure.species[0], other.structure.species[1]);
    EXPECT_NE(complaint({frame_at(0), other}).find("the atoms are not those"), std::string::npos);
    auto fewer = frame_at(10);
    fewer.structure.species.pop_back();
    fewer.structure.positions.conservativeResize(3, 3);
    EXPECT_NE(complaint({frame_at(0), fewer}).find("the atoms are not those"), std::string::npos);
}

TEST(TrajectoryReader, NoticesAWrongUnitOfTime) {
    // 10 fs of a run, written as 0.01 (ps): the atoms seem a thousand times as fast.
    std::vector<ExtxyzFrame> frames;
    for (int k = 0; k < 3; ++k) frames.push_back(recorded(atoms_at(10.0 * k), {{"time", fmt::format("{}", 0.01 * k)}}));
    EXPECT_NE(complaint(frames).find("is time in fs"), std::string::npos);

    // Both clocks are there and do not agree.
    frames.clear();
    for (int k = 0; k < 3; ++k)
        frames.push_back(
            recorded(atoms_at(10.0 * k), {{"step", fmt::format("{}", 5 * k)}, {"time", fmt::format("{}", 10.0 * k)}}));
    EXPECT_EQ(complaint(frames, {.timestep = 2.0}), "no error");
    EXPECT_NE(complaint(frames, {.timestep = 1.0}).find("by step × timestep"), std::string::npos);
    EXPECT_NE(complaint(frames, {.spacing = 20.0}).find("by the spacing given"), std::string::npos);
}

TEST(TrajectoryReader, RefusesBadOptionsAndValues) {
    const auto refuses = [](const TrajectoryReaderOptions& options) {
        return error_of<InputError>([&] { options.validate(); });
    };
    EXPECT_EQ(refuses({}), "no error");
    EXPECT_NE(refuses({.skip = -1.0}).find("skip is -1"), std::string::npos);
    EXPECT_NE(refuses({.skip = std::nan("")}).find("skip"), std::string::npos);
    EXPECT_NE(refuses({.timestep = 0.0}).find("timestep is 0"), std::string::npos);
    EXPECT_NE(refuses({.spacing = -2.0}).find("spacing is -2"), std::string::npos);
    EXPECT_THROW(TrajectoryReader({}), std::invalid_argument);
    EXPECT_NE(complaint({recorded(atoms_at(0), {{"time", "soon"}})}).find("time must be a finite number"),
              std::string::npos);
}

}  // namespace
}  // namespace mlff::analysis
