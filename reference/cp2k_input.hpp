#pragma once

#include <string>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff::reference {

enum class Cp2kFunctional { pbe, pbe_d3, pbesol, xtb };  ///< xtb: GFN1-xTB, tight binding, not a density functional
enum class Cp2kQuality {
    demo,  ///< SZV basis, coarse grid: seconds for tens of atoms, shows the workflow; not for results
    good,  ///< DZVP basis, finer grid: a starting point for convergence tests
};

struct Cp2kInputOptions {
    Cp2kFunctional functional = Cp2kFunctional::pbe;
    Cp2kQuality quality = Cp2kQuality::demo;
    bool robust = false;  ///< same physics, slower and safer path to self-consistency: for a second attempt
};

/// Commented input of CP2K (2023.1 or later) as driver of i-PI's protocol, to be filled in (input_files.hpp) for any
/// structure of these species: basis MOLOPT-SR-GTH and potential GTH-PBE of each element from CP2K's files, Γ point,
/// orbital transformation (for materials with a gap).
///
/// Grid cutoff: 180 √α Ry for the hardest element, 280 to 1000 Ry (demo: three quarters, at least 240 Ry), where α is
/// the largest exponent of its basis. That is 300 Ry for AgI, where 280 Ry conserved the energy to 10⁻⁷ hartree in a
/// test, and 880 Ry with Na, where 500 Ry were not enough. It is a guess that the user must converge.
/// @throws InputError for an element without basis or potential; the message names it
[[nodiscard]] std::string cp2k_input(const Structure& structure, const Cp2kInputOptions& options);

/// Points to check before results of this input are accepted for this structure; one sentence each.
[[nodiscard]] std::vector<std::string> cp2k_advice(const Structure& structure, const Cp2kInputOptions& options);

}  // namespace mlff::reference
