#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "libmlff/model/calculator.hpp"
#include "md/barostat.hpp"
#include "md/snapshot.hpp"
#include "md/state.hpp"
#include "md/thermostat.hpp"

namespace mlff::md {

enum class Ensemble { nve, nvt, npt };

struct DynamicsOptions {
    Ensemble ensemble = Ensemble::nvt;
    ThermostatOptions thermostat = {.type = ThermostatType::nose_hoover};  ///< none for nve
    BarostatOptions barostat = {};                                         ///< none but for npt

    /// Temperature at step 0 and at the last step [K], linear in between (VASP: TEBEG, TEEND). For nve the temperature
    /// of the initial velocities; both must then be the same.
    double temperature_start = 300.0;
    double temperature_end = 300.0;

    double timestep = 1.0;           ///< [fs] (VASP: POTIM); a tenth of the fastest vibration's period at most
    std::int64_t steps = 1000;       ///< number of the last step (VASP: NSW)
    std::uint64_t seed = 1;          ///< of the initial velocities and of stochastic thermostats
    bool given_velocities = false;   ///< start with the velocities in the initial state instead of drawing them
    double max_displacement = 1.0;   ///< [Å] an atom that moves farther in one step stops the run
    double max_temperature = 50000;  ///< [K] a hotter step stops the run

    /// @throws InputError naming field, value and bound
    void validate() const;

    /// A target changes with the step, so that a longer run is another run.
    [[nodiscard]] bool has_ramp() const {
        return temperature_start != temperature_end || barostat.pressure_start != barostat.pressure_end;
    }
    /// Target at a step [K], also beyond the last one, where it stays; meaningless for nve.
    [[nodiscard]] double target_temperature(std::int64_t step) const;
};

/// Report of a step. Its references are valid until the next step.
struct StepReport {
    std::int64_t step;
    double time;                               ///< [fs]
    double temperature;                        ///< [K], of the degrees of freedom (thermostat.hpp)
    std::optional<double> target_temperature;  ///< [K]; none for nve
    double potential;                          ///< [eV]
    double kinetic;                            ///< [eV]
    double conserved;                          ///< kinetic + potential + energy given to thermostat and barostat [eV]
    std::optional<double> pressure;            ///< with its kinetic part [GPa], positive under compression; if the
                                               ///< calculator gives a stress
    std::optional<Voigt> pressure_tensor;      ///< its components, (Σ m v vᵀ)/V − σ [GPa]
    std::optional<double> target_pressure;     ///< [GPa], mean of the diagonal; npt only
    double net_force;                          ///< |Σ F|/N that was left out of the motion [eV/Å]; 0: none
    const Evaluation& evaluation;              ///< at a step just restored: energy, forces and stress only
    const State& state;
};

/// Molecular dynamics with any calculator. One step of length Δt is
///
///     v += (Δt/2) F/m          half kick
///     r += (Δt/2) v            half drift
///     thermostat over Δt       (nothing for nve)
///     r += (Δt/2) v            half drift
///     F  = F(r)                evaluation
///     v += (Δt/2) F/m          half kick
///
/// that is velocity Verlet for nve, BAOAB for langevin (Leimkuhler & Matthews, Appl. Math. Res. eXpress 2013, 34), and
/// the same "middle" placement for the other thermostats (Zhang et al., J. Chem. Phys. 147, 034109 (2017)): positions
/// are then sampled much more accurately than with the thermostat at the ends of the step. Velocities at full steps,
/// and so the reported temperature, are too low by about (ωΔt)²/4 for a vibration ω; both errors are O(Δt²).
///
/// Conserved quantity: kinetic + potential + energy given to the thermostat (thermostat.hpp). Kicks and drifts conserve
/// it up to O(Δt²): it oscillates and does not drift. The thermostat records the energy that it takes (Bussi, Donadio &
/// Parrinello, J. Chem. Phys. 126, 014101 (2007), section II D). The target temperature is constant within a step; a
/// change between steps moves no energy, so a ramp does not change the quantity. For nose_hoover at constant
/// temperature it is the extended energy of Martyna et al., Mol. Phys. 87, 1117 (1996), counted from step 0.
///
/// For npt the cell moves too, and the step is
///
///     half force on the cell, from stress and kinetic energy     (cell_rescaling: the strain of the whole step)
///     half kick, half drift                                      with the terms of the moving cell (barostat.hpp)
///     thermostat over Δt, of the atoms and of the cell
///     half drift, evaluation, half kick
///     half force on the cell
///
/// It reads the same backwards, so that mtk with nose_hoover is reversible. The calculator must give a stress. A change
/// of the target pressure between steps moves no energy. A conserved quantity with cell_rescaling or noise has an error
/// that is a random walk and falls with Δt.
///
/// Components that State::move_mask holds keep their positions: velocities and the forces that move them are zero. They
/// have no degrees of freedom; under npt they follow the cell. An axis along which an atom is held has no conserved
/// momentum: nothing is removed along it. The conserved quantity stays one, because what is held does no work. Reports
/// and labels keep all forces.
///
/// Except with langevin the centre of mass is brought to rest at the start, given velocities included, and stays so:
/// where the forces of the calculator do not sum to zero (first principles on a grid: some 1e-3 eV/Å per atom), atom i
/// moves by F_i − m_i Σ F/Σ m. All atoms lose the same acceleration. It does no work while the centre of mass rests, so
/// the quantity above is still conserved. Reports and training data keep F. Langevin's random forces move the centre of
/// mass anyway: its 3 degrees of freedom count, and F is used unchanged.
class Driver {
 public:
    /// Receives the report of a step. Returns false to stop the run.
    using Observer = std::function<bool(const StepReport&)>;

