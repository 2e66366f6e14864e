#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "app/calibration_report.hpp"
#include "app/error_json.hpp"
#include "app/trade_off.hpp"
#include "app/verb_settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/data/data_summary.hpp"
#include "libmlff/data/structure_weights.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/model/version.hpp"
#include "libmlff/parallel/distributed_executor.hpp"
#include "libmlff/parallel/distributed_factor.hpp"
#include "libmlff/parallel/distributed_fit.hpp"
#include "libmlff/regression/component_selection.hpp"
#include "libmlff/search/model_search.hpp"

namespace mlff::app {
namespace {

using Eigen::Index;

/// Number of atoms whose error estimates are compared with errors: each costs a Jacobian.
constexpr Index calibration_atoms = 2000;

/// force_field: auto, or vasp, or {auto: {time: 15 min}}, or the settings themselves. Returns the defaults for
/// missing settings.
ModelDefaults read_force_field_or_auto(ConfigSection& config, FitSettings& settings) {
    const std::string word = config.word_for_map("force_field", {"auto", "vasp"});
    ModelDefaults defaults;
    if (word == "vasp") defaults = vasp_defaults();
    if (word == "auto") {
        config.resolve("force_field", word);
        settings.automatic = true;
        return defaults;
    }
    ConfigSection& section = config.section("force_field");
    if (!section.has("auto")) {
        settings.options.force_field = read_force_field(section, defaults.force_field, true);
        return defaults;
    }
    settings.automatic = true;
    if (section.is_map("auto"))
        section.section("auto").read_duration("time", settings.search.seconds);
    else
        section.fail("auto", "must be a map such as {time: 15 min}; or write force_field: auto");
    return defaults;
}

/// Local references listed in the files become the candidates.
void use_listed_references(const LabeledData& data, FitSettings& settings) {
    for (const int z : species_of(data.structures)) {
        const auto found = data.references.find(z);
        if (found == data.references.end() || found->second.atom.empty())
            throw InputError(
                fmt::format("{}: the training data list no local reference for {}; ML_AB files can, or use "
                            "candidates: data",
                            settings.listed_at, element_symbol(z)));
        settings.options.given.push_back(found->second);
    }
}

void require_labels(const std::vector<LabeledStructure>& data, const std::vector<std::string>& paths) {
    if (std::none_of(data.begin(), data.end(), [](const LabeledStructure& item) {
            return item.labels.energy || item.labels.forces || item.labels.stress;
        }))
        throw InputError(
            fmt::format("{}: no structure has energy, forces or stress; if they stand under other names, "
                        "say so in data.energy_key, data.forces_key, data.stress_key",
                        fmt::join(paths, ", ")));
}

double peak_gigabytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) * 1024e-9;
}

/// Errors of force fields on unseen data: the validation data, or each fold of the training data with a fit to the
/// other folds. For a share of the atoms the error estimates are also compared with the errors.
struct Unseen {
    std::string name;
    ErrorReport errors;
    CalibrationData calibration;
};

void judge(const ForceField& model, const std::vector<const LabeledStructure*>& data, Index atoms_left,
           std::size_t n_all, const Console& console, Executor& executor, Unseen& unseen) {
    const auto calculator = executor.calculator(model);
    Index n_atoms = 0;
    for (const auto* item : data) n_atoms += item->structure.size();
    double wanted = 0.0;  // number of atoms due for an error estimate
    const double share = std::min(1.0, static_cast<double>(atoms_left) / static_cast<double>(n_atoms));
    for (const auto* item : data) {
        wanted += share * static_cast<double>(item->structure.size());
        const bool with_uncertainty = wanted > 0.5 * static_cast<double>(item->structure.size());
        const Evaluation prediction = calculator->evaluate(item->structure, {.uncertainty = with_uncertainty});
        unseen.errors.add(*item, prediction);
        if (with_uncertainty) {
            wanted -= static_cast<double>(item->structure.size());
            unseen.calibration.add(*item, prediction);
        }
        console.progress(unseen.errors.structures, static_cast<long>(n_all), "errors on unseen data");
    }
}

