#include "md/driver.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "md/integrator.hpp"

namespace mlff::md {
namespace {

std::string atom_name(const State& state, Eigen::Index i) {
    return fmt::format("atom {} ({})", i + 1, element_symbol(state.structure.species[static_cast<std::size_t>(i)]));
}

void check_finite(const Evaluation& evaluation, const State& state) {
    if (evaluation.forces.cols() != state.size())
        throw std::logic_error(
            fmt::format("the calculator returned {} forces for {} atoms", evaluation.forces.cols(), state.size()));
    if (!std::isfinite(evaluation.energy))
        throw std::runtime_error(fmt::format("step {}: the potential energy is {} eV", state.step, evaluation.energy));
    for (Eigen::Index i = 0; i < state.size(); ++i)
        if (const auto f = evaluation.forces.col(i); !f.allFinite())
            throw std::runtime_error(fmt::format("step {}: the force on {} is ({}, {}, {}) eV/Å", state.step,
                                                 atom_name(state, i), f[0], f[1], f[2]));
    if (evaluation.stress && !evaluation.stress->allFinite())
        throw std::runtime_error(fmt::format("step {}: the stress holds a number that is not finite", state.step));
}

}  // namespace

void DynamicsOptions::validate() const {
    if (ensemble == Ensemble::nve && thermostat.type != ThermostatType::none)
        throw InputError("ensemble nve takes no thermostat; nvt does");
    if (ensemble != Ensemble::nve && thermostat.type == ThermostatType::none)
        throw InputError("ensembles nvt and npt need a thermostat: nose_hoover, langevin or csvr");
    if ((ensemble == Ensemble::npt) != (barostat.type != BarostatType::none))
        throw InputError("ensemble npt needs a barostat: cell_rescaling, mtk or langevin; the others take none");
    if (!(timestep > 0.0 && std::isfinite(timestep)))
        throw InputError(fmt::format("timestep is {} fs; it must be positive", timestep));
    if (steps < 0) throw InputError(fmt::format("steps is {}; it must not be negative", steps));
    for (const auto& [name, value] :
         {std::pair{"temperature_start", temperature_start}, std::pair{"temperature_end", temperature_end}}) {
        if (!(value >= 0.0 && std::isfinite(value)))
            throw InputError(fmt::format("{} is {} K; it must not be negative", name, value));
        if (ensemble != Ensemble::nve && value == 0.0)
            throw InputError(fmt::format("{} is 0 K; with a thermostat it must be positive", name));
    }
    if (ensemble == Ensemble::nve && temperature_end != temperature_start)
        throw InputError(fmt::format("temperature_end is {} K after a start at {} K; nve has no thermostat to follow",
                                     temperature_end, temperature_start));
    if (!(max_displacement > 0.0))
        throw InputError(fmt::format("max_displacement is {} Å; it must be positive", max_displacement));
    if (!(max_temperature > 0.0))
        throw InputError(fmt::format("max_temperature is {} K; it must be positive", max_temperature));
    thermostat.validate(timestep);
    barostat.validate(timestep);
}

double DynamicsOptions::target_temperature(std::int64_t step) const {
    if (step >= steps) return temperature_end;
    return temperature_start +
           (temperature_end - temperature_start) * static_cast<double>(step) / static_cast<double>(steps);
}

Driver::Driver(Calculator& calculator, State initial, const DynamicsOptions& options)
    : calculator_(calculator), options_(options), with_drift_(options.thermostat.type == ThermostatType::langevin) {
    options_.validate();
    initial.validate();
    degrees_of_freedom_ = md::degrees_of_freedom(options.thermostat.type, initial);
    if (degrees_of_freedom_ == 0 && initial.move_mask.cols() > 0)
        throw InputError("all atoms are held fixed (selective dynamics, move_mask); at least one must be free to move");
    thermostat_ = make_thermostat(options_.thermostat, initial);
    const std::size_t n_thermostat = thermostat_ ? thermostat_->n_variables() : 0;
    if (options_.barostat.type != BarostatType::none)
        barostat_.emplace(options_.barostat, initial, degrees_of_freedom_, n_thermostat);
    now_.state = std::move(initial);
    State& state = now_.state;
    state.time = static_cast<double>(state.step) * options_.timestep;
    now_.bath.random = Random(options_.seed);
    now_.bath.variables.resize(n_thermostat + (barostat_ ? barostat_->n_variables() : 0));
    if (!options_.given_velocities) {
        draw_velocities(state, options_.target_temperature(state.step), with_drift_, now_.bath.random);
    } else if (state.velocities.cols() == 0) {
        throw InputError("the run is to start with given velocities, but the structure has none");
    } else {
        hold_fixed(state, state.velocities);
        if (!with_drift_) remove_drift(state);
    }
    if (options_.thermostat.type == ThermostatType::csvr && kinetic_energy(state) == 0.0)
        throw InputError("all given velocities are zero; csvr scales velocities and cannot heat atoms at rest");
    begin_ = now_;
}

template <typename Action>
void Driver::commit(Action action) {
    try {
        action();
    } catch (...) {
        stand_at(begin_);
        throw;
    }
    begin_ = now_;
}

bool Driver::run(const Observer& observer) {
    if (!now_.evaluated) {
        commit([this] { evaluate(); });
        if (!observer(report())) return false;
    }
    while (now_.state.step < options_.steps) {
        advance();
        if (!observer(report())) return false;
    }
    return true;
}

void Driver::advance() {
    if (!now_.evaluated) commit([this] { evaluate(); });
    commit([this] {
        if (barostat_)
            move_with_cell(options_.timestep);
        else
            move(options_.timestep);
        check_temperature();
    });
}

void Driver::move(double dt) {
    State& state = now_.state;
    kick(state, moving_, 0.5 * dt);
    drift(state, 0.5 * dt);
    if (thermostat_) thermostat_->apply(state, now_.bath, options_.target_temperature(state.step + 1), dt);
    drift(state, 0.5 * dt);
    ++state.step;
    state.time = static_cast<double>(state.step) * dt;
    check_displacements();
    evaluate();
    kick(state, moving_, 0.5 * dt);
}

void Driver::move_with_cell(double dt) {
    State& state = now_.state;
    Bath& bath = now_.bath;
    const double temperature = options_.target_temperature(state.step + 1);
    const Voigt pressure = options_.barostat.target_pressure(state.step + 1, options_.steps);
    barostat_->begin(state, bath, now_.stress.value(), pressure, temperature, dt);
    barostat_->kick(state, bath, moving_, 0.5 * dt);
    barostat_->drift(state, bath, 0.5 * dt);
    thermostat_->apply(state, bath, temperature, dt);
    barostat_->heat(bath, temperature, dt);
    barostat_->drift(state, bath, 0.5 * dt);
    ++state.step;
    state.time = static_cast<double>(state.step) * dt;
    check_cell();
    check_displacements();
    evaluate();
    barostat_->kick(state, bath, moving_, 0.5 * dt);
    barostat_->end(state, bath, now_.stress.value(), pressure, dt);
}

void Driver::evaluate() {
    Evaluation evaluation = calculator_.evaluate(now_.state.structure);
    check_finite(evaluation, now_.state);
    if (barostat_ && !evaluation.stress)
        throw InputError(
            fmt::format("ensemble npt needs a stress, and there is none from the {}; use nvt, or let the "
                        "code compute and print the stress",
                        calculator_.description()));
    evaluation_ = std::move(evaluation);
    now_.energy = evaluation_.energy;
    now_.forces = evaluation_.forces;
    now_.stress = evaluation_.stress;
    now_.evaluated = true;
    find_motion();
}

void Driver::find_motion() {
    constexpr double rounding = 1e-9;  // [eV/Å] per atom: the sum of a force field's forces is smaller
    const State& state = now_.state;
    moving_ = now_.forces;
    hold_fixed(state, moving_);
    net_force_ = 0.0;
    // Langevin moves the centre of mass; a single atom has no other motion; atoms that are held take up momentum.
    if (!now_.evaluated || with_drift_ || degrees_of_freedom_ == 0) return;
    Vector3 sum = now_.forces.rowwise().sum();
    for (Eigen::Index axis = 0; axis < 3; ++axis)
        if (!state.all_move(axis)) sum[axis] = 0.0;
    const double per_atom = sum.norm() / static_cast<double>(state.size());
    if (per_atom < rounding) return;
    moving_ -= sum * state.masses.transpose() / state.masses.sum();
    net_force_ = per_atom;
}

void Driver::stand_at(const Snapshot& snapshot) {
    now_ = snapshot;
    evaluation_ = Evaluation();
    evaluation_.energy = now_.energy;
    evaluation_.forces = now_.forces;
    evaluation_.stress = now_.stress;
    find_motion();
}

void Driver::check_displacements() const {
    const Matrix3X& before = begin_.state.structure.positions;
    const Matrix3X& after = now_.state.structure.positions;
    Eigen::Index i = 0;  // the atom that moved farthest: it may have pushed others
    double moved = 0.0;
    if (barostat_) {  // not what the cell makes of a place far outside it
        const Matrix3 with_cell = now_.state.structure.cell * begin_.state.structure.cell.inverse();
        moved = (after - with_cell.lazyProduct(before)).colwise().norm().maxCoeff<Eigen::PropagateNaN>(&i);
    } else {
        moved = (after - before).colwise().norm().maxCoeff<Eigen::PropagateNaN>(&i);
    }
    if (!(moved <= options_.max_displacement))
        throw GuardError(
            fmt::format("step {}: {} would move {:.3g} Å in one step, more than max_displacement {} Å; the force "
                        "on it was {:.3g} eV/Å, the timestep is {} fs",
                        now_.state.step, atom_name(now_.state, i), moved, options_.max_displacement,
                        begin_.forces.col(i).norm(), options_.timestep));
}

void Driver::check_cell() const {
    constexpr double most = 0.05;
    const Matrix3 change = now_.state.structure.cell * begin_.state.structure.cell.inverse() - Matrix3::Identity();
    if (!(change.cwiseAbs().maxCoeff() <= most))
        throw GuardError(
            fmt::format("step {}: the cell would change by {:.3g} % in one step, more than {} %; the "
                        "barostat needs a longer period or a relaxed start",
                        now_.state.step, 100.0 * change.cwiseAbs().maxCoeff(), 100.0 * most));
}

void Driver::check_temperature() const {
    const double hot = md::temperature(kinetic_energy(now_.state), degrees_of_freedom_);
    if (!(hot <= options_.max_temperature))
        throw GuardError(fmt::format("step {}: the temperature is {:.4g} K, more than max_temperature {} K",
                                     now_.state.step, hot, options_.max_temperature));
}

StepReport Driver::report() const {
    if (!now_.evaluated) throw std::logic_error("Driver::report: nothing has been evaluated yet");
    const State& state = now_.state;
    const double kinetic = kinetic_energy(state);
    std::optional<double> target, compression, target_compression;
    std::optional<Voigt> tensor;
    if (thermostat_) target = options_.target_temperature(state.step);
    if (now_.stress && state.structure.has_volume()) {
        compression = pressure(kinetic, *now_.stress, state.structure.volume());
        tensor = pressure_tensor(state, *now_.stress);
    }
    if (barostat_) target_compression = options_.barostat.target_pressure(state.step, options_.steps).head<3>().mean();
    return {.step = state.step,
            .time = state.time,
            .temperature = md::temperature(kinetic, degrees_of_freedom_),
            .target_temperature = target,
            .potential = now_.energy,
            .kinetic = kinetic,
            .conserved = kinetic + now_.energy + now_.bath.energy,
            .pressure = compression,
            .pressure_tensor = tensor,
            .target_pressure = target_compression,
            .net_force = net_force_,
            .evaluation = evaluation_,
            .state = state};
}

std::string Driver::snapshot() const { return encode(begin_); }

void Driver::restore(std::string_view bytes) {
    Snapshot snapshot = decode(bytes);
    if (snapshot.state.structure.species != now_.state.structure.species || snapshot.state.masses != now_.state.masses)
        throw InputError("the dynamics snapshot is of other atoms than this run");
    if (snapshot.state.move_mask.cols() != now_.state.move_mask.cols() ||
        !(snapshot.state.move_mask == now_.state.move_mask).all())
        throw InputError("the dynamics snapshot holds other atoms fixed than this run");
    if (snapshot.bath.variables.size() != now_.bath.variables.size())
        throw InputError("the dynamics snapshot was taken with another thermostat, barostat or chain_length");
    begin_ = std::move(snapshot);
    stand_at(begin_);
}

}  // namespace mlff::md
