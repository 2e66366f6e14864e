#include "libmlff/parallel/distributed_fit.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/data/error_report.hpp"
#include "libmlff/model/environments.hpp"
#include "libmlff/model/shortest_distances.hpp"
#include "libmlff/parallel/distributed_executor.hpp"
#include "libmlff/parallel/distributed_factor.hpp"
#include "libmlff/regression/robust_covariance.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr Index fewest_rows = 64;  ///< that a rank adds at a time, except at the end

/// Data of the regression on all ranks.
struct Problem {
    RowModel model;
    LabelWeights weights;
    LabelUnits units;
    std::vector<Index> prior_sizes;  ///< none: the identity
};

/// Rows [Φ y] of one structure (robust_covariance.hpp).
/// @param distances  shortest so far, as in ForceField
MatrixXd rows_of(const Problem& problem, const LabeledStructure& item, MatrixXd& distances) {
    const RowModel& model = problem.model;
    Environments environments(model.species, model.descriptor->cutoff(), 0.0);
    environments.update(item.structure);
    const DesignRows rows =
        design_rows(*model.descriptor, model.kernel_power, model.references, environments, item.structure);
    distances = distances.cwiseMin(rows.distances);
    return scaled_rows(rows, item, model.species, problem.units, problem.weights);
}

/// What all ranks together find out; it is rank 0's.
struct Regressed {
    std::optional<bayes::Posterior> posterior;
    MatrixXd distances;  ///< shortest in the training data, as in ForceField
};

/// All ranks together. Evidence options and factors of the prior are rank 0's.
Regressed regress(Communicator& world, const Problem& problem, std::span<const LabeledStructure> own,
                  const bayes::EvidenceOptions& evidence, const std::vector<bayes::CholeskyFactor>& prior,
                  const Progress& progress) {
    const Index n = count_references(problem.model.references);
    DistributedFactor factor(world, n + 1);
    // Many rows at a time: each call processes the total factor.
    const Index wanted = std::max(fewest_rows, n / world.size());
    std::size_t next = 0;
    MatrixXd distances = no_distances(problem.model.species.size());
    bool more = true;
    while (more) {
        MatrixXd rows;
        do_share(&world, [&] {
            std::vector<MatrixXd> blocks;
            Index n_rows = 0;
            while (next < own.size() && n_rows < wanted) {
                blocks.push_back(rows_of(problem, own[next++], distances));
                n_rows += blocks.back().rows();
                progress(static_cast<long>(next), static_cast<long>(own.size()), "design matrix");
            }
            rows.resize(n_rows, n + 1);
            n_rows = 0;
            for (const MatrixXd& block : blocks) {
                rows.middleRows(n_rows, block.rows()) = block;
                n_rows += block.rows();
            }
        });
        factor.add_rows(std::move(rows));
        more = world.largest(next < own.size() ? 1 : 0) == 1;
    }
    for (Message& message : world.gather(Message::of(distances)))
        distances = distances.cwiseMin(message.get<MatrixXd>());
    return {factor.fit(evidence, problem.prior_sizes, prior), std::move(distances)};
}

Message encode(const Problem& problem) {
    Message message = mlff::encode(problem.model);
    const auto& [model, weights, units, prior_sizes] = problem;
    return message << weights.energy << weights.force << weights.stress << units.scales.energy << units.scales.force
                   << units.scales.stress << units.e0 << prior_sizes;
}

Problem decode(Message& message) {
    Problem problem{decode_row_model(message), {}, {}, {}};
    auto& [model, weights, units, prior_sizes] = problem;
    message >> weights.energy >> weights.force >> weights.stress >> units.scales.energy >> units.scales.force >>
        units.scales.stress >> units.e0 >> prior_sizes;
    return problem;
}

}  // namespace

FitForecast forecast_distributed(const std::vector<LabeledStructure>& training, const FitOptions& options,
                                 int n_ranks) {
    return forecast_fit(training, options, [&](const FitSize& size) {
        const auto n = static_cast<double>(size.n_references), R = static_cast<double>(n_ranks);
        const double rows = std::max(n / R, static_cast<double>(fewest_rows)) + 3.0 * static_cast<double>(size.largest);
        // Shared: the factor, two copies and the exchange with their rows. Rank 0's: the posterior, twice, and the
        // prior.
        return (5.0 * n * n) / R + 5.0 * rows * n + 3.0 * n * n;
    });
}

DistributedFit fit_distributed(const std::vector<LabeledStructure>& training, const FitOptions& options,
                               Communicator& world, Provenance provenance, const Progress& progress) {
    options.validate();
    if (training.empty()) throw InputError("there are no training structures");
    if (!world.joined()) throw InputError("a distributed fit needs MPI; start it with mpirun");
    if (!DistributedFactor::available())
        throw InputError("a distributed fit needs ScaLAPACK, which this mlff was built without");
    const std::vector<int> species = species_of(training);
    FitOptions within_memory = options;
    within_memory.max_references = forecast_distributed(training, options, world.size()).max_references;
    auto descriptor =
        std::make_shared<descriptors::Descriptor>(options.force_field.descriptor, static_cast<int>(species.size()));
    std::vector<LocalReferences> references =
        choose_references(training, within_memory, *descriptor, species, progress);
    LabelStatistics labels;
    for (const auto& item : training) labels.add(item);
    const auto prior = factor_prior(options.regression.prior, references, options.force_field.kernel_power);
    Problem problem{{descriptor, options.force_field.kernel_power, species, references, 1, false},
                    options.regression.weights,
                    units_of(labels, species, options.regression),
                    {}};
    for (const auto& block : prior) problem.prior_sizes.push_back(block.L.rows());
    if (count_references(references) == 0) throw InputError("there is no local reference configuration to fit with");
    const auto& weights = options.regression.weights;
    if (std::none_of(training.begin(), training.end(), [&](const LabeledStructure& item) {
            return (item.labels.energy && weights.energy > 0.0) || (item.labels.forces && weights.force > 0.0) ||
                   (item.labels.stress && weights.stress > 0.0 && item.structure.has_volume());
        }))
        throw InputError("the training data hold no labels with a positive weight");

    world.start("distributed fit", encode(problem));
    const std::size_t n_own = world.scatter_by_cost(
        training.size(), [&](std::size_t k) { return training[k].structure.size(); },
        [&](Message& message, std::size_t k) { message << training[k]; });
    Regressed found =
        regress(world, problem, std::span(training).first(n_own), options.regression.evidence, prior, progress);
    world.done();

    Solution solution{std::move(*found.posterior), problem.units.e0, problem.units.scales,
                      options.regression.repulsion};
    const auto force_field = [&](const LabelErrors& errors) {
        return make_force_field(labels, errors, species, solution, descriptor, options.force_field.kernel_power,
                                references, provenance, found.distances);
    };
    // The factors per kind of label do not exist here, so the errors come from predictions.
    const auto calculator = DistributedExecutor(world).calculator(force_field({}));
    ErrorReport report;
    for (const auto& item : training) {
        report.add(item, calculator->evaluate(item.structure));
        progress(report.structures, static_cast<long>(training.size()), "errors on the training data");
    }
    return {force_field({.energy = report.energy.rmse(), .force = report.force.rmse(), .stress = report.stress.rmse()}),
            report};
}

void add_fit_tasks(TaskHandlers& handlers) {
    handlers["distributed fit"] = [](Communicator& world, Message message) {
        Message share = world.scatter({});
        const Problem problem = decode(message);
        const auto own = share.get<std::vector<LabeledStructure>>();
        (void)regress(world, problem, own, {}, {}, no_progress);
    };
}

}  // namespace mlff
