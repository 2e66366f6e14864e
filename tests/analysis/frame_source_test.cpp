#include "analysis/frame_source.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "analysis/diffusion.hpp"
#include "analysis/frames.hpp"
#include "analysis/pair_correlation.hpp"
#include "analysis/trajectory_reader.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/data_file.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::error_of;
using mlff::testing::shared_data;
using mlff::testing::TemporaryDirectory;

std::vector<SourceFrame> read_all(const std::string& path, const std::vector<int>& species = {}) {
    const auto source = open_frames(path, species);
    std::vector<SourceFrame> frames;
    while (auto frame = source->next()) frames.push_back(std::move(*frame));
    return frames;
}

std::string complaint(const std::string& name, const std::string& content, const std::vector<int>& species = {}) {
    const TemporaryDirectory folder;
    return error_of<InputError>([&] { (void)read_all(folder.file(name, content), species); });
}

const std::string xdatcar_header = "a title\n 1.0\n 5 0 0\n 1 6 0\n 0 0.5 7\n Ag I\n 1 2\n";

std::string xdatcar_frame(int number, double shift) {
    return fmt::format("Direct configuration= {:5}\n {:.8f} 0.1 0.2\n 0.5 0.5 0.5\n 0.25 0.75 0.1\n", number, shift);
}

TEST(OpenFrames, ExtxyzThatIsCutOff) {
    const TemporaryDirectory folder;
    const std::string frame = "2\nLattice=\"5 0 0 0 5 0 0 0 5\" time=1\nAg 0 0 0\nI 0 0 2.5\n";
    for (const std::size_t missing : {1u, 5u, 9u, 12u, 21u, 27u, 40u}) {
        const std::string text = frame + frame + frame.substr(0, frame.size() - missing);
        const auto source = open_frames(folder.file("a.xyz", text), {});
        int n = 0;
        while (source->next()) ++n;
        // Without the line end alone the frame is complete.
        EXPECT_EQ(n, missing == 1 ? 3 : 2) << missing;
        EXPECT_EQ(source->cut_off(), missing != 1) << missing;
    }
    EXPECT_NE(complaint("a.xyz", frame.substr(0, 46)).find("cut off"), std::string::npos);
    EXPECT_NE(complaint("a.xyz", frame.substr(0, 50)).find("a.xyz:4"), std::string::npos);
    EXPECT_NE(complaint("a.xyz", frame + "2\n\nAg 0 0 0\nI 0 0\n" + frame).find("a.xyz:8"), std::string::npos);
}

TEST(OpenFrames, VasprunTellsItsTimestep) {
    const auto text = [](int ibrion) {
        std::string xml = fmt::format(
            "<modeling><incar><i type=\"int\" name=\"IBRION\">{}</i><i name=\"POTIM\">1.5</i></incar>"
            "<atominfo><array name=\"atoms\"><set><rc><c>Ag</c><c>1</c></rc></set></array></atominfo>",
            ibrion);
        for (int k = 0; k < 3; ++k)
            xml +=
                "<calculation><scstep><energy><i name=\"e_fr_energy\">-1</i></energy></scstep><structure><crystal>"
                "<varray name=\"basis\"><v>5 0 0</v><v>0 5 0</v><v>0 0 5</v></varray></crystal>"
                "<varray name=\"positions\"><v>0 0 0</v></varray></structure>"
                "<energy><i name=\"e_fr_energy\">-1</i></energy></calculation>";
        return xml + "</modeling>";
    };
    const TemporaryDirectory folder;
    EXPECT_EQ(read_all(folder.file("vasprun.xml", text(0))).at(2).timestep, 1.5);
    EXPECT_FALSE(read_all(folder.file("vasprun.xml", text(2))).at(2).timestep);  // a relaxation: no time
    const auto read = [&](const TrajectoryReaderOptions& options) {
        TrajectoryReader reader({folder.file("vasprun.xml", text(0))}, options);
        double time = 0.0;
        while (const auto frame = reader.next()) time = frame->time;
        return time;
    };
    EXPECT_EQ(read({}), 4.5);  // step 3
    EXPECT_EQ(read({.timestep = 1.5}), 4.5);
    EXPECT_EQ(read({.spacing = 1.5}), 3.0);
    for (const TrajectoryReaderOptions& wrong : {TrajectoryReaderOptions{.spacing = 5.0}, {.timestep = 2.0}}) {
        const auto message = error_of<InputError>([&] { (void)read(wrong); });
        EXPECT_NE(message.find("but 1.5 fs by POTIM of the file"), std::string::npos) << message;
    }
}

