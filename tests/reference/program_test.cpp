#include "reference/program.hpp"

#include <gtest/gtest.h>

#include <Eigen/Geometry>
#include <algorithm>
#include <filesystem>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "reference/embedded/catalogue.hpp"
#include "reference/embedded/structures.hpp"
#include "support/files.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::content_of;
using mlff::testing::error_of;
using mlff::testing::TemporaryDirectory;

class ProgramTest : public ::testing::Test {
 protected:
    ProgramTest() {
        Evaluation e = make_embedded("agi-6.5")->evaluate(structure);
        answer = {structure, {e.energy, e.forces, e.stress}, {}};
        write_extxyz(folder.file("answer.xyz"), std::span(&answer, 1));
    }
    /// A program that runs a shell command in the working folder.
    ProgramCode program(const std::string& command, double time_limit = 20.0) {
        ProgramOptions options;
        options.command = command;
        options.folder = folder.file("reference");
        options.keep = {"*.wfn"};
        options.time_limit = time_limit;
        return {options, {}};
    }
    [[nodiscard]] std::string work(const std::string& name) const { return folder.file("reference/work/" + name); }

    TemporaryDirectory folder;
    Structure structure = mlff::testing::jittered_grid(5, 2, 3.1, {47, 53});
    LabeledStructure answer;
};

TEST_F(ProgramTest, AsksWithAFileAndReadsTheAnswer) {
    auto code = program("cp structure.xyz asked.xyz; cp ../../answer.xyz result.xyz; echo said");
    const Evaluation got = code.call(structure, {});
    EXPECT_EQ(got.energy, *answer.labels.energy);
    EXPECT_EQ(got.forces, *answer.labels.forces);
    EXPECT_EQ(*got.stress, *answer.labels.stress);
    const auto asked = read_extxyz(work("asked.xyz"));
    EXPECT_EQ(asked.front().structure.positions, structure.positions);
    EXPECT_EQ(asked.front().structure.cell, structure.cell);
    EXPECT_EQ(code.output(), "said\n");
}

TEST_F(ProgramTest, KeepsWhatTheNextCallMayStartFromUnlessAfresh) {
    auto code = program("ls >> ../seen; echo -- >> ../seen; touch a.wfn junk; cp ../../answer.xyz result.xyz");
    (void)code.call(structure, {});
    (void)code.call(structure, {});
    (void)code.call(structure, {.afresh = true});
    EXPECT_EQ(
        content_of(folder.file("reference/seen")),
        "program.log\nstructure.xyz\n--\na.wfn\nprogram.log\nstructure.xyz\n--\nprogram.log\nstructure.xyz\n--\n");
}

TEST_F(ProgramTest, WhatFailsIsACallFailureWithTheLastWords) {
    const auto failure = [&](const std::string& command, double limit = 20.0) {
        auto code = program(command, limit);
        return error_of<CallFailure>([&] { (void)code.call(structure, {}); });
    };
    EXPECT_EQ(failure("echo out of memory; exit 7"),
              "the program ended with exit status 7; its last words: out of memory");
    EXPECT_NE(failure("sleep 100", 0.2).find("not done within time_limit 0.2 s"), std::string::npos);
    EXPECT_NE(failure("true").find("left no result.xyz"), std::string::npos);
    EXPECT_NE(failure("head -5 ../../answer.xyz > result.xyz").find("result.xyz"), std::string::npos);
    EXPECT_NE(failure("cp structure.xyz result.xyz").find("no energy or forces"), std::string::npos);
    EXPECT_NE(failure("no-such-program-of-ours").find("no such command"), std::string::npos);
}

TEST_F(ProgramTest, OtherAtomsAreAnErrorOfTheInput) {
    LabeledStructure other = answer;
    std::swap(other.structure.species.front(), other.structure.species.back());
    ASSERT_NE(other.structure.species, structure.species);
    write_extxyz(folder.file("other.xyz"), std::span(&other, 1));
    auto code = program("cp ../../other.xyz result.xyz");
    EXPECT_NE(error_of<InputError>([&] { (void)code.call(structure, {}); }).find("the order of the atoms must stay"),
              std::string::npos);
    auto twice = program("cat ../../answer.xyz ../../answer.xyz > result.xyz");
    EXPECT_NE(error_of<InputError>([&] { (void)twice.call(structure, {}); }).find("2 structures"), std::string::npos);
}

