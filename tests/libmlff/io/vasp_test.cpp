#include "libmlff/io/vasp.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>
#include <random>
#include <sstream>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/text_file.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;

/// A POSCAR whose parts can be replaced one by one.
struct Poscar {
    std::string scaling = "1.0";
    std::string lattice = "4 0 0\n0.5 5 0\n0 -0.5 6\n";
    std::string symbols = "Ag I\n";
    std::string counts = "2 1\n";
    std::string mode = "Direct\n";
    std::string positions = "0 0 0\n0.5 0.5 0.5\n0.25 0 0.75\n";

    [[nodiscard]] std::string str() const {
        return "comment\n" + scaling + "\n" + lattice + symbols + counts + mode + positions;
    }
    [[nodiscard]] Structure read() const {
        const TemporaryDirectory folder;
        return read_poscar(folder.file("POSCAR", str()));
    }
    [[nodiscard]] std::string error() const {
        const TemporaryDirectory folder;
        const std::string path = folder.file("POSCAR", str());
        const std::string message = error_of<InputError>([&] { (void)read_poscar(path); });
        const auto at = message.find("POSCAR");
        return at == std::string::npos ? message : message.substr(at);
    }
};

Structure random_structure(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    Structure structure;
    structure.species = {47, 53, 16, 47, 53, 3, 53};
    structure.periodic = {true, true, true};
    for (Eigen::Index k = 0; k < 9; ++k) structure.cell(k) = normal(random) + (k % 4 == 0 ? 8.0 : 0.0);
    if (seed % 2 == 1) structure.cell.col(1).swap(structure.cell.col(2));
    structure.positions.resize(3, 7);
    for (Eigen::Index k = 0; k < 21; ++k) structure.positions(k) = 10.0 * normal(random);
    return structure;
}

/// The order in which a POSCAR groups the atoms of random_structure.
const std::vector<Eigen::Index> grouped = {0, 3, 1, 4, 6, 2, 5};

TEST(Poscar, DirectAndCartesianMeanTheSame) {
    const Structure direct = Poscar{}.read();
    EXPECT_EQ(direct.species, (std::vector<int>{47, 47, 53}));
    EXPECT_EQ(direct.periodic, (std::array<bool, 3>{true, true, true}));
    EXPECT_EQ(direct.cell.col(1), Vector3(0.5, 5, 0));  // lines of the file are columns of H
    EXPECT_EQ(direct.positions.col(1), Vector3(2.25, 2.25, 3));
    const Structure cartesian = Poscar{.mode = "Cartesian\n", .positions = "0 0 0\n2.25 2.25 3\n1 -0.375 4.5\n"}.read();
    EXPECT_LT((cartesian.positions - direct.positions).norm(), 1e-14);
    const Structure k = Poscar{.mode = "kartesisch\n", .positions = "0 0 0\n2.25 2.25 3\n1 -0.375 4.5\n"}.read();
    EXPECT_EQ(k.positions, cartesian.positions);
}

TEST(Poscar, ScalingByAFactorByThreeAndToAVolume) {
    const Structure plain = Poscar{}.read();
    const Structure twice = Poscar{.scaling = "2.0  remark"}.read();
    EXPECT_EQ(twice.cell, 2.0 * plain.cell);
    EXPECT_LT((twice.positions - 2.0 * plain.positions).norm(), 1e-13);
    const Structure volume = Poscar{.scaling = "-960"}.read();
    EXPECT_NEAR(volume.volume(), 960.0, 1e-10);
    EXPECT_LT((volume.cell - 2.0 * plain.cell).norm(), 1e-12);
    // Three factors belong to x, y, z, not to the three vectors.
    const Structure three = Poscar{.scaling = "1 2 3"}.read();
    EXPECT_EQ(three.cell.col(1), Vector3(0.5, 10, 0));
    EXPECT_EQ(three.cell.col(2), Vector3(0, -1, 18));
    const Structure cartesian = Poscar{.scaling = "1 2 3", .mode = "Cartesian\n"}.read();
    EXPECT_EQ(cartesian.positions.col(1), Vector3(0.5, 1, 1.5));
    const Structure left = Poscar{.scaling = "-960", .lattice = "0.5 5 0\n4 0 0\n0 -0.5 6\n"}.read();
    EXPECT_NEAR(left.volume(), 960.0, 1e-10);
    EXPECT_LT((left.cell.col(1) - volume.cell.col(0)).norm(), 1e-12);  // scaled, not mirrored
}

