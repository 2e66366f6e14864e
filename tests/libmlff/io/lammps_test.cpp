#include "libmlff/io/lammps.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <array>

#include "libmlff/io/lammps_dump.hpp"
#include "support/truncation.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;
using testing::with;

const std::string data = R"(silver iodide

3 atoms
2 atom types

-1.0 3.0 xlo xhi
0.5 5.5 ylo yhi
0 6 zlo zhi
0.25 -0.5 1.0 xy xz yz

Masses

1 107.87 # silver
2 126.9

Atoms # atomic

3 2 1.0 2.0 3.0 0 0 0
1 1 0.1 0.2 0.3 1 0 -1
2 2 -4.0 5.0 6.5 0 0 0

Velocities

1 0 0 0
)";

const std::string dump = R"(ITEM: TIMESTEP
100
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS xy xz yz pp pp ff
-1.5 3.25 0.25
0.5 6.5 -0.5
0 6 1.0
ITEM: ATOMS id type element x y z ix iy iz fx fy fz
3 2 I 1.0 2.0 3.0 0 0 0 7 8 9
1 1 Ag 0.1 0.2 0.3 1 0 -1 1 2 3
2 2 I -4.0 5.0 6.5 0 0 0 4 5 6
)";

DataFile read_data(const std::string& text, const std::vector<int>& species = {}) {
    const TemporaryDirectory folder;
    return read_lammps_data(folder.file("in.lmp", text), species);
}
DataFile read_dump(const std::string& text, const std::vector<int>& species = {}) {
    const TemporaryDirectory folder;
    return read_lammps_dump(folder.file("in.dump", text), species);
}

/// What both files hold.
void expect_structure(const Structure& structure) {
    Matrix3 cell;
    cell << 4, 0.25, -0.5, 0, 5, 1, 0, 0, 6;
    EXPECT_TRUE(structure.cell.isApprox(cell, 1e-14)) << structure.cell;
    EXPECT_EQ(structure.species, (std::vector<int>{47, 53, 53}));
    const Vector3 corner(-1, 0.5, 0);  // of the box, where the cell of a Structure begins
    EXPECT_TRUE(structure.positions.col(0).isApprox(Vector3(0.1 + 4.5, 0.2 - 1, 0.3 - 6) - corner, 1e-14));
    EXPECT_EQ(structure.positions.col(1), Vector3(-4, 5, 6.5) - corner);
}

TEST(LammpsData, AtomicAndCharge) {
    expect_structure(read_data(data).structures.at(0).structure);
    std::string charge = with(with(data, "Atoms # atomic", "Atoms"), "3 2 1.0", "3 2 -0.5 1.0");
    charge = with(with(charge, "1 1 0.1", "1 1 0.5 0.1"), "2 2 -4.0", "2 2 0 -4.0");
    expect_structure(read_data(charge).structures.at(0).structure);
    expect_structure(read_data(with(charge, "\nAtoms", "\nAtoms # charge")).structures.at(0).structure);
    EXPECT_EQ(read_data(data, {3, 16}).structures.at(0).structure.species, (std::vector<int>{3, 16, 16}));
}

/// The data with other columns before x y z, for the atoms 3, 1, 2 in this order.
std::string with_columns(const std::string& title, const std::array<std::string, 3>& before) {
    std::string text = with(data, "Atoms # atomic", title);
    text = with(text, "3 2 1.0", before[0] + " 1.0");
    text = with(text, "1 1 0.1", before[1] + " 0.1");
    return with(text, "2 2 -4.0", before[2] + " -4.0");
}

TEST(LammpsData, MolecularAndFullWithAndWithoutTheirNames) {
    for (const char* style : {"molecular", "bond", "angle"})
        expect_structure(read_data(with_columns(std::string("Atoms # ") + style, {"3 1 2", "1 1 1", "2 2 2"}))
                             .structures.at(0)
                             .structure);
    const std::array<std::string, 3> full = {"3 1 2 -0.8", "1 1 1 0.4", "2 1 2 0.4"};
    expect_structure(read_data(with_columns("Atoms # full", full)).structures.at(0).structure);
    expect_structure(read_data(with_columns("Atoms", full)).structures.at(0).structure);
    // A molecule that is no type: only molecular fits.
    expect_structure(read_data(with_columns("Atoms", {"3 7 2", "1 7 1", "2 8 2"})).structures.at(0).structure);
    const auto message = [](const std::string& text) { return error_of<InputError>([&] { (void)read_data(text); }); };
    const std::string both = message(with_columns("Atoms", {"3 1 2", "1 1 1", "2 2 2"}));
    EXPECT_NE(both.find("atom_style charge) or id mol type x y z"), std::string::npos) << both;
    EXPECT_NE(both.find("'Atoms # charge'"), std::string::npos) << both;
    const std::string none = message(with_columns("Atoms", {"3 1 0.5 2", "1 1 0.5 1", "2 2 0.5 2"}));
    EXPECT_NE(none.find("fit none of the atom_styles"), std::string::npos) << none;
}

