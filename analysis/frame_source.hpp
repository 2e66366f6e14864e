#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libmlff/io/frame_source.hpp"

namespace mlff::analysis {

/// Opens a trajectory, plain or gzip; its content determines the format (detect_format):
/// - extended XYZ, including our own trajectories: info keys time [fs], step, temperature [K]; velocities [Å/fs].
/// - H5MD, ours and from other programs (libmlff/io/h5md.hpp).
/// - XDATCAR: `step` is the number after "Direct configuration=". No velocities.
/// - vasprun.xml: first-principles steps. Refused if steps in between are missing (steps of VASP's own force field, not
///   converged): the XDATCAR of the run has all steps. No velocities.
/// - LAMMPS dump (libmlff/io/lammps_dump.hpp): `step` is the timestep.
/// @param species  atomic number of each type from 1, of LAMMPS or H5MD; required if the file does not name its
///                 elements
/// @throws InputError if the file is none of these
[[nodiscard]] std::unique_ptr<FrameSource> open_frames(const std::string& path, const std::vector<int>& species = {});

}  // namespace mlff::analysis
