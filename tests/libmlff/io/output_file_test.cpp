#include "libmlff/io/output_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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

TEST(FileReplacement, LeftoversOfAKilledRunDoNotMix) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("a");
    (void)folder.file("a.tmp", "debris");
    write_file_atomically(path, "clean");
    EXPECT_EQ(content_of(path), "clean");
    EXPECT_EQ(folder.n_files(), 1U);
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
