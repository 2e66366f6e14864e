#include "libmlff/io/extxyz.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <sstream>

#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

using testing::content_of;
using testing::error_of;
using testing::TemporaryDirectory;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// A frame with everything in it: triclinic (left-handed for odd seeds), mixed periodicity, numbers with all digits.
ExtxyzFrame random_frame(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    const auto fill = [&](auto&& matrix) {
        for (Eigen::Index k = 0; k < matrix.size(); ++k) matrix(k) = normal(random) * std::pow(10.0, normal(random));
    };
    ExtxyzFrame frame;
    Structure& structure = frame.structure;
    const Eigen::Index n = 7 + seed % 3;
    structure.species = {3, 32, 15, 16, 16, 3, 74, 47, 53};
    structure.species.resize(static_cast<std::size_t>(n));
    fill(structure.cell);
    structure.cell = 0.3 * structure.cell + 8.0 * Matrix3::Identity();
    if (seed % 2 == 1) structure.cell.col(0).swap(structure.cell.col(1));
    structure.periodic = {true, seed % 3 != 0, seed % 5 != 0};
    structure.positions.resize(3, n);
    fill(structure.positions);
    frame.labels.energy = normal(random) * 100.0;
    frame.labels.forces.emplace(3, n);
    fill(*frame.labels.forces);
    Voigt stress;
    fill(stress);
    frame.labels.stress = stress;
    frame.velocities.emplace(3, n);
    fill(*frame.velocities);
    frame.info = {{"step", "12"}, {"config_type", "two words"}, {"odd", "a \"b\" \\c {d} = 'e'\nf"},
                  {"empty", ""},  {"list", "[1, 2]"},           {"caller", "AbC+/9=="}};
    return frame;
}

void expect_equal_bits(const ExtxyzFrame& a, const ExtxyzFrame& b) {
    EXPECT_EQ(a.structure.cell, b.structure.cell);
    EXPECT_EQ(a.structure.periodic, b.structure.periodic);
    EXPECT_EQ(a.structure.species, b.structure.species);
    EXPECT_EQ(a.structure.positions, b.structure.positions);
    EXPECT_EQ(a.labels.energy, b.labels.energy);
    EXPECT_EQ(a.labels.forces, b.labels.forces);
    EXPECT_EQ(a.labels.stress, b.labels.stress);
    EXPECT_EQ(a.velocities, b.velocities);
    EXPECT_EQ(a.info, b.info);
}

/// A frame of one atom whose parts can be replaced one by one.
struct Text {
    std::string count = "1";
    std::string lattice = " Lattice=\"4 0 0 0 4 0 0 0 4\"";
    std::string properties = " Properties=species:S:1:pos:R:3";
    std::string rest = {};
    std::string atoms = "Ag 0 0 0\n";

    [[nodiscard]] std::string str() const { return count + "\n" + lattice + properties + rest + "\n" + atoms; }
    [[nodiscard]] ExtxyzFrame read(const ExtxyzKeys& keys = {}) const {
        const TemporaryDirectory folder;
        return ExtxyzReader(folder.file("a.xyz", str()), keys).next().value();
    }
    /// The complaint about the text, without the directory.
    [[nodiscard]] std::string error(const ExtxyzKeys& keys = {}) const {
        const TemporaryDirectory folder;
        const std::string path = folder.file("a.xyz", str());
        const std::string message = error_of<InputError>([&] { (void)read_extxyz(path, keys); });
        EXPECT_EQ(message.find('\n'), std::string::npos) << "one line: " << message;
        const auto at = message.find("a.xyz");
        return at == std::string::npos ? message : message.substr(at);
    }
};

TEST(Extxyz, WritingAndReadingGivesBackEveryBit) {
    const TemporaryDirectory folder;
    std::vector<ExtxyzFrame> frames;
    for (unsigned seed = 1; seed <= 20; ++seed) frames.push_back(random_frame(seed));
    frames[3].structure.positions(1, 2) = 1.0 / 3.0 * 1e-300;
    frames[4].structure.positions(0, 0) = -0.0;
    frames[5].labels = {};
    frames[6].velocities.reset();
    frames[7].info.clear();
    frames[8].structure.cell.setZero();  // a molecule
    frames[8].structure.periodic = {false, false, false};
    frames[8].labels.stress.reset();
    const std::string path = folder.file("a.xyz");
    write_extxyz(path, std::span<const ExtxyzFrame>(frames));
    ExtxyzReader reader(path);
    for (const ExtxyzFrame& frame : frames) {
        const auto back = reader.next();
        ASSERT_TRUE(back);
        expect_equal_bits(*back, frame);
    }
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(folder.n_files(), 1U);
}

