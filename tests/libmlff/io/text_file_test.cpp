#include "libmlff/io/text_file.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;

std::vector<std::string> lines_of(const std::string& path) {
    LineReader reader(path);
    std::vector<std::string> lines;
    for (std::string line; reader.next(line);) lines.push_back(line);
    return lines;
}

TEST(TextFile, LinesEndInLfOrCrlfAndTheLastNeedNoEnd) {
    const TemporaryDirectory folder;
    const std::vector<std::string> expected = {"one", "", " two\t", "three"};
    EXPECT_EQ(lines_of(folder.file("lf", "one\n\n two\t\nthree\n")), expected);
    EXPECT_EQ(lines_of(folder.file("crlf", "one\r\n\r\n two\t\r\nthree\r\n")), expected);
    EXPECT_EQ(lines_of(folder.file("open", "one\n\n two\t\nthree")), expected);
    EXPECT_TRUE(lines_of(folder.file("empty", "")).empty());
}

/// Lines longer than any buffer, and many of them, survive; compressed or not.
TEST(TextFile, BufferBordersAndGzipDoNotShow) {
    const TemporaryDirectory folder;
    std::mt19937 random(7);
    std::string text;
    std::vector<std::string> expected;
    for (int k = 0; k < 300; ++k) {
        std::string line(random() % (k % 50 == 0 ? 400'000 : 3'000), 'x');
        for (char& c : line) c = static_cast<char>('a' + random() % 26);
        text += line + "\n";
        expected.push_back(line);
    }
    const std::string path = folder.file("plain", text);
    EXPECT_EQ(lines_of(path), expected);
    EXPECT_EQ(read_text_file(path), text);
    if (std::system(("gzip -k " + path).c_str()) != 0) GTEST_SKIP() << "gzip is needed for the second half";
    EXPECT_EQ(lines_of(path + ".gz"), expected);
    EXPECT_EQ(read_text_file(path + ".gz"), text);

    const auto size = std::filesystem::file_size(path + ".gz");
    for (const auto kept : {size - 1, size / 2, std::uintmax_t{100}}) {
        std::filesystem::resize_file(path + ".gz", kept);
        EXPECT_NE(error_of<InputError>([&] { (void)read_text_file(path + ".gz"); }).find("cut off"), std::string::npos)
            << kept;
    }
}

TEST(TextFile, KnowsWhereItIs) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("a.txt", "x\ny\n");
    LineReader reader(path);
    std::string line;
    reader.next(line);
    reader.next(line);
    EXPECT_EQ(reader.line_number(), 2);
    EXPECT_EQ(error_of<InputError>([&] { reader.fail("is wrong; be right"); }), path + ":2: is wrong; be right");
}

TEST(TextFile, MissingFilesAreNamedWithTheNearestThatExists) {
    const TemporaryDirectory folder;
    (void)folder.file("train.xyz", "");
    const std::string path = folder.file("trian.xyz");
    EXPECT_EQ(error_of<InputError>([&] { LineReader reader(path); }),
              path + ": no such file; did you mean 'train.xyz'?");
    EXPECT_NE(error_of<InputError>([&] { (void)read_text_file(folder.file("nothing/else")); }).find("no such file; "),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([] {
                  (void)read_text_file("not-there-at-all");
              }).find(std::filesystem::current_path().string()),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([&] { LineReader reader(folder.file(".")); }).find("directory"), std::string::npos);
}

TEST(TextFile, NumbersAreWholeWordsAndFinite) {
    EXPECT_EQ(parse_double("1.5e-3"), 1.5e-3);
    EXPECT_EQ(parse_double("+2"), 2.0);
    EXPECT_EQ(parse_double("-.5"), -0.5);
    EXPECT_EQ(parse_double("1E+02"), 100.0);
    EXPECT_EQ(parse_double("0.1"), 0.1);
    EXPECT_EQ(parse_double("4.9e-324"), 4.9e-324);
    for (const char* text : {"", " ", "1.2abc", "abc", "nan", "NaN", "inf", "-infinity", "1e400", "1,5", "1 2", "0x10",
                             "+-1", "++1", "1e", "--1", ".", " 1", "1 "})
        EXPECT_FALSE(parse_double(text)) << text;
    EXPECT_EQ(parse_long("-12"), -12);
    EXPECT_EQ(parse_long("+7"), 7);
    for (const char* text : {"", "1.0", "1e3", "12a", "99999999999999999999", "+-1", " 1"})
        EXPECT_FALSE(parse_long(text)) << text;
}

TEST(TextFile, WordsAreSeparatedByBlanks) {
    const std::string line = " \tAg  1.0\t2\r";
    EXPECT_EQ(split_words(line), (std::vector<std::string_view>{"Ag", "1.0", "2"}));
    EXPECT_TRUE(split_words(" \t").empty());
}

TEST(TextFile, GuessesTheNearestWordAndOnlyANearOne) {
    const std::vector<std::string> words = {"width", "cutoff", "functions", "l_max"};
    EXPECT_EQ(did_you_mean("widht", words), "; did you mean 'width'?");
    EXPECT_EQ(did_you_mean("cutof", words), "; did you mean 'cutoff'?");
    EXPECT_EQ(did_you_mean("function", words), "; did you mean 'functions'?");
    EXPECT_EQ(did_you_mean("lmax", words), "; did you mean 'l_max'?");
    EXPECT_EQ(did_you_mean("temperature", words), "");
    EXPECT_EQ(did_you_mean("x", {}), "");
}

TEST(TextFile, ShownTextStaysOnOneBearableLine) {
    EXPECT_EQ(show("fast"), "'fast'");
    EXPECT_EQ(show("a\nb\t\x01"),
              "'a?b?"
              "?'");
    EXPECT_EQ(show(std::string(100, 'a')), "'" + std::string(40, 'a') + "...'");
    EXPECT_EQ(show(std::string(39, 'a') + "\xc3\x85" + "a"), "'" + std::string(39, 'a') + "...'");  // Å is not cut
}

}  // namespace
}  // namespace mlff
