#include "libmlff/regression/robust_covariance.hpp"

#include <cmath>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/model/environments.hpp"

namespace mlff {

using Eigen::Index;
using Eigen::MatrixXd;

MatrixXd scaled_rows(const DesignRows& rows, const LabeledStructure& item, const std::vector<int>& species,
                     const LabelUnits& units, const LabelWeights& weights) {
    const auto& [structure, labels, origin, group, weight] = item;
    const bool with_energy = labels.energy && weights.energy > 0.0, with_forces = labels.forces && weights.force > 0.0,
               with_stress = labels.stress && weights.stress > 0.0 && rows.stress.cols() == 6;
    const Index n = rows.energy.rows(), n_forces = with_forces ? 3 * structure.size() : 0;
    MatrixXd block(with_energy + n_forces + 6 * with_stress, n + 1);
    Index next = 0;
    const auto put = [&](const MatrixXd& phi, const auto& label, double scale) {
        block.block(next, 0, phi.cols(), n) = phi.transpose() / scale;
        block.block(next, n, phi.cols(), 1) = label / scale;
        next += phi.cols();
    };
    if (with_energy) {
        double baseline = 0.0;
        for (const int z : structure.species) baseline += units.e0[static_cast<Index>(channel_of(species, z))];
        put(rows.energy,
            Eigen::VectorXd::Constant(1, (*labels.energy - baseline) / static_cast<double>(structure.size())),
            units.scales.energy);
    }
    if (with_forces) put(rows.forces, labels.forces->reshaped(), units.scales.force);
    if (with_stress) put(rows.stress, *labels.stress, units.scales.stress);
    block *= std::sqrt(weight);
    return block;
}

bayes::TriangularFactor influences_of(const ForceField& model, std::span<const LabeledStructure* const> data,
                                      const LabelWeights& weights, const Progress& progress) {
    bayes::TriangularFactor influences(model.n_references());
    const LabelUnits units{model.scales(), model.e0()};
    long done = 0;
    for (const LabeledStructure* item : data) {
        Environments environments(model.species(), model.descriptor().cutoff(), 0.0);
        environments.update(item->structure);
        const DesignRows rows =
            design_rows(model.descriptor(), model.kernel_power(), model.references(), environments, item->structure);
        influences.add_rows(
            model.posterior().influence(scaled_rows(rows, *item, model.species(), units, weights)).transpose());
        progress(++done, static_cast<long>(data.size()), "robust covariance");
    }
    return influences;
}

}  // namespace mlff