TEST(Extxyz, StructuresKeepTheirPlace) {
    const TemporaryDirectory folder;
    std::vector<LabeledStructure> structures;
    for (unsigned seed = 1; seed <= 3; ++seed) structures.push_back(random_frame(seed));
    const std::string path = folder.file("a.xyz");
    write_extxyz(path, std::span<const LabeledStructure>(structures));
    const auto back = read_extxyz(path);
    ASSERT_EQ(back.size(), 3U);
    long line = 1;
    for (std::size_t k = 0; k < 3; ++k) {
        EXPECT_EQ(back[k].origin, path + ":" + std::to_string(line));
        EXPECT_EQ(back[k].structure.positions, structures[k].structure.positions);
        EXPECT_EQ(back[k].labels.stress, structures[k].labels.stress);
        line += 2 + structures[k].structure.size();
    }
}

TEST(Extxyz, FurtherColumnsAreWrittenAndReadOnRequest) {
    const TemporaryDirectory folder;
    ExtxyzFrame frame = random_frame(2);
    const Eigen::Index n = frame.structure.size();
    frame.columns = {{"force_deviation", Eigen::MatrixXd::Random(1, n)}, {"axes", Eigen::MatrixXd::Random(4, n)}};
    const std::string path = folder.file("a.xyz", format_extxyz(frame));
    EXPECT_TRUE(ExtxyzReader(path).next()->columns.empty());
    const auto back = ExtxyzReader(path, {.columns = {"axes", "absent"}}).next();
    ASSERT_EQ(back->columns.size(), 1U);
    EXPECT_EQ(back->columns[0].name, "axes");
    EXPECT_EQ(back->columns[0].values, frame.columns[1].values);
}

TEST(Extxyz, CommentLineSyntax) {
    const Text text{.lattice = "lattice={4 0 0  0 5 0  0 1 6}",
                    .rest =
                        "\tpbc=[T, F,T] a=1 b='x y' c=\"q \\\"r\\\"\" d={1 {2} 3} e=[[1,2],[3,4]] flag  f = 2 "
                        "\"g h\"=3 url=a=b i="};
    const ExtxyzFrame frame = text.read();
    Matrix3 cell;
    cell << 4, 0, 0, 0, 5, 1, 0, 0, 6;  // the third vector, (0, 1, 6), is the third column
    EXPECT_EQ(frame.structure.cell, cell);
    EXPECT_EQ(frame.structure.periodic, (std::array<bool, 3>{true, false, true}));
    const std::vector<std::pair<std::string, std::string>> info = {
        {"a", "1"},    {"b", "x y"}, {"c", "q \"r\""}, {"d", "1 {2} 3"}, {"e", "[[1,2],[3,4]]"},
        {"flag", "T"}, {"f", "2"},   {"g h", "3"},     {"url", "a=b"},   {"i", ""}};
    EXPECT_EQ(frame.info, info);
    EXPECT_EQ(frame.find("b"), "x y");
    EXPECT_FALSE(frame.find("energy"));
}

TEST(Extxyz, PlainXyzMaySayAnything) {
    const auto read = [](const std::string& comment) {
        return Text{.lattice = "", .properties = "", .rest = comment}.read();
    };
    const std::string free_text = "the 'energy of the energy is \"unknown";
    EXPECT_EQ(read(free_text).find("comment"), free_text);
    EXPECT_FALSE(read("energy").labels.energy);
    EXPECT_TRUE(read("").info.empty());
    const ExtxyzFrame cp2k = read(" i =        2, time =        1.000, E =       -17.1643472 and and");
    EXPECT_EQ(cp2k.find("i"), "2");
    EXPECT_EQ(cp2k.find("time"), "1.000");
    EXPECT_EQ(cp2k.find("E"), "-17.1643472");
    EXPECT_EQ(cp2k.find("and"), "T");
    EXPECT_EQ(cp2k.info.size(), 4U);
}

TEST(Extxyz, PeriodicityFollowsTheLatticeUnlessStated) {
    EXPECT_EQ(Text{}.read().structure.periodic, (std::array<bool, 3>{true, true, true}));
    EXPECT_EQ((Text{.lattice = ""}.read().structure.periodic), (std::array<bool, 3>{false, false, false}));
    EXPECT_EQ((Text{.rest = " pbc=F"}.read().structure.periodic), (std::array<bool, 3>{false, false, false}));
    EXPECT_EQ((Text{.rest = " pbc=\"0 true False\""}.read().structure.periodic),
              (std::array<bool, 3>{false, true, false}));
}

