#include "libmlff/search/model_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/data/structure_weights.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/regression/component_selection.hpp"

namespace mlff {
namespace {

using Eigen::Index;

constexpr double improvement = 0.995;    ///< of the score: a smaller gain is noise
constexpr double sample_atoms = 3000.0;  ///< in the first sample of structures to try settings on
constexpr Index trial_references = 600;  ///< of all species, at first
constexpr std::size_t retried = 4;       ///< settings that are tried again on a larger sample
constexpr double trial_exponent = 2.5;   ///< of the time of a trial as structures and references grow together
constexpr double usual_weight = 30.0;    ///< of energies in all trials: a structure has one energy but many forces

/// Stages of the search for settings; a stage has a larger sample if the time is enough for its number of trials.
struct Stage {
    double end;  ///< as a fraction of the total time; the time after the last stage is for passes over all data
    double n_trials;
};
constexpr std::array stages = {Stage{0.1, 20}, Stage{0.3, 15}, Stage{0.55, 10}};

class Stopwatch {
 public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

 private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// One point of the search; basis sizes follow.
struct Settings {
    double radial_cutoff = 6.5, radial_width = 0.6, radial_decay = 0.0;  // Å
    double angular_cutoff = 5.0, angular_width = 0.8;                    // Å
    int l_max = 4;
    double radial_weight = 0.5;
    int kernel_power = 3;
    descriptors::Normalization normalization = descriptors::Normalization::joint;
    descriptors::Compression compression = descriptors::Compression::none;
    Metric metric = Metric::plain;

    auto operator<=>(const Settings&) const = default;

