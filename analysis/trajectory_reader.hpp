#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/frame_source.hpp"
#include "libmlff/atoms/structure.hpp"

namespace mlff::analysis {

struct TrajectoryReaderOptions {
    double skip = 0.0;                    ///< [fs] left out at the beginning (equilibration), ≥ 0
    std::optional<double> timestep = {};  ///< [fs] > 0; the time of frames with `step` but no `time`
    std::optional<double> spacing = {};   ///< [fs] > 0 between frames; the time of frames with neither
    std::vector<int> species = {};        ///< atomic number of each LAMMPS type, for a dump without elements

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// The atoms at one moment of a run.
struct Frame {
    double time = 0.0;                       ///< [fs]
    Structure structure;                     ///< as in the file: positions may be of any image of an atom
    std::optional<Matrix3X> velocities;      ///< [Å/fs], 3 × n_atoms
    std::string origin;                      ///< "file:line", for messages
    Matrix3X path;                           ///< unwrapped positions [Å], 3 × n_atoms: an atom may leave the cell
    std::optional<double> temperature = {};  ///< [K], if the file contains it
};

/// Reads the frames of one run (formats: open_frames), one file after the other, in the memory of two frames (of a
/// vasprun.xml: of all its steps). Its frames are fit for time averages: the same atoms in the same order, at equal
/// distances in time.
///
/// Time is the frame's own; without it `step` × timestep; without both, the number of the frame × spacing. If a
/// timestep or spacing is given as well, it is compared with the time; steps must be equally spaced, and the atoms must
/// not be faster than at any possible temperature. These checks find a wrong unit, and missing or disordered frames. A
/// file may begin with the last frame of the file before.
///
/// Paths add up the displacements from frame to frame, each in units of the cell (minimum image, so exact while no atom
/// moves half a cell between frames, wrapped or not) times the mean of the two cells:
///
///     u(t+δ) = u(t) + ½(H(t) + H(t+δ)) · [Δs − round(Δs)],   Δs = H⁻¹(t+δ) r(t+δ) − H⁻¹(t) r(t).
///
/// With a changing cell this leaves out the affine motion of all atoms with the cell. If whole lattice vectors were
/// added to positions instead, an atom n cells away would jump by n times every fluctuation of the cell: a spurious
/// diffusion. Source: von Bülow, Bullerjahn & Hummer, J. Chem. Phys. 153, 021101 (2020).
class TrajectoryReader {
 public:
    /// @throws InputError as validate(); std::invalid_argument if there are no files
    explicit TrajectoryReader(std::vector<std::string> files, const TrajectoryReaderOptions& options = {});

    /// Next frame at or after the first time + skip; none after the last.
    /// @throws InputError, `file:line: what; what would be right`, from the file, or if the atoms change, a time is
    ///         missing or not one spacing after the last, or the atoms are impossibly fast
    [[nodiscard]] std::optional<Frame> next();

    [[nodiscard]] long n_frames() const { return n_frames_; }  ///< handed out so far
    [[nodiscard]] long n_jumps() const { return n_jumps_; }    ///< times an atom was unwrapped, skipped frames included

 private:
    [[nodiscard]] double time_of(const SourceFrame& frame) const;
    [[nodiscard]] bool repeats_last(double time) const;
    void check_atoms(const SourceFrame& frame) const;
    void check_clock(const SourceFrame& frame, double time);
    void extend_path(Frame& frame);
    void check_speed(const Frame& frame) const;

    std::vector<std::string> files_;
    TrajectoryReaderOptions options_;
    std::size_t next_file_ = 0;
    std::unique_ptr<FrameSource> source_;
    bool file_begins_ = false;
    bool same_file_ = false;  ///< as the frame before

    long n_read_ = 0, n_frames_ = 0, n_jumps_ = 0;
    double first_time_ = 0.0, spacing_ = 0.0;  ///< [fs]; the spacing is known from the second frame on
    std::optional<double> last_step_, step_spacing_;
    Frame last_;
    Matrix3X last_fractional_;  ///< H⁻¹ r of the last frame, 3 × n_atoms
    Matrix3X last_outside_;     ///< r − H H⁻¹ r: component outside the given lattice vectors [Å], 3 × n_atoms
};

}  // namespace mlff::analysis
