#pragma once

#include <string>

#include "libmlff/model/calculator.hpp"

/// Files of CP2K, as far as they are used here (version 2023.1).
namespace mlff::reference {

/// Short description of the method of an input: "PBE, DZVP-MOLOPT-SR-GTH, cutoff 280 Ry", "GFN1-xTB".
[[nodiscard]] std::string cp2k_method(const std::string& input);

/// Energy, forces and stress from an output file (cp2k -o) of RUN_TYPE ENERGY_FORCE. Needed in FORCE_EVAL:
///     &PRINT  &FORCES ON ... &STRESS_TENSOR ON ...  &END PRINT      and STRESS_TENSOR ANALYTICAL
/// The file has 15 digits of the energy, forces to 10⁻⁸ hartree/bohr, and the stress in GPa, positive under
/// compression. The atoms are listed with their elements: an order other than the structure's is detected.
/// @throws CallFailure if something is missing or is not a number, InputError for other atoms
[[nodiscard]] Evaluation read_cp2k_output(const std::string& output, const Structure& structure);

}  // namespace mlff::reference
