#pragma once

#include <string>

#include "libmlff/model/calculator.hpp"

/// What CP2K writes and reads, as far as it matters here (version 2023.1).
namespace mlff::reference {

/// What an input computes, in a few words: "PBE, DZVP-MOLOPT-SR-GTH, cutoff 280 Ry", "GFN1-xTB".
[[nodiscard]] std::string cp2k_method(const std::string& input);

/// Energy, forces and stress from an output file (cp2k -o) of RUN_TYPE ENERGY_FORCE. Needed in FORCE_EVAL:
///     &PRINT  &FORCES ON ... &STRESS_TENSOR ON ...  &END PRINT      and STRESS_TENSOR ANALYTICAL
/// The file has 15 digits of the energy, forces to 10⁻⁸ hartree/bohr, and the stress in GPa, positive under
/// compression. The atoms are listed with their elements: another order than that of the structure is noticed.
/// @throws CallFailure if something is missing or no number, InputError for other atoms
[[nodiscard]] Evaluation read_cp2k_output(const std::string& output, const Structure& structure);

}  // namespace mlff::reference