/// @param model  the force field to be calibrated: its error estimates serve the fits to part of the data too
Unseen judge_all(const TrainingPass& pass, const ForceField& model, const Solution& solution,
                 const RegressionOptions& options, const std::vector<LabeledStructure>& training,
                 const std::vector<LabeledStructure>& validation, const Console& console, Executor& executor) {
    Unseen unseen;
    std::vector<const LabeledStructure*> data;
    if (pass.data().held_out()) {
        unseen.name = "validation data";
        for (const auto& item : validation) data.push_back(&item);
        judge(model, data, calibration_atoms, data.size(), console, executor, unseen);
        return unseen;
    }
    const int n_parts = pass.data().n_parts();
    unseen.name = fmt::format("training data, each of {} parts predicted by a fit to the others", n_parts);
    for (int part = 0; part < n_parts; ++part) {
        data.clear();
        for (std::size_t k = static_cast<std::size_t>(part); k < training.size();
             k += static_cast<std::size_t>(n_parts))
            data.push_back(&training[k]);
        judge(pass.force_field_without(part, solution, options).with_covariance(model.posterior().covariance()), data,
              calibration_atoms / n_parts, training.size(), console, executor, unseen);
    }
    return unseen;
}

ErrorReport errors_on(const ForceField& model, const std::vector<LabeledStructure>& data, const Console& console,
                      Executor& executor) {
    const auto calculator = executor.calculator(model);
    ErrorReport report;
    for (const auto& item : data) {
        report.add(item, calculator->evaluate(item.structure));
        console.progress(report.structures, static_cast<long>(data.size()), "errors on the training data");
    }
    return report;
}

/// The model with the robust covariance of its weights, if there are enough structures.
ForceField with_robust_errors(const ForceField& model, const std::vector<LabeledStructure>& training,
                              const LabelWeights& weights, const Progress& progress, Executor& executor) {
    if (training.size() < fewest_for_robust) return model;
    std::vector<const LabeledStructure*> data;
    for (const auto& item : training) data.push_back(&item);
    return model.with_covariance(executor.influences(model, data, weights, progress).R());
}

std::string references_line(const ForceField& model) {
    std::string text;
    for (int s = 0; s < model.n_channels(); ++s)
        text += fmt::format("{}{} {}", s > 0 ? ", " : "", model.references(s).size(),
                            element_symbol(model.species()[static_cast<std::size_t>(s)]));
    return "local references: " + text;
}

/// Factors of error estimates, and the model with them.
void calibrate(const Unseen& unseen, ForceField& model, const std::string& base, const Console& console) {
    const CalibrationReport calibration = unseen.calibration.report();
    model = model.with_calibration(calibration.calibration(model.posterior().covariance().size() > 0));
    console.info(calibration_text(calibration));
    write_calibration(calibration, base + ".calibration", console);
}

/// A fit with the factor spread over the ranks, with its errors on validation data if given.
void fit_over_ranks(const FitSettings& settings, const std::vector<LabeledStructure>& training,
                    const std::vector<LabeledStructure>& validation, const Provenance& provenance,
                    const std::string& base, const Progress& progress, const Console& console, Communicator& world) {
    const FitOptions& options = settings.options;
    auto [model, report] = fit_distributed(training, options, world, provenance, progress);
    write_model(settings.output, model);
    console.info(references_line(model));
    console.info("errors on the training data:\n" + error_table(report));
    if (!validation.empty()) {
        Unseen unseen;
        std::vector<const LabeledStructure*> data;
        for (const auto& item : validation) data.push_back(&item);
        judge(model, data, calibration_atoms, data.size(), console, options.workers(), unseen);
        report = unseen.errors;
        console.info("errors on the validation data:\n" + error_table(report));
        calibrate(unseen, model, base, console);
        write_model(settings.output, model);
    }
    console.result(error_json(report));
}

/// Adopts the settings that the search has chosen: they repeat the fit without a search.
void resolve(ConfigSection& config, const FitOptions& found) {
    config.resolve("force_field", format_force_field(found.force_field));
    ConfigSection& regression = config.section("regression");
    regression.resolve("prior", found.regression.prior == Prior::kernel ? "kernel" : "identity");
    const auto& w = found.regression.weights;
    regression.resolve("weights", fmt::format("{{energy: {}, force: {}, stress: {}}}", w.energy, w.force, w.stress));
    ConfigSection& references = config.section("references");
    references.resolve("max", fmt::format("{}", found.max_references));
    references.resolve("pool", fmt::format("{}", found.candidates()));
}

}  // namespace

