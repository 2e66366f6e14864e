#pragma once

#include "app/observables.hpp"

/// Observables of single frames, averaged over a run.
namespace mlff::app {

[[nodiscard]] std::unique_ptr<Observable> read_radial_distribution(ConfigSection& config);
[[nodiscard]] std::unique_ptr<Observable> read_tetrahedra(ConfigSection& config);
[[nodiscard]] std::unique_ptr<Observable> read_cell(ConfigSection& config);
[[nodiscard]] std::unique_ptr<Observable> read_distance_angle(ConfigSection& config);

}  // namespace mlff::app
