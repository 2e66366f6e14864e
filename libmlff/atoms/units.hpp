#pragma once

/// Units inside the program: eV, Å, fs, amu, K (CONVENTIONS.md). Other units are converted once, at input and output.
namespace mlff::units {

inline constexpr double boltzmann = 8.617333262e-5;        ///< k_B [eV/K], CODATA 2018
inline constexpr double coulomb = 14.399645;               ///< e²/(4π ε₀) [eV Å], as LAMMPS `metal` (2021)
inline constexpr double acceleration = 9.648533212331e-3;  ///< 1 eV/(Å amu) in Å/fs²
inline constexpr double ev_per_cubic_angstrom_in_gpa = 160.2176634;   ///< 1 eV/Å³ in GPa
inline constexpr double ev_per_cubic_angstrom_in_kbar = 1602.176634;  ///< 1 eV/Å³ in kbar
inline constexpr double ev_per_cubic_angstrom_in_bar = 1602176.634;   ///< 1 eV/Å³ in bar
inline constexpr double amu_per_a3_in_g_per_cm3 = 1.66053906660;      ///< 1 amu/Å³ in g/cm³
inline constexpr double square_angstrom_per_fs_in_cm2_per_s = 0.1;    ///< 1 Å²/fs in cm²/s

}  // namespace mlff::units
