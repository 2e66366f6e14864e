#pragma once

#include <string>

#include "libmlff/io/data_file.hpp"

namespace mlff {

/// Reads OUTCAR, plain or gzip: every ionic step with its labels. vasprun.xml of the same run has more digits
/// (positions here have 5 decimals, in Å) and is to be preferred.
///
/// Energy: "free  energy   TOTEN" after the forces (VASP up to 5.2.2: before them), the free energy F = E − T S of the
/// electrons [eV], van der Waals corrections included: the one whose derivatives the forces are. Forces [eV/Å]: the
/// columns TOTAL-FORCE, van der Waals included ("FORCE-w/o vdW" is not read). Stress: the line "in kB" is the pressure
/// tensor [kbar], positive if the cell wants to expand, in the order XX YY ZZ XY YZ ZX; here −p/1602.18 [eV/Å³]; absent
/// if VASP did not compute it. Cell: "direct lattice vectors" before the positions. Elements: TITEL, else VRHFIN, else
/// the lines "POTCAR:" (NWRITE 0 and 1), and "ions per type".
///
/// Left out, with a note that counts them: steps of VASP's own force field ("(ML)" after TOTAL-FORCE), steps whose
/// electronic loop ended at NELM or says so, steps with numbers that overflowed, and the last step of a file that is
/// cut off. `origin` is the file and line of the positions.
/// @throws InputError `file:line: what; what would be right` if anything read is malformed, or if no step is left
/// Source: https://www.vasp.at/wiki/index.php/OUTCAR
[[nodiscard]] DataFile read_outcar(const std::string& path);

}  // namespace mlff
