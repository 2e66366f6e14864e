#include "libmlff/regression/regression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>

#include "bayes/kernel.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/model/shortest_distances.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Root mean square of rows times v, for so many labels.
double rms(const bayes::TriangularFactor& rows, double count, const VectorXd& v) {
    return count > 0.0 ? rows.norm_of_product(v) / std::sqrt(count) : 0.0;
}

VectorXd composition_energies(const LabelStatistics& labels, const std::vector<int>& species,
                              const std::map<int, double>& given) {
    if (given.empty()) return labels.composition_energies(species);
    VectorXd e0(static_cast<Index>(species.size()));
    for (std::size_t s = 0; s < species.size(); ++s) {
        const auto found = given.find(species[s]);
        if (found == given.end())
            throw InputError(fmt::format("atom_energies has none for {}; give one for every species of the data",
                                         element_symbol(species[s])));
        e0[static_cast<Index>(s)] = found->second;
    }
    return e0;
}

void write_factor(Message& message, const bayes::TriangularFactor& factor) {
    const MatrixXd& R = factor.worked_in();
    message << factor.n_columns() << factor.n_rows() << R.cols() << MatrixXd(factor.waiting());
    for (Index column = 0; column < R.cols(); ++column)
        message.write(R.col(column).data(), static_cast<std::size_t>(column + 1) * sizeof(double));
}

bayes::TriangularFactor read_factor(Message& message) {
    const auto n_columns = message.get<Index>(), n_rows = message.get<Index>(), n = message.get<Index>();
    const auto waiting = message.get<MatrixXd>();
    bayes::TriangularFactor factor(n_columns);
    if (n > 0) {
        MatrixXd R = MatrixXd::Zero(n, n);
        for (Index column = 0; column < n; ++column)
            message.read(R.col(column).data(), static_cast<std::size_t>(column + 1) * sizeof(double));
        factor = {std::move(R), n_rows - waiting.rows()};
    }
    factor.add_rows(waiting);
    return factor;
}

struct WeightedError {
    double times_weight, weight;  ///< |difference| × weight
};
/// Mean absolute value without the largest tenth, by weight; 0 of none.
double mean_of_most(std::vector<WeightedError> errors) {
    std::sort(errors.begin(), errors.end(), [](const WeightedError& a, const WeightedError& b) {
        return a.times_weight * b.weight < b.times_weight * a.weight;
    });
    double most = 0.0, counted = 0.0, sum = 0.0;
    for (const auto& error : errors) most += 0.9 * error.weight;
    for (const auto& error : errors) {
        const double share = std::min(error.weight, most - counted) / error.weight;
        if (!(share > 0.0)) break;
        sum += share * error.times_weight;
        counted += share * error.weight;
    }
    return counted > 0.0 ? sum / counted : 0.0;
}

/// Hash of an energy and of the positions it is of (finaliser of SplitMix64, number by number).
std::uint64_t hash_of(const Structure& structure, double energy) {
    std::uint64_t hash = std::bit_cast<std::uint64_t>(energy);
    const auto mix = [&hash](double number) {
        hash = (hash ^ std::bit_cast<std::uint64_t>(number)) + 0x9e3779b97f4a7c15;
        hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
        hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
        hash ^= hash >> 31;
    };
    for (const double x : structure.cell.reshaped()) mix(x);
    for (const double x : structure.positions.reshaped()) mix(x);
    return hash;
}

/// What is left to solve once labels have their units: R of all rows, and how many.
struct ScaledProblem {
    LabelUnits units;
    MatrixXd R;
    Index n_rows = 0;
};
ScaledProblem scaled_problem(RegressionData data, const RegressionOptions& options) {
    options.validate();
    if (data.n_references() == 0) throw InputError("there is no local reference configuration to fit with");
    ScaledProblem problem;
    problem.units = units_of(data.labels(), data.species(), options);
    for (const auto& [factor, weight] : {std::pair{&data.energy(), options.weights.energy},
                                         {&data.force(), options.weights.force},
                                         {&data.stress(), options.weights.stress}})
        if (weight > 0.0) problem.n_rows += factor->n_rows();
    if (problem.n_rows == 0) throw InputError("the training data hold no labels with a positive weight");
    problem.R = std::move(data).in_units(problem.units, options.weights).R();  // and nothing else is left of the data
    return problem;
}

}  // namespace