    /// The calculator must outlive the driver. `initial` may have any step number; the options decide whether
    /// velocities are drawn or kept.
    /// @throws InputError if state or options are not valid, given velocities are missing, or the thermostat has no
    ///         motion to act on, or the barostat no cell
    Driver(Calculator& calculator, State initial, const DynamicsOptions& options);

    /// Makes all steps up to options.steps. The observer is called after each step, and first for the step of the
    /// initial state, unless that was reported before (restored, or advanced from).
    /// @returns false if the observer stopped it
    /// @throws exceptions of evaluate(); std::runtime_error if energy, forces or stress are not finite (message: step,
    ///         atom), before anything moves because of them; GuardError beyond max_displacement or max_temperature.
    ///         The driver is then at the beginning of the failed step, which may be tried again.
    bool run(const Observer& observer);

    /// Makes one step; before the first, evaluates the initial state. Throws as run().
    void advance();

    /// The report of the step last made. @throws std::logic_error before the first evaluation
    [[nodiscard]] StepReport report() const;

    [[nodiscard]] const State& state() const { return now_.state; }
    [[nodiscard]] const DynamicsOptions& options() const { return options_; }

    /// Everything needed to continue, as bytes, from the beginning of the step in progress: the calculator may call
    /// this while it evaluates. Between steps it is the present state.
    [[nodiscard]] std::string snapshot() const;

    /// Continues from a snapshot, earlier or later: with the same options and calculator every later number has the
    /// same bits as in the run that wrote it. The run may be longer now, but a temperature ramp changes with its
    /// length.
    /// @throws InputError if the bytes are damaged, or belong to other atoms or another thermostat; nothing is changed
    ///         then
    void restore(std::string_view bytes);

 private:
    void evaluate();
    void stand_at(const Snapshot& snapshot);
    void find_motion();
    void move(double dt);
    void move_with_cell(double dt);
    void check_displacements() const;
    void check_cell() const;
    void check_temperature() const;

    /// Runs `action`; afterwards the current state is the new beginning; if it throws, the state before is restored.
    template <typename Action>
    void commit(Action action);

    Calculator& calculator_;
    DynamicsOptions options_;
    std::unique_ptr<const Thermostat> thermostat_;
    std::optional<Barostat> barostat_;
    bool with_drift_;  ///< the centre of mass moves
    Eigen::Index degrees_of_freedom_ = 0;
    Evaluation evaluation_;
    Matrix3X moving_;         ///< forces of now_ that the atoms move by [eV/Å]
    double net_force_ = 0.0;  ///< StepReport::net_force
    Snapshot now_;
    Snapshot begin_;  ///< of the step in progress
};

}  // namespace mlff::md