    [[nodiscard]] ForceFieldOptions options() const {
        ForceFieldOptions result;
        auto& d = result.descriptor;
        d.radial.cutoff = radial_cutoff;
        d.radial.width = radial_width;
        d.radial.decay = radial_decay;
        d.radial.functions = descriptors::radial_functions(radial_cutoff, radial_width);
        d.angular.cutoff = angular_cutoff;
        d.angular.width = angular_width;
        d.angular.functions = descriptors::angular_functions(angular_cutoff, angular_width);
        d.angular.l_max = l_max;
        d.angular.filter = 0.0;
        d.radial_weight = radial_weight;
        d.normalization = normalization;
        d.compression = compression;
        result.kernel_power = kernel_power;
        result.metric = metric;
        return result;
    }
};

/// The values next to the present ones, one setting at a time, the most important settings first.
std::vector<std::vector<Settings>> neighbours_of(const Settings& now, std::size_t n_species) {
    std::vector<std::vector<Settings>> moves;
    const auto lengths = [&](double Settings::*length, double factor, double least, double most) {
        std::vector<Settings> both;
        for (const double f : {factor, 1.0 / factor}) {
            Settings next = now;
            next.*length = std::clamp(std::round(20.0 * f * now.*length) / 20.0, least, most);
            both.push_back(next);
        }
        moves.push_back(both);
    };
    const auto choices = [&](auto Settings::*setting, const auto& values) {
        std::vector<Settings> next_values;
        const auto place = std::find(values.begin(), values.end(), now.*setting);
        Settings next = now;
        if (place != values.end() && place + 1 != values.end()) {
            next.*setting = *(place + 1);
            next_values.push_back(next);
        }
        if (place != values.begin() && place != values.end()) {
            next.*setting = *(place - 1);
            next_values.push_back(next);
        }
        moves.push_back(next_values);
    };
    lengths(&Settings::angular_cutoff, 1.12, 3.0, 8.0);
    choices(&Settings::radial_weight, std::vector{0.1, 0.3, 0.5, 0.7, 0.85, 0.95});
    lengths(&Settings::angular_width, 1.25, 0.25, 1.2);
    choices(&Settings::radial_decay, std::vector{0.0, 3.0, 2.0});
    lengths(&Settings::radial_cutoff, 1.12, 4.0, 10.0);
    choices(&Settings::kernel_power, std::vector{2, 3, 4});
    choices(&Settings::l_max, std::vector{2, 3, 4, 6});
    lengths(&Settings::radial_width, 1.25, 0.25, 1.2);
    choices(&Settings::normalization,
            std::vector{descriptors::Normalization::joint, descriptors::Normalization::separate});
    if (n_species > 1) {  // for one element the gain of a metric is not worth its time
        choices(&Settings::metric, std::vector{Metric::plain, Metric::learned});
        choices(&Settings::compression, std::vector{descriptors::Compression::none, descriptors::Compression::element});
    }
    return moves;
}

Index total(const TrainingPass& pass) { return pass.data().part(0).n_references(); }

/// @param options  with the weights of the fit;  @param data  to measure the speed on
Trial judged(const TrainingPass& pass, const FitOptions& options, const Validated& fit,
             const std::vector<LabeledStructure>& data) {
    if (!pass.data().can_validate())
        throw InputError(
            "there is nothing unseen to judge force fields by; give data.validation, or two training structures or "
            "more and data.folds of at least 2 (regression.memory must have room for them)");
    Trial trial;
    trial.force_field = options.force_field;
    trial.weights = options.regression.weights;
    trial.max_references = pass.max_references();
    trial.n_references = total(pass);
    trial.descriptor_size = pass.descriptor().size();
    trial.errors = fit.errors;
    trial.score = score(fit.errors, pass.data().training_labels().deviations());
    trial.microseconds = measure_speed(pass.force_field(fit.solution, {}), data);
    return trial;
}

/// Ratio of all structures to a sample with about `sample_atoms` atoms.
double few_structures(const std::vector<LabeledStructure>& training) {
    double n_atoms = 0.0;
    for (const auto& item : training) n_atoms += static_cast<double>(item.structure.size());
    return std::max(1.0, n_atoms / sample_atoms);
}

/// Structures to try settings on, and the number of references of all species. Both grow together: with few references
/// for many structures other settings are best than at the end.
struct Sample : DataSample {
    double references;
};
/// @param one_in  structures; below 1: all of them, with 1/one_in times the references
Sample sample_of(const std::vector<LabeledStructure>& training, const std::vector<LabeledStructure>& validation,
                 double one_in) {
    return {sample_data(training, validation, std::max(1.0, one_in)),
            static_cast<double>(trial_references) * few_structures(training) / one_in};
}
/// Number of references of the species with the most, for `all` of all species.
Index most_of(double all, const std::vector<double>& shares) {
    return static_cast<Index>(all / std::accumulate(shares.begin(), shares.end(), 0.0));
}
/// The same in a trial.
Index few_references(const Sample& sample, const FitOptions& options, const std::vector<double>& shares) {
    return std::min(options.max_references, std::max<Index>(150, most_of(sample.references, shares)));
}

/// One trial: a pass over the sample with few references.
Trial try_settings(const Sample& sample, FitOptions options) {
    const Stopwatch watch;
    const auto silent = [](long, long, const std::string&) {};
    const auto species = species_of(sample.training);
    options.max_references =
        few_references(sample, options, reference_shares(sample.training, species, options.shares));
    options.force_field.descriptor = resolve_components(sample.training, species, options.force_field);
    const TrainingPass pass(sample.training, sample.validation, options, silent);
    Trial trial = judged(pass, options, pass.validate(options.regression), sample.training);
    trial.seconds = watch.seconds();
    return trial;
}

/// Factor by which the next pass may have more references, at most 2. Smaller sizes, errors and calibration follow the
/// last pass; together they take no longer than it.
/// @param left  [s];  @param last  duration of the pass [s];  @param exponent  of the time as the references grow
double affordable_factor(double left, double last, double exponent) {
    return std::min(2.0, std::pow(std::max(0.0, left) / (2.0 * last), 1.0 / exponent));
}

/// Data and options of a search.
struct SearchContext {
    const std::vector<LabeledStructure>& training;
    const std::vector<LabeledStructure>& validation;
    FitOptions options;  ///< with the best settings so far
    std::function<void(const Trial&)> record;
};

/// Search for settings by trials on a growing sample.
class SettingsSearch {
 public:
    explicit SettingsSearch(SearchContext& context)
        : context_(context),
          one_in_(few_structures(context.training)),
          sample_(sample_of(context.training, context.validation, one_in_)) {
        (void)improves({});
    }

    [[nodiscard]] const Settings& best() const { return tried_[best_].settings; }
    [[nodiscard]] double trial_seconds() const { return tried_.back().trial.seconds; }  ///< of the last
    [[nodiscard]] double one_in() const { return std::max(1.0, one_in_); }              ///< structures
    /// References in a trial, for the species with the most.
    [[nodiscard]] Index references() const {
        return few_references(
            sample_, context_.options,
            reference_shares(context_.training, species_of(context_.training), context_.options.shares));
    }

    /// Multiplies structures and references by `factor`, or references alone once all structures are used. The best few
    /// settings are tried again, as few references rank them only roughly.
    void enlarge(double factor) {
        auto ranked = std::exchange(tried_, {});
        std::stable_sort(ranked.begin(), ranked.end(),
                         [](const Tried& a, const Tried& b) { return a.trial.score < b.trial.score; });
        ranked.resize(std::min(ranked.size(), retried));
        one_in_ /= factor;
        sample_ = sample_of(context_.training, context_.validation, one_in_);
        for (const Tried& old : ranked) (void)improves(old.settings);
    }