RegressionOptions vasp_regression() {
    RegressionOptions options;
    options.weights = {.energy = 1.0, .force = 1.0, .stress = 1.0};
    options.prior = Prior::identity;
    options.repulsion = Repulsion::none;
    return options;
}

void RegressionOptions::validate() const {
    weights.validate();
    evidence.validate();
}

RegressionData::RegressionData(Index n_references, std::vector<int> species)
    : n_references_(n_references),
      species_(std::move(species)),
      distances_(no_distances(species_.size())),
      energy_(n_references + static_cast<Index>(species_.size()) + 1),
      force_(n_references + 1),
      stress_(n_references + 1) {}

void RegressionData::add(const DesignRows& rows, const LabeledStructure& item) {
    if (rows.forces.rows() != n_references_ || rows.forces.cols() != 3 * item.structure.size())
        throw std::invalid_argument("design rows do not belong to this structure or set of references");
    add_without_forces(rows, item);
    if (!item.labels.forces) return;
    MatrixXd block(rows.forces.cols(), n_references_ + 1);
    block.leftCols(n_references_) = rows.forces.transpose();
    block.rightCols(1) = item.labels.forces->reshaped();
    block *= std::sqrt(item.weight);
    force_.add_rows(block);
    counts_.force += item.weight * static_cast<double>(block.rows());
}

void RegressionData::set_forces(bayes::TriangularFactor factor, double count) {
    if (factor.n_columns() != n_references_ + 1)
        throw std::invalid_argument("a factor of force rows does not belong to this set of references");
    force_ = std::move(factor);
    counts_.force = count;
}

void RegressionData::add_without_forces(const DesignRows& rows, const LabeledStructure& item) {
    const auto& [structure, labels, origin, group, weight] = item;
    if (rows.energy.rows() != n_references_)
        throw std::invalid_argument("design rows do not belong to this set of references");
    for (const int z : structure.species) (void)channel_of(species_, z);  // before anything is added
    labels_.add(item);
    distances_ = distances_.cwiseMin(rows.distances);
    if (labels.energy) {
        MatrixXd block = MatrixXd::Zero(1, energy_.n_columns());
        block.leftCols(n_references_) = rows.energy.transpose();
        const auto n_atoms = static_cast<double>(structure.size());
        for (const int z : structure.species)
            block(0, n_references_ + static_cast<Index>(channel_of(species_, z))) += 1.0 / n_atoms;
        block(0, block.cols() - 1) = *labels.energy / n_atoms;
        keep({hash_of(structure, *labels.energy), weight * block.row(0).transpose()});
        block *= std::sqrt(weight);
        energy_.add_rows(block);
        counts_.energy += weight;
    }
    if (labels.stress && rows.stress.cols() == 6) {
        MatrixXd block(6, n_references_ + 1);
        block.leftCols(n_references_) = rows.stress.transpose();
        block.rightCols(1) = *labels.stress;
        block *= std::sqrt(weight);
        stress_.add_rows(block);
        counts_.stress += 6.0 * weight;
    }
}

void RegressionData::merge(const RegressionData& other) {
    if (other.n_references_ != n_references_ || other.species_ != species_)
        throw std::invalid_argument("regression data of other references or species cannot be merged");
    labels_.merge(other.labels_);
    distances_ = distances_.cwiseMin(other.distances_);
    counts_.energy += other.counts_.energy;
    counts_.force += other.counts_.force;
    counts_.stress += other.counts_.stress;
    energy_.merge(other.energy_);
    force_.merge(other.force_);
    stress_.merge(other.stress_);
    for (const auto& energy : other.energy_rows_) keep(energy);
}

