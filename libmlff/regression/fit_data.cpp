#include "libmlff/regression/fit_data.hpp"
#include "libmlff/regression/robust_covariance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "bayes/metric.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/regression/row_accumulation.hpp"

namespace mlff {
namespace {

using Eigen::Index;

constexpr std::array energy_weights = {1.0, 3.0, 10.0, 30.0, 100.0, 300.0};
constexpr Index metric_references = 3000, metric_points = 1500;  ///< of the species that has most, and of each species

/// W of each species, from the gradients of a fit with the plain kernel.
std::vector<Eigen::MatrixXd> learn_metrics(const std::vector<LabeledStructure>& data, const FitOptions& options,
                                           const descriptors::Descriptor& descriptor, const std::vector<int>& species,
                                           const Progress& progress) {
    const FitOptions plain = first_fit_for_metric(options);
    const TrainingPass pass(data, {}, plain, progress);
    const Solution solution = pass.validate(plain.regression).solution;
    const auto points = gather_references(
        data, descriptor, species, spread_atoms(data, species, std::vector<Index>(species.size(), metric_points)),
        options.workers(), progress);
    std::vector<Eigen::MatrixXd> metrics;
    Index first = 0;
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        const LocalReferences& set = pass.references()[channel];
        metrics.push_back(bayes::learned_metric(set.features, solution.posterior.weights().segment(first, set.size()),
                                                plain.force_field.kernel_power, points[channel].features));
        first += set.size();
    }
    return metrics;
}

}  // namespace

std::vector<LocalReferences> choose_references(const std::vector<LabeledStructure>& data, const FitOptions& options,
                                               const descriptors::Descriptor& descriptor,
                                               const std::vector<int>& species, const Progress& progress) {
    const std::vector<double> shares = reference_shares(data, species, options.shares);
    std::vector<Eigen::MatrixXd> metrics;
    if (options.force_field.metric == Metric::learned)
        metrics = learn_metrics(data, options, descriptor, species, progress);
    auto candidates = gather_references(
        data, descriptor, species,
        options.given.empty() ? spread_atoms(data, species, limits_of(shares, options.candidates())) : options.given,
        options.workers(), progress);
    return sparsify(std::move(candidates), options.force_field.kernel_power, options.selection,
                    limits_of(shares, options.max_references), metrics);
}

FitOptions first_fit_for_metric(const FitOptions& options) {
    FitOptions plain = options;
    plain.force_field.metric = Metric::plain;
    // The same metric whatever number of references and energy weight (1 or more) are chosen later.
    plain.max_references = std::clamp(options.candidates() / 3, Index{1}, metric_references);
    plain.pool = 0;
    plain.folds = 1;
    plain.regression.weights.energy = std::min(1.0, options.regression.weights.energy);
    return plain;
}

void FitOptions::validate() const {
    force_field.validate();
    regression.validate();
    selection.validate();
    if (max_references < 1)
        throw std::invalid_argument(fmt::format("references.max must be at least 1, got {}", max_references));
    if (pool < 0) throw std::invalid_argument(fmt::format("references.pool must be 0 or positive, got {}", pool));
    if (folds < 1) throw std::invalid_argument(fmt::format("folds must be at least 1, got {}", folds));
    if (memory < 0) throw std::invalid_argument(fmt::format("memory must be 0 or positive, got {}", memory));
}

