#pragma once

/// Conversion from the atomic units of codes that use them. CODATA 2018.
namespace mlff::reference {

inline constexpr double bohr = 0.529177210903;      ///< [Å]
inline constexpr double hartree = 27.211386245988;  ///< [eV]

}  // namespace mlff::reference