void RegressionData::keep(KeptEnergy energy) {
    if (energy_rows_.size() == kept_energies) {
        if (!(energy < energy_rows_.front())) return;
        std::pop_heap(energy_rows_.begin(), energy_rows_.end());
        energy_rows_.back() = std::move(energy);
        std::push_heap(energy_rows_.begin(), energy_rows_.end());
    } else {
        energy_rows_.push_back(std::move(energy));
        if (energy_rows_.size() == kept_energies) std::make_heap(energy_rows_.begin(), energy_rows_.end());
    }
}

void RegressionData::write(Message& message) const {
    message << n_references_ << species_ << counts_.energy << counts_.force << counts_.stress << energy_rows_.size();
    for (const auto& [key, row] : energy_rows_) message << key << row;
    labels_.write(message);
    message << distances_;
    for (const auto* factor : {&energy_, &force_, &stress_}) write_factor(message, *factor);
}

RegressionData RegressionData::read(Message& message) {
    const auto n_references = message.get<Index>();
    RegressionData data(n_references, message.get<std::vector<int>>());
    message >> data.counts_.energy >> data.counts_.force >> data.counts_.stress;
    data.energy_rows_.resize(message.get<std::size_t>());
    for (auto& [key, row] : data.energy_rows_) message >> key >> row;
    data.labels_ = LabelStatistics::read(message);
    message >> data.distances_;
    for (auto* factor : {&data.energy_, &data.force_, &data.stress_}) *factor = read_factor(message);
    return data;
}

RegressionData RegressionData::restricted_to(const std::vector<Index>& references) const {
    RegressionData part(static_cast<Index>(references.size()), species_);
    part.labels_ = labels_;
    part.distances_ = distances_;
    part.counts_ = counts_;
    const auto columns_of = [&](Index n_columns) {
        std::vector<Index> columns = references;
        for (Index column = n_references_; column < n_columns; ++column) columns.push_back(column);
        return columns;
    };
    const auto restrict_columns = [&](const bayes::TriangularFactor& from) {
        return from.restricted_to(columns_of(from.n_columns()));
    };
    for (const auto& [key, row] : energy_rows_) part.energy_rows_.push_back({key, row(columns_of(row.size()))});
    part.energy_ = restrict_columns(energy_);
    part.force_ = restrict_columns(force_);
    part.stress_ = restrict_columns(stress_);
    return part;
}

LabelErrors RegressionData::errors(const VectorXd& weights, const VectorXd& e0) const {
    if (weights.size() != n_references_ || e0.size() != static_cast<Index>(species_.size()))
        throw std::invalid_argument("weights or composition energies do not belong to these regression data");
    VectorXd all(n_references_ + e0.size() + 1);
    all << weights, e0, -1.0;
    VectorXd without_e0(n_references_ + 1);
    without_e0 << weights, -1.0;
    std::vector<WeightedError> energies;
    for (const auto& [key, row] : energy_rows_)  // the shares of the species add up to 1
        energies.push_back({std::abs(row.dot(all)), row.segment(n_references_, e0.size()).sum()});
    return {.energy = rms(energy_, counts_.energy, all),
            .force = rms(force_, counts_.force, without_e0),
            .stress = rms(stress_, counts_.stress, without_e0),
            .energy_typical = mean_of_most(std::move(energies))};
}

std::vector<bayes::CholeskyFactor> factor_prior(Prior prior, const std::vector<LocalReferences>& references,
                                                int kernel_power) {
    std::vector<bayes::CholeskyFactor> factors;
    if (prior == Prior::kernel)
        for (const auto& set : references)
            if (set.size() > 0)
                factors.push_back(
                    bayes::factor_kernel(bayes::kernel_matrix(set.in_metric(set.features), kernel_power)));
    return factors;
}