TEST(Poscar, SelectiveDynamicsSuffixesAndRemarksArePassedOver) {
    const Structure structure = Poscar{.symbols = " Ag_pv  I/0123abc \n",
                                       .mode = "Selective dynamics\ndirect\n",
                                       .positions =
                                           "0 0 0 T T F\n0.5 0.5 0.5 F F F Ag\n0.25 0 0.75 T T T\n\n"
                                           "  0.1 0.2 0.3\n  0.1 0.2 0.3\n  0.1 0.2 0.3\n"}
                                    .read();
    const Structure plain = Poscar{}.read();
    EXPECT_EQ(structure.species, plain.species);
    EXPECT_EQ(structure.positions, plain.positions);
    EXPECT_EQ((Poscar{.symbols = "Ag I Ag\n", .counts = "1 1 1\n"}.read().species), (std::vector<int>{47, 53, 47}));
    EXPECT_EQ((Poscar{.symbols = "Ag I\r\n", .counts = "2 1\r\n", .mode = "Direct\r\n"}.read().species), plain.species);
}

TEST(Poscar, SelectiveDynamicsIsTheMoveMask) {
    const TemporaryDirectory folder;
    const auto mask = [&](const std::string& lattice, const std::string& flags) {
        const Poscar poscar{.lattice = lattice,
                            .mode = "Selective dynamics\nDirect\n",
                            .positions = "0 0 0 T T T\n0.5 0.5 0.5 " + flags + "\n0.25 0 0.75 T T T\n"};
        return read_poscar_frame(folder.file("POSCAR", poscar.str())).move_mask;
    };
    const std::string box = "4 0 0\n0 5 0\n0 0 6\n", hexagonal = "3 0 0\n-1.5 2.598 0\n0 0 6\n";
    const auto flags = [](bool x, bool y, bool z) { return Eigen::Array<bool, 3, 1>(x, y, z); };
    EXPECT_TRUE((mask(box, "F F F").col(1) == flags(false, false, false)).all());
    EXPECT_TRUE((mask(box, "F F F").col(0) == flags(true, true, true)).all());
    EXPECT_TRUE((mask(box, ".TRUE. .FALSE. T").col(1) == flags(true, false, true)).all());
    EXPECT_EQ(mask(box, "T T T").cols(), 0);
    EXPECT_TRUE((mask(hexagonal, "T T F").col(1) == flags(true, true, false)).all());
    EXPECT_TRUE((mask(hexagonal, "F F T").col(1) == flags(false, false, true)).all());
    // Axes in another order: the first lattice vector is along z.
    EXPECT_TRUE((mask("0 0 4\n5 0 0\n0 6 0\n", "T F F").col(1) == flags(false, false, true)).all());
    const auto refused = [&](const std::string& lattice, const std::string& word) {
        return error_of<InputError>([&] { (void)mask(lattice, word); });
    };
    EXPECT_NE(refused(hexagonal, "F T F").find("POSCAR:11: these flags of selective dynamics"), std::string::npos);
    EXPECT_NE(refused(box, "T T").find("three flags T or F"), std::string::npos);

    // There and back.
    ExtxyzFrame frame = read_poscar_frame(folder.file(
        "POSCAR", Poscar{.lattice = hexagonal,
                         .mode = "Selective\nDirect\n",
                         .positions = "0 0 0 T T F\n0.5 0.5 0.5 F F F\n0.25 0 0.75 T T T\n\n1 2 3\n4 5 6\n7 8 9\n"}
                      .str()));
    ASSERT_TRUE(frame.velocities);
    EXPECT_EQ(frame.velocities->col(2), Vector3(7, 8, 9));
    write_poscar(folder.file("out.vasp"), frame);
    const ExtxyzFrame back = read_poscar_frame(folder.file("out.vasp"));
    EXPECT_TRUE((back.move_mask == frame.move_mask).all());
    EXPECT_EQ(*back.velocities, *frame.velocities);
    frame.move_mask(0, 0) = false;  // y alone is no sum of these lattice vectors
    EXPECT_THROW((void)format_poscar(frame), InputError);
}

