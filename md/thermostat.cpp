#include "md/thermostat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::md {
namespace {

constexpr double steps_per_period = 10.0;  ///< with fewer the step does not resolve the thermostat's oscillation

/// Suzuki's fourth-order composition of a symmetric second-order map (Phys. Lett. A 146, 319 (1990)).
const std::array<double, 5> suzuki = [] {
    const double w = 1.0 / (4.0 - std::cbrt(4.0));
    return std::array{w, w, 1.0 - 4.0 * w, w, w};
}();

}  // namespace

void ThermostatOptions::validate(double timestep) const {
    if (type == ThermostatType::none) return;
    if (!(period > 0.0 && std::isfinite(period)))
        throw InputError(fmt::format("thermostat period is {} fs; it must be positive", period));
    if (type != ThermostatType::nose_hoover) return;
    if (period < steps_per_period * timestep)
        throw InputError(fmt::format("thermostat period is {} fs; nose_hoover needs at least {} timesteps, {} fs",
                                     period, steps_per_period, steps_per_period * timestep));
    if (chain_length < 1 || chain_length > 100)
        throw InputError(fmt::format("thermostat chain_length is {}; it must be in 1..100", chain_length));
}

Eigen::Index degrees_of_freedom(ThermostatType type, const State& state) {
    return degrees_of_freedom(state, type == ThermostatType::langevin);
}

NoseHooverChain::NoseHooverChain(double period, int chain_length, Eigen::Index degrees_of_freedom)
    : relaxation_(period / (2.0 * std::numbers::pi)),
      chain_length_(static_cast<std::size_t>(chain_length)),
      degrees_of_freedom_(static_cast<double>(degrees_of_freedom)) {}

void NoseHooverChain::apply(State& state, Bath& bath, double temperature, double duration) const {
    state.velocities *= advance(2.0 * kinetic_energy(state), std::span(bath.variables).first(chain_length_),
                                bath.energy, temperature, duration);
}

double NoseHooverChain::advance(double twice_kinetic, std::span<double> zeta, double& energy, double temperature,
                                double duration) const {
    const double kT = units::boltzmann * temperature;
    const std::size_t last = chain_length_ - 1;
    double scale = 1.0;

    const auto freedom = [&](std::size_t j) { return j == 0 ? degrees_of_freedom_ : 1.0; };
    const auto mass = [&](std::size_t j) { return freedom(j) * kT * relaxation_ * relaxation_; };
    const auto chain_energy = [&] {
        double sum = 0.0;
        for (std::size_t j = 0; j <= last; ++j) sum += 0.5 * mass(j) * zeta[j] * zeta[j];
        return sum;
    };
    const auto push = [&](std::size_t j, double time) {
        const double driving = j == 0 ? twice_kinetic : mass(j - 1) * zeta[j - 1] * zeta[j - 1];
        const double friction = j == last ? 1.0 : std::exp(-0.5 * time * zeta[j + 1]);
        zeta[j] = friction * (friction * zeta[j] + time * (driving - freedom(j) * kT) / mass(j));
    };

    // After a cold start the links oscillate at up to sqrt(N_f)/relaxation; the substeps resolve that.
    const int n_rounds =
        std::max(1, static_cast<int>(std::ceil(duration * std::sqrt(degrees_of_freedom_) / relaxation_)));
    energy -= chain_energy();
    for (std::size_t substep = 0; substep < suzuki.size() * static_cast<std::size_t>(n_rounds); ++substep) {
        const double time = suzuki[substep % suzuki.size()] * duration / n_rounds;
        for (std::size_t j = chain_length_; j-- > 0;) push(j, 0.5 * time);
        const double factor = std::exp(-time * zeta[0]);
        scale *= factor;
        twice_kinetic *= factor * factor;
        for (std::size_t j = 0; j <= last; ++j) energy += freedom(j) * kT * zeta[j] * time;
        for (std::size_t j = 0; j <= last; ++j) push(j, 0.5 * time);
    }
    energy += chain_energy();
    return scale;
}

void Langevin::apply(State& state, Bath& bath, double temperature, double duration) const {
    const double c = std::exp(-duration / period_);
    const double noise = -std::expm1(-2.0 * duration / period_);  // 1 − c²
    bath.energy += kinetic_energy(state);
    for (Eigen::Index i = 0; i < state.size(); ++i) {
        const double width = std::sqrt(noise * units::boltzmann * temperature * units::acceleration / state.masses[i]);
        for (int axis = 0; axis < 3; ++axis)
            state.velocities(axis, i) = c * state.velocities(axis, i) + width * bath.random.normal();
    }
    hold_fixed(state, state.velocities);
    bath.energy -= kinetic_energy(state);
}

VelocityRescaling::VelocityRescaling(double period, Eigen::Index degrees_of_freedom)
    : period_(period), degrees_of_freedom_(static_cast<double>(degrees_of_freedom)) {}

void VelocityRescaling::apply(State& state, Bath& bath, double temperature, double duration) const {
    const double kinetic = kinetic_energy(state);
    if (kinetic == 0.0) return;  // at rest: there is nothing to scale
    const double c = std::exp(-duration / period_);
    const double noise = -std::expm1(-duration / period_);  // 1 − c
    const double r = bath.random.normal();
    const double s = 2.0 * bath.random.gamma(0.5 * (degrees_of_freedom_ - 1.0));
    const double share = 0.5 * units::boltzmann * temperature / kinetic;  // K̄/(N_f K)
    const double square = c + noise * share * (r * r + s) + 2.0 * r * std::sqrt(c * noise * share);
    const double sign = r + std::sqrt(c / (noise * share)) < 0.0 ? -1.0 : 1.0;
    // square = (r sqrt(noise share) + sqrt(c))² + noise share s is positive up to rounding.
    state.velocities *= sign * std::sqrt(std::max(square, 0.0));
    bath.energy += kinetic - kinetic_energy(state);
}

std::unique_ptr<const Thermostat> make_thermostat(const ThermostatOptions& options, const State& state) {
    const Eigen::Index freedom = degrees_of_freedom(options.type, state);
    if (options.type != ThermostatType::none && freedom == 0)
        throw InputError(
            "a single atom has no internal motion for this thermostat to act on; langevin or nve can be used");
    switch (options.type) {
        case ThermostatType::none:
            return nullptr;
        case ThermostatType::nose_hoover:
            return std::make_unique<NoseHooverChain>(options.period, options.chain_length, freedom);
        case ThermostatType::langevin:
            return std::make_unique<Langevin>(options.period);
        case ThermostatType::csvr:
            return std::make_unique<VelocityRescaling>(options.period, freedom);
    }
    throw std::invalid_argument("make_thermostat: unknown thermostat type");
}

}  // namespace mlff::md
