#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/dynamics_session.hpp"
#include "app/interrupt.hpp"
#include "app/thermo_summary.hpp"
#include "app/training.hpp"
#include "app/verb_settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/data/energy_checks.hpp"
#include "libmlff/io/encoding.hpp"
#include "libmlff/learning/learning_log.hpp"
#include "libmlff/model/version.hpp"
#include "libmlff/parallel/distributed_executor.hpp"

namespace mlff::app {

TrainSettings read_train_settings(const std::string& path, const Console& console, bool use) {
    auto config = ConfigSection::from_file(path);
    TrainSettings settings;
    settings.structure = read_structure_settings(config);
    config.read_path("output", settings.output);
    long seed = 1;
    config.read_non_negative("seed", seed);
    settings.seed = static_cast<std::uint64_t>(seed);
    const ModelDefaults defaults = read_model_defaults(config);
    const ForceFieldOptions force_field = read_force_field(config.section("force_field"), defaults.force_field);
    RegressionSettings regression = read_regression(config.section("regression"), defaults.regression);
    read_baseline(config, regression.options);
    if (!config.has("reference"))
        config.fail("reference", "is missing; e.g. reference: {type: embedded, potential: agi}");
    settings.reference = read_reference(config.section("reference"), settings.output, console, use);
    settings.learning = read_learning(config.section("learning"));
    settings.learning.options.force_field = force_field;
    settings.learning.options.regression = regression.options;
    settings.learning.options.memory = regression.memory;
    settings.dynamics = read_dynamics(config.section("dynamics"), settings.seed, settings.structure.continues);
    settings.time_limit = read_time_limit(config);
    require_stress(config.section("dynamics"), settings.dynamics, &settings.reference,
                   regression.options.weights.stress);
    settings.trajectory = read_trajectory(config.section("trajectory"));
    config.finish();
    settings.resolved = config.resolved();
    return settings;
}

std::vector<std::string> TrainSettings::may_change() const {
    // The reference itself must stay, but not the way it is run; reference_of_record checks that.
    std::vector<std::string> keys = {"regression.memory", "reference", "learning.distance", "time_limit"};
    if (!dynamics.has_ramp()) keys.emplace_back("dynamics.steps");
    return keys;
}

RunInputs TrainSettings::inputs(const md::State& initial) const {
    RunInputs all = {settings_input(resolved, may_change()), {"structure", fingerprint(initial)}};
    std::uint64_t data = checksum({});
    for (const auto& path : learning.initial_data) data = checksum(fmt::format("{}\n", file_checksum(path)), data);
    if (!learning.initial_data.empty()) all.emplace_back("learning.start_from", data);
    return all;
}

namespace {

/// Forces of the reference against its energies, with what it has answered so far: true once they have been compared.
/// @throws InputError if the two follow each other, but in another sign or unit
bool check_reference_forces(const std::vector<LabeledStructure>& answered, const Console& console) {
    constexpr std::size_t most = 30;  // the cost grows with their number
    const auto first = answered.end() - static_cast<std::ptrdiff_t>(std::min(answered.size(), most));
    const std::vector<LabeledStructure> last(first, answered.end());
    const EnergyCheck check = check_forces(last, near_pairs(last));
    if (check.n_pairs < static_cast<long>(EnergyCheck::min_pairs)) return false;
    if (check.warnings.empty()) {
        console.info(
            fmt::format("forces of the reference: sign and unit verified with {} pairs of its structures (slope "
                        "{:.3f})",
                        check.n_pairs, check.slope));
        return true;
    }
    if (std::abs(check.correlation) < 0.95) return false;  // not that close to each other
    throw InputError(
        fmt::format("the reference: {}; correct it and start again with another output", check.warnings.front().text));
}

}  // namespace

void train(const std::string& config_path, const Console& console, Communicator& world) {
    catch_interrupts();
    TrainSettings settings = read_train_settings(config_path, console);
    Calculator& reference = *settings.reference.calculator;
    md::State initial = load_state(settings.structure, settings.dynamics.given_velocities);
    LabeledData start = load_data_files(settings.learning.initial_data, {}, console);
    use_free_atoms(start, cutoff_of(settings.learning.options.force_field), species_present(initial.structure),
                   settings.learning.options.regression, console, false);
    auto initial_data = std::move(start.structures);
    const std::vector<int> species = species_with(species_present(initial.structure), initial_data);

    require_known(initial.structure, reference, settings.structure.path);
    require_moving_cell(initial.structure, settings.dynamics, settings.structure.path);

    require_no_foreign_results(settings.output);
    RunDirectory directory(settings.output);
    Journal journal(directory.file("journal"));
    const auto n_entries = static_cast<long>(journal.entries().size());
    const std::string record =
        reference_of_record(settings.reference, directory, n_entries > 0, settings.learning.initial_data);
    settings.resolved = reference_line(record) + settings.resolved;
    require_same_settings(settings.output, settings.resolved, settings.may_change());
    const RunInputs inputs = settings.inputs(initial);
    require_unbroken(journal.entries());
    for (const auto& entry : journal.entries())
        require_same_inputs(entry.structure.origin, Checkpoint::decode(entry.caller), inputs);
    auto checkpoint = read_checkpoint(settings.output, inputs, n_entries > 0,
                                      [&](const std::string& message) { console.warn(message); });
    if (checkpoint && checkpoint->n_reference_calls > n_entries) {
        // An unfinished entry: the disk has lost the end of the journal. Without one, a user has truncated it.
        if (journal.dropped_bytes() == 0)
            throw InputError(fmt::format(
                "{}: holds {} results of the reference, the checkpoint was made after {}: restore the journal from a "
                "copy{}, or choose another output",
                directory.file("journal"), n_entries, checkpoint->n_reference_calls,
                n_entries > 0 ? ", or remove the files checkpoint and checkpoint.previous to go on from what is left"
                              : ""));
        checkpoint.reset();
    }
    const bool resuming = n_entries > 0 || checkpoint;
    directory.write_settings(settings.resolved);
    if (journal.dropped_bytes() > 0)
        console.warn(fmt::format("the last entry of the journal was unfinished and is dropped ({} bytes)",
                                 journal.dropped_bytes()));

    const long n_steps = static_cast<long>(settings.dynamics.steps);
    console.info(fmt::format("mlff {} train: {}, {} atoms, {} steps of {} fs, {:.0f} to {:.0f} K", version,
                             formula(initial.structure), initial.size(), n_steps, settings.dynamics.timestep,
                             settings.dynamics.temperature_start, settings.dynamics.temperature_end));
    describe_state(initial, settings.dynamics, settings.structure.path, console);
    console.info("reference: " + record);
    console.info("settings: " + directory.file("settings.yaml"));
    if (checkpoint && checkpoint->done_steps == n_steps && checkpoint->n_reference_calls == n_entries &&
        directory.has("model.h5") && directory.has("status.json")) {
        console.info("the training is complete; nothing to do");
        return;
    }

    Progress progress{.step = 0, .steps = n_steps, .temperature = 0.0, .beef_max = 0.0, .state = "running"};
    bool replaying = false, forces_checked = false;
    Learner* learner_view = nullptr;
    DynamicsSession* session_view = nullptr;
    const auto observe = [&](const LearningEvent& event) {
        progress.step = event.step;
        if (event.prediction && event.prediction->uncertainty)
            progress.beef_max = event.prediction->uncertainty->force_norms().maxCoeff();
        if (replaying) {
            console.progress(event.reference_calls, static_cast<long>(journal.entries().size()),
                             "results learned again");
            if (interrupted()) throw Interrupted{};  // nothing is lost: the journal is complete
            return;
        }
        session_view->log(learning_log_lines(event, learner_view->training_set().species()));
        if (event.changes.empty()) return;
        if (!forces_checked)
            forces_checked = check_reference_forces(learner_view->training_set().structures(), console);
        write_results(directory, *learner_view, record);
        progress.temperature = session_view->temperature();
        write_status(directory, *learner_view, progress);
    };
    const Provenance provenance{.version = version, .reference = record, .settings = settings.resolved};
    DistributedExecutor executor(world);
    Learner learner(
        reference, settings.learning.options, species, provenance, &journal,
        [&] { return session_view->checkpoint().encode(); }, observe, executor);
    DynamicsSession session(directory, console, learner, std::move(initial), settings.dynamics, settings.trajectory,
                            inputs);
    session.stop_after(settings.time_limit);
    learner_view = &learner;
    session_view = &session;

    // Order: the state of the learner before step 0, the entries of the journal, the dynamics.
    if (!resuming) {
        session.begin(journal.dropped_bytes() > 0);
        session.log(fmt::format("# mlff {} train\n# reference: {}\n", version, record));
        session.log(learning_log_header());
    }
    replaying = resuming;
    if (!initial_data.empty()) learner.begin_with(std::move(initial_data));
    if (resuming) {
        console.info(n_entries == 0 ? "resuming before the first reference result"
                                    : fmt::format("resuming: {} reference results in the journal, none will be "
                                                  "computed again",
                                                  n_entries));
        const bool beyond = checkpoint && checkpoint->n_reference_calls == n_entries;
        learner.resume(beyond);
        if (!beyond) checkpoint = Checkpoint::decode(journal.entries().back().caller);
        if (beyond) learner.restore(checkpoint->learner);
        session.restore(*checkpoint);
    }
    replaying = false;

    const auto save = [&] {
        Checkpoint now = session.checkpoint();
        now.n_reference_calls = learner.reference_calls();
        now.learner = learner.state();
        write_checkpoint(directory, now);
    };
    const auto finish = [&](const char* state) {
        progress.state = state;
        progress.temperature = session.temperature();
        write_results(directory, learner, record);
        write_status(directory, learner, progress);
    };
    const auto status = [&](const md::StepReport& report) {
        return fmt::format("{:.0f} K, {} reference calls, threshold {:.4f} eV/Å, BEEF {:.4f}", report.temperature,
                           learner.reference_calls(), learner.threshold(), progress.beef_max);
    };
    if (!resuming) save();  // from here on the run can be continued
    try {
        session.run(status, save);
    } catch (const Interrupted&) {
        finish("interrupted");
        console.info(
            fmt::format("interrupted at step {}; run the same command again to go on", session.driver().state().step));
        throw;
    } catch (const std::exception& error) {
        progress.reason = fmt::format("ended after step {}: {}", session.driver().state().step, error.what());
        session.log("# " + progress.reason + "\n");
        finish("failed");
        throw;
    }
    Checkpoint complete = session.checkpoint();  // before the last candidates are learned: a longer run continues here
    complete.n_reference_calls = learner.reference_calls();
    complete.learner = learner.state();
    complete.done_steps = n_steps;
    learner.finish();
    finish("done");
    write_checkpoint(directory, complete);
    if (const std::string text = thermo_summary(directory.file("thermo.csv"), session.driver().state().size());
        !text.empty())
        console.info(text);
    console.info(summary(learner, n_steps + 1));
    console.info(fmt::format("force field: {}   log: {}", directory.file("model.h5"), directory.file("log")));
}

}  // namespace mlff::app
