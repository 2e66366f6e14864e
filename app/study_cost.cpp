#include "app/study_cost.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <functional>

#include "app/reference_settings.hpp"
#include "app/settings.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/environments.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/search/compile.hpp"

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

/// Processor time of one call [s]: independent of other load on the machine. The first call, which makes tables and
/// lists, is not counted.
double seconds_of(const std::function<void()>& call) {
    const auto seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
    call();
    double least = 1e30;
    const double begin = seconds();
    for (int k = 0; k < 3 && (k == 0 || seconds() - begin < 1.0); ++k) {
        const double start = seconds();
        call();
        least = std::min(least, seconds() - start);
    }
    return least;
}

/// A meaningless force field of the requested size: its local references are repeated atoms of the structure.
ForceField stand_in(const Structure& structure, const ForceFieldOptions& options, Eigen::Index n_references) {
    const std::vector<int> species = species_present(structure);
    const auto descriptor =
        std::make_shared<const descriptors::Descriptor>(options.descriptor, static_cast<int>(species.size()));
    Environments environments(species, descriptor->cutoff(), 0.0);
    environments.update(structure);
    const Eigen::MatrixXd features = compute_features(*descriptor, environments);
    std::vector<LocalReferences> references;
    for (const int z : species) {
        std::vector<Eigen::Index> atoms;
        for (Eigen::Index i = 0; i < structure.size(); ++i)
            if (structure.species[static_cast<std::size_t>(i)] == z) atoms.push_back(i);
        LocalReferences& own = references.emplace_back();
        own.features.resize(features.rows(), n_references);
        for (Eigen::Index k = 0; k < n_references; ++k)
            own.features.col(k) = features.col(atoms[static_cast<std::size_t>(k) % atoms.size()]);
        own.structure.assign(static_cast<std::size_t>(n_references), 0);
        own.atom = own.structure;
    }
    const Eigen::Index n = n_references * static_cast<Eigen::Index>(species.size());
    return {descriptor,
            options.kernel_power,
            species,
            std::move(references),
            Eigen::VectorXd::Zero(static_cast<Eigen::Index>(species.size())),
            bayes::Posterior(Eigen::VectorXd::Constant(n, 1e-6), Eigen::MatrixXd::Identity(n, n), {}),
            {},
            {}};
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
        model = stand_in(start, read_force_field(config.section("force_field"), defaults.force_field),
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