FitSettings read_fit_settings(const std::string& path) {
    FitSettings settings(path);
    ConfigSection& config = settings.config;
    ConfigSection& data = config.section("data");
    data.require("train", settings.training);
    data.read("validation", settings.validation);
    data.read_positive("folds", settings.options.folds);
    settings.keys = read_keys(data);
    const ModelDefaults defaults = read_force_field_or_auto(config, settings);
    data.read_in_range("balance", settings.balance, 0.0, 1.0);
    ConfigSection& weights = data.section("weights");
    settings.weighted_at = weights.place();
    for (const auto& group : weights.keys()) weights.read_positive(group, settings.group_weights[group]);
    ConfigSection& regression = config.section("regression");
    settings.choose_weight = regression.has("weights") && !regression.is_map("weights");
    if (settings.choose_weight) {
        std::string word;
        regression.read("weights", word);
        if (word != "auto") regression.fail("weights", "must be auto, or a map such as {energy: 30}");
    }
    const RegressionSettings read = read_regression(regression, defaults.regression, !settings.choose_weight);
    settings.options.regression = read.options;
    read_baseline(config, settings.options.regression);
    settings.options.memory = read.memory;
    settings.memory_given = read.memory_given;
    regression.read_choice("solver", settings.solver,
                           {{"auto", Solver::automatic}, {"tsqr", Solver::tsqr}, {"scalapack", Solver::scalapack}});
    if (settings.solver == Solver::scalapack && (settings.automatic || settings.choose_weight))
        regression.fail("solver", "scalapack fits once: it needs force_field and weights that are given, not auto");
    ConfigSection& references = config.section("references");
    // auto uses as many as time and memory allow.
    long most = settings.automatic ? 100'000 : static_cast<long>(settings.options.max_references);
    references.read_positive("max", most);
    settings.options.max_references = most;
    if (settings.automatic) settings.options.shares = ReferenceShares::forces;
    references.read_choice("shares", settings.options.shares,
                           {{"equal", ReferenceShares::equal}, {"forces", ReferenceShares::forces}});
    long pool = 0;
    if (references.has("pool")) references.read_positive("pool", pool);
    settings.options.pool = pool;
    references.read_choice("method", settings.options.selection.method,
                           {{"cholesky", SelectionMethod::cholesky}, {"cur", SelectionMethod::cur}});
    // A low power and wide Gaussians hardly distinguish local environments.
    if (settings.options.selection.method == SelectionMethod::cholesky) settings.options.selection.tolerance = 1e-11;
    references.read_positive("tolerance", settings.options.selection.tolerance);
    bool listed = false;
    references.read_choice("candidates", listed, {{"data", false}, {"listed", true}});
    if (listed) settings.listed_at = references.place("candidates");
    references.validate(settings.options.selection);
    config.read("trade_off", settings.compare);
    config.read_path("output", settings.output);
    config.finish();
    config.validate(settings.options);
    require_writable(settings.output);
    return settings;
}

FitData load_fit_data(FitSettings& settings, const Console& console) {
    LabeledData training = load_data_files(settings.training, settings.keys, console);
    require_labels(training.structures, settings.training);
    const double cutoff = cutoff_of(settings.options.force_field);
    const auto given = settings.options.regression.atom_energies;
    use_free_atoms(training, cutoff, {}, settings.options.regression, console, true);
    if (const auto& energies = settings.options.regression.atom_energies; energies != given)
        settings.config.section("regression").resolve("atom_energies", format_atom_energies(energies));
    if (!settings.listed_at.empty()) use_listed_references(training, settings);
    try {
        weigh_structures(training.structures, settings.balance, settings.group_weights);
    } catch (const std::invalid_argument& error) {
        throw InputError(fmt::format("{}: data.weights: {}", settings.weighted_at, error.what()));
    }
    auto validation = load_data_files(settings.validation, settings.keys, console).structures;
    leave_out_free_atoms(validation, cutoff, console);
    return {std::move(training.structures), std::move(validation)};
}

void require_stress_unit(const FitSettings& settings, const DataSummary& summary) {
    if (const std::string& unit = summary.stress_check.unit; !unit.empty() && !settings.keys.stress_unit)
        throw InputError(
            fmt::format("{}: by the energies of strained copies the stress is in {}; say its unit: "
                        "data.stress_unit: {} (or eV/A^3)",
                        fmt::join(settings.training, ", "), unit, unit));
}

