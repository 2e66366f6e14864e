#pragma once

#include <span>
#include <string>
#include <vector>

#include "libmlff/io/data_file.hpp"

/// Data files of LAMMPS, units metal: Å. Its trajectories: lammps_dump.hpp.
namespace mlff {

/// Reads a data file: atom_style atomic (id type x y z), charge (id type q x y z), molecular, bond, angle (id mol type
/// x y z) or full (id mol type q x y z), image flags and type labels allowed; a box along the axes or tilted (xy xz
/// yz). The style is the remark behind 'Atoms'; without, the columns tell it, and where six of them could be charge and
/// molecular the file is refused. Atoms come in the order of their ids, images are applied; positions are relative to
/// the corner of the box (xlo ylo zlo), where the cell of a Structure begins. Velocities are not read, with a note.
/// @param species  atomic number of each type from 1; empty: the element whose mass is nearest to that in Masses
/// @throws InputError `file:line: what; what would be right`; also if a mass fits no element within 0.3 amu
/// Source: https://docs.lammps.org/read_data.html
[[nodiscard]] DataFile read_lammps_data(const std::string& path, const std::vector<int>& species = {});

/// The structure as data file, atom_style atomic: types in the order of first occurrence, named by their masses and a
/// remark. LAMMPS wants the first lattice vector along x and the second in the xy plane: the whole is rotated so, and
/// an equivalent lattice with small tilts taken.
/// @throws InputError if the structure has no atoms or no volume, or is left-handed
[[nodiscard]] std::string format_lammps_data(const Structure& structure);
/// Writes it, atomically (output_file.hpp).
void write_lammps_data(const std::string& path, const Structure& structure);

}  // namespace mlff
