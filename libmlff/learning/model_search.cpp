#include "libmlff/learning/model_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>
#include <stdexcept>

#include "libmlff/errors.hpp"
#include "libmlff/learning/component_selection.hpp"
#include "libmlff/learning/structure_weights.hpp"

namespace mlff {
namespace {

using Eigen::Index;

constexpr double improvement = 0.99;     ///< of the score: a smaller gain is noise
constexpr double search_share = 0.5;     ///< of the time; the rest is for the passes over all data
constexpr double trials_expected = 30;   ///< that should fit into the search
constexpr double sample_atoms = 3000.0;  ///< of the structures that settings are tried on, at first
constexpr Index trial_references = 600;  ///< of all species, at first
constexpr double trial_exponent = 2.5;   ///< of the time of a trial as structures and references grow together
constexpr double usual_weight = 30.0;    ///< of energies, one per structure, beside its many forces: where to start

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
        // What is narrower than the width of the Gaussians is not in the density: π R/σ/2.2 functions, about.
        const auto functions = [](double cutoff, double width, double per_width, int least, int most) {
            return std::clamp(static_cast<int>(std::lround(per_width * cutoff / width)), least, most);
        };
        ForceFieldOptions result;
        auto& d = result.descriptor;
        d.radial.cutoff = radial_cutoff;
        d.radial.width = radial_width;
        d.radial.decay = radial_decay;
        d.radial.functions = functions(radial_cutoff, radial_width, 1.0, 5, 20);
        d.angular.cutoff = angular_cutoff;
        d.angular.width = angular_width;
        d.angular.functions = functions(angular_cutoff, angular_width, 0.9, 4, 12);
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

/// The values next to the present ones, one setting at a time, those that matter most first.
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
    if (n_species > 1) {  // of one element's surroundings a metric learns nothing worth its time
        choices(&Settings::metric, std::vector{Metric::plain, Metric::learned});
        choices(&Settings::compression, std::vector{descriptors::Compression::none, descriptors::Compression::element});
    }
    return moves;
}

Index total(const TrainingPass& pass) { return pass.data().part(0).n_references(); }

/// @param options  with the weights of the fit;  @param data  to measure the speed on
Trial judged(const TrainingPass& pass, const FitOptions& options, const Validated& fit,
             const std::vector<LabeledStructure>& data) {
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

/// What numbers of references are judged by: the forces, whose many labels tell. Energies are few and those of rare
/// kinds of structures far off, so that with them chance would decide.
double error_for_size(const LabelErrors& errors) { return errors.force > 0.0 ? errors.force : errors.energy_mae; }

/// From `now` one setting at a time to its neighbouring values, as long as that is better and there is time.
Settings coordinate_search(Settings now, std::size_t n_species, const std::function<bool()>& out_of_time,
                           const std::function<bool(const Settings&)>& is_better) {
    std::set<Settings> tried = {now};
    for (bool moved = true; moved;) {
        moved = false;
        for (std::size_t setting = 0;; ++setting) {
            const auto moves = neighbours_of(now, n_species);
            if (setting == moves.size()) break;
            for (const Settings& next : moves[setting]) {
                if (out_of_time()) return now;
                if (!tried.insert(next).second || !is_better(next)) continue;
                now = next;
                moved = true;
                break;
            }
        }
    }
    return now;
}

/// One in so many: about `sample_atoms` atoms.
double few_structures(const std::vector<LabeledStructure>& training) {
    double n_atoms = 0.0;
    for (const auto& item : training) n_atoms += static_cast<double>(item.structure.size());
    return std::max(1.0, n_atoms / sample_atoms);
}

/// Structures to try settings on, and with how many references of all species. They grow together: settings that are
/// best when few references stand for many structures are not those that are best in the end.
struct Sample {
    std::vector<LabeledStructure> training, validation;
    double references;
};
Sample sample_of(const std::vector<LabeledStructure>& training, const std::vector<LabeledStructure>& validation,
                 double one_in) {
    return {sample_structures(training, one_in), sample_structures(validation, one_in),
            static_cast<double>(trial_references) * few_structures(training) / one_in};
}
/// References of the species that has most if there are to be `all` of them.
Index most_of(double all, const std::vector<double>& shares) {
    return static_cast<Index>(all / std::accumulate(shares.begin(), shares.end(), 0.0));
}
/// In a trial.
Index few_references(const Sample& sample, const FitOptions& options, const std::vector<double>& shares) {
    return std::min(options.max_references, std::max<Index>(150, most_of(sample.references, shares)));
}

/// One trial: a pass over the sample with few references, with the best energy weight.
Trial try_settings(const Sample& sample, FitOptions options) {
    const Stopwatch watch;
    const auto silent = [](long, long, const std::string&) {};
    const auto species = species_of(sample.training);
    options.max_references =
        few_references(sample, options, reference_shares(sample.training, species, options.shares));
    options.force_field.descriptor = resolve_components(sample.training, species, options.force_field);
    const TrainingPass pass(sample.training, sample.validation, options, silent);
    const WeightedFit fit = choose_energy_weight(pass, options.regression);
    options.regression.weights = fit.weights;
    Trial trial = judged(pass, options, fit.fit, sample.training);
    trial.seconds = watch.seconds();
    return trial;
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
    FitOptions options = base;
    if (options.regression.evidence.mode == bayes::EvidenceMode::maximise) options.regression.prior = Prior::kernel;
    if (options.regression.weights.energy == LabelWeights{}.energy) options.regression.weights.energy = usual_weight;
    const auto n_species = species_of(training).size();
    std::vector<Trial> trials;
    std::optional<Trial> best;
    double one_in = few_structures(training);
    Sample sample = sample_of(training, validation, one_in);
    const auto run_trial = [&](const FitOptions& tried) {
        Trial trial = try_settings(sample, tried);
        trial.better = !best || trial.score < best->score * improvement;
        if (trial.better) best = trial;
        options.regression.weights = best->weights;  // a good start for the next
        trials.push_back(trial);
        search.tell(trial);
        progress(static_cast<long>(watch.seconds()), static_cast<long>(search.seconds), "choosing a force field");
        return trial;
    };
    const auto with = [&](const Settings& settings) {
        FitOptions result = options;
        result.force_field = settings.options();
        return result;
    };
    Settings now;
    const auto out_of_time = [&] { return watch.seconds() > search_share * search.seconds; };
    const auto enlarge = [&](double factor) {
        one_in = std::max(1.0, one_in / factor);
        sample = sample_of(training, validation, one_in);
        best.reset();
        (void)run_trial(with(now));
    };
    // More structures, if a trial on them still takes no more than its share.
    const double share = search_share * search.seconds / trials_expected;
    const double affordable = std::pow(share / run_trial(with(now)).seconds, 1.0 / trial_exponent);
    if (one_in > 1.0 && affordable > 1.2) enlarge(affordable);
    for (;;) {
        now = coordinate_search(now, n_species, out_of_time,
                                [&](const Settings& next) { return run_trial(with(next)).better; });
        // The search has ended early: again, with more, if that leaves time for a dozen of settings.
        const double left = search_share * search.seconds - watch.seconds();
        const double factor = std::pow(std::max(0.0, left) / (12.0 * trials.back().seconds), 1.0 / trial_exponent);
        if (one_in == 1.0 || factor < 1.2) break;
        enlarge(factor);
    }
    options.force_field = now.options();
    const std::vector<double> shares = reference_shares(training, species_of(training), options.shares);
    const Index few = few_references(sample, options, shares);

    // All structures, with references in steps, as far as the time goes.
    const auto record = [&](Trial trial) {
        search.tell(trial);
        trials.push_back(std::move(trial));
    };
    const auto full_pass = [&](Index references, const SearchResult* smaller) {
        const Stopwatch own;
        FitOptions sized = options;
        sized.max_references = references;
        TrainingPass pass(training, validation, sized, progress);
        WeightedFit weighed = choose_energy_weight(pass, options.regression);
        options.regression.weights = sized.regression.weights = weighed.weights;
        Validated fit = std::move(weighed.fit);
        Trial trial = judged(pass, sized, fit, training);
        trial.seconds = own.seconds();
        trial.better = smaller == nullptr || error_for_size(fit.errors) <  // with the same energy weight
                                                 error_for_size(smaller->pass.validate(sized.regression).errors);
        record(trial);
        return SearchResult{std::move(sized), {}, std::move(pass), std::move(fit)};
    };
    Index m = std::min(base.max_references, few);
    SearchResult result = full_pass(m, nullptr);
    double exponent = 2.5;  // of the time of a pass as it grows with the references; measured from the second pass on
    for (;;) {
        // After the last pass come smaller sizes, errors and calibration; together they take no longer than it.
        const double last = trials.back().seconds, left = search.seconds - watch.seconds();
        const double factor = std::min(2.0, std::pow(std::max(0.0, left) / (2.0 * last), 1.0 / exponent));
        const auto more = std::min(base.max_references, static_cast<Index>(factor * static_cast<double>(m)));
        if (more < m * 5 / 4) break;
        SearchResult larger = full_pass(more, &result);
        if (!trials.back().better) break;
        result = std::move(larger);
        if (result.pass.max_references() < more) break;  // there are no more that differ
        exponent = std::clamp(std::log(trials.back().seconds / last) / std::log(factor), 2.0, 3.0);
        m = more;
    }
    // Fewer references of the same pass may do better: the noise of the labels limits how many pay.
    const Index most = result.pass.max_references();
    const TrainingPass all = result.pass;
    double least = error_for_size(result.fit.errors);
    for (const double share_of_most : {0.7, 0.5, 0.35}) {
        const auto fewer = static_cast<Index>(share_of_most * static_cast<double>(most));
        if (fewer <= few) break;
        TrainingPass part = all.with_references(fewer);
        Validated fit = part.validate(result.options.regression);
        Trial trial = judged(part, result.options, fit, training);
        trial.better = error_for_size(fit.errors) < improvement * least;
        record(trial);
        if (!trial.better) break;
        least = error_for_size(fit.errors);
        result.options.pool = result.options.candidates();
        result.options.max_references = fewer;
        result.pass = std::move(part);
        result.fit = std::move(fit);
    }
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
