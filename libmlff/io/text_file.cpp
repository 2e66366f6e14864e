#include "libmlff/io/text_file.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <numeric>

#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

constexpr std::size_t chunk = 1 << 17;  ///< bytes read at a time

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

/// What to say about a file that is not there: the nearest name in its directory, or where relative paths start.
std::string missing_file(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    const fs::path wanted(path);
    const fs::path folder = wanted.has_parent_path() ? wanted.parent_path() : fs::path(".");
    std::vector<std::string> names;
    for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored))
        names.push_back(entry->path().filename().string());
    std::sort(names.begin(), names.end());
    if (const std::string hint = did_you_mean(wanted.filename().string(), names); !hint.empty())
        return path + ": no such file" + hint;
    if (wanted.is_absolute()) return path + ": no such file; check the path";
    return path + ": no such file; relative paths start at " + fs::current_path(ignored).string();
}

/// Number of insertions, deletions, substitutions and swaps of neighbours that turn a into b.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitution = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, substitution});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, above);
        std::swap(above, row);
    }
    return above[b.size()];
}

/// The bytes of a file, decompressed, a chunk at a time.
struct ByteSource {
    explicit ByteSource(const std::string& path) : name(path), buffer(chunk) {
        std::error_code ignored;
        const auto kind = std::filesystem::status(path, ignored).type();
        if (kind == std::filesystem::file_type::not_found) throw InputError(missing_file(path));
        if (kind == std::filesystem::file_type::directory)
            throw InputError(path + ": is a directory; a file is needed");
        errno = 0;
        file = gzopen(path.c_str(), "rb");
        if (file == nullptr)
            throw InputError(path + ": cannot be read (" + std::strerror(errno) + "); check its permissions");
        gzbuffer(file, chunk);
    }
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;
    ~ByteSource() { gzclose_r(file); }

    /// Fills the buffer anew; false at the end of the file.
    bool refill() {
        begin = 0;
        const int count = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()));
        end = count > 0 ? static_cast<std::size_t>(count) : 0;
        if (end < buffer.size()) {  // at the end, or in trouble
            int code = Z_OK;
            gzerror(file, &code);
            if (code == Z_ERRNO) throw InputError(name + ": cannot be read (" + std::strerror(errno) + ")");
            if (code != Z_OK && code != Z_STREAM_END)
                throw InputError(name + ": the gzip data is damaged or cut off; a complete file is needed");
        }
        return end > 0;
    }

    std::string name;
    std::vector<char> buffer;
    std::size_t begin = 0, end = 0;  ///< of what is left in the buffer
    gzFile file = nullptr;
};

}  // namespace

struct LineReader::Source : ByteSource {
    using ByteSource::ByteSource;
};

LineReader::LineReader(std::string path) : path_(std::move(path)), source_(std::make_unique<Source>(path_)) {}
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

bool LineReader::next(std::string& line) {
    line.clear();
    Source& s = *source_;
    if (s.begin == s.end && !s.refill()) return false;
    ++line_number_;
    line_is_ended_ = false;
    do {
        const char* first = s.buffer.data() + s.begin;
        const auto* newline = static_cast<const char*>(std::memchr(first, '\n', s.end - s.begin));
        const std::size_t length = newline != nullptr ? static_cast<std::size_t>(newline - first) : s.end - s.begin;
        line.append(first, length);
        s.begin += length;
        if (newline != nullptr) {
            ++s.begin;
            line_is_ended_ = true;
            break;
        }
    } while (s.refill());
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line_number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // byte-order mark of some editors
    return true;
}

long LineReader::bytes_at_most() const {
    std::error_code unknown;
    const auto size = std::filesystem::file_size(path_, unknown);
    constexpr std::uintmax_t packed = 1100;  // deflate: 1032 at most
    if (unknown || size > std::numeric_limits<long>::max() / packed) return std::numeric_limits<long>::max();
    return static_cast<long>(gzdirect(source_->file) != 0 ? size : size * packed);
}

std::string LineReader::place() const { return fmt::format("{}:{}", path_, line_number_); }

void LineReader::fail(const std::string& message) const { throw InputError(place() + ": " + message); }

std::string read_text_file(const std::string& path) {
    ByteSource source(path);
    std::string text;
    while (source.refill()) text.append(source.buffer.data(), source.end);
    return text;
}

void split_words(std::string_view line, std::vector<std::string_view>& words) {
    words.clear();
    for (std::size_t i = 0; i < line.size();) {
        if (is_blank(line[i])) {
            ++i;
            continue;
        }
        const std::size_t first = i;
        while (i < line.size() && !is_blank(line[i])) ++i;
        words.push_back(line.substr(first, i - first));
    }
}

std::vector<std::string_view> split_words(std::string_view line) {
    std::vector<std::string_view> words;
    split_words(line, words);
    return words;
}

std::optional<double> parse_double(std::string_view text) {
    // from_chars knows no plus sign, and a sign must not come twice.
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) return std::nullopt;
    }
    double value = 0.0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<long> parse_long(std::string_view text) {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) return std::nullopt;
    }
    long value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string show(std::string_view text) {
    constexpr std::size_t bearable = 40;
    std::string_view shown = text.substr(0, bearable);
    if (shown.size() < text.size())  // do not cut a UTF-8 character
        while (!shown.empty() && (static_cast<unsigned char>(text[shown.size()]) & 0xc0) == 0x80)
            shown.remove_suffix(1);
    std::string out = "'";
    for (const char c : shown) {
        const auto code = static_cast<unsigned char>(c);
        out += code < 0x20 || code == 0x7f ? '?' : c;  // UTF-8 passes
    }
    return out + (shown.size() < text.size() ? "...'" : "'");
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    // Up to a third of the letters may be wrong: beyond that a guess misleads.
    std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
    const std::string* nearest = nullptr;
    for (const std::string& candidate : candidates)
        if (const std::size_t distance = edit_distance(word, candidate); distance < least) {
            least = distance;
            nearest = &candidate;
        }
    return nearest == nullptr ? "" : fmt::format("; did you mean '{}'?", *nearest);
}

}  // namespace mlff
