#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "libmlff/io/output_file.hpp"

namespace mlff::app {

/// Output of a verb: lines on standard output (and in the file of --log), and one line of progress that is overwritten
/// on a terminal and printed at intervals elsewhere. A closed pipe or a lost terminal is no error: the run continues
/// and writes its files.
class Console {
 public:
    Console(bool quiet, const std::string& log_path);

    /// A line of information; silent with --quiet, always in the file of --log.
    void info(std::string_view line) const;
    /// A requested result: printed even with --quiet.
    /// @throws std::runtime_error if writing to standard output fails (disk full), unless its reader has ended
    void result(std::string_view text) const;
    /// A warning, on standard error.
    void warn(std::string_view line) const;

    /// Progress of a long job: done of total, with the time left; `text` describes the present work.
    void progress(long done, long total, std::string_view text) const;

 private:
    using Clock = std::chrono::steady_clock;
    void clear_progress() const;

    bool quiet_, terminal_;
    std::unique_ptr<OutputFile> log_;
    mutable bool progress_shown_ = false;
    mutable long total_ = -1, last_done_ = 0;  ///< of the job in progress
    mutable long first_done_ = 0;              ///< at the beginning of this session
    mutable Clock::time_point first_time_, last_time_;
};

}  // namespace mlff::app