TEST(LammpsData, TypeLabels) {
    std::string text = with(data, "Masses\n\n1 107.87 # silver\n2 126.9",
                            "Atom Type Labels\n\n1 Ag\n2 I\n\nMasses\n\nAg 107.87\nI 126.9");
    text = with(with(with(text, "3 2 1.0", "3 I 1.0"), "1 1 0.1", "1 Ag 0.1"), "2 2 -4.0", "2 I -4.0");
    expect_structure(read_data(text).structures.at(0).structure);
    expect_structure(read_data(with(text, "Masses\n\nAg 107.87\nI 126.9\n", "")).structures.at(0).structure);
    const auto message = error_of<InputError>([&] { (void)read_data(with(text, "3 I 1.0", "3 Xx 1.0")); });
    EXPECT_NE(message.find("column 2 must be a type"), std::string::npos) << message;
}

TEST(LammpsData, SaysThatVelocitiesAreNotRead) {
    const DataFile file = read_data(data);
    ASSERT_EQ(file.notes.size(), 1u);
    EXPECT_NE(file.notes[0].find("velocities are not read"), std::string::npos);
}

TEST(LammpsData, ThereAndBackKeepsAllDistances) {
    Structure structure;
    structure.periodic = {true, true, true};
    structure.cell << 4, 1, -3, 2, 5, 1, -1, 0.5, 6;
    structure.species = {53, 47, 53};
    structure.positions = Matrix3X::Random(3, 3) * 5.0;
    const Structure back = read_data(format_lammps_data(structure)).structures.at(0).structure;
    EXPECT_EQ(back.species, structure.species);
    EXPECT_NEAR(back.cell.determinant(), structure.cell.determinant(), 1e-12);
    EXPECT_LE(std::abs(back.cell(0, 1)), 0.5 * back.cell(0, 0));
    EXPECT_LE(std::abs(back.cell(1, 2)), 0.5 * back.cell(1, 1));
    const auto gram = [](const Matrix3X& x) -> Eigen::MatrixXd { return x.transpose() * x; };
    EXPECT_TRUE(gram(back.positions).isApprox(gram(structure.positions), 1e-13));
    // The same lattice, rotated: the old vectors are whole numbers of the new ones.
    const Matrix3 rotation = back.positions * structure.positions.inverse();
    const Matrix3 whole = back.cell.inverse() * rotation * structure.cell;
    EXPECT_LT((whole - whole.array().round().matrix()).norm(), 1e-11) << whole;

    structure.cell.col(0).swap(structure.cell.col(1));
    EXPECT_NE(error_of<InputError>([&] { (void)format_lammps_data(structure); }).find("left-handed"),
              std::string::npos);
}

TEST(LammpsData, MalformedFilesAreRefusedInOneLine) {
    const auto refuses = [](const std::string& part, const std::string& replacement, const std::string& why) {
        const std::string message = error_of<InputError>([&] { (void)read_data(with(data, part, replacement)); });
        EXPECT_NE(message.find(why), std::string::npos) << part << ": " << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    };
    refuses("3 2 1.0", "3 2 1.0x", "in.lmp:18: column 3 must be a finite number");
    refuses("3 2 1.0 2.0 3.0 0 0 0", "3 2 1.0 2.0", "4 columns");
    refuses("3 2 1.0", "3 3 1.0", "type 3 has no mass");
    refuses("2 126.9", "2 126.0", "no element has the mass 126 of type 2; name the species");
    refuses("# atomic", "# sphere", "atom_style 'sphere' is not read");
    refuses("1 1 0.1", "3 1 0.1", "in.lmp:16: two atoms have the id 3; each needs its own");
    refuses("3 atoms", "", "number of atoms");
    refuses("3 atoms", "9 atoms", "columns");
    refuses("zlo zhi", "", "no extent along z");
    refuses("-1.0 3.0", "3.0 -1.0", "no extent along x");
    refuses("Atoms # atomic", "Items", "the section Atoms is missing");
}

