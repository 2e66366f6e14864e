#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/dynamics_session.hpp"
#include "app/interrupt.hpp"
#include "app/thermo_summary.hpp"
#include "app/verb_settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/encoding.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/model/version.hpp"
#include "libmlff/parallel/distributed_executor.hpp"

namespace mlff::app {

RunSettings read_run_settings(const std::string& path, const Console& console, bool use) {
    auto config = ConfigSection::from_file(path);
    RunSettings settings;
    settings.structure = read_structure_settings(config);
    config.read_path("output", settings.output);
    long seed = 1;
    config.read_non_negative("seed", seed);
    settings.seed = static_cast<std::uint64_t>(seed);
    if (config.has("force_field") == config.has("reference"))
        config.fail(config.has("force_field") ? "reference" : "force_field",
                    "or reference: exactly one of the two drives the dynamics, e.g. force_field: model.h5");
    if (config.has("force_field")) {
        config.read_path("force_field", settings.model);
        settings.guard = read_guard(config);
    } else {
        settings.reference = read_reference(config.section("reference"), settings.output, console, use);
    }
    settings.dynamics = read_dynamics(config.section("dynamics"), settings.seed, settings.structure.continues);
    settings.time_limit = read_time_limit(config);
    require_stress(config.section("dynamics"), settings.dynamics,
                   settings.model.empty() ? &settings.reference : nullptr);
    settings.trajectory = read_trajectory(config.section("trajectory"));
    config.finish();
    settings.resolved = config.resolved();
    return settings;
}

std::vector<std::string> RunSettings::may_change() const {
    std::vector<std::string> keys = {"guard", "time_limit"};  // they change no step; they can only end the run
    if (!dynamics.has_ramp()) keys.emplace_back("dynamics.steps");
    return keys;
}

RunInputs RunSettings::inputs(const md::State& initial, const std::string& calculator) const {
    return {
        settings_input(resolved, may_change()),
        {"structure", fingerprint(initial)},
        model.empty() ? std::pair("reference", checksum(calculator)) : std::pair("force_field", file_checksum(model))};
}

void run(const std::string& config_path, const Console& console, Communicator& world) {
    catch_interrupts();
    RunSettings settings = read_run_settings(config_path, console);
    const md::DynamicsOptions& dynamics = settings.dynamics;
    const std::unique_ptr<ModelCalculator> model =
        settings.model.empty() ? nullptr : DistributedExecutor(world).calculator(read_model(settings.model));
    Calculator* const calculator = model ? model.get() : settings.reference.calculator.get();
    md::State initial = load_state(settings.structure, dynamics.given_velocities);
    require_known(initial.structure, *calculator, settings.structure.path);
    require_moving_cell(initial.structure, dynamics, settings.structure.path);

    RunDirectory directory(settings.output);
    require_same_settings(settings.output, settings.resolved, settings.may_change());
    const RunInputs inputs = settings.inputs(initial, calculator->description());
    const auto checkpoint =
        read_checkpoint(settings.output, inputs, false, [&](const std::string& message) { console.warn(message); });
    directory.write_settings(settings.resolved);
    const Eigen::Index n_atoms = initial.size();
    console.info(fmt::format("mlff {} run: {}, {} atoms, {} steps of {} fs", version, formula(initial.structure),
                             n_atoms, dynamics.steps, dynamics.timestep));
    describe_state(initial, dynamics, settings.structure.path, console);
    console.info("calculator: " + calculator->description());

    std::unique_ptr<Calculator> watched;
    std::string guard = "off";
    if (model) {
        if (settings.guard) guard = describe(*settings.guard);
        console.info("guard: " + guard);
        if (settings.guard && settings.guard->distance > 0.0 && model->force_field().shortest_distances().size() == 0)
            console.warn(settings.model +
                         ": an older mlff made it and did not keep the shortest distances of its training data, which "
                         "guard.distance needs; only spilling factors are watched. Fit it again to have both");
    }
    if (settings.guard)
        watched = std::make_unique<GuardedCalculator>(*calculator, *settings.guard,
                                                      [&](const std::string& message) { console.warn(message); });
    if (checkpoint && checkpoint->done_steps == dynamics.steps) {
        console.info("the run is complete; nothing to do");
        return;
    }
    DynamicsSession session(directory, console, watched ? *watched : *calculator, std::move(initial), dynamics,
                            settings.trajectory, inputs);
    session.stop_after(settings.time_limit);
    if (checkpoint) {
        session.restore(*checkpoint);
        console.info(fmt::format("resuming at step {}", session.driver().state().step));
    } else {
        session.begin();
        session.log(fmt::format("# mlff {} run\n# calculator: {}\n", version, calculator->description()));
        if (model) session.log(fmt::format("# guard: {}\n", guard));
        write_checkpoint(directory, session.checkpoint());  // from here on the run can be continued
    }
    const auto write_status = [&](const char* state, const std::string& reason = {}) {
        nlohmann::ordered_json status;
        status["step"] = session.driver().state().step;
        status["steps"] = dynamics.steps;
        status["temperature"] = session.temperature();
        status["atoms"] = n_atoms;
        status["microseconds_per_atom_step"] = 1e6 * session.seconds_per_step() / static_cast<double>(n_atoms);
        status["state"] = state;
        if (!reason.empty()) status["reason"] = reason;
        write_file_atomically(directory.file("status.json"), status.dump(2) + "\n");
    };
    const auto save = [&] {
        write_checkpoint(directory, session.checkpoint());
        write_status("running");
    };
    try {
        session.run([](const md::StepReport& report) { return fmt::format("{:.0f} K", report.temperature); }, save);
    } catch (const Interrupted&) {
        write_status("interrupted");
        console.info(
            fmt::format("interrupted at step {}; run the same command again to go on", session.driver().state().step));
        throw;
    } catch (const std::exception& error) {
        const std::string reason = fmt::format("ended after step {}: {}", session.driver().state().step, error.what());
        session.log("# " + reason + "\n");
        write_status("failed", reason);
        throw;
    }
    Checkpoint complete = session.checkpoint();
    complete.done_steps = dynamics.steps;
    write_checkpoint(directory, complete);
    write_status("done");
    if (const std::string text = thermo_summary(directory.file("thermo.csv"), n_atoms); !text.empty())
        console.info(text);
    console.info(
        fmt::format("done; {:.1f} µs per atom and step, {:.2f} ns/day; trajectory: {}",
                    1e6 * session.seconds_per_step() / static_cast<double>(n_atoms),
                    session.seconds_per_step() > 0.0 ? 0.0864 * dynamics.timestep / session.seconds_per_step() : 0.0,
                    directory.file(md::trajectory_name(settings.trajectory.format))));
}

}  // namespace mlff::app
