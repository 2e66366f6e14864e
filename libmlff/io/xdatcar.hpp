#pragma once

#include <span>
#include <string>

#include "libmlff/io/data_file.hpp"

namespace mlff {

/// Reads a trajectory of VASP, plain or gzip: a header as in POSCAR (with the line of chemical symbols), then frames,
/// each after "Direct configuration="; a variable cell repeats the header. No labels. Positions are what is printed:
/// VASP wraps them into the cell. A last frame that is cut off is left out, with a note.
/// `origin` is the file and line of "Direct configuration=".
/// @throws InputError `file:line: what; what would be right`
/// Source: https://www.vasp.at/wiki/index.php/XDATCAR
[[nodiscard]] DataFile read_xdatcar(const std::string& path);

/// The structures as XDATCAR: atoms grouped by species in the order of first occurrence, positions in units of the cell
/// with 16 decimals, the header repeated if the cell changes.
/// @throws InputError if a structure has no atoms, is not periodic in three directions, or differs in composition
[[nodiscard]] std::string format_xdatcar(std::span<const LabeledStructure> frames);
/// Writes it, atomically (output_file.hpp).
void write_xdatcar(const std::string& path, std::span<const LabeledStructure> frames);

}  // namespace mlff
