#include "libmlff/io/journal.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/encoding.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff {
namespace {

constexpr std::string_view checksum_key = " checksum=";

/// Length of the intact frame at the beginning of `text`; none if it is cut off or damaged.
std::optional<std::size_t> intact_frame(std::string_view text) {
    const auto end_of_count = text.find('\n');
    if (end_of_count == std::string_view::npos) return {};
    const auto n_atoms = parse_long(text.substr(0, end_of_count));
    if (!n_atoms || *n_atoms < 0) return {};
    std::size_t end = end_of_count + 1;
    std::size_t end_of_comment = 0;
    for (long line = 0; line <= *n_atoms; ++line) {
        const auto newline = text.find('\n', end);
        if (newline == std::string_view::npos) return {};
        if (line == 0) end_of_comment = newline;
        end = newline + 1;
    }
    const auto key = text.substr(0, end_of_comment).rfind(checksum_key);
    if (key == std::string_view::npos) return {};
    const auto stated = text.substr(key + checksum_key.size(), end_of_comment - key - checksum_key.size());
    const std::string guarded =
        std::string(text.substr(0, key)) + std::string(text.substr(end_of_comment, end - end_of_comment));
    if (stated != fmt::format("{:016x}", checksum(guarded))) return {};
    return end;
}

std::string value(const ExtxyzFrame& frame, std::string_view key) {
    if (auto found = frame.find(key)) return *found;
    throw InputError(fmt::format("{}: journal entry without '{}'; this is no journal of mlff", frame.origin, key));
}

}  // namespace

Journal::Journal(const std::string& path) : file_(path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::size_t intact = 0;
    while (intact < text.size()) {
        const auto length = intact_frame(std::string_view(text).substr(intact));
        if (!length) break;
        intact += *length;
    }
    // What is unfinished is the beginning of one entry: it holds one checksum at most, and nothing intact follows it.
    int n_checksums = 0;
    for (auto next = text.find(checksum_key, intact); next != std::string::npos;
         next = text.find(checksum_key, next + 1)) {
        const auto count_line = text.rfind('\n', next);
        auto begin = count_line == std::string::npos || count_line == 0 ? 0 : text.rfind('\n', count_line - 1);
        begin = begin == std::string::npos ? 0 : begin == 0 && text[0] != '\n' ? 0 : begin + 1;
        if (++n_checksums > 1 || (begin > intact && intact_frame(std::string_view(text).substr(begin))))
            throw InputError(
                fmt::format("{}: entry at byte {} is damaged, others follow; restore the file from a copy, "
                            "or move it away to start again",
                            path, intact));
    }
    if (intact < text.size()) {
        dropped_bytes_ = static_cast<long>(text.size() - intact);
        file_.truncate(static_cast<std::int64_t>(intact));
    }
    if (intact == 0) return;
    ExtxyzReader reader(path);
    while (auto frame = reader.next()) {
        JournalEntry entry;
        entry.step = parse_long(value(*frame, "step")).value_or(-1);
        entry.action = value(*frame, "action");
        entry.learner = value(*frame, "learner");
        entry.caller = from_base64(value(*frame, "caller"));
        entry.structure = std::move(*frame);
        entries_.push_back(std::move(entry));
    }
}

void Journal::append(const JournalEntry& entry) {
    ExtxyzFrame frame;
    static_cast<LabeledStructure&>(frame) = entry.structure;
    frame.info = {{"step", std::to_string(entry.step)},
                  {"action", entry.action},
                  {"learner", entry.learner},
                  {"caller", to_base64(entry.caller)}};
    std::string text = format_extxyz(frame);
    const std::string sum = fmt::format("{}{:016x}", checksum_key, checksum(text));
    text.insert(text.find('\n', text.find('\n') + 1), sum);
    file_.write(text);
    file_.sync();
    file_.require_in_place();
}

}  // namespace mlff