TEST(Extxyz, LinesMayEndInCrlfAndBlankLinesMayFollow) {
    const TemporaryDirectory folder;
    const std::string one = "2\r\nLattice=\"4 0 0 0 4 0 0 0 4\" energy=-1.5\r\nAg 0 0 0\r\nI 0 0 2\r\n";
    const auto frames = read_extxyz(folder.file("a.xyz", one + one + "\r\n  \r\n"));
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[1].labels.energy, -1.5);
    EXPECT_EQ(frames[1].structure.species, (std::vector<int>{47, 53}));
    const std::string open = "1\n\nAg 0 0 0";  // no end of the last line, no comment
    EXPECT_EQ(read_extxyz(folder.file("b.xyz", open)).size(), 1U);
}

TEST(Extxyz, EnergyComesUnderSeveralNames) {
    // Forces are derivatives of the free energy.
    const ExtxyzFrame both = Text{.rest = " free_energy=2 energy=1"}.read();
    EXPECT_EQ(both.labels.energy, 2.0);
    EXPECT_EQ(both.energy_without_entropy, 1.0);
    EXPECT_EQ((Text{.rest = " Energy=3"}.read().labels.energy), 3.0);
    EXPECT_FALSE((Text{.rest = " Energy="}.read().labels.energy));
    const ExtxyzFrame without = Text{.rest = " Energy= config_type=bulk"}.read();
    EXPECT_FALSE(without.labels.energy);
    EXPECT_EQ(without.group, "bulk");
    EXPECT_EQ((Text{.rest = " Energy=3 energy=3.0"}.read().labels.energy), 3.0);
    EXPECT_EQ((Text{.rest = " Energy=3 energy=1"}.error()),
              "a.xyz:2: energy is given twice, as 3 and as 1; one of the two must go");
    const TemporaryDirectory folder;
    const ExtxyzData data = read_extxyz_data(folder.file("a.xyz", "2\nfree_energy=2 energy=1\nH 0 0 0\nH 0 0 1\n"));
    EXPECT_EQ(data.electronic_entropy, 0.5);
    const ExtxyzFrame chosen = Text{.rest = " energy=1 dft=4"}.read({.energy = "dft"});
    EXPECT_EQ(chosen.labels.energy, 4.0);
    EXPECT_EQ(chosen.find("energy"), "1");
    EXPECT_FALSE((Text{.rest = " energy=1"}.read({.energy = "dft"}).labels.energy));
    EXPECT_EQ((Text{.rest = " energy=1 step=5"}.error({.energy = "dft"})),
              "a.xyz: no frame has an energy under 'dft'; its first frame has energy, step");
    EXPECT_NE((Text{}.error({.forces = "dft"})).find("no frame has forces under 'dft'"), std::string::npos);
}

/// The label in force is written under its usual name, and only once.
TEST(Extxyz, ALabelTakesThePlaceOfAnInfoKeyOfItsName) {
    const TemporaryDirectory folder;
    const ExtxyzFrame chosen = Text{.rest = " energy=1 dft=4"}.read({.energy = "dft"});
    const auto back = ExtxyzReader(folder.file("a.xyz", format_extxyz(chosen))).next();
    EXPECT_EQ(back->labels.energy, 4.0);
    EXPECT_TRUE(back->info.empty());
}

TEST(Extxyz, StressInNineOrSixNumbersOrFromTheVirial) {
    Voigt expected;
    expected << 1, 2, 3, 4, 5, 6;
    EXPECT_EQ((Text{.rest = " stress=\"1 6 5 6 2 4 5 4 3\""}.read().labels.stress), expected);
    EXPECT_EQ((Text{.rest = " stress=\"1 2 3 4 5 6\""}.read().labels.stress), expected);
    EXPECT_EQ((Text{.rest = " stress=[[1,6,5],[6,2,4],[5,4,3]]"}.read().labels.stress), expected);
    // virial = -V stress, and V = 64
    EXPECT_EQ((Text{.rest = " virial=\"-64 -384 -320 -384 -128 -256 -320 -256 -192\""}.read().labels.stress), expected);
    EXPECT_EQ((Text{.rest = " Virial=\"-64 -384 -320 -384 -128 -256 -320 -256 -192\""}.read().labels.stress), expected);
    // Both may stand there if they say the same. GPUMD's stress is a pressure.
    const std::string virial = " virial=\"-64.1 -128.2 -192 -256 -320 -384\"";
    EXPECT_EQ((Text{.rest = virial + " stress=\"1 2 3 4 5 6\""}.read().labels.stress), expected);
    const std::string contradiction = virial + " stress=\"-1 -2 -3 -4 -5 -6\"";
    EXPECT_NE(
        (Text{.rest = contradiction}.error().find("a.xyz:2: stress and virial contradict each other: stress xx = -1 "
                                                  "eV/Å³, -virial/volume = 1.002 eV/Å³")),
        std::string::npos)
        << Text{.rest = contradiction}.error();
    EXPECT_NEAR((*Text{.rest = contradiction}.read({.virial = "virial"}).labels.stress)[0], 1.002, 1e-3);
    EXPECT_EQ((*Text{.rest = contradiction}.read({.stress = "stress"}).labels.stress)[0], -1.0);
    EXPECT_EQ((*Text{.rest = " stress=\"1 2 3 4 5 6\""}.read({.stress_unit = 0.5}).labels.stress)[3], 2.0);
    EXPECT_FALSE((Text{.lattice = "", .rest = " virial=\"1 2 3 4 5 6\""}.read().labels.stress));
    EXPECT_FALSE((Text{.rest = " virial=\"1 2 3 4 5 6\""}.read({.stress = "dft"}).labels.stress));
    EXPECT_TRUE((Text{.rest = " dft=\"1 2 3 4 5 6\""}.read({.stress = "dft"}).labels.stress));
    EXPECT_TRUE((Text{.rest = " w=\"1 2 3 4 5 6\""}.read({.virial = "w"}).labels.stress));
}

