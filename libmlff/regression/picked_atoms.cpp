#include "libmlff/regression/picked_atoms.hpp"

#include "libmlff/model/environments.hpp"

namespace mlff {

PickedFeatures describe(std::span<const PickedAtoms> picked, const descriptors::Descriptor& descriptor,
                        const std::vector<int>& species, const Progress& progress) {
    std::size_t n = 0;
    for (const auto& item : picked) n += item.atoms.size();
    PickedFeatures out;
    out.features.resize(descriptor.size(), static_cast<Eigen::Index>(n));
    Eigen::Index column = 0;
    for (std::size_t k = 0; k < picked.size(); ++k) {
        Environments environments(species, descriptor.cutoff(), 0.0);
        environments.update(*picked[k].structure);
        const Eigen::MatrixXd x = compute_features(descriptor, environments);
        for (const int atom : picked[k].atoms) {
            out.features.col(column++) = x.col(atom);
            out.has_neighbors.push_back(environments.neighbors().count(atom) > 0);
        }
        progress(static_cast<long>(k) + 1, static_cast<long>(picked.size()), "choosing local references");
    }
    return out;
}

}  // namespace mlff
