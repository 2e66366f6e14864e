#include "app/run_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/io/encoding.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::app {
namespace {

constexpr const char* settings_name = "settings.yaml";
constexpr const char* checkpoint_name = "checkpoint";
constexpr const char* previous_name = "checkpoint.previous";

using Values = std::vector<std::pair<std::string, std::string>>;

bool is_inside(const std::string& path, const std::string& section) {
    return path.starts_with(section) &&
           (path.size() == section.size() || path[section.size()] == '.' || path[section.size()] == '[');
}

/// The settings that identify a run.
Values fixed_values(const std::string& yaml, const std::string& name, const std::vector<std::string>& may_change) {
    Values values = yaml_values(yaml, name);
    std::erase_if(values, [&](const auto& value) {
        return std::any_of(may_change.begin(), may_change.end(),
                           [&](const std::string& section) { return is_inside(value.first, section); });
    });
    return values;
}

}  // namespace

RunDirectory::RunDirectory(const std::string& path) : path_(path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) throw InputError(fmt::format("{}: cannot make the output directory: {}", path, error.message()));
    const std::string lock = file("lock");
    lock_ = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_ < 0) throw InputError(fmt::format("{}: cannot be opened: {}", lock, std::strerror(errno)));
    if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        close(lock_);
        throw InputError(
            fmt::format("{}: another mlff is at work in this directory; wait for it, or choose another output", path));
    }
}

RunDirectory::~RunDirectory() { close(lock_); }  // releases the lock

bool RunDirectory::has(const std::string& name) const { return std::filesystem::exists(file(name)); }

void require_same_settings(const std::string& path, const std::string& resolved,
                           const std::vector<std::string>& may_change) {
    const std::string settings = path + "/" + settings_name;
    if (!std::filesystem::exists(settings)) return;
    const Values before = fixed_values(read_text_file(settings), settings, may_change);
    const Values now = fixed_values(resolved, "settings", may_change);
    const auto [a, b] = std::mismatch(before.begin(), before.end(), now.begin(), now.end());
    if (a == before.end() && b == now.end()) return;
    const auto text = [](auto value, auto end) {
        return value == end ? std::string("nothing") : fmt::format("{}: {}", value->first, value->second);
    };
    throw InputError(
        fmt::format("{}: a run with other settings stands here ('{}' before, '{}' now); run {} to continue with "
                    "its own, which may be the defaults of an earlier version, or choose another output",
                    path, text(a, before.end()), text(b, now.end()), settings));
}

std::pair<std::string, std::uint64_t> settings_input(const std::string& resolved,
                                                     const std::vector<std::string>& may_change) {
    std::uint64_t sum = checksum({});
    for (const auto& [path, value] : fixed_values(resolved, "settings", may_change))
        sum = checksum(path + ": " + value + "\n", sum);
    return {"settings", sum};
}

void RunDirectory::write_settings(const std::string& resolved) const {
    write_file_atomically(file(settings_name), resolved);
}

std::string Checkpoint::encode() const {
    // Large for many atoms: no more copies than needed.
    std::string text = fmt::format("mlff-checkpoint 1\ncalls {}\ntrajectory {}\nthermo {}\nlog {}\ndone {}\n",
                                   n_reference_calls, trajectory, thermo, log, done_steps);
    for (const auto& [name, sum] : inputs) text += fmt::format("input {} {}\n", name, sum);
    text += "learner ";
    text.reserve(text.size() + (learner.size() + driver.size()) * 4 / 3 + 100);
    text += to_base64(learner);
    text += "\ndriver ";
    text += to_base64(driver);
    text += '\n';
    return text += fmt::format("checksum {:016x}\n", checksum(text));
}

Checkpoint Checkpoint::decode(const std::string& bytes) {
    const auto damaged = [] { return InputError("a stored checkpoint is damaged"); };
    const std::string_view text = bytes;
    const auto end = text.rfind("checksum ");
    if (end == std::string_view::npos ||
        text.substr(end) != fmt::format("checksum {:016x}\n", checksum(text.substr(0, end))))
        throw damaged();
    Checkpoint out;
    bool first_line = true;
    for (std::size_t begin = 0; begin < end;) {
        const std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
        begin += line.size() + 1;
        if (std::exchange(first_line, false)) {
            if (line != "mlff-checkpoint 1") throw damaged();
            continue;
        }
        const auto space = line.find(' ');
        const std::string_view key = line.substr(0, space), value = line.substr(std::min(line.size(), space + 1));
        const auto number = [&] {
            const auto found = parse_long(value);
            if (!found || *found < 0) throw damaged();
            return *found;
        };
        if (key == "calls")
            out.n_reference_calls = number();
        else if (key == "trajectory")
            out.trajectory = number();
        else if (key == "thermo")
            out.thermo = number();
        else if (key == "log")
            out.log = number();
        else if (key == "done")
            out.done_steps = number();
        else if (key == "learner")
            out.learner = from_base64(value);
        else if (key == "driver")
            out.driver = from_base64(value);
        else if (key == "input") {
            const auto words = split_words(value);
            std::uint64_t sum = 0;
            if (words.size() != 2 ||
                std::from_chars(words[1].data(), words[1].data() + words[1].size(), sum).ec != std::errc())
                throw damaged();
            out.inputs.emplace_back(words[0], sum);
        }
    }
    return out;
}

void require_same_inputs(const std::string& place, const Checkpoint& checkpoint, const RunInputs& now) {
    for (const auto& [name, sum] : checkpoint.inputs) {
        const auto same = std::find_if(now.begin(), now.end(), [&](const auto& input) { return input.first == name; });
        if (same != now.end() && same->second != sum)
            throw InputError(
                fmt::format("{}: belongs to a run with another content of '{}'; give it back what it was begun with to "
                            "go on, or choose another output",
                            place, name));
    }
}

std::optional<Checkpoint> read_checkpoint(const std::string& path, const RunInputs& inputs, bool journal,
                                          const std::function<void(const std::string&)>& warn) {
    std::string damaged;
    for (const char* name : {checkpoint_name, previous_name}) {
        const std::string file = path + "/" + name;
        if (!std::filesystem::exists(file)) continue;
        std::optional<Checkpoint> checkpoint;
        try {
            checkpoint = Checkpoint::decode(read_text_file(file));
        } catch (const InputError&) {
            damaged += (damaged.empty() ? "" : " and ") + file;
            continue;
        }
        require_same_inputs(file, *checkpoint, inputs);
        if (!damaged.empty()) warn(fmt::format("{}: damaged; going on from the checkpoint before it", damaged));
        return checkpoint;
    }
    if (damaged.empty()) return {};
    throw InputError(
        fmt::format("{}: damaged, and no other checkpoint is there; restore it from a copy, {}or choose "
                    "another output",
                    damaged, journal ? "remove it to continue from the journal, " : ""));
}

void write_checkpoint(const RunDirectory& directory, const Checkpoint& checkpoint) {
    const std::string file = directory.file(checkpoint_name), previous = directory.file(previous_name);
    FileReplacement replacement(file);
    {
        OutputFile out(replacement.temporary());
        out.write(checkpoint.encode());
        out.flush();
    }
    if (std::rename(file.c_str(), previous.c_str()) != 0 && errno != ENOENT)
        throw std::runtime_error(fmt::format("{}: cannot be written ({})", previous, std::strerror(errno)));
    replacement.commit();
}

}  // namespace mlff::app
