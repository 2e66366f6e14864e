#include "app/run_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/encoding.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::app {
namespace {

constexpr const char* settings_name = "settings.yaml";
constexpr const char* checkpoint_name = "checkpoint";

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
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

RunDirectory::~RunDirectory() { close(lock_); }  // gives the lock back

bool RunDirectory::has(const std::string& name) const { return std::filesystem::exists(file(name)); }

void require_same_settings(const std::string& path, const std::string& resolved,
                           const std::vector<std::string>& may_change) {
    const std::string settings = path + "/" + settings_name;
    if (!std::filesystem::exists(settings)) return;
    const auto before = lines_of(read_text_file(settings)), now = lines_of(resolved);
    const auto fixed = [&](const std::vector<std::string>& lines) {
        std::vector<std::string> kept;
        bool in_free_section = false;
        for (const auto& line : lines) {
            const auto begin = line.find_first_not_of(' ');
            const std::string key = begin == std::string::npos ? "" : line.substr(begin, line.find(':') - begin);
            const bool may = std::find(may_change.begin(), may_change.end(), key) != may_change.end();
            if (begin == 0) in_free_section = may;
            if (!may && !in_free_section) kept.push_back(line);
        }
        return kept;
    };
    const auto a = fixed(before), b = fixed(now);
    for (std::size_t k = 0; k < std::max(a.size(), b.size()); ++k) {
        const auto trimmed = [&](const std::vector<std::string>& lines) {
            return k < lines.size() ? lines[k].substr(std::min(lines[k].size(), lines[k].find_first_not_of(' ')))
                                    : "nothing";
        };
        if (trimmed(a) != trimmed(b))
            throw InputError(
                fmt::format("{}: a run with other settings stands here ('{}' before, '{}' now); run {} to go on with "
                            "its own, which may be the defaults of an earlier version, or choose another output",
                            path, trimmed(a), trimmed(b), settings));
    }
}

void RunDirectory::write_settings(const std::string& resolved) const {
    write_file_atomically(file(settings_name), resolved);
}

std::string Checkpoint::encode() const {
    // Large for many atoms: no more copies than needed.
    std::string text = fmt::format("mlff-checkpoint 1\ncalls {}\ntrajectory {}\nthermo {}\nlog {}\ndone {}\nlearner ",
                                   n_reference_calls, trajectory, thermo, log, done_steps);
    text.reserve(text.size() + (learner.size() + driver.size()) * 4 / 3 + 100);
    text += to_base64(learner);
    text += "\ndriver ";
    text += to_base64(driver);
    text += '\n';
    return text += fmt::format("checksum {:016x}\n", checksum(text));
}

Checkpoint Checkpoint::decode(const std::string& bytes) {
    const auto end = bytes.rfind("checksum ");
    const auto damaged = [] {
        return InputError("a stored checkpoint is damaged; remove the file 'checkpoint' to go on from the journal");
    };
    if (end == std::string::npos ||
        bytes.substr(end) != fmt::format("checksum {:016x}\n", checksum(bytes.substr(0, end))))
        throw damaged();
    Checkpoint out;
    std::istringstream in(bytes.substr(0, end));
    std::string key, value;
    int version = 0;
    if (!(in >> key >> version) || key != "mlff-checkpoint" || version != 1) throw damaged();
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
        const auto space = line.find(' ');
        key = line.substr(0, space);
        value = line.substr(std::min(line.size(), space + 1));
        if (key == "calls")
            out.n_reference_calls = std::stol(value);
        else if (key == "trajectory")
            out.trajectory = std::stoll(value);
        else if (key == "thermo")
            out.thermo = std::stoll(value);
        else if (key == "log")
            out.log = std::stoll(value);
        else if (key == "done")
            out.done_steps = std::stoll(value);
        else if (key == "learner")
            out.learner = from_base64(value);
        else if (key == "driver")
            out.driver = from_base64(value);
    }
    return out;
}

std::optional<Checkpoint> read_checkpoint(const RunDirectory& directory) {
    if (!directory.has(checkpoint_name)) return {};
    try {
        return Checkpoint::decode(read_text_file(directory.file(checkpoint_name)));
    } catch (const InputError& error) {
        throw InputError(directory.file(checkpoint_name) + ": " + error.what());
    }
}

void write_checkpoint(const RunDirectory& directory, const Checkpoint& checkpoint) {
    write_file_atomically(directory.file(checkpoint_name), checkpoint.encode());
}

}  // namespace mlff::app
