#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "app/rehearsal.hpp"
#include "app/training.hpp"
#include "app/verb_settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/data/data_summary.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/search/forecast.hpp"
#include "reference/data.hpp"

namespace mlff::app {
namespace {

using Eigen::Index;

constexpr std::array verbs = {"train", "fit", "run", "relax", "select", "analyze"};

/// Local references per species for the cost of learning, unless the settings have a lower limit.
constexpr Index usual_references = 500;
constexpr int usual_calls = 100;  ///< likewise

/// The verb of a file, from keys that no other verb has.
std::string verb_of(const std::string& path) {
    const auto config = ConfigSection::from_file(path);
    if (config.has("trajectories") || config.has("observables")) return "analyze";
    if (config.has("production"))
        throw InputError(path + ": is a study; check looks at files of train, fit, run, relax, select and analyze");
    if (config.has("relax")) return "relax";
    if (config.has("data")) return config.has("learning") ? "select" : "fit";
    const bool learns = config.has("force_field") && config.has("reference");  // force_field: vasp
    if (config.has("learning") || config.has("regression") || config.is_map("force_field") || learns) return "train";
    if (config.has("force_field")) return "run";
    if (config.has("structure") && config.has("reference")) return "train";
    throw InputError(fmt::format("{}: the keys fit none of {}; say which with --for", path, fmt::join(verbs, ", ")));
}

std::string amount(double bytes) {
    return bytes < 1e9 ? fmt::format("{:.3g} MB", 1e-6 * bytes) : fmt::format("{:.3g} GB", 1e-9 * bytes);
}

std::string duration(double seconds) {
    if (seconds < 120.0) return fmt::format("{:.3g} s", seconds);
    if (seconds < 7200.0) return fmt::format("{:.3g} min", seconds / 60.0);
    return seconds < 172800.0 ? fmt::format("{:.3g} h", seconds / 3600.0)
                              : fmt::format("{:.3g} days", seconds / 86400.0);
}

std::string workers(int ranks) {
    const int threads = omp_get_max_threads();
    const std::string each = fmt::format("{} thread{}", threads, threads == 1 ? "" : "s");
    return ranks == 1 ? each : fmt::format("{} ranks of {}", ranks, each);
}

std::string describe(const Structure& structure) {
    std::string text = fmt::format("{}, {} atoms", formula(structure), structure.size());
    if (structure.has_volume())
        text += fmt::format(", cell of {:.4g} x {:.4g} x {:.4g} Å, {:.4g} Å³ per atom", structure.cell.col(0).norm(),
                            structure.cell.col(1).norm(), structure.cell.col(2).norm(),
                            structure.volume() / static_cast<double>(structure.size()));
    return text;
}

void show_settings(const std::string& resolved, const Console& console) {
    console.info("settings in force:\n" + resolved);
}

/// Checks a run directory: it can be made, or its run can be continued.
void check_output(const std::string& output, const std::string& resolved, const std::vector<std::string>& may_change,
                  const RunInputs& inputs, std::int64_t steps, const Console& console) {
    require_writable_directory(output);
    require_same_settings(output, resolved, may_change);
    const auto checkpoint =
        read_checkpoint(output, inputs, false, [&](const std::string& message) { console.warn(message); });
    if (!checkpoint) return;
    console.info(fmt::format("{}: a run with these settings stands here; {}", output,
                             checkpoint->done_steps == steps ? "it is complete" : "it would go on"));
}

std::string memory_text(const std::optional<double>& bytes) {
    return bytes ? amount(*bytes) : "not known on this system";
}

void check_run(const CheckArguments& arguments, const Console& console) {
    const RunSettings settings = read_run_settings(arguments.config, console, false);
    show_settings(settings.resolved, console);
    md::State initial = load_state(settings.structure, settings.dynamics.given_velocities);
    const Index n_atoms = initial.size();
    console.info(settings.structure.path + ": " + describe(initial.structure));
    require_moving_cell(initial.structure, settings.dynamics, settings.structure.path);
    describe_state(initial, settings.dynamics, settings.structure.path, console);
    const auto make = [&]() -> std::unique_ptr<Calculator> {
        if (settings.model.empty()) return read_run_settings(arguments.config, console, false).reference.calculator;
        return std::make_unique<ForceFieldCalculator>(read_model(settings.model));
    };
    std::string description;
    bool can_try = false;  // not if another program computes it or a file must contain it
    if (const auto calculator = make()) {
        require_known(initial.structure, *calculator, settings.structure.path);
        description = calculator->description();
        console.info("calculator: " + description);
        can_try = dynamic_cast<const reference::StoredData*>(calculator.get()) == nullptr;
    }
    check_output(settings.output, settings.resolved, settings.may_change(), settings.inputs(initial, description),
                 settings.dynamics.steps, console);
    if (!can_try) {
        console.result(fmt::format("forecast: {} steps of {} atoms; their time and memory are those of the reference",
                                   settings.dynamics.steps, n_atoms));
        return;
    }
    const RunForecast forecast = rehearse(
        make, std::exchange(initial, {}).structure,
        {settings.dynamics, settings.trajectory, settings.guard, settings.structure.supercell, arguments.ranks});
    console.result(
        fmt::format("forecast for {}, tried with {} atoms:\n"
                    "  time    {:.3g} µs per atom and step, {} for {} steps of {} atoms\n"
                    "  memory  {}{}\n"
                    "  disk    {}, {} frames of the trajectory",
                    workers(arguments.ranks), forecast.atoms_tried, forecast.microseconds, duration(forecast.seconds),
                    settings.dynamics.steps, n_atoms, memory_text(forecast.bytes),
                    arguments.ranks > 1 ? " for the first rank" : "", amount(forecast.disk), forecast.frames));
}

void check_relax(const CheckArguments& arguments, const Console& console) {
    const RelaxSettings settings = read_relax_settings(arguments.config, console, false);
    show_settings(settings.resolved, console);
    const md::State initial = load_state(settings.structure, false);
    console.info(settings.structure.path + ": " + describe(initial.structure));
    if (settings.options.cell)
        require_moving_cell(initial.structure, settings.options.fixed, *settings.options.cell, settings.structure.path);
    std::unique_ptr<Calculator> model;
    if (!settings.model.empty()) model = std::make_unique<ForceFieldCalculator>(read_model(settings.model));
    if (const Calculator* calculator = model ? model.get() : settings.reference.calculator.get()) {
        require_known(initial.structure, *calculator, settings.structure.path);
        console.info("calculator: " + calculator->description());
    }
    require_writable_directory(settings.output);
    console.result(fmt::format("at most {} steps, each one evaluation or a few", settings.options.steps));
}

/// Cost of learning; the number of reference calls cannot be forecast.
std::string learning_text(const Structure& structure, const LearnerOptions& options) {
    const Index n = std::min(options.max_references, usual_references);
    const LearningForecast forecast = forecast_learning(structure, options, n);
    std::string text = fmt::format(
        "with {} local references per species:\n"
        "  time    {} per step with its error estimates\n"
        "  memory  {} after {} calls of the reference, {} more with each",
        n, duration(forecast.seconds_per_step), amount(forecast.bytes_fixed + usual_calls * forecast.bytes_per_call),
        usual_calls, amount(forecast.bytes_per_call));
    if (options.memory > 0) {
        const double calls = (static_cast<double>(options.memory) - forecast.bytes_fixed) / forecast.bytes_per_call;
        text += fmt::format(" (regression.memory {}: references are dropped from {:.0f} calls on)",
                            amount(static_cast<double>(options.memory)), std::max(0.0, std::floor(calls)));
    }
    return text;
}

void check_train(const CheckArguments& arguments, const Console& console) {
    const TrainSettings settings = read_train_settings(arguments.config, console, false);
    show_settings(settings.resolved, console);
    const md::State initial = load_state(settings.structure, settings.dynamics.given_velocities);
    console.info(settings.structure.path + ": " + describe(initial.structure));
    require_moving_cell(initial.structure, settings.dynamics, settings.structure.path);
    describe_state(initial, settings.dynamics, settings.structure.path, console);
    if (settings.reference.calculator) {
        require_known(initial.structure, *settings.reference.calculator, settings.structure.path);
        console.info("reference: " + settings.reference.calculator->description());
    }
    if (!settings.learning.initial_data.empty()) {
        LabeledData start = load_data_files(settings.learning.initial_data, {}, console);
        RegressionOptions regression = settings.learning.options.regression;
        use_free_atoms(start, cutoff_of(settings.learning.options.force_field), species_present(initial.structure),
                       regression, console, false);
        console.info(fmt::format("{}: {} structures to start from", fmt::join(settings.learning.initial_data, ", "),
                                 start.structures.size()));
    }
    require_no_foreign_results(settings.output);
    check_output(settings.output, settings.resolved, settings.may_change(), settings.inputs(initial),
                 settings.dynamics.steps, console);
    // The cost of the trajectory does not depend on the source of the forces.
    md::DynamicsOptions dynamics = settings.dynamics;
    const RunForecast motion =
        rehearse({}, initial.structure, {dynamics, settings.trajectory, {}, settings.structure.supercell, 1});
    console.result(
        fmt::format("forecast for {}, {}\n  disk    {}, {} frames of the trajectory\n"
                    "  {} steps; calls of the reference come on top",
                    workers(1), learning_text(initial.structure, settings.learning.options), amount(motion.disk),
                    motion.frames, settings.dynamics.steps));
}

void check_select(const CheckArguments& arguments, const Console& console) {
    SelectSettings settings = read_select_settings(arguments.config);
    show_settings(settings.resolved, console);
    const auto data = load_select_data(settings, console).structures;
    if (data.empty()) throw InputError(fmt::format("{}: no structures", fmt::join(settings.data, ", ")));
    for (const auto& item : data)
        if (!item.labels.energy || !item.labels.forces)
            throw InputError(item.origin + ": no energy or forces; select needs both for every structure");
    console.info(format(summarise(data)));
    require_writable_directory(settings.output);
    require_no_foreign_results(settings.output);
    require_same_settings(settings.output, settings.resolved, SelectSettings::may_change());
    const auto& largest = *std::max_element(
        data.begin(), data.end(), [](const auto& a, const auto& b) { return a.structure.size() < b.structure.size(); });
    console.result(fmt::format("forecast for {}, {} structures, the largest of {} atoms, {}", workers(1), data.size(),
                               largest.structure.size(), learning_text(largest.structure, settings.learning.options)));
}

void check_fit(const CheckArguments& arguments, const Console& console) {
    FitSettings settings = read_fit_settings(arguments.config);
    show_settings(settings.config.resolved(), console);
    const auto [training, validation] = load_fit_data(settings, console);
    const DataSummary summary = summarise(training);
    console.info(format(summary));
    require_stress_unit(settings, summary);
    for (const auto& warning : find_shared(training, validation)) console.info(format(warning));
    const FitForecast forecast = forecast_fit(training, validation, settings.options);
    if (settings.solver != Solver::scalapack && arguments.ranks == 1) require_one_rank(forecast);
    std::string references = fmt::format("at most {} local references ({} is the most that LAPACK holds)",
                                         forecast.n_references, most_references);
    if (forecast.reduced)
        references += fmt::format(" (references.max {}, to stay within regression.memory)", forecast.max_references);
    const std::string time = settings.automatic
                                 ? duration(settings.search.seconds) + ", as force_field.auto.time says"
                                 : duration(forecast_fit_seconds(training, validation, settings.options, forecast)) +
                                       (settings.compare ? "; the comparisons of trade_off come on top" : "");
    console.result(fmt::format("forecast for {}: {}\n  time    {}\n  memory  {}", workers(1), references, time,
                               amount(forecast.bytes)));
}

}  // namespace

void check(const CheckArguments& arguments, const Console& console) {
    if (!arguments.verb.empty() && std::find(verbs.begin(), verbs.end(), arguments.verb) == verbs.end())
        throw InputError(fmt::format("--for {}: must be one of {}", show(arguments.verb), fmt::join(verbs, ", ")));
    if (arguments.threads == 0 && arguments.ranks > 1)
        omp_set_num_threads(std::max(1, omp_get_max_threads() / arguments.ranks));
    const std::string verb = arguments.verb.empty() ? verb_of(arguments.config) : arguments.verb;
    console.info(fmt::format("{}: for mlff {}", arguments.config, verb));
    if (verb == "run") check_run(arguments, console);
    if (verb == "relax") check_relax(arguments, console);
    if (verb == "train") check_train(arguments, console);
    if (verb == "select") check_select(arguments, console);
    if (verb == "fit") check_fit(arguments, console);
    if (verb == "analyze") {
        const AnalysisForecast forecast = check_analysis(arguments.config, console);
        console.result(fmt::format("forecast for {}:\n  time    {}\n  memory  {}", workers(1),
                                   duration(forecast.seconds), amount(forecast.bytes)));
    }
    console.info("nothing was written");
}

}  // namespace mlff::app
