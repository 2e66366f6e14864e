#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libmlff/io/output_file.hpp"

namespace mlff::app {

/// The output directory of train, select and run. One process owns it at a time; what it holds belongs to one set of
/// settings, so that a run can only be resumed as what it was.
class RunDirectory {
 public:
    /// Creates the directory if there is none and locks it.
    /// @throws InputError if another process works in it
    explicit RunDirectory(const std::string& path);
    RunDirectory(const RunDirectory&) = delete;
    RunDirectory& operator=(const RunDirectory&) = delete;
    ~RunDirectory();

    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] bool has(const std::string& name) const;

    void write_settings(const std::string& resolved) const;

 private:
    std::string path_;
    int lock_ = -1;
};

/// Compares the resolved settings with those that the directory at `path`, if there is one, was made with
/// (settings.yaml). Changes nothing.
/// @param may_change  keys (last part of the path) that may differ, and sections with all that is in them
/// @throws InputError naming the first setting that differs
void require_same_settings(const std::string& path, const std::string& resolved,
                           const std::vector<std::string>& may_change);

/// Where a run stands, to go on from: state of learner and driver, and how long its files were then.
struct Checkpoint {
    long n_reference_calls = 0;                        ///< entries of the journal it belongs after
    std::string learner;                               ///< Learner::state()
    std::string driver;                                ///< Driver::snapshot()
    std::int64_t trajectory = 0, thermo = 0, log = 0;  ///< [bytes]
    std::int64_t done_steps = 0;                       ///< the run was complete with so many steps; 0: it was not

    [[nodiscard]] std::string encode() const;
    /// @throws InputError if the bytes are damaged
    [[nodiscard]] static Checkpoint decode(const std::string& bytes);
};

/// The checkpoint of a directory; none if there is no file. A damaged one is refused.
[[nodiscard]] std::optional<Checkpoint> read_checkpoint(const RunDirectory& directory);
void write_checkpoint(const RunDirectory& directory, const Checkpoint& checkpoint);

}  // namespace mlff::app