TEST_F(ProgramTest, AnAnswerToAnotherQuestionIsRefused) {
    const auto refusal = [&](const LabeledStructure& other) {
        write_extxyz(folder.file("other.xyz"), std::span(&other, 1));
        auto code = program("cp ../../other.xyz result.xyz");
        return error_of<InputError>([&] { (void)code.call(structure, {}); });
    };
    LabeledStructure other = answer;  // sorted in another way
    const auto like = std::find(structure.species.begin() + 1, structure.species.end(), structure.species[0]);
    const auto second = static_cast<Eigen::Index>(like - structure.species.begin());
    ASSERT_LT(second, structure.size());
    other.structure.positions.col(0).swap(other.structure.positions.col(second));
    other.labels.forces->col(0).swap(other.labels.forces->col(second));
    EXPECT_NE(refusal(other).find("atom 1 stands where atom " + std::to_string(second + 1) +
                                  " was asked for; the order of the atoms must stay"),
              std::string::npos);
    other = answer;
    other.structure.positions(1, 4) += 0.01;
    EXPECT_NE(refusal(other).find("atom 5 stands 0.01 Å from where it was asked for"), std::string::npos);
    other = answer;  // a standard orientation
    const Matrix3 turn = Eigen::AngleAxisd(0.3, Vector3::UnitZ()).toRotationMatrix();
    other.structure.cell = turn * structure.cell;
    other.structure.positions = turn * structure.positions;
    EXPECT_NE(refusal(other).find("lattice vector 1 is"), std::string::npos);
    other = answer;  // no cell: a cluster
    other.structure.cell.setZero();
    other.structure.periodic = {false, false, false};
    EXPECT_NE(refusal(other).find("lattice vector 1 is (0, 0, 0)"), std::string::npos);

    other = answer;  // fewer digits and atoms put back into the cell are no other structure
    other.structure.positions = (other.structure.positions.array() * 1e4).round() * 1e-4;
    other.structure.positions.col(3) += structure.cell * Vector3(1, -2, 0);
    write_extxyz(folder.file("other.xyz"), std::span(&other, 1));
    auto code = program("cp ../../other.xyz result.xyz");
    EXPECT_EQ(code.call(structure, {}).forces, *answer.labels.forces);
}

TEST_F(ProgramTest, QuarantineTakesTheWholeFolder) {
    auto code = program("echo bad > evidence; exit 1");
    EXPECT_THROW((void)code.call(structure, {}), CallFailure);
    std::filesystem::create_directories(folder.file("kept"));
    code.quarantine(folder.file("kept"));
    EXPECT_EQ(content_of(folder.file("kept/work/evidence")), "bad\n");
    EXPECT_FALSE(std::filesystem::exists(work("")));
    EXPECT_THROW((void)code.call(structure, {}), CallFailure);  // it makes a new one
}

TEST_F(ProgramTest, PotentialsInAnotherOrderAreRefused) {
    ProgramOptions options;
    options.format = ProgramFormat::vasp;
    options.folder = folder.file("reference");
    options.command = "true";
    structure.species = {53, 53, 47, 47, 53, 53, 47, 47};
    options.inputs =
        InputFiles({{folder.file("POTCAR", " TITEL  = PAW_PBE Ag 02Apr2005\n TITEL  = PAW_PBE I 08Apr2002\n")}});
    ProgramCode wrong(options, {});
    EXPECT_NE(error_of<InputError>([&] {
                  (void)wrong.call(structure, {});
              }).find("potentials of Ag I, but the structure has I Ag"),
              std::string::npos);
    options.inputs =
        InputFiles({{folder.file("POTCAR", " TITEL  = PAW_PBE I 08Apr2002\n TITEL  = PAW_PBE Ag 02Apr2005\n")}});
    ProgramCode right(options, {});
    EXPECT_NE(error_of<CallFailure>([&] { (void)right.call(structure, {}); }).find("left no OUTCAR"),
              std::string::npos);
}

}  // namespace
}  // namespace mlff::reference
