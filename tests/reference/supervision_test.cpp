#include "reference/supervision.hpp"

#include <gtest/gtest.h>

#include <barrier>
#include <filesystem>
#include <functional>
#include <limits>

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

/// An embedded potential that misbehaves by script: `spoil` sees each attempt and may change the answer or throw.
struct Script {
    std::vector<Attempt> attempts;
    std::string output;
    std::size_t n_rungs = 1;
    std::function<void(int attempt, Evaluation&)> spoil;
    std::barrier<>* meeting = nullptr;  ///< a call waits for others to be made at the same time
};

class ScriptedCode final : public ExternalCode {
 public:
    explicit ScriptedCode(Script& script) : script_(script), potential_(make_embedded("agi-6.5")) {}
    Evaluation call(const Structure& structure, const Attempt& attempt) override {
        if (script_.meeting) script_.meeting->arrive_and_wait();
        script_.attempts.push_back(attempt);
        script_.output.clear();
        Evaluation answer = potential_->evaluate(structure);
        answer.atom_energies.resize(0);
        if (script_.spoil) script_.spoil(static_cast<int>(script_.attempts.size()), answer);
        return answer;
    }
    std::string output() const override { return script_.output; }
    std::size_t n_rungs() const override { return script_.n_rungs; }
    void quarantine(const std::string& folder) override { std::ofstream(folder + "/input") << "what it was asked"; }
    void check(const Structure&) const override {}
    std::string description() const override { return "scripted"; }

 private:
    Script& script_;
    std::unique_ptr<Calculator> potential_;
};

class SupervisionTest : public ::testing::Test {
 protected:
    Supervised supervised(SupervisionOptions options = {}) {
        options.folder = folder.file("reference");
        options.unconverged = {"SCF run NOT converged"};
        return {std::make_unique<ScriptedCode>(script), options,
                [this](const std::string& text, bool) { notes += text + "\n"; }};
    }
    static SupervisionOptions unchecked() {
        SupervisionOptions options;
        options.stress_check = false;
        return options;
    }
    [[nodiscard]] bool noted(const std::string& words) const { return notes.find(words) != std::string::npos; }

    TemporaryDirectory folder;
    Script script;
    std::string notes;
    Structure structure = mlff::testing::jittered_grid(5, 3, 3.1, {47, 53});
};

TEST_F(SupervisionTest, AGoodAnswerPassesUnchanged) {
    auto reference = supervised(unchecked());
    const Evaluation answer = reference.evaluate(structure), direct = make_embedded("agi-6.5")->evaluate(structure);
    EXPECT_EQ(answer.energy, direct.energy);
    EXPECT_EQ(answer.forces, direct.forces);
    EXPECT_EQ(*answer.stress, *direct.stress);
    EXPECT_EQ(notes, "");
    EXPECT_EQ(script.attempts.size(), 1u);
    EXPECT_FALSE(script.attempts[0].afresh);
    EXPECT_NE(content_of(folder.file("reference/log")).find("1 attempt,"), std::string::npos);
    EXPECT_THROW((void)reference.evaluate(structure, {.uncertainty = true}), InputError);
}

TEST_F(SupervisionTest, WhatIsNotBelievedIsAskedAgainAfresh) {
    const double infinity = std::numeric_limits<double>::infinity();
    const std::vector<std::pair<std::string, std::function<void(Evaluation&)>>> faults = {
        {"died", [](Evaluation&) { throw CallFailure("it died"); }},
        {"SCF run NOT converged", [&](Evaluation&) { script.output = " *** SCF run NOT converged ***"; }},
        {"not finite", [](Evaluation& e) { e.energy = std::nan(""); }},
        {"not finite", [&](Evaluation& e) { e.forces(1, 2) = infinity; }},
        {"not finite", [&](Evaluation& e) { (*e.stress)[4] = std::nan(""); }},
        {"more than max_force", [](Evaluation& e) { e.forces(0, 0) = 1e5; }},
        {"do not cancel", [](Evaluation& e) { e.forces.row(1).array() += 0.2; }},
    };
    auto reference = supervised(unchecked());
    int number = 0;
    for (const auto& [words, fault] : faults) {
        script.attempts.clear();
        notes.clear();
        script.spoil = [&fault = fault](int attempt, Evaluation& e) {
            if (attempt == 1) fault(e);
        };
        EXPECT_EQ(reference.evaluate(structure).energy, make_embedded("agi-6.5")->evaluate(structure).energy);
        EXPECT_EQ(script.attempts.size(), 2u) << words;
        EXPECT_TRUE(script.attempts[1].afresh);
        EXPECT_TRUE(noted(words)) << notes;
        const std::string kept = folder.file("reference/failed-00" + std::to_string(++number));
        EXPECT_NE(content_of(kept + "/reason").find(words), std::string::npos);
        EXPECT_EQ(read_extxyz(kept + "/structure.xyz").front().structure.positions, structure.positions);
        EXPECT_EQ(content_of(kept + "/input"), "what it was asked");
    }
    EXPECT_NE(content_of(folder.file("reference/failed-002/output")).find("NOT converged"), std::string::npos);
}

