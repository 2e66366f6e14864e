#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff::analysis {

/// One frame of a trajectory as its file has it.
struct SourceFrame {
    Structure structure;                 ///< positions wrapped or not, as they are
    std::optional<Matrix3X> velocities;  ///< [Å/fs], 3 × n_atoms
    std::optional<double> time;          ///< [fs]
    std::optional<double> step;          ///< number of the molecular dynamics step, or of the frame
    std::optional<double> temperature;   ///< [K]
    std::string origin;                  ///< "file:line"
};

/// The frames of one file, in file order, in the memory of one frame (vasprun.xml: of all its steps). A last frame that
/// is cut off, as a killed job leaves it, is left out.
class FrameSource {
 public:
    FrameSource() = default;
    FrameSource(const FrameSource&) = delete;
    FrameSource& operator=(const FrameSource&) = delete;
    virtual ~FrameSource() = default;

    /// Next frame; none after the last.
    /// @throws InputError `file:line: what; what would be right`
    [[nodiscard]] virtual std::optional<SourceFrame> next() = 0;
};

/// Opens a trajectory, plain or gzip; the content tells what it is (detect_format):
/// - extended XYZ, our own trajectories among them: info keys time [fs], step, temperature [K]; velocities [Å/fs].
/// - XDATCAR: `step` is the number behind "Direct configuration=". No velocities.
/// - vasprun.xml: first-principles steps. Refused if any step would be missing between the others (steps of VASP's own
///   force field, not converged): the XDATCAR of the run has them all. No velocities.
/// - LAMMPS dump: `step` is the timestep. Units metal, also real if 'ITEM: UNITS' says so; 'ITEM: TIME' is the time.
///   Atoms come in the order of their ids. Columns x y z, xu yu zu or xs ys zs, with ix iy iz; vx vy vz.
/// @param species  atomic number of each LAMMPS type from 1; needed if the dump has no column element
/// @throws InputError if the file is none of these
[[nodiscard]] std::unique_ptr<FrameSource> open_frames(const std::string& path, const std::vector<int>& species = {});

}  // namespace mlff::analysis
