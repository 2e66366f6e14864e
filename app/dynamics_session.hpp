#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "app/console.hpp"
#include "app/run_directory.hpp"
#include "md/driver.hpp"
#include "md/trajectory.hpp"

namespace mlff::app {

/// Molecular dynamics in a run directory with any calculator: trajectory, thermo.csv, log, checkpoints, progress, and
/// an orderly stop on Ctrl-C or SIGTERM.
class DynamicsSession {
 public:
    /// The calculator must outlive the session.
    /// @param inputs  of the run, for its checkpoints
    DynamicsSession(const RunDirectory& directory, const Console& console, Calculator& calculator, md::State initial,
                    const md::DynamicsOptions& options, const md::TrajectoryOptions& trajectory, RunInputs inputs);

    /// State at the beginning of the step in progress (the files are flushed up to there); also from inside evaluate.
    /// @throws std::runtime_error if one of the files was removed or replaced meanwhile
    [[nodiscard]] Checkpoint checkpoint();
    /// Restores a checkpoint: dynamics and length of the files.
    void restore(const Checkpoint& checkpoint);
    /// Begins at step 0. @throws InputError if there are frames of an earlier run, which then has no checkpoint
    /// @param replace  overwrite these frames: that run cannot be continued
    void begin(bool replace = false);

    void log(const std::string& lines) { log_.write(lines); }
    [[nodiscard]] const md::Driver& driver() const { return driver_; }

    /// Runs to the last step.
    /// @param status   one short text for the progress line, e.g. "512 K, 31 reference calls"
    /// @param save     writes a checkpoint; called every 20 s and at the end
    /// @throws Interrupted after `save`, if the user asked to stop; exceptions of the calculator, after `save`
    void run(const std::function<std::string(const md::StepReport&)>& status, const std::function<void()>& save);

    /// From now on `run` ends as if the user had asked to stop, once this time has passed since the session began [s];
    /// 0: never.
    void stop_after(double seconds) { time_limit_ = seconds; }

    [[nodiscard]] double temperature() const { return temperature_; }  ///< [K] of the last step
    [[nodiscard]] double seconds_per_step() const;                     ///< of this session, wall time

 private:
    void say_net_force(const md::StepReport& report);

    const Console& console_;
    RunInputs inputs_;
    md::Driver driver_;
    md::Trajectory trajectory_;
    std::string trajectory_path_;
    OutputFile thermo_, log_;
    bool further_columns_ = true;  ///< of thermo.csv
    bool net_force_logged_ = false, net_force_shown_ = false;
    double time_limit_ = 0.0;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    double temperature_ = 0.0;
    std::int64_t steps_done_ = 0;
    double seconds_ = 0.0;
};

}  // namespace mlff::app
