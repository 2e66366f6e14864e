#include "libmlff/io/h5md.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/hdf5_writer.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryDirectory;

/// A frame of a triclinic cell that is open along one axis; every number tells where it belongs.
SourceFrame frame_of(int step, int n_atoms = 5) {
    SourceFrame frame;
    frame.structure.cell << 4, 0.5, 0.25, 0, 5, -0.5, 0, 0, 6;
    frame.structure.cell *= 1.0 + 1e-3 * step;
    frame.structure.periodic = {true, false, true};
    frame.structure.positions.resize(3, n_atoms);
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        frame.structure.species.push_back(i < 2 ? 47 : 53);
        frame.structure.positions.col(i) =
            Vector3(0.1, 0.2, 0.3) * static_cast<double>(i + 1) + Vector3(1.0, -10.0, 1.0 / 3.0) * step;
    }
    frame.velocities = -1e-3 * frame.structure.positions;
    frame.labels.energy = -1.0 / 7.0 * step;
    frame.labels.forces = 2.0 * frame.structure.positions;
    frame.labels.stress = (Voigt() << 1, 2, 3, 4, 5, 6).finished() * step;
    frame.step = step;
    frame.time = 0.1 * step;
    frame.temperature = 300.0 + step;
    return frame;
}

void expect_frame(const SourceFrame& frame, int step) {
    const SourceFrame expected = frame_of(step);
    EXPECT_EQ(frame.structure.species, expected.structure.species);
    EXPECT_EQ(frame.structure.periodic, expected.structure.periodic);
    EXPECT_EQ(frame.structure.cell, expected.structure.cell);
    EXPECT_EQ(frame.structure.positions, expected.structure.positions);
    EXPECT_EQ(frame.velocities, expected.velocities);
    EXPECT_EQ(frame.labels.forces, expected.labels.forces);
    EXPECT_EQ(frame.labels.energy, expected.labels.energy);
    EXPECT_EQ(frame.labels.stress, expected.labels.stress);
    EXPECT_EQ(frame.step, expected.step);
    EXPECT_EQ(frame.time, expected.time);
    EXPECT_EQ(frame.temperature, expected.temperature);
}

/// The number of frames, each of which is right.
int check_file(const std::string& path) {
    H5mdFrames frames(path);
    int n = 0;
    while (const auto frame = frames.next()) expect_frame(*frame, 10 * n++);
    return n;
}

TEST(H5md, WhatIsAppendedCanBeReadAtOnceAndAfterTheEnd) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("run.h5md"), copy = folder.file("copy.h5md");
    {
        H5mdWriter writer(path);
        for (int k = 0; k < 12; ++k) {
            writer.append(frame_of(10 * k));
            EXPECT_EQ(writer.n_frames(), k + 1);
            // The bytes of now are what is left if the program is killed now.
            fs::copy_file(path, copy, fs::copy_options::overwrite_existing);
            EXPECT_EQ(check_file(copy), k + 1);
        }
    }
    EXPECT_EQ(check_file(path), 12);
    H5mdFrames frames(path);
    EXPECT_EQ(frames.n_frames(), 12);
    EXPECT_FALSE(frames.cut_off());
    const DataFile file = read_data_file(path);
    ASSERT_EQ(file.structures.size(), 12u);
    EXPECT_EQ(file.structures[3].labels.energy, frame_of(30).labels.energy);
    EXPECT_TRUE(file.notes.empty());
}

TEST(H5md, GoesOnAndIsCutBack) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("run.h5md"), killed = folder.file("killed.h5md");
    {
        H5mdWriter writer(path);
        for (int k = 0; k < 4; ++k) writer.append(frame_of(10 * k));
        fs::copy_file(path, killed);
    }
    {
        H5mdWriter writer(path);
        EXPECT_EQ(writer.n_frames(), 4);
        writer.append(frame_of(40));
        writer.truncate(2);
        for (int k = 2; k < 6; ++k) writer.append(frame_of(10 * k));
        EXPECT_THROW(writer.truncate(7), InputError);
    }
    EXPECT_EQ(check_file(path), 6);
    {
        H5mdWriter writer(killed);  // never closed
        writer.truncate(writer.n_frames());
        writer.append(frame_of(40));
        writer.sync();
        EXPECT_THROW(writer.append(frame_of(50, 4)), std::invalid_argument);
    }
    EXPECT_EQ(check_file(killed), 5);
    H5mdWriter writer(path);
    writer.truncate(0);
    EXPECT_FALSE(fs::exists(path));
    writer.append(frame_of(0));
    EXPECT_EQ(check_file(path), 1);
    for (const auto& entry : fs::directory_iterator(fs::path(path).parent_path()))
        EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
}

TEST(H5md, AFrameWithoutItsStepIsNotThere) {
    // What a writer leaves that was killed between the values and the step.
    const TemporaryDirectory folder;
    const std::string path = folder.file("run.h5md");
    {
        H5mdWriter writer(path);
        writer.append(frame_of(0));
        writer.append(frame_of(10));
    }
    {
        auto file = Hdf5Appender::open(path);
        const SourceFrame next = frame_of(20);
        file.append("particles/all/position/value", std::span(next.structure.positions.data(), 15));
        file.flush();
    }
    EXPECT_EQ(check_file(path), 2);
    EXPECT_TRUE(H5mdFrames(path).cut_off());
}

TEST(H5md, RefusesWhatItCannotRead) {
    const TemporaryDirectory folder;
    const auto complaint = [&](const std::string& path) {
        return error_of<InputError>([&] { (void)H5mdFrames(path).next(); });
    };
    EXPECT_NE(complaint(folder.file("a.h5md", "text")).find("is not an HDF5 file"), std::string::npos);
    {
        Hdf5Writer file(folder.file("b.h5md"));
        file.write("particles/all/position/value", 1.0);
        file.commit();
    }
    EXPECT_NE(complaint(folder.file("b.h5md")).find("has no unit that is known"), std::string::npos);
    {
        Hdf5Writer file(folder.file("c.h5md"));
        file.write("model/x", 1.0);
        file.commit();
    }
    EXPECT_NE(complaint(folder.file("c.h5md")).find("no group 'particles'"), std::string::npos);
    SourceFrame frame = frame_of(0);
    frame.labels.energy.reset();
    EXPECT_THROW(H5mdWriter(folder.file("d.h5md")).append(frame), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