TEST(LammpsDump, CellImagesForces) {
    const DataFile file = read_dump(dump + with(dump, "element x y z", "element xu yu zu"));
    ASSERT_EQ(file.structures.size(), 2u);
    expect_structure(file.structures[0].structure);
    EXPECT_EQ(file.structures[0].structure.periodic, (std::array{true, true, false}));
    EXPECT_EQ(file.structures[0].labels.forces->col(0), Vector3(1, 2, 3));
    EXPECT_FALSE(file.structures[0].labels.energy);
    // Unwrapped as it is, whatever the images.
    EXPECT_TRUE(file.structures[1].structure.positions.col(0).isApprox(Vector3(1.1, -0.3, 0.3), 1e-14));
    const DataFile scaled = read_dump(with(dump, "element x y z", "element xs ys zs"), {3, 16});
    const Structure& s = scaled.structures.at(0).structure;
    EXPECT_EQ(s.species, (std::vector<int>{3, 16, 16}));
    EXPECT_TRUE(s.positions.col(2).isApprox(s.cell * Vector3(1, 2, 3), 1e-14)) << s.positions;
    EXPECT_TRUE(s.positions.col(0).isApprox(s.cell * Vector3(1.1, 0.2, -0.7), 1e-14)) << s.positions;  // images
    const DataFile both = read_dump(with(dump, "element x y z", "element xsu ysu zsu"));
    EXPECT_TRUE(both.structures.at(0).structure.positions.col(0).isApprox(s.cell * Vector3(0.1, 0.2, 0.3), 1e-14));
}

TEST(LammpsDump, ABoxThatBreathesAboutItsMiddleMovesNoAtom) {
    const auto frame = [](double low, double high, double x) {
        return fmt::format(
            "ITEM: TIMESTEP\n1\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n{0} {1}\n{0} {1}\n{0} {1}\n"
            "ITEM: ATOMS element x y z\nAg {2} {2} {2}\n",
            low, high, x);
    };
    // The atom stays a quarter of the box from its corner: in units of the cell nothing happens.
    const DataFile file = read_dump(frame(0, 8, 2) + frame(-1, 9, 1.5));
    for (const LabeledStructure& item : file.structures)
        EXPECT_TRUE(
            (item.structure.cell.inverse() * item.structure.positions.col(0)).isApprox(Vector3::Constant(0.25)));
}

TEST(LammpsDump, UnitsRealAreConverted) {
    const Structure metal = read_dump(dump).structures.at(0).structure;
    const LabeledStructure real = read_dump("ITEM: UNITS\nreal\n" + dump).structures.at(0);
    EXPECT_EQ(real.structure.positions, metal.positions);
    EXPECT_NEAR((*real.labels.forces)(2, 2), 9.0 * 4184.0 / (6.02214076e23 * 1.602176634e-19), 1e-12);
    EXPECT_NE(error_of<InputError>([&] { (void)read_dump("ITEM: UNITS\nlj\n" + dump); }).find("metal and real"),
              std::string::npos);
}

TEST(LammpsDump, MalformedAndCutOff) {
    const auto error = [](const std::string& text) { return error_of<InputError>([&] { (void)read_dump(text); }); };
    EXPECT_NE(error(with(dump, " element", " mol")).find("no column element"), std::string::npos);
    EXPECT_NE(error(with(dump, "x y z", "a b c")).find("no columns x y z"), std::string::npos);
    EXPECT_NE(error(with(dump, "-4.0 5.0", "-4.0 nan")).find("in.dump:12: column 5 must be a finite"),
              std::string::npos);
    EXPECT_NE(error(with(dump, "3 2 I 1.0", "3 2 I")).find("in.dump:10: 11 columns"), std::string::npos);
    EXPECT_NE(error(with(dump, "2 2 I -4.0", "3 2 I -4.0")).find("two atoms of this frame have the id 3"),
              std::string::npos);
    EXPECT_NE(error(with(dump, " Ag ", " Qq ")).find("unknown element 'Qq'"), std::string::npos);
    EXPECT_NE(error(with(dump, "3\n", "x\n")).find("whole number"), std::string::npos);
    EXPECT_NE(error("").find("no frame"), std::string::npos);
    const DataFile file = read_dump(dump + dump.substr(0, dump.size() - 20));
    EXPECT_EQ(file.structures.size(), 1u);
    EXPECT_EQ(file.notes.size(), 1u);
    // "6" may be the beginning of "6.25": only a line end, or the blank that LAMMPS prints, ends a number.
    const auto n_frames = [](const std::string& text) { return read_dump(text).structures.size(); };
    EXPECT_EQ(n_frames(dump + dump.substr(0, dump.size() - 1)), 1u);
    EXPECT_EQ(n_frames(dump + dump.substr(0, dump.size() - 1) + " "), 2u);
    EXPECT_NE(error(dump.substr(0, dump.size() - 1)).find("without line end"), std::string::npos);
    EXPECT_EQ(testing::read_truncated("in.dump", dump + dump, 5,
                                      [](const std::string& path) { return read_lammps_dump(path); }) > 10,
              true);
}

}  // namespace
}  // namespace mlff
