#pragma once

#include "app/observables.hpp"

/// Observables of the motion of atoms: vibrations, diffusion and derived quantities.
namespace mlff::app {

[[nodiscard]] std::unique_ptr<Observable> read_displacement(ConfigSection& config);
[[nodiscard]] std::unique_ptr<Observable> read_vibrations(ConfigSection& config);
[[nodiscard]] std::unique_ptr<Observable> read_van_hove(ConfigSection& config);
[[nodiscard]] std::unique_ptr<Observable> read_conductivity(ConfigSection& config);
[[nodiscard]] std::unique_ptr<Observable> read_arrhenius(ConfigSection& config);

}  // namespace mlff::app
