#pragma once

#include <string>

#include "libmlff/atoms/structure.hpp"
#include "libmlff/io/extxyz.hpp"

namespace mlff {

/// Reads a POSCAR or CONTCAR, plain or gzip: scaling by one factor, by three, or to a volume (negative factor); Direct
/// or Cartesian; symbols and counts on several lines each. Symbols may carry VASP's suffixes: Ag_pv, Ge_d/3f2a. Without
/// a line of symbols (VASP 4) they are those of the first line if it has one for each count.
///
/// Velocities after the positions are read (Å/fs; not those in the direct coordinates of a step), after those of the
/// lattice, which are not. Selective dynamics becomes the move mask: flags belong to lattice vectors, so those of an
/// atom must be equal, or let it move along, or across, Cartesian axes.
/// @throws InputError `file:line: what; what would be right`
/// Source: https://www.vasp.at/wiki/index.php/POSCAR
[[nodiscard]] ExtxyzFrame read_poscar_frame(const std::string& path);
/// The structure alone.
[[nodiscard]] Structure read_poscar(const std::string& path);

/// The same lattice and positions in a right-handed cell: of a left-handed one all lattice vectors change their sign.
[[nodiscard]] Structure right_handed(Structure structure);

/// The structure as POSCAR, atoms grouped by species in the order of first occurrence, Cartesian so that positions
/// come back bit for bit. A POSCAR is always periodic: flags of periodicity are not kept. VASP stops at a left-handed
/// cell; it is written right-handed.
/// @param frame  its move mask becomes selective dynamics, its velocities follow
/// @throws InputError if the structure has no atoms or no volume, or a move mask that flags along the lattice vectors
///         cannot say
[[nodiscard]] std::string format_poscar(const ExtxyzFrame& frame, const std::string& comment = {});
[[nodiscard]] std::string format_poscar(const Structure& structure, const std::string& comment = {});

/// Writes a POSCAR, atomically (output_file.hpp).
void write_poscar(const std::string& path, const ExtxyzFrame& frame, const std::string& comment = {});
void write_poscar(const std::string& path, const Structure& structure, const std::string& comment = {});

/// True if a file is a POSCAR by its name: POSCAR*, CONTCAR*, *.vasp, *.poscar, *.contcar, each also with .gz.
[[nodiscard]] bool is_poscar_name(const std::string& path);

/// Reads one structure: a POSCAR if the file is called so (POSCAR*, CONTCAR*, *.vasp, *.poscar, *.contcar, each also
/// with .gz), else the first frame of an extxyz file.
/// @throws InputError
[[nodiscard]] ExtxyzFrame read_first_frame(const std::string& path);
/// The structure alone.
[[nodiscard]] Structure read_structure(const std::string& path);

}  // namespace mlff
