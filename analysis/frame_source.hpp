#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libmlff/io/frame_source.hpp"

namespace mlff::analysis {

/// Opens a trajectory, plain or gzip; the content tells what it is (detect_format):
/// - extended XYZ, our own trajectories among them: info keys time [fs], step, temperature [K]; velocities [Å/fs].
/// - H5MD, our own and others' (libmlff/io/h5md.hpp).
/// - XDATCAR: `step` is the number behind "Direct configuration=". No velocities.
/// - vasprun.xml: first-principles steps. Refused if any step would be missing between the others (steps of VASP's own
///   force field, not converged): the XDATCAR of the run has them all. No velocities.
/// - LAMMPS dump (libmlff/io/lammps_dump.hpp): `step` is the timestep.
/// @param species  atomic number of each type from 1, of LAMMPS or H5MD; needed if the file does not name its elements
/// @throws InputError if the file is none of these
[[nodiscard]] std::unique_ptr<FrameSource> open_frames(const std::string& path, const std::vector<int>& species = {});

}  // namespace mlff::analysis
