#include "reference/input_files.hpp"

#include <gtest/gtest.h>

#include "libmlff/atoms/errors.hpp"
#include "reference/embedded/structures.hpp"
#include "support/files.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::content_of;
using mlff::testing::error_of;
using mlff::testing::TemporaryDirectory;

TEST(FillIn, ReplacesKnownWordsAndLeavesOtherBracesAlone) {
    EXPECT_EQ(fill_in("a {{x}}{{y}} {{x}", {{"x", "1"}, {"y", "{{x}}"}}, "f"), "a 1{{x}} {{x}");
    EXPECT_EQ(fill_in("{{1: {2: 3}}} ${v} {{x}}", {{"x", "7"}}, "f"), "{{1: {2: 3}}} ${v} 7");
    const std::string error = error_of<InputError>([] {
        (void)fill_in("{{cel}}", {{"cell", ""}, {"n", ""}}, "cp2k.inp");
    });
    EXPECT_EQ(error, "cp2k.inp: unknown word {{cel}}; did you mean 'cell'?; known are cell, n");
}

TEST(StructureValues, GiveTheStructureToTheDigit) {
    const Structure s = mlff::testing::jittered_grid(3, 2, 2.9, {47, 53});
    const auto values = structure_values(s);
    std::istringstream cell(values.at("cell")), coordinates(values.at("coordinates"));
    for (Eigen::Index v = 0; v < 3; ++v)
        for (Eigen::Index c = 0; c < 3; ++c) {
            double x = 0.0;
            ASSERT_TRUE(cell >> x);
            EXPECT_NEAR(x, s.cell(c, v), 1e-12);
        }
    for (Eigen::Index i = 0; i < s.size(); ++i) {
        std::string symbol;
        Vector3 r;
        ASSERT_TRUE(coordinates >> symbol >> r[0] >> r[1] >> r[2]);
        EXPECT_EQ(atomic_number(symbol), s.species[static_cast<std::size_t>(i)]);
        EXPECT_LT((r - s.positions.col(i)).norm(), 1e-11);
    }
    EXPECT_EQ(values.at("n_atoms"), "8");
    EXPECT_EQ(values.at("cell_cp2k").substr(0, 2), "A ");
}

TEST(InputFiles, RungsReplaceWhatTheyHoldAndKeepTheRest) {
    const TemporaryDirectory folder;
    std::filesystem::create_directories(folder.file("vasp"));
    std::filesystem::create_directories(folder.file("robust"));
    std::filesystem::create_directories(folder.file("work"));
    (void)folder.file("vasp/INCAR", "ALGO = Fast  # quick\n");
    (void)folder.file("vasp/POTCAR", "PAW_PBE Ag\n");
    (void)folder.file("robust/INCAR", "ALGO = Normal {{n_atoms}}\n");
    const InputFiles files({{folder.file("vasp")}, {folder.file("robust")}});
    EXPECT_EQ(files.n_rungs(), 2u);
    EXPECT_EQ(files.main(0), "INCAR");
    files.write(folder.file("work"), 1, {{"n_atoms", "16"}});
    EXPECT_EQ(content_of(folder.file("work/INCAR")), "ALGO = Normal 16\n");
    EXPECT_EQ(content_of(folder.file("work/POTCAR")), "PAW_PBE Ag\n");
    files.write(folder.file("work"), 0, {});
    EXPECT_EQ(content_of(folder.file("work/INCAR")), "ALGO = Fast  # quick\n");
    EXPECT_THROW(InputFiles({{folder.file("nothing")}}), InputError);
}

TEST(InputFiles, FingerprintSeesWhatIsComputedAndNotHowItIsWritten) {
    const TemporaryDirectory folder;
    const auto print = [&](const std::string& text) {
        return InputFiles({{folder.file("a.inp", text)}}).fingerprint();
    };
    const std::string base = print("CUTOFF 280\n&XC PBE\n");
    EXPECT_EQ(print("# new\n\n  CUTOFF   280 ! Ry\n&XC PBE"), base);
    EXPECT_NE(print("CUTOFF 281\n&XC PBE\n"), base);
}

}  // namespace
}  // namespace mlff::reference