TEST(OpenFrames, XdatcarWithAChangingCellAndACutOffEnd) {
    const TemporaryDirectory folder;
    std::string text = xdatcar_header + xdatcar_frame(1, 0.1) + xdatcar_frame(3, 0.15);
    std::string wider = xdatcar_header;
    wider.replace(wider.find("5 0 0"), 5, "5.5 0 0");
    text += wider + xdatcar_frame(5, 0.2) + "Direct configuration= 7\n 0.3 0.1 0.2\n 0.5 0.";
    const auto frames = read_all(folder.file("XDATCAR", text));
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[0].structure.species, (std::vector<int>{47, 53, 53}));
    EXPECT_EQ(frames[1].step, 3.0);
    EXPECT_FALSE(frames[1].time);
    EXPECT_EQ(frames[0].structure.cell.col(1), Vector3(1, 6, 0));
    EXPECT_EQ(frames[2].structure.cell.col(0), Vector3(5.5, 0, 0));
    EXPECT_LE((frames[2].structure.positions.col(0) - frames[2].structure.cell * Vector3(0.2, 0.1, 0.2)).norm(), 1e-12);
    EXPECT_EQ(frames[1].origin.substr(frames[1].origin.rfind(':')), ":12");
    EXPECT_NE(
        complaint("XDATCAR", xdatcar_header + xdatcar_frame(1, 0.1) + "Direct configuration= 2\n 0.1 x 0\n 1 1 1\n")
            .find(":13: the position of atom 1 of 3 must be three finite numbers"),
        std::string::npos);
}

TEST(OpenFrames, AgreesWithTheReadersOfLabelledData) {
    const std::string path = shared_data("vasp/XDATCAR_Li6PS5Cl_50p.gz");
    if (path.empty()) GTEST_SKIP() << "shared data are not there (MLFF_SHARED)";
    const auto frames = read_all(path);
    const DataFile file = read_data_file(path);
    ASSERT_EQ(frames.size(), file.structures.size());
    ASSERT_EQ(frames.size(), 140u);
    for (std::size_t k = 0; k < frames.size(); ++k) {
        EXPECT_EQ(frames[k].structure.species, file.structures[k].structure.species);
        EXPECT_EQ(frames[k].structure.positions, file.structures[k].structure.positions);
        EXPECT_EQ(frames[k].origin, file.structures[k].origin);
    }
}