TEST(Extxyz, KeysAndColumnsInUpperCase) {
    EXPECT_EQ((Text{.rest = " Config_type=bulk"}.read().group), "bulk");
    EXPECT_EQ(label_names({"REF_energy", "dft_forces", "Weight", "step", "REF_virials"}),
              (std::vector<std::string>{"REF_energy", "dft_forces", "REF_virials"}));
    const TemporaryDirectory folder;
    const ExtxyzData data = read_extxyz_data(
        folder.file("a.xyz", "1\nREF_energy=2 Properties=species:S:1:pos:R:3:REF_forces:R:3\nH 0 0 0 1 2 3\n"));
    ASSERT_EQ(data.notes.size(), 1u);
    EXPECT_NE(data.notes[0].find("REF_energy, REF_forces not taken as labels; name them (energy_key"),
              std::string::npos);
}

TEST(Extxyz, PlainXyzMayHaveColumnsThatNobodyNamed) {
    const TemporaryDirectory folder;
    const ExtxyzData data = read_extxyz_data(folder.file("a.xyz", "2\ncharges\nO 1 2 3 -0.8\nH 4 5 6 0.4\n"));
    EXPECT_EQ(data.structures.at(0).structure.positions.col(1), Vector3(4, 5, 6));
    ASSERT_EQ(data.notes.size(), 1u);
    EXPECT_NE(data.notes[0].find("only symbol and x y z are read"), std::string::npos);
}

TEST(Extxyz, AByteOrderMarkIsPassedOver) {
    const TemporaryDirectory folder;
    EXPECT_EQ(read_extxyz(folder.file("a.xyz",
                                      "\xEF\xBB\xBF"
                                      "1\n\nAg 0 0 1\n"))
                  .at(0)
                  .structure.positions(2, 0),
              1.0);
}

TEST(Extxyz, IPiSaysCellAndUnitsInItsComment) {
    const TemporaryDirectory folder;
    const auto read = [&](const std::string& comment) {
        return read_extxyz(folder.file("a.xyz", "1\n# " + comment + "\nH 1 2 3\n")).at(0).structure;
    };
    const double bohr = 0.529177210903;
    const Structure box =
        read("CELL(abcABC): 20 30 40 90.0 90 90 Step: 0 Bead: 0 positions{atomic_unit} cell{atomic_unit}");
    EXPECT_TRUE(box.cell.isApprox(Matrix3(Vector3(20, 30, 40).asDiagonal()) * bohr, 1e-14)) << box.cell;
    EXPECT_EQ(box.cell(0, 1), 0.0);
    EXPECT_TRUE(box.positions.isApprox(bohr * Vector3(1, 2, 3), 1e-14));
    EXPECT_EQ(box.periodic, (std::array{true, true, true}));
    const Structure tilted = read("CELL(abcABC): 5 6 7 80 95 110 positions{angstrom} cell{angstrom}");
    EXPECT_EQ(tilted.positions.col(0), Vector3(1, 2, 3));
    const auto angle = [&](int a, int b) {
        const Vector3 u = tilted.cell.col(a), v = tilted.cell.col(b);
        return std::acos(u.dot(v) / u.norm() / v.norm()) * 180.0 / std::acos(-1.0);
    };
    EXPECT_NEAR(tilted.cell.col(1).norm(), 6.0, 1e-12);
    EXPECT_NEAR(tilted.cell.col(2).norm(), 7.0, 1e-12);
    EXPECT_NEAR(angle(1, 2), 80.0, 1e-10);
    EXPECT_NEAR(angle(0, 2), 95.0, 1e-10);
    EXPECT_NEAR(angle(0, 1), 110.0, 1e-10);
    const auto refused = [&](const std::string& comment, const std::string& why) {
        const std::string message = error_of<InputError>([&] { (void)read(comment); });
        EXPECT_NE(message.find(why), std::string::npos) << message;
    };
    refused("CELL(abcABC): 20 30 40 90 90 90", "a file of i-PI without positions{unit}");
    refused("CELL(abcABC): 20 30 40 90 90 90 velocities{atomic_unit} cell{atomic_unit}", "without positions{unit}");
    refused("CELL(abcABC): 20 30 40 90 90 90 positions{meter} cell{atomic_unit}", "'positions{meter}' is not known");
    refused("CELL(H): 1 0 0 0 1 0 0 0 1 positions{angstrom} cell{angstrom}", "CELL(abcABC) is, its default");
    refused("CELL(abcABC): 20 30 40 90 90 positions{angstrom} cell{angstrom}", "three lengths and three angles");
    refused("CELL(abcABC): 20 30 40 20 20 100 positions{angstrom} cell{angstrom}", "make no cell");
}

