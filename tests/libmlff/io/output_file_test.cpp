#include "libmlff/io/output_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

using testing::content_of;
using testing::error_of;
using testing::TemporaryDirectory;

TEST(OutputFile, GrowsFromWhereItEnded) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("log", "old\n");
    {
        OutputFile file(path);
        EXPECT_EQ(file.position(), 4);
        file.write("new\n");
        EXPECT_EQ(file.position(), 8);  // before anything reached the disk
        EXPECT_EQ(content_of(path), "old\n");
        file.flush();
        EXPECT_EQ(content_of(path), "old\nnew\n");
        file.write("last\n");
    }
    EXPECT_EQ(content_of(path), "old\nnew\nlast\n");
}

TEST(OutputFile, LongTextsArriveWhole) {
    const TemporaryDirectory folder;
    std::string expected;
    OutputFile file(folder.file("log"));
    for (int k = 0; k < 50; ++k) {
        const std::string part(static_cast<std::size_t>(k) * 1000 + 1, static_cast<char>('a' + k % 26));
        file.write(part);
        expected += part;
    }
    file.sync();
    EXPECT_EQ(content_of(folder.file("log")), expected);
    EXPECT_EQ(file.position(), static_cast<std::int64_t>(expected.size()));
}

/// A resumed run cuts back to its checkpoint and goes on: the file is as if it had never been further.
TEST(OutputFile, IsCutBackToARecordedPosition) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("trajectory");
    std::int64_t checkpoint = 0;
    {
        OutputFile file(path);
        file.write("one\n");
        checkpoint = file.position();
        file.write("two, never confirmed\n");
    }
    OutputFile file(path);
    file.write("still in the buffer");
    file.truncate(checkpoint);
    EXPECT_EQ(file.position(), checkpoint);
    file.write("two\n");
    file.flush();
    EXPECT_EQ(content_of(path), "one\ntwo\n");
    const std::string message = error_of<InputError>([&] { file.truncate(1000); });
    EXPECT_NE(message.find("holds 8 bytes, but 1000 were recorded"), std::string::npos) << message;
    EXPECT_THROW(file.truncate(-1), std::invalid_argument);
}

TEST(OutputFile, MovesWithItsBuffer) {
    const TemporaryDirectory folder;
    OutputFile first(folder.file("a"));
    first.write("one ");
    OutputFile second(std::move(first));
    second.write("two");
    OutputFile third(folder.file("b"));
    third.write("kept");
    third = std::move(second);
    third.flush();
    EXPECT_EQ(content_of(folder.file("a")), "one two");
    EXPECT_EQ(content_of(folder.file("b")), "kept");
}

TEST(OutputFile, AFullDiskIsReportedOnce) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "/dev/full stands in for a full disk, and is absent";
    OutputFile file("/dev/full");
    file.write("text");
    const std::string message = error_of<std::runtime_error>([&] { file.flush(); });
    EXPECT_NE(message.find("/dev/full: cannot be written (No space left"), std::string::npos) << message;
    const TemporaryDirectory folder;
    EXPECT_NE(
        error_of<std::runtime_error>([&] { OutputFile no(folder.file("no/such/folder")); }).find("no/such/folder"),
        std::string::npos);
}

TEST(FileReplacement, OldOrNewNeverAPart) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("status.json", "old");
    {
        const FileReplacement replacement(path);
        OutputFile(replacement.temporary()).write("half of the n");
        EXPECT_EQ(content_of(path), "old");
    }
    EXPECT_EQ(content_of(path), "old");
    EXPECT_EQ(folder.n_files(), 1U) << "the temporary must be gone";
    write_file_atomically(path, "new");
    EXPECT_EQ(content_of(path), "new");
    EXPECT_EQ(folder.n_files(), 1U);
}

TEST(FileReplacement, LeftoversOfAKilledRunGoAfterAnHour) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("a");
    const std::string old = folder.file("a.x1y2z3.tmp", "debris"), fresh = folder.file("a.q1w2e3.tmp", "at work"),
                      other = folder.file("ab.x1y2z3.tmp", "of another target");
    using namespace std::chrono_literals;
    for (const auto& file : {old, other})
        std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - 2h);
    write_file_atomically(path, "clean");
    EXPECT_EQ(content_of(path), "clean");
    EXPECT_FALSE(std::filesystem::exists(old));
    EXPECT_EQ(content_of(fresh), "at work");
    EXPECT_TRUE(std::filesystem::exists(other));
}

TEST(FileReplacement, TwoProcessesDoNotMix) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("a");
    FileReplacement first(path);
    OutputFile(first.temporary()).write("of the first process, longer");
    FileReplacement second(path);
    OutputFile(second.temporary()).write("of the second");
    EXPECT_NE(first.temporary(), second.temporary());
    first.commit();
    EXPECT_EQ(content_of(path), "of the first process, longer");
    second.commit();
    EXPECT_EQ(content_of(path), "of the second");
    EXPECT_EQ(folder.n_files(), 1U);
}

TEST(FileReplacement, ALinkPlantedForTheTemporaryIsNotFollowed) {
    const TemporaryDirectory folder, elsewhere;
    const std::string path = folder.file("a"), victim = elsewhere.file("victim", "theirs");
    std::filesystem::create_symlink(victim, path + ".tmp");
    {
        const FileReplacement replacement(path);
        OutputFile(replacement.temporary()).write("ours");
        // Whoever knows the name by now finds a file there.
        EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(replacement.temporary())));
        EXPECT_TRUE(std::filesystem::is_symlink(path + ".tmp")) << "what is not ours stays";
    }
    write_file_atomically(path, "ours");
    EXPECT_EQ(content_of(path), "ours");
    EXPECT_EQ(content_of(victim), "theirs");
}

TEST(OutputFile, NoticesThatItsFileHasGone) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("trajectory");
    OutputFile file(path);
    file.write("one\n");
    file.flush();
    EXPECT_NO_THROW(file.require_in_place());
    EXPECT_NO_THROW(OutputFile("/dev/null").require_in_place());
    std::filesystem::resize_file(path, 2);
    EXPECT_NE(error_of<std::runtime_error>([&] { file.require_in_place(); }).find("has cut it"), std::string::npos);
    std::filesystem::remove(path);
    EXPECT_NE(error_of<std::runtime_error>([&] { file.require_in_place(); }).find(path + ": the file was removed"),
              std::string::npos);
    (void)folder.file("trajectory", "another");
    EXPECT_THROW(file.require_in_place(), std::runtime_error);
}

TEST(FileReplacement, FollowsLinksAndLeavesPipesWhatTheyAre) {
    const TemporaryDirectory folder;
    const std::string target = folder.file("real", "old"), link = folder.file("link");
    std::filesystem::create_symlink(target, link);
    write_file_atomically(link, "new");
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_EQ(content_of(target), "new");

    const std::string pipe = folder.file("pipe");
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const int reader = ::open(pipe.c_str(), O_RDWR | O_NONBLOCK);
    ASSERT_GE(reader, 0);
    write_file_atomically(pipe, "through");
    char received[16] = {};
    EXPECT_EQ(::read(reader, received, sizeof received), 7);
    EXPECT_STREQ(received, "through");
    ::close(reader);
    EXPECT_TRUE(std::filesystem::is_fifo(pipe));
    EXPECT_NE(error_of<std::runtime_error>([&] { write_file_atomically(folder.file("."), "x"); }).find("directory"),
              std::string::npos);
}

}  // namespace
}  // namespace mlff
