#include "libmlff/search/forecast.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "bayes/triangular_factor.hpp"
#include "libmlff/model/environments.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/regression/robust_covariance.hpp"
#include "libmlff/search/thread_time.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd random_matrix(Index rows, Index columns) {
    std::mt19937 random(1);
    std::uniform_real_distribution<double> uniform(0.1, 1.0);  // no denormals in high powers
    return MatrixXd::NullaryExpr(rows, columns, [&] { return uniform(random); });
}

std::vector<LocalReferences> invented_references(Index n_components, const std::vector<Index>& sizes) {
    std::vector<LocalReferences> sets;
    for (const Index n : sizes) {
        LocalReferences& set = sets.emplace_back();
        set.features = random_matrix(n_components, n).colwise().normalized();
        set.structure.assign(static_cast<std::size_t>(n), 0);
        set.atom.assign(static_cast<std::size_t>(n), 0);
    }
    return sets;
}

}  // namespace

ForceField invented_force_field(const std::vector<int>& species, const ForceFieldOptions& options, Index n_references) {
    const auto n_species = static_cast<Index>(species.size()), n = n_species * n_references;
    auto descriptor = std::make_shared<descriptors::Descriptor>(options.descriptor, static_cast<int>(n_species));
    auto references = invented_references(descriptor->size(), std::vector<Index>(species.size(), n_references));
    return {std::move(descriptor),
            options.kernel_power,
            species,
            std::move(references),
            VectorXd::Zero(n_species),
            bayes::Posterior(VectorXd::Constant(n, 1e-6), MatrixXd::Identity(n, n), {}),
            {},
            {}};
}

LearningForecast forecast_learning(const Structure& structure, const LearnerOptions& options, Index n_references) {
    ForceFieldCalculator calculator(
        invented_force_field(species_present(structure), options.force_field, n_references));
    const auto predict = [&] { (void)calculator.evaluate(structure, {.uncertainty = true, .spilling = true}); };
    predict();
    const auto n_basis = static_cast<double>(calculator.force_field().n_references());
    const double fixed = training_bytes(0.0, n_basis);
    return {.seconds_per_step = shortest_seconds(predict),
            .bytes_per_call = training_bytes(n_design_rows(structure), n_basis) - fixed,
            .bytes_fixed = program_bytes + fixed};
}

double forecast_fit_seconds(const std::vector<LabeledStructure>& training,
                            const std::vector<LabeledStructure>& validation, const FitOptions& options,
                            const FitForecast& forecast) {
    constexpr Index most_tried = 800;  // references; more are extrapolated
    const std::vector<int> species = species_of(training);
    const descriptors::Descriptor descriptor(options.force_field.descriptor, static_cast<int>(species.size()));
    double all_atoms = 0.0, n_rows = 0.0;
    for (const auto* data : {&training, &validation})
        for (const auto& [structure, labels, origin, group, weight] : *data) {
            const auto n = static_cast<double>(structure.size());
            all_atoms += n;
            n_rows += (labels.energy ? 1.0 : 0.0) + (labels.forces ? 3.0 * n : 0.0) + (labels.stress ? 6.0 : 0.0);
        }
    const double mean = all_atoms / static_cast<double>(training.size() + validation.size());
    const auto& sample = *std::min_element(training.begin(), training.end(), [&](const auto& a, const auto& b) {
        return std::abs(static_cast<double>(a.structure.size()) - mean) <
               std::abs(static_cast<double>(b.structure.size()) - mean);
    });

    // Design rows cost a + b n per atom for n references, and 2 n² per row to factorise.
    const auto n = static_cast<double>(forecast.n_references);
    const double share = std::min(1.0, static_cast<double>(most_tried) / n);
    const auto sizes = [&](double scale) {
        std::vector<Index> result;
        for (const Index references : forecast.references)
            result.push_back(std::max<Index>(1, static_cast<Index>(scale * static_cast<double>(references))));
        return result;
    };
    Environments environments(species, descriptor.cutoff(), 0.0);
    environments.update(sample.structure);
    double n_tried = 0.0;
    const auto seconds_of_rows = [&](double scale) {
        const auto references = invented_references(descriptor.size(), sizes(scale));
        n_tried = 0.0;
        for (const auto& set : references) n_tried += static_cast<double>(set.size());
        return shortest_seconds([&] {
                   (void)design_rows(descriptor, options.force_field.kernel_power, references, environments,
                                     sample.structure);
               }) /
               static_cast<double>(sample.structure.size());
    };
    const double half = seconds_of_rows(0.5 * share), n_half = n_tried;
    const double full = seconds_of_rows(share), n_full = n_tried;
    const double per_atom = full + std::max(0.0, full - half) / std::max(1.0, n_full - n_half) * (n - n_full);

    constexpr Index panel = 1024;
    const MatrixXd block = random_matrix(panel, static_cast<Index>(n_full) + 1);
    const double flops_per_second = 2.0 * static_cast<double>(panel) * n_full * n_full / shortest_seconds([&] {
                                        bayes::TriangularFactor factor(block.cols());
                                        factor.add_rows(block);
                                        (void)factor.R();
                                    });

    double selection = 0.0;
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        const auto kept = static_cast<double>(forecast.references[channel]);
        const auto pool = static_cast<double>(forecast.candidates[channel]);
        selection += pool * pool * (kept + static_cast<double>(descriptor.size()));
    }
    const double parts = validation.empty() ? static_cast<double>(forecast.folds) : 1.0;
    // For each fold and for all: three factors merged, the spectrum and the posterior.
    const double solving = (parts + 1.0) * (2.0 + 4.0) * n * n * n;
    // The robust covariance needs the rows once more, and n² per row.
    const double passes = training.size() >= fewest_for_robust ? 2.0 : 1.0;
    double seconds =
        passes * all_atoms * per_atom + (n_rows * (1.0 + passes) * n * n + selection + solving) / flops_per_second;
    if (options.force_field.metric == Metric::learned) {
        const FitOptions first = first_fit_for_metric(options);
        seconds += forecast_fit_seconds(training, {}, first, forecast_fit(training, {}, first));
    }
    return seconds;
}

}  // namespace mlff
