#include <fmt/format.h>

#include <iterator>

#include "app/interrupt.hpp"
#include "app/training.hpp"
#include "app/verb_settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/data/free_atoms.hpp"
#include "libmlff/learning/learning_log.hpp"
#include "libmlff/model/version.hpp"
#include "libmlff/parallel/distributed_executor.hpp"
#include "libmlff/regression/fit_data.hpp"

namespace mlff::app {
namespace {

/// Answers with the labels of the present frame.
class DataReference final : public Calculator {
 public:
    explicit DataReference(std::string description) : description_(std::move(description)) {}
    void show(const LabeledStructure& item) { item_ = &item; }
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request&) override {
        if (!item_->labels.energy || !item_->labels.forces)
            throw InputError(item_->origin + ": no energy or forces; select needs both for every structure");
        (void)structure;
        return answer_of(item_->labels);
    }
    [[nodiscard]] std::string description() const override { return description_; }

 private:
    const LabeledStructure* item_ = nullptr;
    std::string description_;
};

}  // namespace

SelectSettings read_select_settings(const std::string& path) {
    auto config = ConfigSection::from_file(path);
    SelectSettings settings;
    config.read_path("output", settings.output);
    ConfigSection& data = config.section("data");
    data.require("train", settings.data);
    settings.keys = read_keys(data);
    const ModelDefaults defaults = read_model_defaults(config);
    const ForceFieldOptions force_field = read_force_field(config.section("force_field"), defaults.force_field);
    RegressionSettings regression = read_regression(config.section("regression"), defaults.regression);
    read_baseline(config, regression.options);
    ConfigSection& learning = config.section("learning");
    settings.learning = read_learning(learning);
    LearnerOptions& options = settings.learning.options;
    // Frames of a data set may be far apart: every one may be sampled (VASP: ML_NMDINT 1).
    if (!learning.has("interval")) options.decision.interval = 1;
    if (!learning.has("critical_factor")) options.decision.critical_factor = 4.0;
    options.force_field = force_field;
    options.regression = regression.options;
    options.memory = regression.memory;
    config.finish();
    settings.resolved = config.resolved();
    return settings;
}

SelectData load_select_data(SelectSettings& settings, const Console& console) {
    LabeledData data = load_data_files(settings.data, settings.keys, console);
    LabeledData initial = load_data_files(settings.learning.initial_data, {}, console);
    const double cutoff = cutoff_of(settings.learning.options.force_field);
    const auto n_initial =
        static_cast<std::ptrdiff_t>(initial.structures.size() - free_atoms_of(initial.structures, cutoff).size());
    LabeledData all = std::move(initial);  // free atoms of either serve both
    std::move(data.structures.begin(), data.structures.end(), std::back_inserter(all.structures));
    use_free_atoms(all, cutoff, {}, settings.learning.options.regression, console, true);
    const auto first = std::make_move_iterator(all.structures.begin());
    const auto last = std::make_move_iterator(all.structures.end());
    return {{first + n_initial, last}, {first, first + n_initial}};
}

void select(const std::string& config_path, const Console& console, Communicator& world) {
    catch_interrupts();
    SelectSettings settings = read_select_settings(config_path);
    const auto [data, initial_data] = load_select_data(settings, console);
    require_no_foreign_results(settings.output);
    require_same_settings(settings.output, settings.resolved, SelectSettings::may_change());
    RunDirectory directory(settings.output);
    directory.write_settings(settings.resolved);
    DataReference reference(fmt::format("labels of {}", fmt::join(settings.data, ", ")));
    console.info(fmt::format("mlff {} select: {} structures", version, data.size()));

    OutputFile log(directory.file("log"));
    log.truncate(0);
    log.write(fmt::format("# mlff {} select\n", version) + learning_log_header());
    Progress progress{
        .step = 0, .steps = static_cast<long>(data.size()), .temperature = 0.0, .beef_max = 0.0, .state = "running"};
    Learner* learner_view = nullptr;
    const auto observe = [&](const LearningEvent& event) {
        progress.step = event.step;
        if (event.prediction && event.prediction->uncertainty)
            progress.beef_max = event.prediction->uncertainty->force_norms().maxCoeff();
        log.write(learning_log_lines(event, learner_view->training_set().species()));
    };
    DistributedExecutor executor(world);
    Learner learner(reference, settings.learning.options, species_with(species_of(data), initial_data),
                    {.version = version, .reference = reference.description(), .settings = settings.resolved}, nullptr,
                    {}, observe, executor);
    learner_view = &learner;
    if (!initial_data.empty()) learner.begin_with(initial_data);
    for (const auto& item : data) {
        reference.show(item);
        (void)learner.evaluate(item.structure);
        console.progress(
            progress.step + 1, progress.steps,
            fmt::format("{} selected, threshold {:.4f} eV/Å", learner.reference_calls(), learner.threshold()));
        if (interrupted()) break;
    }
    learner.finish();
    progress.state = interrupted() ? "interrupted" : "done";
    write_results(directory, learner);
    write_status(directory, learner, progress);
    log.flush();
    if (interrupted()) throw Interrupted{};
    console.info(summary(learner, progress.steps));
    console.info(fmt::format("selected structures: {}   force field: {}", directory.file("training.xyz"),
                             directory.file("model.h5")));
}

}  // namespace mlff::app
