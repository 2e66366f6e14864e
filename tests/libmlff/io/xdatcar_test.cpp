#include "libmlff/io/xdatcar.hpp"

#include <gtest/gtest.h>

#include "support/truncation.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;
using testing::with;

const std::string head = R"(silver iodide
           2
     3.000000    0.000000    0.500000
     0.000000    3.500000    0.000000
    -0.500000    0.250000    4.000000
   Ag   I
     1     2
)";
const std::string frame = R"(Direct configuration=     1
   0.00000000  0.00000000  0.00000000
   0.50000000  0.25000000 -0.12500000
   0.99999999  0.00000000  0.50000000
)";

DataFile read(const std::string& text) {
    const TemporaryDirectory folder;
    return read_xdatcar(folder.file("XDATCAR", text));
}

std::string error(const std::string& text) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("XDATCAR", text);
    const std::string message = error_of<InputError>([&] { (void)read_xdatcar(path); });
    return message.find("XDATCAR") == std::string::npos ? message : message.substr(message.find("XDATCAR"));
}

TEST(Xdatcar, FixedCell) {
    const DataFile file = read(head + frame + with(frame, "0.25000000", "0.75000000"));
    ASSERT_EQ(file.structures.size(), 2u);
    const Structure& first = file.structures[0].structure;
    EXPECT_EQ(first.species, (std::vector<int>{47, 53, 53}));
    EXPECT_EQ(first.cell.col(2), Vector3(-1, 0.5, 8));
    EXPECT_TRUE(first.positions.col(1).isApprox(Vector3(3.125, 1.6875, -0.5), 1e-14)) << first.positions;
    EXPECT_GT(first.positions(0, 2), 5.0 - 0.5 - 1e-6);  // not wrapped
    EXPECT_TRUE((file.structures[1].structure.positions.col(1) - first.positions.col(1)).isApprox(Vector3(0, 3.5, 0)));
    EXPECT_FALSE(file.structures[0].labels.energy || file.structures[0].labels.forces);
    EXPECT_NE(file.structures[1].origin.find("XDATCAR:12"), std::string::npos) << file.structures[1].origin;
}

TEST(Xdatcar, RepeatedHeaderAndScalingToAVolume) {
    const std::string other = with(with(head, "3.500000", "4.500000"), "           2", "           1");
    const DataFile file = read(head + frame + other + frame + frame);
    ASSERT_EQ(file.structures.size(), 3u);
    EXPECT_EQ(file.structures[0].structure.cell(1, 1), 7.0);
    EXPECT_EQ(file.structures[2].structure.cell(1, 1), 4.5);
    EXPECT_NEAR(read(with(head, "           2", "-512") + frame).structures[0].structure.volume(), 512.0, 1e-10);
    EXPECT_EQ(read(with(head, "Ag   I", "Ag_pv  I/1a") + frame).structures[0].structure.species[0], 47);
}

TEST(Xdatcar, MalformedFilesAreRefusedInOneLine) {
    const std::string good = head + frame + frame;
    const auto refuses = [&](const std::string& part, const std::string& replacement, const std::string& why) {
        const std::string message = error(with(good, part, replacement));
        EXPECT_NE(message.find(why), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    };
    refuses("0.25000000", "0.25x", "XDATCAR:10: the position of atom 2 of 3 must be three finite numbers");
    refuses("-0.12500000", "nan", "three finite numbers");
    refuses("   0.99999999  0.00000000  0.50000000\n", "", "the position of atom 3 of 3");
    refuses("0.99999999  0.00000000  0.50000000\n", "0.9  0.0  0.5\n 0 0 0\n",
            "'Direct configuration=' or a new header");
    refuses("Ag   I", "Ag   Qq", "unknown element 'Qq'");
    refuses("     1     2", "     1", "1 counts of atoms for 2 symbols");
    refuses("           2", "           0", "scaling");
    refuses("Direct configuration=     1", "Cartesian", "'Direct configuration=' is needed here");
    refuses("0.000000    3.500000    0.000000", "6.0 0.0 1.0", "linearly dependent");
    EXPECT_NE(error("").find("no frame in this file"), std::string::npos);
}

TEST(Xdatcar, CutOffFileGivesItsCompleteFrames) {
    const std::string text = head + frame + with(frame, "0.25000000", "0.26000000") + head + frame;
    EXPECT_GT(testing::read_truncated("XDATCAR", text, 7, read_xdatcar), 30);
    // A file that somebody has edited may lack the last line end.
    EXPECT_EQ(read(text.substr(0, text.size() - 1)).structures.size(), 3u);
    const DataFile cut = read(text.substr(0, text.size() - 3));
    EXPECT_EQ(cut.structures.size(), 2u);
    EXPECT_NE(cut.notes.at(0).find("cut off"), std::string::npos);
    // Fewer decimals than the number before, but the line has its end: somebody rounded.
    EXPECT_EQ(read(head + frame + with(frame, "0.00000000  0.50000000", "0.00000000  0.5")).structures.size(), 2u);
}

TEST(Xdatcar, ACutOffNumberIsFoundInCompressedFilesToo) {
    const TemporaryDirectory folder;
    const std::string text = head + frame + frame;
    const std::string path = folder.file("XDATCAR", text.substr(0, text.size() - 4));
    ASSERT_EQ(std::system(("gzip -k " + path).c_str()), 0);
    for (const char* ending : {"", ".gz"}) {
        const DataFile file = read_xdatcar(path + ending);
        EXPECT_EQ(file.structures.size(), 1u) << ending;
        EXPECT_EQ(file.notes.size(), 1u) << ending;
    }
}

TEST(Xdatcar, ThereAndBack) {
    std::vector<LabeledStructure> frames = read(head + frame + frame).structures;
    frames[1].structure.cell(0, 1) += 0.125;
    frames[1].structure.positions(1, 2) -= 20.0;
    for (LabeledStructure& item : frames) item.structure.species = {53, 47, 53};
    const DataFile back = read(format_xdatcar(frames));
    ASSERT_EQ(back.structures.size(), 2u);
    for (std::size_t k = 0; k < 2; ++k) {
        const Structure &a = frames[k].structure, &b = back.structures[k].structure;
        EXPECT_EQ(b.species, (std::vector<int>{53, 53, 47}));
        EXPECT_EQ(a.cell, b.cell);
        EXPECT_LT((a.positions(Eigen::all, std::vector{0, 2, 1}) - b.positions).norm(), 1e-13);
    }

    const auto refuses = [&](auto change) {
        std::vector<LabeledStructure> changed = frames;
        change(changed[1]);
        return error_of<InputError>([&] { (void)format_xdatcar(changed); });
    };
    EXPECT_NE(refuses([](auto& f) { f.structure.species[0] = 35; }).find("differs from the first"), std::string::npos);
    EXPECT_NE(refuses([](auto& f) { f.structure.periodic[2] = false; }).find("periodic in three"), std::string::npos);
}

}  // namespace
}  // namespace mlff