TEST_F(SupervisionTest, TheLadderIsClimbedAndThenTheRunStops) {
    script.n_rungs = 3;
    script.spoil = [](int attempt, Evaluation&) { throw CallFailure("reason " + std::to_string(attempt)); };
    auto reference = supervised(unchecked());
    const std::string error = error_of<GuardError>([&] { (void)reference.evaluate(structure); });
    EXPECT_NE(error.find("all 4 attempts"), std::string::npos) << error;
    EXPECT_NE(error.find("First: reason 1. Last: reason 4"), std::string::npos) << error;
    ASSERT_EQ(script.attempts.size(), 4u);
    const std::vector<std::size_t> rungs = {0, 0, 1, 2};
    for (std::size_t k = 0; k < rungs.size(); ++k) {
        EXPECT_EQ(script.attempts[k].rung, rungs[k]);
        EXPECT_EQ(script.attempts[k].afresh, k > 0);
    }
    script.spoil = {};
    script.attempts.clear();
    EXPECT_NO_THROW((void)reference.evaluate(structure));  // the next call begins at the bottom
    EXPECT_FALSE(script.attempts[0].afresh);
}

TEST_F(SupervisionTest, AnEnergyJumpIsBelievedIfItComesAgain) {
    auto reference = supervised(unchecked());
    (void)reference.evaluate(structure);
    const double n = static_cast<double>(structure.size());
    script.spoil = [&](int attempt, Evaluation& e) {
        if (attempt == 2) e.energy += 1.5 * n;  // once
    };
    const double energy = make_embedded("agi-6.5")->evaluate(structure).energy;
    EXPECT_EQ(reference.evaluate(structure).energy, energy);
    EXPECT_EQ(script.attempts.size(), 3u);
    EXPECT_TRUE(noted("jump"));
    script.spoil = [&](int, Evaluation& e) { e.energy += 1.5 * n; };  // always
    EXPECT_NEAR(reference.evaluate(structure).energy, energy + 1.5 * n, 1e-9);
    EXPECT_EQ(script.attempts.size(), 5u);
}

TEST_F(SupervisionTest, NoStressIsAnErrorOfTheInput) {
    script.spoil = [](int, Evaluation& e) { e.stress->setZero(); };
    auto reference = supervised(unchecked());
    EXPECT_NE(error_of<InputError>([&] { (void)reference.evaluate(structure); }).find("STRESS_TENSOR ANALYTICAL"),
              std::string::npos);
    SupervisionOptions without;
    without.stress = false;
    auto forces_only = supervised(without);
    EXPECT_FALSE(forces_only.evaluate(structure).stress);
}

TEST_F(SupervisionTest, StressIsVerifiedOnceForAFolder) {
    auto reference = supervised();
    const Evaluation answer = reference.evaluate(structure);
    EXPECT_EQ(script.attempts.size(), 2u) << "the call without strain is the answer";
    EXPECT_EQ(answer.energy, make_embedded("agi-6.5")->evaluate(structure).energy);
    EXPECT_TRUE(noted("sign and unit verified")) << notes;
    (void)reference.evaluate(structure);
    EXPECT_EQ(script.attempts.size(), 3u);
    auto resumed = supervised();
    (void)resumed.evaluate(structure);
    EXPECT_EQ(script.attempts.size(), 4u);
}

TEST_F(SupervisionTest, AWrongStressIsRefused) {
    for (const double factor : {-1.0, 10.0, 0.1, 1602.0}) {
        script.spoil = [&](int, Evaluation& e) { *e.stress *= factor; };
        auto reference = supervised();
        const std::string error = error_of<InputError>([&] { (void)reference.evaluate(structure); });
        EXPECT_NE(error.find("does not belong to its energy"), std::string::npos) << factor << ": " << error;
        EXPECT_EQ(error.find("opposite sign") != std::string::npos, factor == -1.0) << error;
    }
}

