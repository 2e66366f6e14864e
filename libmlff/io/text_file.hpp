#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlff {

/// Text file read line by line, plain or compressed with gzip (told apart by content, not by name), in constant memory.
/// Knows where it is, so that every complaint about the content can be `file:line: what; what would be right`.
class LineReader {
 public:
    /// @throws InputError if there is no such file, or it cannot be read
    explicit LineReader(std::string path);
    LineReader(LineReader&&) noexcept;
    LineReader& operator=(LineReader&&) noexcept;
    ~LineReader();

    /// Next line without its end (LF or CRLF); false after the last one.
    /// @throws InputError if compressed data is damaged or cut off
    bool next(std::string& line);

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool line_is_ended() const { return line_is_ended_; }  ///< false for a last line without line end
    [[nodiscard]] long line_number() const { return line_number_; }      ///< of the line read last; the first is 1
    [[nodiscard]] std::string place() const;                             ///< "file:line" of the line read last
    /// How many bytes of text the file can hold at most (gzip packs to a thousandth): counts beyond it are wrong.
    [[nodiscard]] long bytes_at_most() const;
    /// @throws InputError "file:line: message", always
    [[noreturn]] void fail(const std::string& message) const;

 private:
    struct Source;
    std::string path_;
    long line_number_ = 0;
    bool line_is_ended_ = true;
    std::unique_ptr<Source> source_;
};

/// A whole text file, plain or gzip, byte for byte.
/// @throws InputError as LineReader
[[nodiscard]] std::string read_text_file(const std::string& path);

/// Words of a line, separated by blanks and tabs; the views point into `line`. `words` is reused, not reallocated.
void split_words(std::string_view line, std::vector<std::string_view>& words);
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view line);

/// A number written in full: "1.5e-3", "+2", ".5"; none for "", "1.2abc", "nan", "inf", or what is out of
/// range. The locale plays no part.
[[nodiscard]] std::optional<double> parse_double(std::string_view text);
[[nodiscard]] std::optional<long> parse_long(std::string_view text);

/// Text as it is shown in messages: in quotes, on one line, cut to a bearable length.
[[nodiscard]] std::string show(std::string_view text);

/// "; did you mean 'width'?" with the candidate nearest to `word` by edit distance, or "" if none is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mlff
