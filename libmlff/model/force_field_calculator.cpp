#include "libmlff/model/force_field_calculator.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <cmath>

#include "libmlff/atoms/elements.hpp"

namespace mlff {

using Eigen::Index;

std::string ModelCalculator::description() const {
    std::vector<std::string> parts;
    const ForceField& model = force_field();
    const auto& form = model.production();
    for (int channel = 0; channel < model.n_channels(); ++channel) {
        const auto s = static_cast<std::size_t>(channel);
        parts.push_back(fmt::format("{} {}",
                                    form ? form->expansions[s].n_components() : model.references(channel).size(),
                                    element_symbol(model.species()[s])));
    }
    return fmt::format("machine-learned force field, {} {}, trained on {}",
                       form ? "production form, components" : "local references", fmt::join(parts, ", "),
                       model.provenance().reference);
}

Evaluation assemble(PartialEvaluation whole, const Structure& structure) {
    Evaluation result;
    result.energy = whole.atom_energies.sum();
    result.forces = std::move(whole.forces);
    result.atom_energies = std::move(whole.atom_energies);
    result.atom_virials = std::move(whole.atom_virials);
    result.spilling = std::move(whole.spilling);
    result.closest = whole.closest;
    if (structure.has_volume()) result.stress = to_voigt(whole.strain) / structure.volume();
    return result;
}

Eigen::VectorXd deviations(const bayes::Posterior& posterior, Eigen::MatrixXd phi, double scale) {
    phi /= scale;
    return posterior.variance(std::move(phi)).cwiseSqrt() * scale;
}

double isolated_deviation(const ForceField& force_field, const Eigen::VectorXd& isolated, Index n_atoms) {
    return (isolated / static_cast<double>(n_atoms)).norm() /
           std::sqrt(force_field.posterior().evidence().weight_precision);
}

Uncertainty noise_of(const ForceField& force_field) {
    const LabelScales& scales = force_field.scales();
    const double noise = std::sqrt(force_field.posterior().noise_variance());
    Uncertainty out;
    out.noise_energy = noise * scales.energy;
    out.noise_force = noise * scales.force;
    out.noise_stress = noise * scales.stress;
    return out;
}

ExpectedErrors expected_errors(const Structure& structure, const Uncertainty& estimates,
                               const Calibration& calibration) {
    ExpectedErrors errors{calibration.energy * estimates.energy, Eigen::VectorXd(estimates.forces.cols()),
                          (calibration.stress * calibration.stress * estimates.stress.array().square() +
                           calibration.stress_floor * calibration.stress_floor)
                              .sqrt()};
    const double floor = std::sqrt(3.0) * calibration.force_floor;
    for (Index i = 0; i < errors.forces.size(); ++i)
        errors.forces[i] = std::hypot(
            calibration.force_factor(structure.species[static_cast<std::size_t>(i)]) * estimates.forces.col(i).norm(),
            floor);
    return errors;
}

ForceFieldCalculator::ForceFieldCalculator(ForceField force_field, double skin, Share share)
    : ForceFieldCalculator(std::make_shared<const LocalModel>(std::move(force_field)), skin, share) {}

ForceFieldCalculator::ForceFieldCalculator(std::shared_ptr<const LocalModel> model, double skin, Share share)
    : model_(std::move(model)), environments_(model_->force_field().species(), model_->cutoff(), skin, share) {}

PartialEvaluation ForceFieldCalculator::evaluate_share(const Structure& structure, const Request& request) {
    std::vector<descriptors::Descriptor::Described> described;
    if (request.uncertainty) {
        environments_.update(structure);
        described.resize(static_cast<std::size_t>(structure.size()));
    } else {
        environments_.prepare(structure);
    }
    PartialEvaluation part;
    part.forces.setZero(3, structure.size());
    part.atom_energies.setZero(structure.size());
    if (request.virials) part.atom_virials.setZero(9, structure.size());
    if (request.spilling) {
        if (!spilling_) spilling_.emplace(force_field());
        part.spilling.setZero(structure.size());
    }
    const auto span = [](auto& array) {
        return std::span<double>(array.data(), static_cast<std::size_t>(array.size()));
    };
    const LocalSums sums = model_->evaluate(
        environments_,
        {span(part.forces), span(part.atom_energies), span(part.atom_virials), span(part.spilling), described},
        workspace_, omp_get_max_threads(), request.spilling ? &*spilling_ : nullptr);
    if (sums.too_close) environments_.update(structure);  // throws, and names the atoms
    part.strain = sums.strain;
    part.closest = sums.closest;
    if (request.uncertainty) {
        part.rows = design_rows(force_field().descriptor(), force_field().kernel_power(), force_field().references(),
                                environments_, structure, described);
        part.isolated.setZero(force_field().n_channels());
        for (int channel = 0; channel < force_field().n_channels(); ++channel)
            for (const Index i : environments_.atoms(channel))
                if (environments_.neighbors().count(i) == 0) part.isolated[channel] += 1.0;
    }
    return part;
}

Evaluation ForceFieldCalculator::evaluate(const Structure& structure, const Request& request) {
    PartialEvaluation whole = evaluate_share(structure, request);
    DesignRows rows = std::move(whole.rows);
    const Eigen::VectorXd isolated = std::move(whole.isolated);
    Evaluation result = assemble(std::move(whole), structure);
    if (!request.uncertainty) return result;
    const LabelScales& scales = force_field().scales();
    const bayes::Posterior& posterior = force_field().posterior();
    Uncertainty& out = result.uncertainty.emplace(noise_of(force_field()));
    out.energy = std::hypot(deviations(posterior, std::move(rows.energy), scales.energy)[0],
                            isolated_deviation(force_field(), isolated, structure.size()));
    out.forces = deviations(posterior, std::move(rows.forces), scales.force).reshaped(3, structure.size());
    if (rows.stress.cols() == 6) out.stress = deviations(posterior, std::move(rows.stress), scales.stress);
    return result;
}

}  // namespace mlff
