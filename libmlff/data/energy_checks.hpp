#pragma once

#include "libmlff/data/near_pairs.hpp"

/// Forces and stress labels against energies.
namespace mlff {

/// Labels against energy differences of near pairs: label = slope · (value from the energies) + offset.
struct EnergyCheck {
    static constexpr std::size_t min_pairs = 3;  ///< with fewer nothing is concluded

    long n_pairs = 0;          ///< 0: the data contain no pairs, nothing was checked
    double slope = 0.0;        ///< 1 if sound
    double correlation = 0.0;  ///< of work and energy difference, after the offset
    double offset = 0.0;       ///< constant pressure in the stress labels, tension positive [their unit]; 0 for forces
    std::string unit = {};     ///< that the stress seems to be in instead of eV/Å³: GPa, kbar or bar; "": none
    DataWarnings warnings;
};

/// Work of the stress between strained copies, to second order ½ (V_a σ_a : G + V_b σ_b : G F⁻¹) with F = H_b H_a⁻¹,
/// G = F − 1, less the work of the forces where atoms moved by up to 0.02 Å, against E_b − E_a. The slope reveals sign
/// and unit, and distinguishes stress from virial; a difference proportional to the change of volume is a constant
/// pressure (Pulay stress, a correction that energies lack). Without pairs only the magnitude is checked: 1 eV/Å³ is
/// 160 GPa.
[[nodiscard]] EnergyCheck check_stress(const std::vector<LabeledStructure>& data, const std::vector<NearPair>& pairs);

/// Work against the forces between structures of (almost) the same cell, −½ (F_a + F_b) · Δr, and E_b − E_a. The slope
/// (a median) reveals sign and unit of the forces, and energies given per atom.
[[nodiscard]] EnergyCheck check_forces(const std::vector<LabeledStructure>& data, const std::vector<NearPair>& pairs);

}  // namespace mlff
