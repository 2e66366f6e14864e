#pragma once

#include <optional>
#include <span>

namespace mlff::analysis {

/// A rate (a diffusion coefficient, a conductivity times T) at a temperature.
struct RateAtTemperature {
    double temperature = 0.0;     ///< [K] > 0
    double rate = 0.0;            ///< > 0, any unit
    std::optional<double> error;  ///< standard error, > 0
};

struct ArrheniusFit {
    double activation_energy = 0.0;                 ///< E_a [eV]
    std::optional<double> activation_energy_error;  ///< standard error [eV]
    double prefactor = 0.0;                         ///< [unit of the rate]
    std::optional<double> log_prefactor_error;      ///< standard error of ln(prefactor)
};

/// The line  ln(rate) = ln(prefactor) − E_a/(k_B T).  If every rate has an error the weights are (rate/error)² and the
/// errors follow from them, times the square root of χ² per degree of freedom where that exceeds one (the points
/// scatter more than their errors). If not, all points have the same weight and the errors come from the scatter, which
/// requires three points.
/// @throws InputError if there are fewer than two different temperatures, or a rate is not positive
[[nodiscard]] ArrheniusFit fit_arrhenius(std::span<const RateAtTemperature> points);

}  // namespace mlff::analysis