void fit(const std::string& config_path, const Console& console, Communicator& world) {
    const auto start = std::chrono::steady_clock::now();
    FitSettings settings = read_fit_settings(config_path);
    const auto [training, validation] = load_fit_data(settings, console);
    console.info(fmt::format("mlff {} fit: {} training structures, {} for validation", version, training.size(),
                             validation.size()));
    const DataSummary summary = summarise(training);
    console.info(format(summary));
    require_stress_unit(settings, summary);
    for (const auto& warning : find_shared(training, validation)) console.info(format(warning));

    const std::string base = std::filesystem::path(settings.output).replace_extension().string();
    const Progress progress = [&](long done, long total, const std::string& what) {
        console.progress(done, total, what);
    };
    FitOptions& options = settings.options;
    DistributedExecutor executor(world);
    options.executor = &executor;
    if (!settings.memory_given) options.memory /= world.ranks_on_node();
    std::optional<SearchResult> found;
    if (settings.automatic) {
        settings.search.tell = [&](const Trial& trial) { console.info(trial_line(trial)); };
        found = search_model(training, validation, options, settings.search, progress);
        options = found->options;
        resolve(settings.config, options);
        write_file_atomically(base + ".settings.yaml", fmt::format("# found by mlff {} fit {}\n{}", version,
                                                                   config_path, settings.config.resolved()));
        console.info(fmt::format("settings found: {}.settings.yaml", base));
    }
    options.force_field.descriptor = resolve_components(training, species_of(training), options.force_field);
    FitForecast forecast = forecast_fit(training, validation, options);
    const FitForecast if_spread = forecast_distributed(training, options, world.size());
    const bool spread = settings.solver == Solver::scalapack ||
                        (settings.solver == Solver::automatic && world.size() > 1 && !found &&
                         DistributedFactor::available() && !settings.choose_weight &&
                         (forecast.n_references > most_references ||
                          (forecast.reduced && if_spread.n_references > forecast.n_references)));
    if (spread) {
        forecast = if_spread;
        console.info(
            fmt::format("the triangular factor is spread over {} ranks: no folds, no trade-off; errors on "
                        "unseen data need data.validation",
                        world.size()));
    }
    console.info(fmt::format("at most {} local references, about {:.2f} GB while fitting{}", forecast.n_references,
                             forecast.bytes * 1e-9, world.alone() ? "" : " on rank 0"));
    if (forecast.reduced)
        console.warn(
            fmt::format("references.max is reduced to {} to stay within regression.memory", forecast.max_references));
    const Provenance provenance{.version = version,
                                .reference = fmt::format("labels of {}", fmt::join(settings.training, ", ")),
                                .settings = settings.config.resolved()};
    if (spread) {
        fit_over_ranks(settings, training, validation, provenance, base, progress, console, world);
        console.info(fmt::format("force field: {}", settings.output));
        return;
    }
    const TrainingPass pass = found ? std::move(found->pass) : TrainingPass(training, validation, options, progress);
    if (!found && settings.choose_weight) {
        options.regression.weights = choose_energy_weight(pass, options.regression).weights;
        console.info(fmt::format("energy weight: {:g}", options.regression.weights.energy));
    }
    const Validated fitted = found ? std::move(found->fit) : pass.validate(options.regression);
    ForceField model = pass.force_field(fitted.solution, provenance);
    write_model(settings.output, model);

    console.info(references_line(model));

    ErrorReport report = errors_on(model, training, console, executor);
    console.info("errors on the training data:\n" + error_table(report));
    if (pass.data().can_validate()) {
        model = with_robust_errors(model, training, options.regression.weights, progress, executor);
        const Unseen unseen =
            judge_all(pass, model, fitted.solution, options.regression, training, validation, console, executor);
        report = unseen.errors;
        console.info(fmt::format("errors on the {}:\n{}", unseen.name, error_table(report)));
        calibrate(unseen, model, base, console);
        write_model(settings.output, model);

        if (settings.compare) {
            std::vector<Trial> models = compare_sizes(pass, fitted, options, training);
            console.info("what references cost (RMSE on unseen data):\n" + trade_off_table(models));
            const auto descriptors = compare_descriptors(training, validation, options, progress);
            console.info("what the descriptor costs (fits to part of the data, to be compared with each other):\n" +
                         trade_off_table(descriptors));
            models.insert(models.end(), descriptors.begin(), descriptors.end());
            if (found) models.insert(models.end(), found->trials.begin(), found->trials.end());
            write_trade_off(models, base + ".trade-off", console);
        }
    }
    console.result(error_json(report));
    console.info(fmt::format("force field: {} ({:.0f} s, peak memory {:.2f} GB)", settings.output,
                             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                             peak_gigabytes()));
}

}  // namespace mlff::app
