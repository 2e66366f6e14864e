#pragma once

#include <string>

#include "libmlff/model/calculator.hpp"

/// Files of pw.x of Quantum ESPRESSO, as far as they are used here (version 6.7).
namespace mlff::reference {

/// Short description of the method of an input: "Si.pbe-n-van.UPF, ecutwfc 30 Ry, k-points 2 2 2 0 0 0". The functional
/// is that of the pseudopotentials unless input_dft names another.
[[nodiscard]] std::string quantum_espresso_method(const std::string& input);

/// Energy (with smearing: the free energy, whose derivatives the forces are), forces and stress from the standard
/// output of calculation = 'scf'. Needed in &CONTROL: tprnfor = .true. and, for the stress, tstress = .true. The output
/// has the energy to 10⁻⁸ Ry, forces to 10⁻⁸ Ry/bohr, and the stress to 10⁻⁸ Ry/bohr³, positive under compression. The
/// atoms are listed with their labels: an order other than the structure's is detected.
/// @throws CallFailure if it is not converged, something is missing or is not a number; InputError for other atoms, or
///         for more than one structure
[[nodiscard]] Evaluation read_quantum_espresso_output(const std::string& output, const Structure& structure);

}  // namespace mlff::reference