    /// Coordinate search from the best: one setting at a time to its neighbouring values, while the score improves and
    /// time is left.
    void improve(const std::function<bool()>& out_of_time) {
        for (bool moved = true; moved;) {
            moved = false;
            for (std::size_t setting = 0;; ++setting) {
                const auto moves = neighbours_of(best(), species_of(context_.training).size());
                if (setting == moves.size()) break;
                for (const Settings& next : moves[setting]) {
                    if (out_of_time()) return;
                    if (is_tried(next) || !improves(next)) continue;
                    moved = true;
                    break;
                }
            }
        }
    }

 private:
    struct Tried {
        Settings settings;
        Trial trial;
    };

    [[nodiscard]] bool is_tried(const Settings& settings) const {
        return std::any_of(tried_.begin(), tried_.end(),
                           [&](const Tried& tried) { return tried.settings == settings; });
    }

    /// Whether a trial of these settings is better than all before on this sample.
    bool improves(const Settings& settings) {
        FitOptions options = context_.options;
        options.force_field = settings.options();
        Trial trial = try_settings(sample_, std::move(options));
        trial.better = tried_.empty() || trial.score < improvement * tried_[best_].trial.score;
        tried_.push_back({settings, trial});
        if (trial.better) best_ = tried_.size() - 1;
        context_.record(trial);
        return trial.better;
    }

