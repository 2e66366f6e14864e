#include "libmlff/io/data_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/vasp_output.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;

const std::string extxyz =
    "1\nLattice=\"4 0 0 0 5 0 0 0 6\" Properties=species:S:1:pos:R:3:f:R:3 E=-1.5\nAg 1 2 3 0.1 0.2 0.3\n";
const std::string poscar = "comment\n1.0\n4 0 0\n0 5 0\n0 0 6\nAg\n1\nCartesian\n1 2 3\n";
const std::string xdatcar = "comment\n1.0\n4 0 0\n0 5 0\n0 0 6\nAg\n1\nDirect configuration=     1\n0.25 0.4 0.5\n";

TEST(DataFile, ContentTellsTheFormatBeforeTheName) {
    const TemporaryDirectory folder;
    const auto format = [&](const std::string& name, const std::string& text) {
        return detect_format(folder.file(name, text));
    };
    EXPECT_EQ(format("train.dat", extxyz), DataFormat::extxyz);
    EXPECT_EQ(format("train.dat", "\n" + extxyz), DataFormat::extxyz);
    EXPECT_EQ(format("train.dat", poscar), DataFormat::poscar);
    EXPECT_EQ(format("POSCAR", xdatcar), DataFormat::xdatcar);
    EXPECT_EQ(format("train.dat", "<?xml version=\"1.0\"?>\n<modeling>\n"), DataFormat::vasprun);
    EXPECT_EQ(format("train.dat", " vasp.6.3.2 27Jun22\n"), DataFormat::outcar);
    EXPECT_EQ(format("train.dat", "1.0 Version\n*****\nThe number of configurations\n"), DataFormat::ml_ab);
    // What the content does not tell, the name may; the reader then says what is wrong.
    EXPECT_EQ(format("a.xyz", "one\n"), DataFormat::extxyz);
    EXPECT_EQ(format("POSCAR.start", "one\n"), DataFormat::poscar);
    EXPECT_EQ(format("OUTCAR.1", ""), DataFormat::outcar);
    EXPECT_EQ(format("vasprun.2.xml", ""), DataFormat::vasprun);
    EXPECT_EQ(format("ML_ABN.old", ""), DataFormat::ml_ab);
    EXPECT_EQ(format("new.ml_ab", ""), DataFormat::ml_ab);
    EXPECT_EQ(format("XDATCAR", ""), DataFormat::xdatcar);
    EXPECT_EQ(detect_format(folder.file("")), DataFormat::deepmd);
    EXPECT_NE(error_of<InputError>([&] { (void)format("train.dat", "one\n"); }).find("name its format"),
              std::string::npos);
    EXPECT_EQ(format_of_name("x/a.extxyz.gz"), DataFormat::extxyz);
    EXPECT_EQ(format_of_name("x/OUTCAR.gz"), DataFormat::outcar);
    EXPECT_FALSE(format_of_name("OUT"));
}

TEST(DataFile, NamesOfFormats) {
    for (const std::string name : {"extxyz", "poscar", "xdatcar", "vasprun", "outcar", "ml_ab", "deepmd"})
        EXPECT_EQ(format_name(format_named(name)), name);
    const std::string message = error_of<InputError>([] { (void)format_named("mlab"); });
    EXPECT_NE(message.find("did you mean 'ml_ab'"), std::string::npos) << message;
}

TEST(DataFile, KeysAndFormatArePassedOn) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("train.dat", extxyz);
    EXPECT_FALSE(read_data_file(path).structures.at(0).labels.energy);
    const DataFile file = read_data_file(path, {.energy = "E", .forces = "f"});
    EXPECT_EQ(file.structures.at(0).labels.energy, -1.5);
    EXPECT_EQ(file.structures.at(0).labels.forces->col(0), Vector3(0.1, 0.2, 0.3));
    const Vector3 position(1, 2, 3);
    EXPECT_EQ(read_data_file(folder.file("a", poscar)).structures.at(0).structure.positions.col(0), position);
    EXPECT_EQ(read_data_file(folder.file("a", xdatcar)).structures.at(0).structure.positions.col(0), position);
    EXPECT_NE(error_of<InputError>([&] { (void)read_data_file(path, {}, DataFormat::poscar); }).find("scaling"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([&] { (void)read_data_file(folder.file("none.xyz")); }).find("no such file"),
              std::string::npos);
}

TEST(VaspOutput, ColumnsThatTouch) {
    std::vector<std::string_view> words;
    split_columns("  1.5-2.25E-03-*****-3.0e+01 \t-4", words);
    EXPECT_EQ(words, (std::vector<std::string_view>{"1.5", "-2.25E-03", "-*****", "-3.0e+01", "-4"}));
    split_columns("-1.0--2.0", words);  // no number becomes two silently
    EXPECT_EQ(words, (std::vector<std::string_view>{"-1.0", "--2.0"}));
    for (const std::string word : {"****", "-***", "NaN", "-nan", "+Inf", "Infinity"}) EXPECT_TRUE(is_overflow(word));
    for (const std::string word : {"1.0", "", "-", "n", "information"}) EXPECT_FALSE(is_overflow(word));
}

}  // namespace
}  // namespace mlff