TEST(OpenFrames, MeanSquareDisplacementAndStructureAsNumpyHasThem) {
    // 416 atoms of Li6PS5Cl, 140 frames, and the drifting cell, told to numpy in full digits.
    if (!mlff::testing::python_has("numpy")) GTEST_SKIP() << "/usr/bin/python3 has no numpy";
    for (const std::string name : {"vasp/XDATCAR_Li6PS5Cl_50p.gz", "vasp/XDATCAR_drift"}) {
        const std::string path = shared_data(name);
        if (path.empty()) GTEST_SKIP() << "shared data are not there (MLFF_SHARED)";
        const TemporaryDirectory folder;
        const bool drifting = name.ends_with("drift");
        TrajectoryReader reader({path}, {.timestep = 100.0});
        MeanSquareDisplacement msd({.window_start = 0.1, .window_end = 1.0});
        PairCorrelations pairs({.r_max = drifting ? 6.0 : 9.0, .width = 0.1, .every = 35});
        while (const auto frame = reader.next()) {
            msd.add(*frame);
            pairs.add(*frame);
        }
        std::string ours;
        for (const Diffusion& d : msd.result())
            for (Eigen::Index k = 0; k < d.msd.size(); ++k)
                ours += fmt::format("msd {} {} {:.17g}\n", element_symbol(d.species), k, d.msd[k]);
        for (const PairCorrelation& g : pairs.result())
            for (Eigen::Index k = 0; k < g.r.size(); ++k)
                ours += fmt::format("g {}-{} {} {:.17g}\n", element_symbol(g.a), element_symbol(g.b), k, g.g[k]);
        EXPECT_TRUE(mlff::testing::python(folder, R"(
import gzip, itertools, sys
import numpy as np
path, ours, r_max = sys.argv[1], sys.argv[2], float(sys.argv[3])
lines = (gzip.open if path.endswith("gz") else open)(path, "rt").read().split("\n")
cell = float(lines[1]) * np.array([[float(x) for x in line.split()] for line in lines[2:5]])
symbols = np.repeat(lines[5].split(), [int(n) for n in lines[6].split()])
n = len(symbols)
frames = np.array([[float(x) for x in line.split()] for line in lines[7:] if line.strip() and "=" not in line])
frames = frames.reshape(-1, n, 3)
masses = {"Li": 6.94, "Cl": 35.45, "S": 32.06, "P": 30.973761998, "H": 1.008, "He": 4.002602}
weights = np.array([masses[s] for s in symbols])
steps = np.diff(frames, axis=0)
steps -= np.round(steps)
path = np.concatenate([np.zeros((1, n, 3)), np.cumsum(steps, axis=0)]) @ cell
path -= (path * weights[None, :, None]).sum(axis=1, keepdims=True) / weights.sum()
expected = {}
for symbol in set(symbols):
    u = path[:, symbols == symbol]
    for lag in range(len(u)):
        expected["msd", symbol, lag] = ((u[lag:] - u[:len(u) - lag]) ** 2).sum(axis=2).mean()
width, n_bins = 0.1, round(r_max / 0.1)
edges = np.linspace(0, r_max, n_bins + 1)
shells = 4 / 3 * np.pi * np.diff(edges ** 3)
volume = abs(np.linalg.det(cell))
reach = [int(np.ceil(r_max / (volume / np.linalg.norm(np.cross(cell[a - 2], cell[a - 1]))))) for a in range(3)]
histograms = {}
for frame in frames[::35]:
    difference = frame[None] - frame[:, None]
    difference -= np.round(difference)
    for shift in itertools.product(*[range(-k, k + 1) for k in reach]):
        distance = np.linalg.norm((difference + shift) @ cell, axis=2)
        near = (distance < r_max) & (distance > 1e-9)
        first, second = np.nonzero(near)
        bins = (distance[near] / width).astype(int)
        for a in set(symbols):
            for b in set(symbols):
                chosen = (symbols[first] == a) & (symbols[second] == b)
                histogram = histograms.setdefault((a, b), np.zeros(n_bins))
                histogram += np.bincount(bins[chosen], minlength=n_bins)[:n_bins]
for (a, b), histogram in histograms.items():
    n_a, n_b = (symbols == a).sum(), (symbols == b).sum()
    g = histogram / len(frames[::35]) / (n_a * n_b / volume * shells)
    for k in range(n_bins):
        expected["g", f"{a}-{b}", k] = g[k]
count = worst = 0
for line in open(ours):
    kind, name, k, value = line.split()
    # A distance on the edge of a bin may fall to either side by rounding: compare two bins at a time then.
    worst = max(worst, abs(float(value) - expected[kind, name, int(k)]))
    count += 1
assert count > 50, count
assert worst < 1e-6, worst
)",
                                          path + " " + folder.file("ours", ours) + (drifting ? " 6.0" : " 9.0")))
            << name;
    }
}

const std::string dump_header =
    "ITEM: TIMESTEP\n100\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp pp pp\n-1 7.5 1.5\n0 6 0\n0 5 0.5\n";

