#include "app/console.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

namespace mlff::app {
namespace {

std::string duration(double seconds) {
    const auto whole = static_cast<long>(seconds + 0.5);
    if (whole < 100) return fmt::format("{} s", whole);
    if (whole < 6000) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

/// @returns false if writing fails
bool put(std::FILE* stream, const std::string& text) {
    const bool whole = std::fwrite(text.data(), 1, text.size(), stream) == text.size();
    return std::fflush(stream) == 0 && whole;
}

}  // namespace

Console::Console(bool quiet, const std::string& log_path) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {
    if (!log_path.empty()) log_ = std::make_unique<OutputFile>(log_path);
}

void Console::clear_progress() const {
    if (!progress_shown_) return;
    (void)put(stderr, "\r\033[K");
    progress_shown_ = false;
}

void Console::info(std::string_view line) const {
    if (log_) {
        log_->write(fmt::format("{}\n", line));
        log_->flush();
    }
    if (quiet_) return;
    clear_progress();
    (void)put(stdout, fmt::format("{}\n", line));
}

void Console::result(std::string_view text) const {
    if (log_) {
        log_->write(fmt::format("{}\n", text));
        log_->flush();
    }
    clear_progress();
    const bool arrived = put(stdout, fmt::format("{}\n", text));
    if (const int error = errno; !arrived && error != EPIPE && error != EIO)  // the reader is there but lacks the text
        throw std::runtime_error(fmt::format("standard output: cannot be written ({})", std::strerror(error)));
}

void Console::warn(std::string_view line) const {
    if (log_) {
        log_->write(fmt::format("warning: {}\n", line));
        log_->flush();
    }
    clear_progress();
    (void)put(stderr, fmt::format("mlff: warning: {}\n", line));
}

void Console::progress(long done, long total, std::string_view text) const {
    if (quiet_) return;
    const auto now = Clock::now();
    const bool other_job = total != total_ || done < last_done_;
    total_ = total;
    last_done_ = done;
    if (other_job) {
        first_done_ = done;
        first_time_ = last_time_ = now;
        return;
    }
    const double since_last = std::chrono::duration<double>(now - last_time_).count();
    if (done < total && since_last < (terminal_ ? 0.5 : 20.0)) return;
    if (done == first_done_) return;
    last_time_ = now;
    const double elapsed = std::chrono::duration<double>(now - first_time_).count();
    const double left = elapsed / static_cast<double>(done - first_done_) * static_cast<double>(total - done);
    const std::string line =
        fmt::format("{} of {} ({:.0f} %), {} left, {}", done, total,
                    100.0 * static_cast<double>(done) / static_cast<double>(total), duration(left), text);
    if (terminal_) {
        (void)put(stderr, fmt::format("\r\033[K{}", line));
        progress_shown_ = true;
    } else {
        (void)put(stdout, fmt::format("{}\n", line));
    }
}

}  // namespace mlff::app
