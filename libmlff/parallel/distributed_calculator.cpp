#include "libmlff/parallel/distributed_calculator.hpp"

#include <cmath>
#include <map>

#include "libmlff/io/model_file.hpp"
#include "libmlff/model/shortest_distances.hpp"

namespace mlff {
namespace {

using Eigen::Index;

/// References up to which every rank has the factor of the posterior (134 MB at most) and computes its share of the
/// variances; beyond, rank 0 computes them alone.
constexpr Index most_shared = 4096;

bool shares_variances(const ForceField& force_field) { return force_field.n_references() <= most_shared; }

Share share_of(const Communicator& world) { return {world.rank(), world.size()}; }

/// Sums the contributions of all ranks on rank 0.
void sum(PartialEvaluation& part, Communicator& world) {
    // The closest pair of each rank has a column of its own: the sum collects them, without another exchange.
    Eigen::MatrixXd closest = Eigen::MatrixXd::Zero(5, world.size());
    if (const auto& pair = part.closest)
        closest.col(world.rank()) << 1.0 + static_cast<double>(pair->i), static_cast<double>(pair->j), pair->distance,
            pair->trained, pair->ratio;
    const auto segments = [&](auto&& apply) {
        Index first = 0;
        const auto next = [&](auto&& array) {
            apply(first, array);
            first += array.size();
        };
        next(part.forces.reshaped());
        next(part.atom_energies);
        next(part.strain.reshaped());
        next(part.atom_virials.reshaped());
        next(part.spilling);
        next(part.isolated);
        next(closest.reshaped());
        return first;
    };
    Eigen::VectorXd sums(segments([](Index, auto&&) {}));
    segments([&](Index first, auto&& array) { sums.segment(first, array.size()) = array; });
    world.sum(sums);
    segments([&](Index first, auto&& array) { array = sums.segment(first, array.size()); });
    part.closest.reset();
    for (const auto& pair : closest.colwise())
        if (pair[0] > 0.0)
            keep_closer(part.closest,
                        {static_cast<Index>(pair[0]) - 1, static_cast<Index>(pair[1]), pair[2], pair[3], pair[4]});
}

/// Sums the design rows of all ranks, and computes the deviations of the forces where the factor of the posterior is.
/// @returns rank 0: the error estimates
Uncertainty estimate_errors(DesignRows rows, const ForceField& force_field, Communicator& world, Index n_atoms) {
    const LabelScales& scales = force_field.scales();
    const bayes::Posterior& posterior = force_field.posterior();
    const bool shared = shares_variances(force_field);
    world.sum(rows.energy);
    world.sum(rows.stress);
    if (shared)
        rows.forces = world.sum_columns(rows.forces);
    else
        world.sum(rows.forces);
    Uncertainty out = noise_of(force_field);
    if (world.rank() != 0) {
        if (shared) (void)world.gather(Message::of(deviations(posterior, std::move(rows.forces), scales.force)));
        return out;
    }
    out.energy = deviations(posterior, std::move(rows.energy), scales.energy)[0];
    Eigen::VectorXd forces = deviations(posterior, std::move(rows.forces), scales.force);
    if (shared) {
        const auto all = world.gather(Message::of(forces));
        forces.resize(3 * n_atoms);
        Index first = 0;
        for (Message message : all) {
            const auto block = message.get<Eigen::VectorXd>();
            forces.segment(first, block.size()) = block;
            first += block.size();
        }
    }
    out.forces = forces.reshaped(3, n_atoms);
    if (rows.stress.cols() == 6) out.stress = deviations(posterior, std::move(rows.stress), scales.stress);
    return out;
}

/// The work of one rank in an evaluation.
PartialEvaluation evaluate_and_sum(ForceFieldCalculator& own, const Structure& structure, const Request& request,
                                   Communicator& world) {
    PartialEvaluation part;
    do_share(&world, [&] { part = own.evaluate_share(structure, request); });
    sum(part, world);
    return part;
}

}  // namespace

DistributedCalculator::DistributedCalculator(ForceField force_field, double skin, Communicator& world)
    : world_(world), handle_(world.new_handle()), own_(std::move(force_field), skin, share_of(world)) {
    world_.start("load force field", Message::of(handle_, skin, encode_model(own_.force_field(), false)));
    do_share(&world_, [] {});
    world_.done();
}

DistributedCalculator::~DistributedCalculator() {
    if (world_.in_task()) return;  // a task failed: all ranks end
    world_.start("drop force field", Message::of(handle_));
    world_.done();
}

Evaluation DistributedCalculator::evaluate(const Structure& structure, const Request& request) {
    if (request.uncertainty && !factor_sent_ && shares_variances(force_field())) {
        const bayes::Posterior& posterior = force_field().posterior();
        const bool robust = posterior.covariance().size() > 0;
        world_.start("load factor", Message::of(handle_, robust, robust ? posterior.covariance() : posterior.factor()));
        do_share(&world_, [] {});
        world_.done();
        factor_sent_ = true;
    }
    world_.start("evaluate", Message::of(handle_, structure, request.uncertainty, request.spilling, request.virials));
    PartialEvaluation whole = evaluate_and_sum(own_, structure, request, world_);
    DesignRows rows = std::move(whole.rows);
    const Eigen::VectorXd isolated = std::move(whole.isolated);
    Evaluation result = assemble(std::move(whole), structure);
    if (request.uncertainty) {
        result.uncertainty = estimate_errors(std::move(rows), force_field(), world_, structure.size());
        double& energy = result.uncertainty->energy;
        energy = std::hypot(energy, isolated_deviation(force_field(), isolated, structure.size()));
    }
    world_.done();
    return result;
}

void add_calculator_tasks(TaskHandlers& handlers) {
    struct Held {
        std::unique_ptr<ForceFieldCalculator> calculator;
        std::optional<ForceField> with_factor;  ///< sent when error estimates are first requested
    };
    auto held = std::make_shared<std::map<int, Held>>();
    handlers["load force field"] = [held](Communicator& world, Message message) {
        do_share(&world, [&] {
            const int handle = message.get<int>();
            const auto skin = message.get<double>();
            (*held)[handle].calculator =
                std::make_unique<ForceFieldCalculator>(decode_model(message.get<std::string>()), skin, share_of(world));
        });
    };
    handlers["load factor"] = [held](Communicator& world, Message message) {
        do_share(&world, [&] {
            Held& item = held->at(message.get<int>());
            const ForceField& model = item.calculator->force_field();
            const bool robust = message.get<bool>();
            auto matrix = message.get<Eigen::MatrixXd>();
            item.with_factor =
                robust ? model.with_covariance(std::move(matrix)) : model.with_posterior_factor(std::move(matrix));
        });
    };
    handlers["drop force field"] = [held](Communicator&, Message message) { held->erase(message.get<int>()); };
    handlers["evaluate"] = [held](Communicator& world, Message message) {
        Held& item = held->at(message.get<int>());
        const auto structure = message.get<Structure>();
        Request request;
        message >> request.uncertainty >> request.spilling >> request.virials;
        PartialEvaluation part = evaluate_and_sum(*item.calculator, structure, request, world);
        if (request.uncertainty)
            (void)estimate_errors(std::move(part.rows),
                                  item.with_factor ? *item.with_factor : item.calculator->force_field(), world,
                                  structure.size());
    };
}

}  // namespace mlff