TEST(Poscar, VelocitiesOfAContcar) {
    const TemporaryDirectory folder;
    const auto read = [&](const std::string& after) {
        return read_poscar_frame(folder.file("CONTCAR", Poscar{}.str() + after)).velocities;
    };
    Matrix3X expected(3, 3);
    expected << 0.1, 4, 7, 0.2, 5, 8, 0.3, 6, 9;
    const std::string numbers = "0.1 0.2 0.3\n4 5 6\n7 8 9\n";
    EXPECT_EQ(read("\n" + numbers), expected);
    EXPECT_EQ(read("Cartesian\n" + numbers + "\n1\n2.0\n"), expected);  // predictor and corrector follow
    EXPECT_EQ(read("Lattice velocities and vectors\n 1\n0 0 0\n0 0 0\n0 0 0\n4 0 0\n0 5 0\n0 0 6\n\n" + numbers),
              expected);
    EXPECT_FALSE(read("") || read("\n") || read("\n\n") || read("a remark\n"));
    EXPECT_NE(error_of<InputError>([&] { (void)read("Direct\n" + numbers); }).find("CONTCAR:12: velocities in direct"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([&] { (void)read("\n0 0 0\n0 0\n"); }).find("the velocity of atom 2 of 3"),
              std::string::npos);
}

TEST(Poscar, OfVasp4AndWithWrappedLines) {
    const TemporaryDirectory folder;
    std::string text = Poscar{.symbols = ""}.str();
    text = "Ag_pv I\n" + text.substr(text.find('\n') + 1);
    EXPECT_EQ(read_poscar(folder.file("POSCAR", text)).species, (std::vector<int>{47, 47, 53}));
    EXPECT_EQ((Poscar{.symbols = "Ag\nI Ag\n", .counts = "1 1\n1\n"}.read().species), (std::vector<int>{47, 53, 47}));
    text = Poscar{}.str();
    EXPECT_EQ(read_poscar(folder.file("POSCAR", text.substr(text.find('\n')))).species,  // an empty title
              (std::vector<int>{47, 47, 53}));
    EXPECT_NE(Poscar{.counts = "2 99999999\n"}.error().find("more than this file can hold"), std::string::npos);
}

TEST(Poscar, MalformedFilesAreRefusedWithTheirPlace) {
    const std::vector<std::pair<Poscar, std::string>> cases = {
        {{.scaling = "0.0"},
         "POSCAR:2: the scaling must be one number that is not zero, or three positive ones, got '0.0'"},
        {{.scaling = "1 2"},
         "POSCAR:2: the scaling must be one number that is not zero, or three positive ones, got '1 2'"},
        {{.scaling = "1 2 -3"},
         "POSCAR:2: the scaling must be one number that is not zero, or three positive ones, got '1 2 -3'"},
        {{.scaling = "nan"},
         "POSCAR:2: the scaling must be one number that is not zero, or three positive ones, got 'nan'"},
        {{.lattice = "4 0\n0 5 0\n0 0 6\n"}, "POSCAR:3: a lattice vector must be three finite numbers, got '4 0'"},
        {{.lattice = "4 0 0\n0 5 0\n4 5 0\n"},
         "POSCAR:5: the lattice vectors are linearly dependent; three independent ones are needed"},
        {{.symbols = ""},
         "POSCAR:6: no chemical symbols (the format of VASP 4), and the first line does not name one for each of the 2 "
         "counts; a line such as 'Ag I' is needed above the counts, or as first line"},
        {{.symbols = "Ag Xx\n"}, "POSCAR:6: unknown element 'Xx'; a chemical symbol such as Ag is needed"},
        {{.counts = "2\n"}, "POSCAR:8: one count of atoms for each of 2 symbols is needed, got 'Direct'"},
        {{.counts = "2 x\n"}, "POSCAR:7: one count of atoms for each of 2 symbols is needed, got '2 x'"},
        {{.counts = "2 1 1\n"}, "POSCAR:7: 3 counts for 2 symbols; one for each is needed"},
        {{.counts = "0 0\n"}, "POSCAR:7: there are no atoms; a positive count is needed"},
        {{.mode = "Fractional\n"}, "POSCAR:8: Direct or Cartesian is needed here, got 'Fractional'"},
        {{.mode = ""}, "POSCAR:8: Direct or Cartesian is needed here, got '0 0 0'"},
        {{.positions = "0 0 0\n0.5 0.5 0.5\n"},
         "POSCAR:10: the file ends here; the position of atom 3 of 3 is missing"},
        {{.positions = "0 0 0\n0.5 inf 0.5\n0 0 0.5\n"},
         "POSCAR:10: the position of atom 2 of 3 must be three finite numbers, got '0.5 inf 0.5'"},
    };
    for (const auto& [poscar, expected] : cases) EXPECT_EQ(poscar.error(), expected);
}

TEST(Poscar, WritingAndReadingGivesBackEveryBitGroupedBySpecies) {
    const TemporaryDirectory folder;
    for (unsigned seed = 1; seed <= 10; ++seed) {
        const Structure structure = random_structure(seed);
        write_poscar(folder.file("POSCAR"), structure, "a comment\nof two lines");
        const Structure back = read_poscar(folder.file("POSCAR"));
        const bool left_handed = structure.cell.determinant() < 0.0;  // VASP stops at such a cell
        EXPECT_EQ(back.cell, left_handed ? Matrix3(-structure.cell) : structure.cell);
        EXPECT_EQ(left_handed, seed % 2 == 1);
        EXPECT_EQ(back.species, (std::vector<int>{47, 47, 53, 53, 53, 16, 3}));
        for (std::size_t k = 0; k < grouped.size(); ++k)
            EXPECT_EQ(back.positions.col(static_cast<Eigen::Index>(k)), structure.positions.col(grouped[k]));
    }
    EXPECT_THROW((void)format_poscar(Structure{}), InputError);
    Structure molecule = random_structure(1);
    molecule.cell.setZero();
    molecule.periodic = {false, false, false};
    EXPECT_THROW((void)format_poscar(molecule), InputError);
}

TEST(Poscar, StructuresAreReadByTheNameOfTheirFile) {
    const TemporaryDirectory folder;
    const std::string poscar = Poscar{}.str();
    for (const char* name : {"POSCAR", "POSCAR.old", "CONTCAR", "CONTCAR_3", "agi.vasp", "agi.POSCAR", "agi.contcar"})
        EXPECT_EQ(read_structure(folder.file(name, poscar)).size(), 3) << name;
    const std::string xyz = "1\nLattice=\"4 0 0 0 4 0 0 0 4\"\nAg 0 0 0\n2\n\nAg 0 0 0\nAg 0 0 2\n";
    for (const char* name : {"agi.xyz", "agi.extxyz", "agi", "POSCAR.xyz", "train.extxyz.1"})
        EXPECT_EQ(read_structure(folder.file(name, xyz)).size(), 1) << name;
    EXPECT_THROW((void)read_structure(folder.file("absent.vasp")), InputError);
    EXPECT_THROW((void)read_structure(folder.file("empty.xyz", "")), InputError);
    if (std::system(("gzip " + folder.file("agi.vasp")).c_str()) != 0) GTEST_SKIP() << "gzip is needed for the rest";
    EXPECT_EQ(read_structure(folder.file("agi.vasp.gz")).size(), 3);
}

TEST(Poscar, ReadsTheReferenceData) {
    const std::string lgps = testing::shared_data("LGPS_meanof590_PBE.vasp");
    const std::string hydrogen = testing::shared_data("vasp/H2/POSCAR");
    if (lgps.empty() || hydrogen.empty()) GTEST_SKIP() << "reference data not found; set MLFF_SHARED";
    const Structure structure = read_structure(lgps);
    EXPECT_EQ(formula(structure), "Li20Ge2P4S24");
    EXPECT_NEAR(structure.volume(), 8.78764600 * 8.78764600 * 12.65754600, 1e-9);
    EXPECT_NEAR(structure.positions(2, 0), 0.29472069 * 12.65754600, 1e-12);
    EXPECT_EQ(read_structure(hydrogen).positions.col(0), Vector3(0, 0, 0.368583));
}

// ------------------------------------------------------------------------------------------- a second opinion: ASE

std::vector<double> numbers_of(const std::string& path) {
    std::istringstream in(testing::content_of(path));
    std::vector<double> numbers;
    for (std::string word; in >> word;) numbers.push_back(parse_double(word).value_or(std::nan("")));
    return numbers;
}

std::vector<double> numbers_of(const Structure& structure) {
    std::vector<double> numbers(structure.species.begin(), structure.species.end());
    numbers.insert(numbers.end(), structure.cell.data(), structure.cell.data() + 9);
    numbers.insert(numbers.end(), structure.positions.data(), structure.positions.data() + structure.positions.size());
    return numbers;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double tolerance) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t k = 0; k < got.size(); ++k)
        ASSERT_TRUE(std::abs(got[k] - expected[k]) <= tolerance)
            << "number " << k << ": " << got[k] << ", " << expected[k];
}

