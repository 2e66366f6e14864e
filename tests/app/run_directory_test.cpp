#include "app/run_directory.hpp"

#include <gtest/gtest.h>

#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff::app {
namespace {

using mlff::testing::content_of;
using mlff::testing::error_of;
using mlff::testing::TemporaryDirectory;

const std::string settings = "steps: 1\ndynamics:\n  steps: 100\n  timestep: 1\nother: {steps: 5}\n";

/// A setting is named by its path: the last part of it alone may stand elsewhere too.
TEST(RequireSameSettings, WhatMayChangeIsOnePath) {
    const TemporaryDirectory folder;
    (void)folder.file("settings.yaml", settings);
    const auto complaint = [&](const std::string& old, const std::string& now) {
        std::string changed = settings;
        changed.replace(changed.find(old), old.size(), now);
        return error_of<InputError>([&] { require_same_settings(folder.file(""), changed, {"dynamics.steps"}); });
    };
    EXPECT_EQ(complaint("steps: 1\n", "steps: 1\n"), "no error");
    EXPECT_EQ(complaint("steps: 100", "steps: 200"), "no error");
    EXPECT_NE(complaint("steps: 5", "steps: 6").find("'other.steps: 5' before, 'other.steps: 6' now"),
              std::string::npos)
        << complaint("steps: 5", "steps: 6");
    EXPECT_NE(complaint("steps: 1\n", "steps: 2\n"), "no error");
    EXPECT_NE(complaint("timestep: 1", "timestep: 2").find("dynamics.timestep: 2"), std::string::npos);
    EXPECT_NE(complaint("other: {steps: 5}\n", "").find("'nothing' now"), std::string::npos);
}

/// Text of several lines is one value, whatever its lines look like.
TEST(RequireSameSettings, TextOfSeveralLinesIsOneValue) {
    const TemporaryDirectory folder;
    const std::string text = "reference:\n  method: |\n    PBE,\n    steps: none\nsteps: 3\n";
    (void)folder.file("settings.yaml", text);
    EXPECT_NO_THROW(require_same_settings(folder.file(""), text, {"steps"}));
    EXPECT_NO_THROW(require_same_settings(folder.file(""), "reference: {method: \"PBE,\\nsteps: none\\n\"}\nsteps: 4\n",
                                          {"steps"}));
    EXPECT_THROW(
        require_same_settings(folder.file(""), "reference: {method: \"PBE,\\nsteps: some\\n\"}\nsteps: 4\n", {"steps"}),
        InputError);
}

Checkpoint checkpoint_of(long n_calls) {
    Checkpoint checkpoint;
    checkpoint.n_reference_calls = n_calls;
    checkpoint.driver = std::string("bytes \0 \n", 9);
    checkpoint.learner = "1 2 3 | 0.5 |";
    checkpoint.trajectory = 17;
    checkpoint.inputs = {{"structure", 18446744073709551615U}, {"force_field", 5}};
    return checkpoint;
}

TEST(Checkpoint, SurvivesAndNoticesDamage) {
    const std::string bytes = checkpoint_of(4).encode();
    const Checkpoint back = Checkpoint::decode(bytes);
    EXPECT_EQ(back.encode(), bytes);
    EXPECT_EQ(back.driver, checkpoint_of(4).driver);
    EXPECT_EQ(back.inputs, checkpoint_of(4).inputs);
    for (std::size_t k = 0; k < bytes.size(); ++k) {
        std::string damaged = bytes;
        damaged[k] = static_cast<char>(damaged[k] ^ 1);
        EXPECT_THROW((void)Checkpoint::decode(damaged), InputError) << k;
    }
    EXPECT_THROW((void)Checkpoint::decode(""), InputError);
}

TEST(Checkpoint, TheOneBeforeServesWhereTheLatestIsDamaged) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("");
    const RunDirectory directory(path);
    std::string warning;
    const auto read = [&] {
        warning.clear();
        return read_checkpoint(path, checkpoint_of(0).inputs, false, [&](const std::string& text) { warning = text; });
    };
    EXPECT_FALSE(read());
    write_checkpoint(directory, checkpoint_of(1));
    write_checkpoint(directory, checkpoint_of(2));
    EXPECT_EQ(read()->n_reference_calls, 2);
    EXPECT_EQ(warning, "");
    std::filesystem::resize_file(folder.file("checkpoint"), 40);
    EXPECT_EQ(read()->n_reference_calls, 1);
    EXPECT_NE(warning.find("damaged"), std::string::npos);
    std::filesystem::remove(folder.file("checkpoint"));  // killed between the two names
    EXPECT_EQ(read()->n_reference_calls, 1);
    std::filesystem::resize_file(folder.file("checkpoint.previous"), 40);
    const std::string message = error_of<InputError>([&] { (void)read(); });
    EXPECT_NE(message.find("no other checkpoint"), std::string::npos) << message;
}

TEST(Checkpoint, BelongsToItsInputs) {
    const Checkpoint checkpoint = checkpoint_of(1);
    EXPECT_NO_THROW(require_same_inputs("out/checkpoint", checkpoint, checkpoint.inputs));
    EXPECT_NO_THROW(require_same_inputs("out/checkpoint", {}, checkpoint.inputs)) << "one of an older version";
    RunInputs other = checkpoint.inputs;
    other[1].second = 6;
    const std::string message = error_of<InputError>([&] { require_same_inputs("out/checkpoint", checkpoint, other); });
    EXPECT_EQ(message.find("out/checkpoint: "), 0U) << message;
    EXPECT_NE(message.find("'force_field'"), std::string::npos) << message;
    EXPECT_EQ(settings_input(settings, {"dynamics.steps"}),
              settings_input("steps: 1\ndynamics: {steps: 7, timestep: 1}\nother:\n  steps: 5\n", {"dynamics.steps"}));
    EXPECT_NE(settings_input(settings, {}), settings_input(settings, {"dynamics.steps"}));
}

}  // namespace
}  // namespace mlff::app