FitForecast forecast_fit(const std::vector<LabeledStructure>& training, const FitOptions& options,
                         const std::function<double(const FitSize&)>& fitting) {
    const std::vector<int> species = species_of(training);
    const std::vector<long> n_atoms = count_atoms(training, species);
    const std::vector<double> shares = reference_shares(training, species, options.shares);
    FitSize size{.n_components =
                     descriptors::Descriptor(options.force_field.descriptor, static_cast<int>(species.size())).size(),
                 .references = {},
                 .folds = options.folds};
    for (const auto& item : training) size.largest = std::max(size.largest, item.structure.size());
    FitForecast forecast;
    const auto set = [&](Index max_references, int folds) {
        FitOptions sized = options;
        sized.max_references = max_references;
        forecast.max_references = max_references;
        forecast.folds = size.folds = folds;
        forecast.references = limits_of(shares, max_references);
        forecast.candidates = limits_of(shares, sized.candidates());
        forecast.n_references = 0;
        double selection = 0.0, pools = 0.0;
        for (std::size_t channel = 0; channel < species.size(); ++channel) {
            Index &own = forecast.references[channel], &available = forecast.candidates[channel];
            available = std::min<Index>(available, n_atoms[channel]);
            own = std::min(own, available);
            forecast.n_references += own;
            const auto pool = static_cast<double>(available), features = pool * static_cast<double>(size.n_components);
            // The kernel matrix of one pool at a time; CUR diagonalises it.
            selection =
                std::max(selection, pool * pool * (options.selection.method == SelectionMethod::cur ? 5.0 : 1.0) +
                                        (options.force_field.metric == Metric::learned ? features : 0.0));
            pools += features;
        }
        size.references = forecast.references;
        size.n_references = forecast.n_references;
        forecast.bytes = program_bytes + 8.0 * std::max(pools + selection, fitting(size));
        if (options.force_field.metric == Metric::learned)  // the first fit keeps to the budget by itself
            forecast.bytes = std::max(forecast.bytes, forecast_fit(training, {}, first_fit_for_metric(sized)).bytes);
    };
    set(options.max_references, options.folds);
    const auto too_large = [&] { return options.memory > 0 && forecast.bytes > static_cast<double>(options.memory); };
    while (too_large() && forecast.folds > 1) set(forecast.max_references, forecast.folds - 1);
    while (too_large() && forecast.max_references > 1) {
        set(std::max<Index>(1, forecast.max_references * 95 / 100), forecast.folds);
        forecast.reduced = true;
    }
    // What LAPACK cannot hold is said before the work.
    const bool cur = options.selection.method == SelectionMethod::cur;
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        if (forecast.references[channel] > bayes::lapack::largest_order)
            throw InputError(fmt::format(
                "references.max: {} local references of {} are more than the {} that LAPACK with 32-bit integers can "
                "hold; lower it",
                forecast.references[channel], element_symbol(species[channel]), bayes::lapack::largest_order));
        if (cur && options.given.empty() && forecast.candidates[channel] > bayes::lapack::largest_eigen_order)
            throw InputError(fmt::format(
                "references.pool: {} candidates of {} are more than the {} that the method cur can choose "
                "from (LAPACK with 32-bit integers); lower it, or choose the method cholesky",
                forecast.candidates[channel], element_symbol(species[channel]), bayes::lapack::largest_eigen_order));
    }
    return forecast;
}

