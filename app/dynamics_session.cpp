#include "app/dynamics_session.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "app/interrupt.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double seconds_between_checkpoints = 20.0;
constexpr double least_net_force = 1e-5;  ///< reported from here on [eV/Å]; less comes from numbers in single precision
constexpr std::string_view net_force_line = "# net force: ";
constexpr std::string_view first_columns =
    "step,time_fs,temperature_K,target_K,potential_eV,kinetic_eV,conserved_eV,pressure_GPa";
constexpr std::string_view further_columns =
    ",target_GPa,volume_A3,density_g_cm3,a_A,b_A,c_A,alpha_deg,beta_deg,gamma_deg,p_xx_GPa,p_yy_GPa,p_zz_GPa,p_yz_GPa,"
    "p_xz_GPa,p_xy_GPa";

std::string first_values(const md::StepReport& report) {
    return fmt::format("{},{},{:.4f},{:.4f},{:.8f},{:.8f},{:.8f},{}", report.step, report.time, report.temperature,
                       report.target_temperature.value_or(0.0), report.potential, report.kinetic, report.conserved,
                       report.pressure ? fmt::format("{:.6f}", *report.pressure) : "");
}

std::string further_values(const md::StepReport& report) {
    const Structure& structure = report.state.structure;
    std::string text = report.target_pressure ? fmt::format(",{:.6f}", *report.target_pressure) : ",";
    if (structure.has_volume()) {
        const double volume = structure.volume();
        const CellParameters cell = cell_parameters(structure.cell);
        text +=
            fmt::format(",{:.6f},{:.8f}", volume, report.state.masses.sum() / volume * units::amu_per_a3_in_g_per_cm3);
        for (const double length : cell.lengths) text += fmt::format(",{:.8f}", length);
        for (const double angle : cell.angles) text += fmt::format(",{:.6f}", angle);
    } else {
        text += ",,,,,,,,";
    }
    for (int k = 0; k < 6; ++k)
        text += report.pressure_tensor ? fmt::format(",{:.6f}", (*report.pressure_tensor)[k]) : ",";
    return text;
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

DynamicsSession::DynamicsSession(const RunDirectory& directory, const Console& console, Calculator& calculator,
                                 md::State initial, const md::DynamicsOptions& options,
                                 const md::TrajectoryOptions& trajectory, RunInputs inputs)
    : console_(console),
      inputs_(std::move(inputs)),
      driver_(calculator, std::move(initial), options),
      trajectory_(directory.file(md::trajectory_name(trajectory.format)), trajectory),
      trajectory_path_(directory.file(md::trajectory_name(trajectory.format))),
      thermo_(directory.file("thermo.csv")),
      log_(directory.file("log")) {}

Checkpoint DynamicsSession::checkpoint() {
    thermo_.flush();
    log_.flush();
    // A run cannot be continued without its files.
    trajectory_.require_in_place();
    thermo_.require_in_place();
    log_.require_in_place();
    Checkpoint out;
    out.inputs = inputs_;
    out.driver = driver_.snapshot();
    out.trajectory = trajectory_.position();
    out.thermo = thermo_.position();
    out.log = log_.position();
    return out;
}

void DynamicsSession::restore(const Checkpoint& checkpoint) {
    driver_.restore(checkpoint.driver);
    trajectory_.truncate(checkpoint.trajectory);
    thermo_.truncate(checkpoint.thermo);
    log_.truncate(checkpoint.log);
    // A run that an earlier version began goes on with the columns of its file.
    std::string header;
    further_columns_ = !(LineReader(thermo_.path()).next(header) && header == first_columns);
    LineReader log(log_.path());
    for (std::string line; !net_force_logged_ && log.next(line);) net_force_logged_ = line.starts_with(net_force_line);
}

void DynamicsSession::begin(bool replace) {
    if (!replace && trajectory_.position() > 0)
        throw InputError(fmt::format(
            "{}: holds frames of an earlier run, but there is no checkpoint to continue from; move it away to "
            "start again, or choose another output",
            trajectory_path_));
    trajectory_.truncate(0);
    thermo_.truncate(0);
    log_.truncate(0);
    thermo_.write(fmt::format("{}{}\n", first_columns, further_columns));
}

void DynamicsSession::say_net_force(const md::StepReport& report) {
    if (report.net_force < least_net_force) return;
    const std::string text = fmt::format(
        "the forces at step {} do not sum to zero ({:.2g} eV/Å per atom); what would move the centre of mass is left "
        "out of the motion, here and at later steps; labels keep it",
        report.step, report.net_force);
    if (!std::exchange(net_force_shown_, true)) console_.info(text);
    if (!std::exchange(net_force_logged_, true)) log_.write(fmt::format("{}{}\n", net_force_line, text));
}

double DynamicsSession::seconds_per_step() const {
    return steps_done_ > 0 ? seconds_ / static_cast<double>(steps_done_) : 0.0;
}

void DynamicsSession::run(const std::function<std::string(const md::StepReport&)>& status,
                          const std::function<void()>& save) {
    const auto start = Clock::now();
    auto last_save = start;
    bool stopped = false, writing = false;
    const auto first_step = driver_.state().step;
    const auto observe = [&](const md::StepReport& report) {
        temperature_ = report.temperature;
        writing = true;
        thermo_.write(first_values(report) + (further_columns_ ? further_values(report) : "") + "\n");
        trajectory_.write(report);
        say_net_force(report);
        steps_done_ = report.step - first_step;
        seconds_ = seconds_since(start);
        console_.progress(static_cast<long>(report.step), static_cast<long>(driver_.options().steps), status(report));
        const bool out_of_time =
            time_limit_ > 0.0 && seconds_since(begun_) > time_limit_ && report.step < driver_.options().steps;
        if (out_of_time)
            console_.info(
                fmt::format("time_limit is reached at step {}; run the same command again to go on", report.step));
        stopped = interrupted() || out_of_time;
        if (!stopped && seconds_since(last_save) > seconds_between_checkpoints) {
            save();
            last_save = Clock::now();
        }
        writing = false;
        return !stopped;
    };
    try {
        driver_.run(observe);
    } catch (...) {
        // The driver is at the beginning of the failed step. But if output of a finished step could not be written, it
        // would be missing after a checkpoint made now.
        if (!writing) save();
        throw;
    }
    save();
    if (stopped) throw Interrupted{};
}

}  // namespace mlff::app