const char* const dump_program = R"(
def dump(atoms, path):
    numbers = list(atoms.numbers) + list(atoms.cell[:].ravel()) + list(atoms.positions.ravel())
    print(*[repr(float(x)) for x in numbers], file=open(path, "w"))
)";

TEST(PoscarAgainstAse, ReadsWhatWeWrite) {
    if (!testing::python_has("ase")) GTEST_SKIP() << "ASE is not installed";
    const TemporaryDirectory folder;
    write_poscar(folder.file("POSCAR"), random_structure(1));
    const std::string program = std::string("import sys, ase.io\n") + dump_program +
                                "dump(ase.io.read(sys.argv[1], format='vasp'), sys.argv[2])";
    ASSERT_TRUE(testing::python(folder, program, folder.file("POSCAR") + " " + folder.file("numbers")));
    expect_near(numbers_of(folder.file("numbers")), numbers_of(read_poscar(folder.file("POSCAR"))), 0.0);
}

TEST(PoscarAgainstAse, WeReadWhatItWrites) {
    if (!testing::python_has("ase")) GTEST_SKIP() << "ASE is not installed";
    const TemporaryDirectory folder;
    const std::string program = std::string(
                                    "import sys, numpy, ase\nfrom ase.io.vasp import write_vasp\n"
                                    "from ase.constraints import FixAtoms\n") +
                                dump_program + R"(
random = numpy.random.RandomState(3)
for k in range(4):
    atoms = ase.Atoms(random.choice([3, 16, 47, 74], 9), cell=random.randn(3, 3) + 7 * numpy.eye(3),
                      positions=10 * random.randn(9, 3), pbc=True)
    if k > 1:
        atoms.set_constraint(FixAtoms([1, 4]))
    name = sys.argv[1] + "%d" % k
    write_vasp(name, atoms, direct=k % 2 == 0, vasp5=True)
    dump(atoms, name + ".numbers")
)";
    ASSERT_TRUE(testing::python(folder, program, folder.file("POSCAR")));
    for (const std::string name : {"POSCAR0", "POSCAR1", "POSCAR2", "POSCAR3"}) {
        SCOPED_TRACE(name);
        // sixteen decimals in the file, of coordinates in units of the cell
        expect_near(numbers_of(read_poscar(folder.file(name))), numbers_of(folder.file(name + ".numbers")), 1e-13);
    }
}

}  // namespace
}  // namespace mlff
