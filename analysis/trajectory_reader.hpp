#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "libmlff/atoms/structure.hpp"
#include "libmlff/io/extxyz.hpp"

namespace mlff::analysis {

struct TrajectoryReaderOptions {
    double skip = 0.0;                    ///< [fs] left out at the beginning (equilibration), ≥ 0
    std::optional<double> timestep = {};  ///< [fs] > 0; the time of frames that tell `step` but no `time`
    std::optional<double> spacing = {};   ///< [fs] > 0 between frames; the time of frames that tell neither

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// The atoms at one moment of a run.
struct Frame {
    double time = 0.0;                   ///< [fs]
    Structure structure;                 ///< positions unwrapped: an atom that leaves the cell keeps going
    std::optional<Matrix3X> velocities;  ///< [Å/fs], 3 × n_atoms
    std::string origin;                  ///< "file:line", for messages
};

/// Reads the frames of one run from extended XYZ files, one file after the other, in the memory of one frame. What it
/// hands out is fit for time averages: the same atoms in the same order, at equal distances in time.
///
/// Time is the info key `time` [fs]; without it `step` × timestep; without both, the number of the frame × spacing. A
/// timestep or spacing that is given besides `time` is compared with it, and so is the speed of the atoms with any
/// conceivable temperature: both uncover a wrong unit. A file may begin with the frame that the one before ended with.
///
/// Positions that jump by more than half a cell between frames come from a program that wraps them into the cell; the
/// lattice vectors are added back (minimum image, exact while no atom moves half a cell between frames).
class TrajectoryReader {
 public:
    /// @throws InputError as validate(); std::invalid_argument if there are no files
    explicit TrajectoryReader(std::vector<std::string> files, const TrajectoryReaderOptions& options = {});

    /// Next frame at or after the first time + skip; none after the last.
    /// @throws InputError, `file:line: what; what would be right`, from ExtxyzReader, or if the atoms change, a time is
    ///         missing or not one spacing after the last, or the atoms are impossibly fast
    [[nodiscard]] std::optional<Frame> next();

    [[nodiscard]] long n_frames() const { return n_frames_; }  ///< handed out so far
    [[nodiscard]] long n_jumps() const { return n_jumps_; }    ///< times an atom was unwrapped, skipped frames included

 private:
    [[nodiscard]] double time_of(const ExtxyzFrame& frame) const;
    [[nodiscard]] bool repeats_last(double time) const;
    void check_atoms(const ExtxyzFrame& frame) const;
    void check_clock(const ExtxyzFrame& frame, double time);
    void unwrap(Structure& structure);
    void check_speed(const Frame& frame) const;

    std::vector<std::string> files_;
    TrajectoryReaderOptions options_;
    std::size_t next_file_ = 0;
    std::optional<ExtxyzReader> reader_;
    bool file_begins_ = false;

    long n_read_ = 0, n_frames_ = 0, n_jumps_ = 0;
    double first_time_ = 0.0, spacing_ = 0.0;  ///< [fs]; the spacing is known from the second frame on
    std::optional<double> last_step_;
    Frame last_;
    Matrix3X last_fractional_;  ///< H⁻¹ r as the file has it, 3 × n_atoms
    Matrix3X shifts_;           ///< lattice vectors added to each atom (whole numbers), 3 × n_atoms
};

}  // namespace mlff::analysis