TEST(Extxyz, MassesMomentaAndWhatMayMove) {
    const std::string text =
        "2\nProperties=species:S:1:pos:R:3:momenta:R:3:masses:R:1:move_mask:L:1\n"
        "H 0 0 0 1 2 3 2.014 T\nO 0 0 1 0 0 0 16 F\n";
    const TemporaryDirectory folder;
    auto frame = ExtxyzReader(folder.file("a.xyz", text)).next();
    EXPECT_EQ((*frame->masses)[0], 2.014);
    const double to_angstrom_per_fs = 0.09822694;  // √(eV/amu)
    EXPECT_NEAR((*frame->velocities)(1, 0), 2.0 / 2.014 * to_angstrom_per_fs, 1e-7);
    EXPECT_TRUE(frame->move_mask.col(0).all());
    EXPECT_FALSE(frame->move_mask.col(1).any());
    const auto again = ExtxyzReader(folder.file("b.xyz", format_extxyz(*frame))).next();
    EXPECT_EQ(*again->masses, *frame->masses);
    EXPECT_EQ(*again->velocities, *frame->velocities);
    EXPECT_TRUE((again->move_mask == frame->move_mask).all());
    EXPECT_NE(format_extxyz(*frame).find("move_mask:L:1"), std::string::npos);
    frame->move_mask(2, 0) = false;
    const auto parts = ExtxyzReader(folder.file("c.xyz", format_extxyz(*frame))).next();
    EXPECT_TRUE((parts->move_mask == frame->move_mask).all());
    const auto message = error_of<InputError>(
        [&] { (void)read_extxyz(folder.file("d.xyz", "1\nProperties=species:S:1:pos:R:3:masses:R:1\nH 0 0 0 0\n")); });
    EXPECT_NE(message.find("a mass must be positive"), std::string::npos) << message;
}

TEST(Extxyz, SpeciesAsNumbersAndColumnsInAnyOrder) {
    const ExtxyzFrame frame = Text{.properties = " Properties=force:R:3:Z:I:1:tag:L:1:pos:R:3:name:S:2:velo:R:3",
                                   .atoms = "1 2 3 74 T 4 5 6 a b 7 8 9\n"}
                                  .read();
    EXPECT_EQ(frame.structure.species, (std::vector<int>{74}));
    EXPECT_EQ(frame.structure.positions.col(0), Vector3(4, 5, 6));
    EXPECT_EQ(frame.labels.forces->col(0), Vector3(1, 2, 3));
    EXPECT_EQ(frame.velocities->col(0), Vector3(7, 8, 9));
    const Text named{.properties = " Properties=species:S:1:pos:R:3:forces:R:3:dft:R:3",
                     .atoms = "W 0 0 0 1 1 1 2 2 2\n"};
    EXPECT_EQ(named.read({.forces = "dft"}).labels.forces->col(0), Vector3(2, 2, 2));
}

