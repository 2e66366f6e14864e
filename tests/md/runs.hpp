#pragma once

#include "md/driver.hpp"

namespace mlff::md::testing {

inline DynamicsOptions nve(double temperature, double timestep, std::int64_t steps) {
    return {.ensemble = Ensemble::nve,
            .thermostat = {.type = ThermostatType::none},
            .temperature_start = temperature,
            .temperature_end = temperature,
            .timestep = timestep,
            .steps = steps};
}

/// A thermostatted run; type none makes it nve.
inline DynamicsOptions nvt(ThermostatType type, double temperature, double timestep, std::int64_t steps) {
    DynamicsOptions options = nve(temperature, timestep, steps);
    if (type == ThermostatType::none) return options;
    options.ensemble = Ensemble::nvt;
    options.thermostat.type = type;
    return options;
}

inline bool go_on(const StepReport&) { return true; }

}  // namespace mlff::md::testing