    SearchContext& context_;
    double one_in_;
    Sample sample_;
    std::vector<Tried> tried_;  ///< on this sample
    std::size_t best_ = 0;
};

/// A pass over all structures with this number of references. The energy weight is chosen with all of them.
/// @param smaller  result with fewer references; null: none
SearchResult full_pass(const SearchContext& context, Index references, const SearchResult* smaller,
                       const Progress& progress) {
    const Stopwatch watch;
    FitOptions options = context.options;
    options.max_references = references;
    TrainingPass pass(context.training, context.validation, options, progress);
    WeightedFit weighed = choose_energy_weight(pass, options.regression);
    options.regression.weights = weighed.weights;
    Trial trial = judged(pass, options, weighed.fit, context.training);
    trial.better = smaller == nullptr || trial.score < smaller->trials.back().score;
    trial.seconds = watch.seconds();
    context.record(trial);
    return {std::move(options), {std::move(trial)}, std::move(pass), std::move(weighed.fit)};
}

/// Adds references in steps, while time is left and the score improves.
/// @param first    references of the first pass
/// @param seconds  left
SearchResult grow_references(SearchContext& context, Index first, double seconds, const Progress& progress) {
    const Stopwatch watch;
    SearchResult result = full_pass(context, first, nullptr, progress);
    double exponent = trial_exponent;  // measured from the second pass on
    for (Index m = first;;) {
        const double last = result.trials.back().seconds;
        const double factor = affordable_factor(seconds - watch.seconds(), last, exponent);
        const auto more = std::min(context.options.max_references, static_cast<Index>(factor * static_cast<double>(m)));
        if (more < m * 5 / 4) return result;
        context.options.regression.weights = result.options.regression.weights;
        SearchResult larger = full_pass(context, more, &result, progress);
        if (!larger.trials.back().better) return result;
        result = std::move(larger);
        if (result.pass.max_references() < more) return result;  // there are no more different ones
        exponent = std::clamp(std::log(result.trials.back().seconds / last) / std::log(factor), 2.0, 3.0);
        m = more;
    }
}

/// Fewer references of the same pass may do better: the noise of the labels limits the useful number.
void try_fewer_references(const SearchContext& context, Index least, SearchResult& result) {
    const Index most = result.pass.max_references();
    const TrainingPass all = result.pass;
    double least_score = result.trials.back().score;
    for (const double share_of_most : {0.7, 0.5, 0.35}) {
        const auto fewer = static_cast<Index>(share_of_most * static_cast<double>(most));
        if (fewer <= least) return;
        TrainingPass part = all.with_references(fewer);
        Validated fit = part.validate(result.options.regression);
        Trial trial = judged(part, result.options, fit, context.training);
        trial.better = trial.score < improvement * least_score;
        context.record(trial);
        if (!trial.better) return;
        least_score = trial.score;
        result.options.pool = result.options.candidates();
        result.options.max_references = fewer;
        result.pass = std::move(part);
        result.fit = std::move(fit);
    }
}

}  // namespace

void SearchOptions::validate() const {
    if (!(seconds > 0.0 && std::isfinite(seconds)))
        throw std::invalid_argument(fmt::format("auto.time must be positive, got {} s", seconds));
}

double measure_speed(const ForceField& force_field, const std::vector<LabeledStructure>& data) {
    const auto enough = std::max_element(data.begin(), data.end(), [](const auto& a, const auto& b) {
        return std::min<Index>(a.structure.size(), 1000) < std::min<Index>(b.structure.size(), 1000);
    });
    ForceFieldCalculator calculator(force_field);
    double best = std::numeric_limits<double>::infinity();
    for (int repeat = 0; repeat < 4; ++repeat) {
        const Stopwatch watch;
        (void)calculator.evaluate(enough->structure);
        best = std::min(best, watch.seconds());
    }
    return best * 1e6 / static_cast<double>(enough->structure.size());
}

SearchResult search_model(const std::vector<LabeledStructure>& training,
                          const std::vector<LabeledStructure>& validation, const FitOptions& base,
                          const SearchOptions& search, const Progress& progress) {
    search.validate();
    const Stopwatch watch;
    std::vector<Trial> trials;
    SearchContext context{training, validation, base, [&](const Trial& trial) {
                              search.tell(trial);
                              trials.push_back(trial);
                              progress(static_cast<long>(watch.seconds()), static_cast<long>(search.seconds),
                                       "choosing a force field");
                          }};
    RegressionOptions& regression = context.options.regression;
    if (regression.evidence.mode == bayes::EvidenceMode::maximise) regression.prior = Prior::kernel;
    if (regression.weights.energy == LabelWeights{}.energy) regression.weights.energy = usual_weight;

    SettingsSearch settings(context);
    for (const auto& [end, n_trials] : stages) {
        const double until = end * search.seconds;
        const double share = std::max(0.0, until - watch.seconds()) / n_trials;
        const double factor = std::pow(share / settings.trial_seconds(), 1.0 / trial_exponent);
        if (factor > 1.2) settings.enlarge(factor);
        settings.improve([&] { return watch.seconds() > until; });
    }
    context.options.force_field = settings.best().options();
    const double left = search.seconds - watch.seconds();
    const double factor = affordable_factor(left, settings.trial_seconds() * settings.one_in(), trial_exponent);
    const Index few = settings.references();
    const auto first = std::max(static_cast<Index>(factor * static_cast<double>(few)), few / 4 + 1);
    SearchResult result = grow_references(context, std::min(base.max_references, first), left, progress);
    try_fewer_references(context, few, result);
    result.trials = std::move(trials);
    return result;
}

std::vector<Trial> compare_descriptors(const std::vector<LabeledStructure>& training,
                                       const std::vector<LabeledStructure>& validation, const FitOptions& options,
                                       const Progress& progress) {
    const Sample sample = sample_of(training, validation, few_structures(training));
    FitOptions all = options;
    all.force_field.descriptor.components.clear();
    all.force_field.keep = 1.0;
    std::vector<FitOptions> variants = {all};
    const auto vary = [&](const auto& change) {
        FitOptions variant = all;
        change(variant.force_field);
        variants.push_back(variant);
    };
    if (all.force_field.descriptor.radial_weight < 1.0) {
        vary([](ForceFieldOptions& f) { f.keep = 0.5; });
        vary([](ForceFieldOptions& f) { f.keep = 0.25; });
        if (all.force_field.descriptor.angular.l_max > 1)
            vary([](ForceFieldOptions& f) { f.descriptor.angular.l_max -= 1; });
        if (all.force_field.descriptor.angular.functions > 2)
            vary([](ForceFieldOptions& f) {
                f.descriptor.angular.functions = (3 * f.descriptor.angular.functions + 3) / 4;
            });
        if (species_of(training).size() > 1)
            vary([](ForceFieldOptions& f) {
                const bool whole = f.descriptor.compression == descriptors::Compression::none;
                f.descriptor.compression = whole ? descriptors::Compression::element : descriptors::Compression::none;
            });
    }
    std::vector<Trial> trials;
    for (const FitOptions& variant : variants) {
        trials.push_back(try_settings(sample, variant));
        progress(static_cast<long>(trials.size()), static_cast<long>(variants.size()), "comparing descriptors");
    }
    return trials;
}

std::vector<Trial> compare_sizes(const TrainingPass& pass, const Validated& fit, const FitOptions& options,
                                 const std::vector<LabeledStructure>& data) {
    std::vector<Trial> sizes = {judged(pass, options, fit, data)};
    Index m = pass.max_references() / 2;
    for (int k = 0; k < 4 && m >= 10; ++k, m /= 2) {
        const TrainingPass part = pass.with_references(m);
        sizes.push_back(judged(part, options, part.validate(options.regression), data));
    }
    return sizes;
}

}  // namespace mlff
