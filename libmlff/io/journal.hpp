#pragma once

#include <string>
#include <vector>

#include "libmlff/atoms/structure.hpp"
#include "libmlff/io/output_file.hpp"

namespace mlff {

/// One reference call of a training run, as it is kept: what was asked and answered, and the state that the run was in.
struct JournalEntry {
    LabeledStructure structure;  ///< with everything the reference answered
    long step = 0;               ///< evaluation of the learner, counted from 0
    std::string action;          ///< what was decided: threshold, learning, critical
    std::string learner;         ///< state of the learner before the call (opaque text, no quotes)
    std::string caller;          ///< state of the caller at the beginning of the step (opaque bytes)
};

/// The journal of a training run: every reference result, on disk before it is used.
///
/// It is an extended XYZ file, readable with ASE: one frame per call with energy, forces and stress; the states ride in
/// the comment line (`action`, `learner`, `caller` in base64), and `checksum` guards the frame. A frame that was being
/// written when the machine died is cut off at the next start; damage anywhere else is refused.
class Journal {
 public:
    /// Opens or creates the journal and reads what it holds.
    /// @throws InputError naming file and line if an entry other than the last is damaged
    explicit Journal(const std::string& path);

    /// Entries found when the journal was opened.
    [[nodiscard]] const std::vector<JournalEntry>& entries() const { return entries_; }
    [[nodiscard]] long dropped_bytes() const { return dropped_bytes_; }  ///< of an unfinished last entry

    /// Appends an entry and waits until it is on the disk.
    /// @throws std::runtime_error naming the file if the disk refuses, or the file is no longer there
    void append(const JournalEntry& entry);

 private:
    std::vector<JournalEntry> entries_;
    long dropped_bytes_ = 0;
    OutputFile file_;
};

}  // namespace mlff
