#include "app/study_cost.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "app/reference_settings.hpp"
#include "app/settings.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/search/compile.hpp"
#include "libmlff/search/forecast.hpp"
#include "libmlff/search/thread_time.hpp"

namespace mlff::app {
namespace {

constexpr double analysis_microseconds = 7.0;  ///< per atom, frame and observable: AgI, 128 atoms, seven observables
constexpr Eigen::Index production_components = 40;  ///< of a compiled form, per species

/// Everything here is timed on one thread.
class OneThread {
 public:
    OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;
    ~OneThread() { omp_set_num_threads(before_); }

 private:
    int before_;
};

/// Time of one call [s]. The first call, which makes tables and lists, does not count.
double seconds_of(const std::function<void()>& call) {
    call();
    return shortest_seconds(call);
}

std::string minutes(double seconds) {
    return seconds < 90.0 ? fmt::format("{:.0f} s", std::ceil(seconds)) : fmt::format("{:.0f} min", seconds / 60.0);
}

}  // namespace

std::string estimate_cost(const StudyPlan& plan, const Console& console) {
    const OneThread one_thread;
    std::string text = "estimate, on one core that has nothing else to do:";
    double total = 0.0;
    const auto add = [&](const std::string& what, double seconds) {
        text += fmt::format("\n  {:<44}{:>8}", what, minutes(seconds));
        total += seconds;
    };
    auto reference_config = ConfigSection::from_text(plan.reference, "reference.yaml");
    const Structure structure = load_state(read_structure_settings(reference_config), false).structure;
    const auto dynamics = read_dynamics(reference_config.section("dynamics"), 1);
    const auto trajectory = read_trajectory(reference_config.section("trajectory"));
    const auto n_steps = static_cast<double>(dynamics.steps);

    std::optional<ForceField> model;
    if (!plan.train.empty()) {
        auto config = ConfigSection::from_text(plan.train, "train.yaml");
        const Structure start = load_state(read_structure_settings(config), false).structure;
        const LearningSettings learning = read_learning(config.section("learning"));
        const auto steps = static_cast<double>(read_dynamics(config.section("dynamics"), 1).steps);
        const ModelDefaults defaults = read_model_defaults(config);
        model = invented_force_field(species_present(start),
                                     read_force_field(config.section("force_field"), defaults.force_field),
                                     std::min<Eigen::Index>(learning.options.max_references, 10 * start.size()));
        ForceFieldCalculator calculator(*model);
        add(fmt::format("learning, {:.0f} steps", steps),
            steps * seconds_of([&] { (void)calculator.evaluate(start, {.uncertainty = true}); }));
    } else if (std::filesystem::exists(plan.model)) {
        model = read_model(plan.model);
    }
    ConfigSection& section = reference_config.section("reference");
    std::string type = "embedded";
    section.read("type", type);
    if (type == "embedded") {
        const auto calculator = read_reference(section, plan.output, console).calculator;
        add(fmt::format("reference, {:.0f} steps", n_steps),
            n_steps * seconds_of([&] { (void)calculator->evaluate(structure); }));
    } else {
        text += fmt::format("\n  reference: {:.0f} calls, at its own cost", n_steps);
    }
    if (model) {
        if (!plan.max_loss.empty() && !model->production()) {
            const ProductionForms forms(*model);
            model = model->with_production(forms.leading(std::min(production_components, forms.most()), true));
        }
        ForceFieldCalculator calculator(*model);
        add(fmt::format("force field, {} runs of {:.0f} steps", plan.runs.size(), n_steps),
            static_cast<double>(plan.runs.size()) * n_steps *
                seconds_of([&] { (void)calculator.evaluate(structure); }));
    }
    auto analysis = ConfigSection::from_text(plan.analysis, "analyze.yaml");
    const auto n_observables = static_cast<double>(analysis.sections("observables").size());
    const double n_frames = n_steps / static_cast<double>(trajectory.every) * static_cast<double>(plan.runs.size() + 1);
    add(fmt::format("analysis of {:.0f} frames", n_frames),
        1e-6 * analysis_microseconds * n_frames * static_cast<double>(structure.size()) * n_observables);
    return text + fmt::format("\n  {:<44}{:>8}", "in all", minutes(total));
}

}  // namespace mlff::app