FitForecast forecast_fit(const std::vector<LabeledStructure>& training, const std::vector<LabeledStructure>& validation,
                         const FitOptions& options) {
    const bool alone = options.workers().n_processes() == 1;
    struct FewRows {
        double energies = 0.0, stresses = 0.0;
    };
    const auto count = [](const std::vector<LabeledStructure>& data) {
        FewRows n;
        for (const auto& item : data) {
            n.energies += item.labels.energy ? 1.0 : 0.0;
            n.stresses += item.labels.stress ? 6.0 : 0.0;
        }
        return n;
    };
    const FewRows of_training = count(training), of_validation = count(validation);
    return forecast_fit(training, options, [&](const FitSize& size) {
        const auto n = static_cast<double>(size.n_references);
        // Forces have a triangle; energies and stress, which are few, have rows or a triangle.
        const auto few = [&](double rows) { return bayes::TriangularFactor::numbers_for(size.n_references, rows); };
        const double triangle = few(std::numeric_limits<double>::infinity()), panel = triangle - n * n;
        const double folds = validation.empty() ? static_cast<double>(size.folds) : 1.0;
        const double part = triangle + few(of_training.energies / folds) + few(of_training.stresses / folds);
        const double unseen =
            validation.empty() ? 0.0 : triangle + few(of_validation.energies) + few(of_validation.stresses);
        // A copy of all of them, from which energies or stress are stacked under the forces, rows panel by panel, or
        // what becomes of it, the posterior, and its scratch; the prior; the rows of one structure, twice; from another
        // rank, one part and its message.
        double prior = 0.0;
        if (options.regression.prior == Prior::kernel)
            for (const Index own : size.references) prior += static_cast<double>(own) * static_cast<double>(own);
        const double energies = few(of_training.energies), stresses = few(of_training.stresses);
        const double stacking =
            triangle + energies + stresses + (std::max(energies, stresses) < triangle ? panel : n * n);
        const double solving = std::max(stacking, 2.0 * n * n) + prior;
        const double rows = 2.0 * n * (7.0 + 3.0 * static_cast<double>(size.largest));
        const double merging = alone ? 0.0 : 1.5 * part;
        // Features of the references; with metrics their images as well.
        const auto D = static_cast<double>(size.n_components);
        const bool in_metric = options.force_field.metric == Metric::learned;
        const double metrics = in_metric ? static_cast<double>(size.references.size()) * D * D : 0.0;
        const double references = (in_metric ? 2.0 : 1.0) * n * D + metrics;
        // The robust covariance: the posterior, the factor of the influences, the rows of one structure, three times.
        const bool robust = training.size() >= fewest_for_robust && (size.folds > 1 || !validation.empty());
        const double covariance = robust ? n * n : 0.0;
        const double influences = robust ? n * n + references + triangle + 1.5 * rows : 0.0;
        // The force field has its own, and all but the images stand once more in the file, made in memory.
        const double writing = 2.0 * (n * n + covariance) + references + n * D + metrics;
        // One that has not seen a part is solved beside the solution to all and its force field.
        const double without_part =
            size.folds > 1 && validation.empty() ? n * n + covariance + references + solving : 0.0;
        return folds * part + unseen + references +
               std::max({solving, influences, without_part, writing, rows, merging});
    });
}

void require_one_rank(const FitForecast& forecast) {
    if (forecast.n_references > most_references)
        throw InputError(
            fmt::format("references.max: {} local references in all are more than the {} that LAPACK with 32-bit "
                        "integers can hold on one rank; lower it, or set regression.solver: scalapack on several ranks",
                        forecast.n_references, most_references));
}

TrainingPass::TrainingPass(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                           std::vector<double> shares, std::vector<LocalReferences> references, PartedData data)
    : descriptor_(std::move(descriptor)),
      kernel_power_(kernel_power),
      shares_(std::move(shares)),
      references_(std::move(references)),
      data_(std::move(data)) {}

TrainingPass::TrainingPass(const std::vector<LabeledStructure>& training,
                           const std::vector<LabeledStructure>& validation, const FitOptions& options,
                           const Progress& progress)
    : kernel_power_(options.force_field.kernel_power), data_(0, {}, 1, false) {
    options.validate();
    if (training.empty()) throw InputError("there are no training structures");
    const std::vector<int> species = species_of(training);
    const FitForecast forecast = forecast_fit(training, validation, options);
    require_one_rank(forecast);
    FitOptions within_memory = options;
    within_memory.max_references = forecast.max_references;
    descriptor_ =
        std::make_shared<descriptors::Descriptor>(options.force_field.descriptor, static_cast<int>(species.size()));
    shares_ = reference_shares(training, species, options.shares);
    references_ = choose_references(training, within_memory, *descriptor_, species, progress);
    const int n_parts = validation.empty() ? std::min(forecast.folds, static_cast<int>(training.size())) : 1;
    std::vector<PartedStructure> items;
    for (std::size_t s = 0; s < training.size(); ++s) items.push_back({&training[s], static_cast<int>(s) % n_parts});
    for (const auto& item : validation) items.push_back({&item, n_parts});
    data_ = options.workers().accumulate_rows(
        {descriptor_, kernel_power_, species, references_, n_parts, !validation.empty()}, items, progress);
}