/// Every complaint: one line, where, what, and what would be right.
TEST(Extxyz, MalformedFilesAreRefusedWithTheirPlace) {
    const std::vector<std::pair<Text, std::string>> cases = {
        {{.count = "two"}, "a.xyz:1: a frame must begin with its number of atoms, got 'two'"},
        {{.count = "0"}, "a.xyz:1: a frame must begin with its number of atoms, got '0'"},
        {{.count = "-1"}, "a.xyz:1: a frame must begin with its number of atoms, got '-1'"},
        {{.count = "99999999999999"}, "a.xyz:1: a frame must begin with its number of atoms, got '99999999999999'"},
        {{.count = "3"}, "a.xyz:3: the file ends after 1 of 3 atoms; the frame is cut off"},
        {{.atoms = "Ag 0 0\n"}, "a.xyz:3: atom 1 of 1 has 3 columns; Properties names 4"},
        {{.atoms = "Ag 0 0 0 0\n"}, "a.xyz:3: atom 1 of 1 has 5 columns; Properties names 4"},
        {{.atoms = "\n"}, "a.xyz:3: atom 1 of 1 has 0 columns; Properties names 4"},
        {{.atoms = "Ag 0 x 0\n"}, "a.xyz:3: pos must be a finite number, got 'x'"},
        {{.atoms = "Ag 0 1.2abc 0\n"}, "a.xyz:3: pos must be a finite number, got '1.2abc'"},
        {{.atoms = "Ag 0 nan 0\n"}, "a.xyz:3: pos must be a finite number, got 'nan'"},
        {{.atoms = "Ag 0 0 inf\n"}, "a.xyz:3: pos must be a finite number, got 'inf'"},
        {{.atoms = "Qq 0 0 0\n"}, "a.xyz:3: unknown element 'Qq'; a chemical symbol such as Ag is needed"},
        {{.properties = " Properties=Z:I:1:pos:R:3", .atoms = "119 0 0 0\n"},
         "a.xyz:3: Z must be an atomic number in 1..118, got '119'"},
        {{.properties = " Properties=species:S:1:pos:R:3:forces:R:3", .atoms = "Ag 0 0 0 1 NaN 3\n"},
         "a.xyz:3: forces must be a finite number, got 'NaN'"},
        {{.properties = " Properties=species:S:1:pos:R:3:forces:R:2", .atoms = "Ag 0 0 0 1 2\n"},
         "a.xyz:2: Properties: forces must be forces:R:3, got forces:R:2"},
        {{.properties = " Properties=species:S:1:pos:S:3"}, "a.xyz:2: Properties: pos must be pos:R:3, got pos:S:3"},
        {{.properties = " Properties=pos:R:3"}, "a.xyz:2: Properties names no species; species:S:1 or Z:I:1 is needed"},
        {{.properties = " Properties=species:S:1"}, "a.xyz:2: Properties names no positions; pos:R:3 is needed"},
        {{.properties = " Properties=species:S:1:pos:R"},
         "a.xyz:2: Properties 'species:S:1:pos:R' cannot be divided into triples; triples name:type:width such as "
         "species:S:1:pos:R:3 are needed"},
        {{.properties = " Properties=species:S:1:pos:Q:3"},
         "a.xyz:2: Properties: 'pos:Q:3' is not understood; triples name:type:width such as species:S:1:pos:R:3 are "
         "needed"},
        {{.properties = " Properties=species:S:1:pos:R:-3"},
         "a.xyz:2: Properties: 'pos:R:-3' is not understood; triples name:type:width such as species:S:1:pos:R:3 are "
         "needed"},
        {{.lattice = "Lattice=\"1 0 0 0 1 0 0 0\""}, "a.xyz:2: Lattice must hold 9 numbers, got 8"},
        {{.lattice = "Lattice=\"1 0 0 0 1 0 0 0 nan\""}, "a.xyz:2: Lattice must hold finite numbers, got 'nan'"},
        {{.lattice = "Lattice=\"1 0 0 1 0 0 0 0 1\""},
         "a.xyz:1: the periodic lattice vectors are zero or linearly dependent; three independent ones are needed"},
        {{.lattice = "", .rest = " pbc=\"T T T\""},
         "a.xyz:1: the periodic lattice vectors are zero or linearly dependent; three independent ones are needed"},
        {{.rest = " pbc=\"T T\""}, "a.xyz:2: pbc must hold three flags such as \"T T F\", got 'T T'"},
        {{.rest = " pbc=\"T T X\""}, "a.xyz:2: pbc must hold T or F, got 'X'"},
        {{.rest = " energy=abc"}, "a.xyz:2: energy must be a finite number, got 'abc'"},
        {{.rest = " energy=nan"}, "a.xyz:2: energy must be a finite number, got 'nan'"},
        {{.rest = " energy=\"1 2\""}, "a.xyz:2: energy must be a finite number, got '1 2'"},
        {{.rest = " energy"}, "a.xyz:2: energy must be a finite number, got 'T'"},
        {{.rest = " stress=\"1 2 3\""}, "a.xyz:2: stress must hold 9 or 6 numbers, got 3"},
        {{.rest = " stress=\"1 2 3 4 5 inf\""}, "a.xyz:2: stress must hold finite numbers, got 'inf'"},
        {{.rest = " virial=\"1 2 3 4 5 x\""}, "a.xyz:2: virial must hold finite numbers, got 'x'"},
        {{.rest = " energy=1 energy=2"}, "a.xyz:2: key 'energy' is given twice; once is enough"},
        {{.rest = " name=\"open"}, "a.xyz:2: a quote is not closed; \" is missing at its end"},
        {{.rest = " name={open"}, "a.xyz:2: a bracket is not closed; } is missing at its end"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(text.error(), expected);
}

TEST(Extxyz, EmptyAndCutOffFilesAreRefused) {
    const TemporaryDirectory folder;
    const auto error = [&](const std::string& content) {
        return error_of<InputError>([&] { (void)read_extxyz(folder.file("a.xyz", content)); });
    };
    const std::string path = folder.file("a.xyz");
    EXPECT_EQ(error(""), path + ": no structure in this file; extxyz is needed");
    EXPECT_EQ(error("\n\n"), path + ": no structure in this file; extxyz is needed");
    EXPECT_EQ(error("2\n"), path + ":1: the file ends here; the comment line of the frame is missing");
    const std::string whole = "1\n\nAg 0 0 0\n";
    EXPECT_EQ(error(whole + "2\n\nAg 0 0 0\n"), path + ":6: the file ends after 1 of 2 atoms; the frame is cut off");
    EXPECT_NE(error_of<InputError>([&] { ExtxyzReader reader(folder.file("absent.xyz")); }).find("no such file"),
              std::string::npos);
}

TEST(Extxyz, NothingWrongIsWritten) {
    const auto refused = [](auto&& spoil) {
        ExtxyzFrame frame = random_frame(1);
        spoil(frame);
        EXPECT_THROW((void)format_extxyz(frame), std::invalid_argument);
    };
    refused([](ExtxyzFrame& f) { f.labels.energy = nan; });
    refused([](ExtxyzFrame& f) { (*f.labels.forces)(1, 1) = nan; });
    refused([](ExtxyzFrame& f) { (*f.labels.stress)[5] = nan; });
    refused([](ExtxyzFrame& f) { f.structure.positions(0, 0) = nan; });
    refused([](ExtxyzFrame& f) { f.structure.cell(0, 0) = nan; });
    refused([](ExtxyzFrame& f) { (*f.velocities)(2, 0) = nan; });
    refused([](ExtxyzFrame& f) { f.labels.forces->conservativeResize(3, 2); });
    refused([](ExtxyzFrame& f) { f.structure.species.pop_back(); });
    refused([](ExtxyzFrame& f) { f.columns = {{"two words", Eigen::MatrixXd::Zero(1, f.structure.size())}}; });
    refused([](ExtxyzFrame& f) { f.columns = {{"spilling", Eigen::MatrixXd::Zero(f.structure.size(), 1)}}; });
    refused([](ExtxyzFrame& f) { f = {}; });
}

/// Published data sets, against what a look into the files says.
TEST(Extxyz, ReadsTheReferenceData) {
    const std::string silicon = testing::shared_data("mlearn/Si_test.xyz.gz");
    const std::string lgps = testing::shared_data("lgps/validation.xyz.gz");
    if (silicon.empty() || lgps.empty()) GTEST_SKIP() << "reference data not found; set MLFF_SHARED";
    const auto frames = read_extxyz(silicon);
    ASSERT_EQ(frames.size(), 25U);
    EXPECT_EQ(frames[0].structure.size(), 63);
    EXPECT_EQ(frames[0].labels.energy, -297.6277394);
    EXPECT_EQ(frames[0].labels.forces->col(1), Vector3(0.26663997, -0.92416590, -0.08352670));
    // The files state stress and virial both: two routes to one label.
    const auto by_virial = read_extxyz(silicon, {.stress = "none", .virial = "virial"});
    for (std::size_t k = 0; k < frames.size(); ++k) {
        const double difference = (*frames[k].labels.stress - *by_virial[k].labels.stress).cwiseAbs().maxCoeff();
        EXPECT_LT(difference, 1e-9) << frames[k].origin;
    }
    long with_stress = 0, atoms = 0;
    const auto conductor = read_extxyz(lgps);
    for (const auto& frame : conductor) {
        with_stress += frame.labels.stress ? 1 : 0;
        atoms += frame.structure.size();
        EXPECT_EQ(species_present(frame.structure), (std::vector<int>{3, 15, 16, 32}));
        EXPECT_TRUE(frame.labels.energy && frame.labels.forces);
    }
    EXPECT_EQ(conductor.size(), 120U);
    EXPECT_EQ(with_stress, 120);
    EXPECT_GT(atoms, 120 * 50 - 1);
}

// ------------------------------------------------------------------------------------------- a second opinion: ASE

/// Numbers in a text file.
std::vector<double> numbers_of(const std::string& path) {
    std::istringstream in(content_of(path));
    std::vector<double> numbers;
    for (std::string word; in >> word;) numbers.push_back(parse_double(word).value_or(nan));
    return numbers;
}

/// The frame as plain numbers, in the order the python programs use.
std::vector<double> numbers_of(const ExtxyzFrame& frame) {
    std::vector<double> numbers;
    const auto add = [&](const auto& values) {
        numbers.insert(numbers.end(), values.data(), values.data() + values.size());
    };
    for (const int z : frame.structure.species) numbers.push_back(z);
    for (const bool flag : frame.structure.periodic) numbers.push_back(flag ? 1 : 0);
    add(frame.structure.cell);
    add(frame.structure.positions);
    numbers.push_back(*frame.labels.energy);
    add(*frame.labels.forces);
    add(*frame.labels.stress);
    return numbers;
}

const char* const dump_program = R"(
def dump(atoms, out):
    numbers = list(atoms.numbers) + [int(p) for p in atoms.pbc] + list(atoms.cell[:].ravel())
    numbers += list(atoms.positions.ravel()) + [atoms.get_potential_energy()]
    numbers += list(atoms.get_forces().ravel()) + list(atoms.get_stress())
    print(*[repr(float(x)) for x in numbers], file=out)
)";

TEST(ExtxyzAgainstAse, ReadsWhatWeWrite) {
    if (!testing::python_has("ase")) GTEST_SKIP() << "ASE is not installed";
    const TemporaryDirectory folder;
    std::vector<ExtxyzFrame> frames;
    std::vector<double> expected;
    for (unsigned seed = 1; seed <= 6; ++seed) {
        frames.push_back(random_frame(seed));
        const auto numbers = numbers_of(frames.back());
        expected.insert(expected.end(), numbers.begin(), numbers.end());
    }
    write_extxyz(folder.file("ours.xyz"), std::span<const ExtxyzFrame>(frames));
    const std::string program = std::string("import sys, ase.io\n") + dump_program + R"(
with open(sys.argv[2], "w") as out:
    for atoms in ase.io.read(sys.argv[1], index=":", format="extxyz"):
        dump(atoms, out)
        assert atoms.info["config_type"] == "two words", atoms.info
        assert atoms.info["step"] == 12 and atoms.arrays["velocities"].shape == (len(atoms), 3)
)";
    ASSERT_TRUE(testing::python(folder, program, folder.file("ours.xyz") + " " + folder.file("numbers")));
    const auto got = numbers_of(folder.file("numbers"));
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t k = 0; k < got.size(); ++k) ASSERT_EQ(got[k], expected[k]) << "number " << k;
}

