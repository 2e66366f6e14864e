#pragma once

#include <memory>
#include <span>
#include <vector>

#include "md/random.hpp"
#include "md/state.hpp"

namespace mlff::md {

enum class ThermostatType { none, nose_hoover, langevin, csvr };

struct ThermostatOptions {
    ThermostatType type = ThermostatType::none;

    /// Time scale of the heat exchange [fs]. nose_hoover: period of the oscillation of the temperature (VASP: SMASS
    /// sets it); langevin: 1/friction (VASP: LANGEVIN_GAMMA in 1/ps); csvr: relaxation time of the kinetic energy.
    /// nose_hoover is best near a vibration of the material; smaller couples more strongly and disturbs the dynamics
    /// more.
    double period = 100.0;

    int chain_length =
        3;  ///< links of the Nosé-Hoover chain; 1 is plain Nosé-Hoover, which is not ergodic for stiff solids

    /// @throws InputError naming field, value and bound
    void validate(double timestep) const;
};

/// Degrees of freedom that carry heat: with langevin, which moves the centre of mass too, all components that may move
/// (3N); otherwise less one for each axis that no atom is held along (3N − 3).
[[nodiscard]] Eigen::Index degrees_of_freedom(ThermostatType type, const State& state);

/// State of thermostat and barostat between steps, apart from atoms and cell.
struct Bath {
    /// Energy that went from the atoms to thermostat and barostat since step 0 [eV]; kinetic + potential + bath energy
    /// is the conserved quantity, also while the target temperature changes.
    double energy = 0.0;
    std::vector<double> variables;  ///< [1/fs]; nose_hoover: dη/dt of each link of the chain; then those of Barostat
    Random random;
};

/// The heat exchange of one step: changes velocities only, scaling them or adding noise, over a given time at a given
/// temperature. A thermostat holds constants only; its variables are in the Bath.
class Thermostat {
 public:
    Thermostat() = default;
    Thermostat(const Thermostat&) = delete;
    Thermostat& operator=(const Thermostat&) = delete;
    virtual ~Thermostat() = default;

    [[nodiscard]] virtual std::size_t n_variables() const { return 0; }

    /// Velocities and bath after `duration` [fs] in contact at `temperature` [K] > 0. Allocates nothing.
    virtual void apply(State& state, Bath& bath, double temperature, double duration) const = 0;
};

/// Chain of thermostats, deterministic and reversible in time:  dv/dt = −ζ₁ v,
///     Q₁ dζ₁/dt = 2K − N_f k_B T − Q₁ ζ₁ ζ₂,   Q_j dζ_j/dt = Q_{j−1} ζ_{j−1}² − k_B T − Q_j ζ_j ζ_{j+1},
///     Q₁ = N_f k_B T (period/2π)²,   Q_j = k_B T (period/2π)²,
/// integrated with the factorisation of Martyna, Tuckerman, Tobias & Klein, Mol. Phys. 87, 1117 (1996) with Suzuki's
/// fourth-order composition, in a number of substeps that depends on the number of atoms. Bath energy: Σ ½ Q_j ζ_j² + ∫
/// k_B T (N_f dη₁ + Σ_{j>1} dη_j); at constant T this is their extended energy. The masses Q follow a changing T at
/// constant ζ, so that the period stays as given.
class NoseHooverChain final : public Thermostat {
 public:
    NoseHooverChain(double period, int chain_length, Eigen::Index degrees_of_freedom);
    [[nodiscard]] std::size_t n_variables() const override { return chain_length_; }
    void apply(State& state, Bath& bath, double temperature, double duration) const override;

    /// The same for any velocities with this kinetic energy, such as those of a cell.
    /// @param zeta    dη/dt of each link, updated
    /// @param energy  bath energy, updated
    /// @returns the factor of the velocities
    [[nodiscard]] double advance(double twice_kinetic, std::span<double> zeta, double& energy, double temperature,
                                 double duration) const;

 private:
    double relaxation_;  ///< period/2π [fs]
    std::size_t chain_length_;
    double degrees_of_freedom_;
};

/// Friction and noise for every atom, the exact solution of the Ornstein-Uhlenbeck process:
///     v ← c v + sqrt((1 − c²) k_B T/m) R,   c = exp(−duration/period),   R normal.
/// Source: Leimkuhler & Matthews, Appl. Math. Res. eXpress 2013, 34 (the O of BAOAB).
class Langevin final : public Thermostat {
 public:
    explicit Langevin(double period) : period_(period) {}
    void apply(State& state, Bath& bath, double temperature, double duration) const override;

 private:
    double period_;
};

/// Canonical sampling through velocity rescaling: all velocities times α, with the exact propagator of the kinetic
/// energy, K̄ = N_f k_B T/2, c = exp(−duration/period), R normal, S the sum of N_f − 1 squared normal deviates:
///     α² = c + (1 − c) K̄ (R² + S)/(N_f K) + 2 R sqrt(c (1 − c) K̄/(N_f K)),   sign of α = sign(R + sqrt(c N_f K/((1−c)
///     K̄))).
/// Source: Bussi, Donadio & Parrinello, J. Chem. Phys. 126, 014101 (2007), equations A7 and A8.
class VelocityRescaling final : public Thermostat {
 public:
    VelocityRescaling(double period, Eigen::Index degrees_of_freedom);
    void apply(State& state, Bath& bath, double temperature, double duration) const override;

 private:
    double period_;
    double degrees_of_freedom_;
};

/// The thermostat of the given type; null for none.
/// @throws InputError if the thermostat scales internal motion and these atoms have none
[[nodiscard]] std::unique_ptr<const Thermostat> make_thermostat(const ThermostatOptions& options, const State& state);

}  // namespace mlff::md