Index TrainingPass::max_references() const {
    Index most = 0;
    for (const auto& set : references_) most = std::max(most, set.size());
    return most;
}

TrainingPass TrainingPass::with_references(Index m) const {
    if (m >= max_references()) return *this;
    const std::vector<Index> limits = limits_of(shares_, m);
    return {descriptor_, kernel_power_, shares_, first_references(references_, limits),
            data_.restricted_to(first_indices(references_, limits))};
}

Validated TrainingPass::validate(const RegressionOptions& options) const {
    return mlff::validate(data_, factor_prior(options.prior, references_, kernel_power_), options);
}

ForceField TrainingPass::force_field(Solution solution, Provenance provenance) const {
    const LabelErrors errors = data_.training_errors(solution.posterior.weights(), solution.e0);
    return make_force_field(data_.training_labels(), errors, data_.part(0).species(), std::move(solution), descriptor_,
                            kernel_power_, references_, std::move(provenance), data_.training_distances());
}

ForceField TrainingPass::force_field_without(int part, const Solution& all, const RegressionOptions& options) const {
    RegressionData data = data_.training_without(part);
    const LabelStatistics labels = data.labels();
    const Eigen::MatrixXd distances = data.distances();
    Solution solution =
        solve_with_precisions(std::move(data), factor_prior(options.prior, references_, kernel_power_), options, all);
    return make_force_field(labels, {}, data_.part(0).species(), std::move(solution), descriptor_, kernel_power_,
                            references_, {}, distances);
}

double score(const LabelErrors& errors, const LabelScales& deviations) {
    const double force = errors.force / deviations.force, energy = errors.energy_typical / deviations.energy;
    if (energy == 0.0) return force;
    return force == 0.0 ? energy : std::pow(force, 0.75) * std::pow(energy, 0.25);
}

WeightedFit choose_energy_weight(const TrainingPass& pass, RegressionOptions options) {
    const LabelStatistics labels = pass.data().training_labels();
    const LabelScales deviations = labels.deviations();
    const auto try_weight = [&](double weight) {
        options.weights.energy = weight;
        WeightedFit trial{options.weights, pass.validate(options), 0.0};
        trial.score = score(trial.fit.errors, deviations);
        return trial;
    };
    const auto last = static_cast<std::ptrdiff_t>(energy_weights.size()) - 1;
    const auto start = std::min(
        std::lower_bound(energy_weights.begin(), energy_weights.end(), options.weights.energy) - energy_weights.begin(),
        last);
    WeightedFit best = try_weight(energy_weights[static_cast<std::size_t>(start)]);
    if (labels.n_energies() == 0) return best;
    // The score has one minimum over the weight: downhill from the start, heavier first.
    for (const std::ptrdiff_t direction : {1, -1}) {
        bool improved = false;
        for (std::ptrdiff_t k = start + direction; 0 <= k && k <= last; k += direction) {
            WeightedFit trial = try_weight(energy_weights[static_cast<std::size_t>(k)]);
            if (trial.score >= best.score) break;
            best = std::move(trial);
            improved = true;
        }
        if (improved) break;
    }
    return best;
}

ForceField fit_to_data(const std::vector<LabeledStructure>& data, const FitOptions& options,
                       const Provenance& provenance, const Progress& progress) {
    FitOptions without_folds = options;
    without_folds.folds = 1;
    const TrainingPass pass(data, {}, without_folds, progress);
    return pass.force_field(pass.validate(options.regression).solution, provenance);
}

}  // namespace mlff