TEST(ExtxyzAgainstAse, WeReadWhatItWrites) {
    if (!testing::python_has("ase")) GTEST_SKIP() << "ASE is not installed";
    const TemporaryDirectory folder;
    const std::string program = std::string("import sys, numpy, ase, ase.io\n") + dump_program + R"(
from ase.calculators.singlepoint import SinglePointCalculator
random = numpy.random.RandomState(5)
frames = []
for k in range(6):
    n = 3 + k
    atoms = ase.Atoms(random.choice([3, 15, 16, 32, 47, 53, 74], n), cell=random.randn(3, 3) + 7 * numpy.eye(3),
                      positions=10 * random.randn(n, 3), pbc=[True, k % 2 == 0, k % 3 == 0])
    atoms.set_initial_charges(random.randn(n))
    atoms.set_tags(range(n))
    atoms.info.update(note='a "b" c', flag=True, count=k, vector=random.randn(3), matrix=random.randn(3, 3))
    atoms.calc = SinglePointCalculator(atoms, energy=random.randn(), forces=random.randn(n, 3), stress=random.randn(6))
    frames.append(atoms)
ase.io.write(sys.argv[1], frames, format="extxyz")
with open(sys.argv[2], "w") as out:
    for atoms in frames:
        dump(atoms, out)
)";
    ASSERT_TRUE(testing::python(folder, program, folder.file("theirs.xyz") + " " + folder.file("numbers")));
    const auto expected = numbers_of(folder.file("numbers"));
    std::vector<double> got;
    ExtxyzReader reader(folder.file("theirs.xyz"));
    long count = 0;
    while (const auto frame = reader.next()) {
        const auto numbers = numbers_of(*frame);
        got.insert(got.end(), numbers.begin(), numbers.end());
        EXPECT_EQ(frame->find("note"), "a \"b\" c");
        EXPECT_EQ(frame->find("count"), std::to_string(count++));
    }
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t k = 0; k < got.size(); ++k)  // eight decimals in the file
        ASSERT_TRUE(std::abs(got[k] - expected[k]) <= 1e-8) << "number " << k << ": " << got[k] << ", " << expected[k];
}

}  // namespace
}  // namespace mlff
