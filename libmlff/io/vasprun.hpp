#pragma once

#include <string>

#include "libmlff/io/data_file.hpp"

namespace mlff {

/// Reads vasprun.xml, plain or gzip, in the memory of its steps: every ionic step with its labels.
///
/// Energy: e_fr_energy of the step, the free energy F = E − T S of the electrons [eV], van der Waals corrections
/// included: the one whose derivatives the forces are (e_0_energy, extrapolated to σ = 0, is not). Forces [eV/Å].
/// Stress: the file holds the pressure tensor [kbar], positive if the cell wants to expand; here −p/1602.18 [eV/Å³],
/// symmetrised (VASP prints slightly different xy and yx).
/// Positions have 8 digits of the cell.
///
/// Left out, with a note that counts them: steps of VASP's own force field (ML_LMLFF; they have no electronic steps),
/// steps whose electronic loop ended at NELM, steps with numbers that overflowed, and the last step of a file that is
/// cut off. `origin` is the file and line where the step begins.
/// @throws InputError `file:line: what` if the XML is damaged or a number malformed, or if no step is left
/// Source: https://www.vasp.at/wiki/index.php/Vasprun.xml
[[nodiscard]] DataFile read_vasprun(const std::string& path);

}  // namespace mlff
