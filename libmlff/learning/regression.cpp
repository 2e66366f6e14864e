#include "libmlff/learning/regression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bayes/kernel.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/errors.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Root mean square residual of the rows with triangular factor R = [R_Φ | R_y]: |R_Φ w − R_y| is that of the rows.
double rms_residual(const MatrixXd& R, const VectorXd& weights, Index n_rows) {
    if (n_rows == 0) return 0.0;
    return (R.leftCols(weights.size()) * weights - R.rightCols(1)).norm() / std::sqrt(static_cast<double>(n_rows));
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

}  // namespace

void RegressionOptions::validate() const {
    weights.validate();
    evidence.validate();
}

RegressionData::RegressionData(Index n_references, std::vector<int> species)
    : n_references_(n_references),
      species_(std::move(species)),
      energy_(n_references + static_cast<Index>(species_.size()) + 1),
      force_(n_references + 1),
      stress_(n_references + 1) {}

void RegressionData::add(const DesignRows& rows, const LabeledStructure& item) {
    const auto& [structure, labels, origin] = item;
    if (rows.energy.rows() != n_references_ || rows.forces.cols() != 3 * structure.size())
        throw std::invalid_argument("design rows do not belong to this structure or set of references");
    labels_.add(item);
    if (labels.energy) {
        MatrixXd block = MatrixXd::Zero(1, energy_.n_columns());
        block.leftCols(n_references_) = rows.energy.transpose();
        const auto n_atoms = static_cast<double>(structure.size());
        for (const int z : structure.species)
            block(0, n_references_ + (std::find(species_.begin(), species_.end(), z) - species_.begin())) +=
                1.0 / n_atoms;
        block(0, block.cols() - 1) = *labels.energy / n_atoms;
        energy_.add_rows(block);
    }
    if (labels.forces) {
        MatrixXd block(3 * structure.size(), n_references_ + 1);
        block.leftCols(n_references_) = rows.forces.transpose();
        block.rightCols(1) = Eigen::Map<const VectorXd>(labels.forces->data(), labels.forces->size());
        force_.add_rows(block);
    }
    if (labels.stress && rows.stress.cols() == 6) {
        MatrixXd block(6, n_references_ + 1);
        block.leftCols(n_references_) = rows.stress.transpose();
        block.rightCols(1) = *labels.stress;
        stress_.add_rows(block);
    }
}

ForceField fit(RegressionData data, std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
               std::vector<LocalReferences> references, const RegressionOptions& options, Provenance provenance) {
    options.validate();
    const Index n = data.n_references_;
    if (n == 0) throw InputError("there is no local reference configuration to fit with");
    const LabelScales deviations = data.labels_.deviations();
    const VectorXd e0 = composition_energies(data.labels_, data.species_, options.atom_energies);

    // Energies about e0; the composition columns have done their duty.
    const MatrixXd& R = data.energy_.R();
    MatrixXd energy(R.rows(), n + 1);
    energy.leftCols(n) = R.leftCols(n);
    energy.rightCols(1) = R.rightCols(1) - R.middleCols(n, e0.size()) * e0;

    bayes::TriangularFactor all(n + 1);
    Index n_rows = 0;
    LabelScales scales;
    const auto stack = [&](auto& factor, double deviation, double weight, double& scale, auto add) {
        // A kind without labels or weight has no rows; its scale then only sets the unit of its error estimate.
        scale = weight > 0.0 ? deviation / weight : deviation;
        if (weight == 0.0 || factor.n_rows() == 0) return;
        add(1.0 / scale);
        n_rows += factor.n_rows();
    };
    stack(data.energy_, deviations.energy, options.weights.energy, scales.energy,
          [&](double factor) { all.add_rows(energy * factor); });
    stack(data.force_, deviations.force, options.weights.force, scales.force,
          [&](double factor) { (void)data.force_.R(), all.merge(data.force_, factor); });
    stack(data.stress_, deviations.stress, options.weights.stress, scales.stress,
          [&](double factor) { (void)data.stress_.R(), all.merge(data.stress_, factor); });
    if (n_rows == 0) throw InputError("the training data hold no labels with a positive weight");

    std::vector<bayes::CholeskyFactor> prior;
    if (options.prior == Prior::kernel)
        for (const auto& set : references)
            prior.push_back(bayes::factor_kernel(bayes::kernel_matrix(set.features, kernel_power)));
    bayes::Posterior posterior = bayes::fit(all.R(), n_rows, options.evidence, prior);

    provenance.n_structures = data.labels_.n_structures();
    provenance.n_atoms = data.labels_.n_atoms();
    provenance.rmse_energy = rms_residual(energy, posterior.weights(), data.energy_.n_rows());
    provenance.rmse_force = rms_residual(data.force_.R(), posterior.weights(), data.force_.n_rows());
    provenance.rmse_stress = rms_residual(data.stress_.R(), posterior.weights(), data.stress_.n_rows());
    return {std::move(descriptor), kernel_power, data.species_,        std::move(references), e0,
            std::move(posterior),  scales,       std::move(provenance)};
}

}  // namespace mlff
