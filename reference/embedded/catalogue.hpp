#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reference/embedded/potential.hpp"

namespace mlff::reference {

/// The embedded potentials: classical potentials in place of first principles. On-the-fly learning then needs no other
/// program, and its results can be checked against the exact reference at every step.
///
/// | name          | elements          | potential; last column: cutoff [Å]                                  |     |
/// |---------------|-------------------|---------------------------------------------------------------------|-----|
/// | agi           | Ag I              | Parrinello-Rahman-Vashishta form, reparameterised (rePRV), DSF 0.2   | 8.0 |
/// | agi-6.5       | Ag I              | the same, DSF 0.25                                                  | 6.5 |
/// | agi-prv83     | Ag I              | parameters of Phys. Rev. Lett. 50, 1073 (1983), DSF 0.2              | 8.0 |
/// | agi-prv83-6.5 | Ag I              | the same, DSF 0.25                                                  | 6.5 |
/// | sulfide       | Li Na P S Ge Sb W | SulfideModel-1 variant G: our own model, not fitted to any data     | 6.5 |
/// | sulfide-f     | Li Na P S Ge Sb W | SulfideModel-1 variant F                                            | 8.0 |
/// | si            | Si                | Stillinger and Weber, Phys. Rev. B 31, 5262 (1985)                  | 3.8 |
/// | ar            | Ar                | Lennard-Jones, ε 0.0103 eV, σ 3.405 Å, shifted force                | 8.5 |
/// | ar-plain      | Ar                | the same with a plain cutoff                                        | 8.5 |
///
/// DSF α: damped shifted-force Coulomb energy of damping α [1/Å]; short-range pairs have a shifted force as well.
/// @throws InputError if there is no such name (the message lists them)
[[nodiscard]] std::unique_ptr<EmbeddedPotential> make_embedded(const std::string& name);

/// All names that `make_embedded` accepts.
[[nodiscard]] std::vector<std::string> embedded_names();

}  // namespace mlff::reference