TEST_F(SupervisionTest, AuditsFindACodeThatRemembersTooMuch) {
    SupervisionOptions options = unchecked();
    options.audit = 2;
    script.spoil = [&](int, Evaluation& e) {
        if (!script.attempts.back().afresh) e.energy += 0.01 * static_cast<double>(structure.size());
    };
    auto reference = supervised(options);
    (void)reference.evaluate(structure);
    EXPECT_EQ(script.attempts.size(), 1u);
    const Evaluation audited = reference.evaluate(structure);
    EXPECT_EQ(script.attempts.size(), 3u);
    EXPECT_TRUE(script.attempts.back().afresh);
    EXPECT_EQ(audited.energy, make_embedded("agi-6.5")->evaluate(structure).energy);
    EXPECT_TRUE(noted("differs by 10 meV/atom")) << notes;
}

TEST_F(SupervisionTest, SeveralCodesAnswerAtTheSameTime) {
    std::barrier<> meeting(2);  // one call alone would wait for ever
    Script first, second;
    first.meeting = second.meeting = &meeting;
    const auto two = [&](SupervisionOptions options) {
        options.folder = folder.file("reference");
        std::vector<std::unique_ptr<ExternalCode>> codes;
        codes.push_back(std::make_unique<ScriptedCode>(first));
        codes.push_back(std::make_unique<ScriptedCode>(second));
        return Supervised(std::move(codes), options, [this](const std::string& text, bool) { notes += text + "\n"; });
    };
    SupervisionOptions options;
    options.audit = 2;
    auto reference = two(options);
    const Evaluation direct = make_embedded("agi-6.5")->evaluate(structure);
    EXPECT_EQ(reference.evaluate(structure).energy, direct.energy);  // with the strained cell
    EXPECT_TRUE(noted("sign and unit verified")) << notes;
    EXPECT_EQ(reference.evaluate(structure).energy, direct.energy);  // with an audit
    EXPECT_EQ(first.attempts.size(), 2u);
    EXPECT_EQ(second.attempts.size(), 2u);
    EXPECT_TRUE(second.attempts.back().afresh);
    EXPECT_NE(content_of(folder.file("reference/log")).find("audit (no. 2): "), std::string::npos);
}

TEST_F(SupervisionTest, StructuresThatHaveNothingToDoWithEachOther) {
    std::barrier<> meeting(2);
    Script second;
    script.meeting = second.meeting = &meeting;
    SupervisionOptions options = unchecked();
    options.folder = folder.file("reference");
    options.attempts = 1;
    std::vector<std::unique_ptr<ExternalCode>> codes;
    codes.push_back(std::make_unique<ScriptedCode>(script));
    codes.push_back(std::make_unique<ScriptedCode>(second));
    Supervised reference(std::move(codes), options, [](const std::string&, bool) {});
    std::vector<Structure> structures(6, structure);
    for (std::size_t k = 0; k < structures.size(); ++k) structures[k].cell *= 1.0 + 0.02 * static_cast<double>(k);
    std::vector<int> answered(structures.size());
    reference.evaluate_all(structures, [&](std::size_t k, const Evaluation& answer) {
        ++answered[k];
        EXPECT_EQ(answer.energy, make_embedded("agi-6.5")->evaluate(structures[k]).energy);
    });
    EXPECT_EQ(answered, std::vector<int>(structures.size(), 1));
    EXPECT_EQ(script.attempts.size(), 3u);

    script.meeting = second.meeting = nullptr;
    second.spoil = [](int, Evaluation&) { throw CallFailure("it died"); };
    int n_answers = 0;
    EXPECT_NE(error_of<GuardError>([&] {
                  reference.evaluate_all(std::vector<Structure>(1000, structure),
                                         [&](std::size_t, const Evaluation&) { ++n_answers; });
              }).find("it died"),
              std::string::npos);
    EXPECT_LT(n_answers, 1000) << "the other one went on to the end";
    EXPECT_THROW(reference.evaluate_all(std::vector<Structure>(3, structure),
                                        [](std::size_t, const Evaluation&) { throw std::runtime_error("disk full"); }),
                 std::runtime_error);
}

TEST_F(SupervisionTest, OptionsHaveBounds) {
    SupervisionOptions options;
    options.attempts = 0;
    EXPECT_THROW(options.validate(), std::invalid_argument);
    options = {};
    options.max_force = -1.0;
    EXPECT_THROW(options.validate(), std::invalid_argument);
}

}  // namespace
}  // namespace mlff::reference
