#pragma once

#include "md/driver.hpp"

namespace mlff::testing {

inline md::DynamicsOptions nve(double temperature, double timestep, std::int64_t steps) {
    return {.ensemble = md::Ensemble::nve,
            .thermostat = {.type = md::ThermostatType::none},
            .temperature_start = temperature,
            .temperature_end = temperature,
            .timestep = timestep,
            .steps = steps};
}

/// A run with a thermostat; type none makes it nve.
inline md::DynamicsOptions nvt(md::ThermostatType type, double temperature, double timestep, std::int64_t steps) {
    md::DynamicsOptions options = nve(temperature, timestep, steps);
    if (type == md::ThermostatType::none) return options;
    options.ensemble = md::Ensemble::nvt;
    options.thermostat.type = type;
    return options;
}

inline bool go_on(const md::StepReport&) { return true; }

}  // namespace mlff::testing