LabelUnits units_of(const LabelStatistics& labels, const std::vector<int>& species, const RegressionOptions& options) {
    const LabelScales deviations = labels.deviations();
    // A kind without weight has no rows; its scale then only sets the unit of its error estimate.
    const auto scale = [](double deviation, double weight) { return weight > 0.0 ? deviation / weight : deviation; };
    return {{.energy = scale(deviations.energy, options.weights.energy),
             .force = scale(deviations.force, options.weights.force),
             .stress = scale(deviations.stress, options.weights.stress)},
            composition_energies(labels, species, options.atom_energies)};
}

bayes::TriangularFactor RegressionData::in_units(const LabelUnits& units, const LabelWeights& weights) && {
    RegressionData own = std::move(*this);  // gives back the room of energies and stress on return
    // Forces first: what is stacked under their triangle needs no room of its own.
    bayes::TriangularFactor all =
        weights.force > 0.0 ? std::move(own.force_) : bayes::TriangularFactor(own.n_references_ + 1);
    all.scale(1.0 / units.scales.force);
    if (weights.stress > 0.0) all.merge(own.stress_, 1.0 / units.scales.stress);
    if (weights.energy > 0.0) {
        // About the baseline; with that the composition columns have done their duty.
        const auto about_e0 = [&, n = own.n_references_, factor = 1.0 / units.scales.energy](const auto& rows) {
            MatrixXd energy(rows.rows(), n + 1);
            energy.leftCols(n) = factor * rows.leftCols(n);
            energy.rightCols(1) = factor * (rows.rightCols(1) - rows.middleCols(n, units.e0.size()) * units.e0);
            all.add_rows(energy);
        };
        if (own.energy_.worked_in().size() > 0) about_e0(own.energy_.worked_in());
        about_e0(own.energy_.waiting());
    }
    return all;
}

Solution solve(RegressionData data, const std::vector<bayes::CholeskyFactor>& prior, const RegressionOptions& options) {
    ScaledProblem problem = scaled_problem(std::move(data), options);
    return {bayes::fit(std::move(problem.R), problem.n_rows, options.evidence, prior), std::move(problem.units.e0),
            problem.units.scales, options.repulsion};
}

Solution solve_with_precisions(RegressionData data, const std::vector<bayes::CholeskyFactor>& prior,
                               const RegressionOptions& options, const Solution& other) {
    ScaledProblem problem = scaled_problem(std::move(data), options);
    return {bayes::fit_with_precisions(std::move(problem.R), problem.n_rows, other.posterior.evidence(), prior),
            std::move(problem.units.e0), problem.units.scales, options.repulsion};
}

ForceField make_force_field(const LabelStatistics& labels, const LabelErrors& errors, const std::vector<int>& species,
                            Solution solution, std::shared_ptr<const descriptors::Descriptor> descriptor,
                            int kernel_power, std::vector<LocalReferences> references, Provenance provenance,
                            Eigen::MatrixXd distances) {
    provenance.n_structures = labels.n_structures();
    provenance.n_atoms = labels.n_atoms();
    provenance.rmse_energy = errors.energy;
    provenance.rmse_force = errors.force;
    provenance.rmse_stress = errors.stress;
    const ForceField force_field(std::move(descriptor), kernel_power, species, std::move(references), solution.e0,
                                 std::move(solution.posterior), solution.scales, std::move(provenance), {},
                                 std::move(distances));
    return force_field.with_repulsion(solution.repulsion);
}

ForceField fit(const RegressionData& data, std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
               std::vector<LocalReferences> references, const RegressionOptions& options, Provenance provenance) {
    Solution solution = solve(data, factor_prior(options.prior, references, kernel_power), options);
    const LabelErrors errors = data.errors(solution.posterior.weights(), solution.e0);
    return make_force_field(data.labels(), errors, data.species(), std::move(solution), std::move(descriptor),
                            kernel_power, std::move(references), std::move(provenance), data.distances());
}

}  // namespace mlff