TEST(OpenFrames, AWrongUnitAndAWrongOrderAreNoticedInRealFiles) {
    const std::string path = shared_data("vasp/XDATCAR_Li6PS5Cl_50p.gz");
    if (path.empty()) GTEST_SKIP() << "shared data are not there (MLFF_SHARED)";
    const auto complaint_about = [](const std::string& file, double timestep) {
        return error_of<InputError>([&] {
            TrajectoryReader reader({file}, {.timestep = timestep});
            while (reader.next()) {
            }
        });
    };
    EXPECT_EQ(complaint_about(path, 100.0), "no error");
    EXPECT_NE(complaint_about(path, 0.1).find("is time in fs"), std::string::npos);  // ps
    const TemporaryDirectory folder;
    const std::string exchanged =
        folder.file("XDATCAR", xdatcar_header + xdatcar_frame(1, 0.1) + xdatcar_frame(3, 0.1) + xdatcar_frame(2, 0.1));
    EXPECT_NE(complaint_about(exchanged, 2.0).find("step 2 follows step 3"), std::string::npos);
}

TEST(OpenFrames, LammpsDumpWithVelocitiesInATiltedBox) {
    const TemporaryDirectory folder;
    const std::string text =
        dump_header + "ITEM: ATOMS id type xs ys zs vx vy vz\n2 2 0.5 0.5 0.5 1 2 3\n1 1 0 0 0 0 0 -10\n";
    std::string later = text;
    later.replace(later.find("100"), 3, "150");
    const std::string path = folder.file("run.dump", text + later + dump_header.substr(0, 40));
    const auto frames = read_all(path, {47, 53});
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0].step, 100.0);
    EXPECT_EQ(frames[1].step, 150.0);
    EXPECT_EQ(frames[0].structure.species, (std::vector<int>{47, 53}));  // by id
    // The bounds enclose the tilted cell: x from xlo + min(0, xy, xz, xy + xz) = −1 to xhi + max(…), y likewise by yz.
    Matrix3 cell;
    cell << 7.0, 1.5, 0.0, 0.0, 5.5, 0.5, 0.0, 0.0, 5.0;
    EXPECT_LE((frames[0].structure.cell - cell).norm(), 1e-12);
    EXPECT_LE((frames[0].structure.positions.col(1) - frames[0].structure.cell * Vector3::Constant(0.5)).norm(), 1e-12);
    // Å/ps of units metal.
    EXPECT_LE((frames[0].velocities->col(0) - Vector3(0, 0, -0.01)).norm(), 1e-15);
    const auto real = read_all(folder.file("real.dump", "ITEM: UNITS\nreal\nITEM: TIME\n50\n" + text), {47, 53});
    EXPECT_LE((real[0].velocities->col(0) - Vector3(0, 0, -10)).norm(), 1e-15);
    EXPECT_EQ(real[0].time, 50.0);

    EXPECT_NE(complaint("a.dump", text).find("types alone say no species"), std::string::npos);
    EXPECT_NE(complaint("a.dump", text, {47}).find("type 2 has no species"), std::string::npos);
    EXPECT_NE(complaint("a.dump", "ITEM: UNITS\nlj\n" + text, {47, 53}).find("metal and real are read"),
              std::string::npos);
}

TEST(OpenFrames, VasprunOfAnEntireRunOnly) {
    const std::string whole = shared_data("vasp/dpdata/vasprun.h2o.md.10.xml");
    const std::string learned = shared_data("vasp/vasprun_ML_fe2.xml.gz");
    if (whole.empty() || learned.empty()) GTEST_SKIP() << "shared data are not there (MLFF_SHARED)";
    EXPECT_EQ(read_all(whole).size(), read_data_file(whole).structures.size());
    EXPECT_NE(error_of<InputError>([&] { (void)read_all(learned); }).find("XDATCAR of the run has them"),
              std::string::npos);
}

TEST(OpenFrames, RefusesWhatIsNoTrajectory) {
    EXPECT_NE(
        complaint("POSCAR", xdatcar_header + "Direct\n 0 0 0\n 0.5 0.5 0.5\n 0.2 0.2 0.2\n").find("is no trajectory"),
        std::string::npos);
}

}  // namespace
}  // namespace mlff::analysis
