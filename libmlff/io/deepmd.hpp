#pragma once

#include <string>

#include "libmlff/io/data_file.hpp"

namespace mlff {

/// Reads data of DeePMD-kit: a system, which is a folder with type.raw, type_map.raw and set.*/ (.npy, 32 or 64 bits),
/// or a folder that holds such systems at any depth.
///
///     type.raw       type of each atom, from 0           type_map.raw   chemical symbol of each type
///     coord.npy      (frames, 3 atoms) [Å]               box.npy        (frames, 9) lattice vectors one after the
///     other [Å] energy.npy     (frames) [eV]                       force.npy      (frames, 3 atoms) [eV/Å] virial.npy
///     (frames, 9) Σ r ⊗ f [eV]: stress = −virial/V nopbc          a file: not periodic, box.npy is not read
///     real_atom_types.npy  (frames, atoms): types frame by frame (the mixed format); negative ones are no atoms
///
/// Energy, force and virial may be absent. Which energy it is (it must be the one whose derivatives the forces are) the
/// files do not say. `origin` is the set and the frame, from 1.
/// @throws InputError naming the file
/// Source: https://docs.deepmodeling.com/projects/deepmd/en/stable/data/system.html
[[nodiscard]] DataFile read_deepmd(const std::string& path);

}  // namespace mlff
