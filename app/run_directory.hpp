#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libmlff/io/output_file.hpp"

namespace mlff::app {

/// The output directory of train, select and run. One process owns it at a time. Its files belong to one set of
/// settings: a run can only be resumed with the same settings.
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

/// Compares the resolved settings with the settings.yaml of the directory at `path`, if there is one. Changes nothing.
/// @param may_change  dotted paths of settings that may differ, "dynamics.steps", and of sections with all their
///                    content
/// @throws InputError naming the first setting that differs
void require_same_settings(const std::string& path, const std::string& resolved,
                           const std::vector<std::string>& may_change);

/// Inputs of a run besides its code: the name of an input and a checksum of its content, e.g. {"structure", …}.
using RunInputs = std::vector<std::pair<std::string, std::uint64_t>>;
/// {"settings", …} of the resolved settings, without those that may change.
[[nodiscard]] std::pair<std::string, std::uint64_t> settings_input(const std::string& resolved,
                                                                   const std::vector<std::string>& may_change);

/// State of a run to continue from: learner, driver and the length of its files.
struct Checkpoint {
    long n_reference_calls = 0;                        ///< entries of the journal before it
    std::string learner;                               ///< Learner::state()
    std::string driver;                                ///< Driver::snapshot()
    std::int64_t trajectory = 0, thermo = 0, log = 0;  ///< [bytes]
    std::int64_t done_steps = 0;                       ///< number of steps of the complete run; 0: it was not complete
    RunInputs inputs;                                  ///< of its run; none in checkpoints of older versions

    [[nodiscard]] std::string encode() const;
    /// @throws InputError if the bytes are damaged
    [[nodiscard]] static Checkpoint decode(const std::string& bytes);
};

/// @param place  file of the checkpoint, for the message
/// @param now    only inputs named here and in the checkpoint are compared
/// @throws InputError naming the input of the checkpoint that had another content
void require_same_inputs(const std::string& place, const Checkpoint& checkpoint, const RunInputs& now);

/// The latest undamaged checkpoint of the directory at `path`: `checkpoint`, else the one before it,
/// `checkpoint.previous`. None if there is no such file.
/// @param inputs   of the run to continue
/// @param journal  the run could also continue from its journal: the message mentions it if all checkpoints are damaged
/// @param warn     called if the latest one is damaged
/// @throws InputError if all are damaged, or it belongs to a run with other inputs
[[nodiscard]] std::optional<Checkpoint> read_checkpoint(const std::string& path, const RunInputs& inputs, bool journal,
                                                        const std::function<void(const std::string&)>& warn);
/// Keeps the checkpoint before it as `checkpoint.previous`.
void write_checkpoint(const RunDirectory& directory, const Checkpoint& checkpoint);

}  // namespace mlff::app
