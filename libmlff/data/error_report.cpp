#include "libmlff/data/error_report.hpp"

namespace mlff {

void ErrorReport::add(const LabeledStructure& truth, const Evaluation& prediction) {
    const auto& [structure, labels, origin, group, weight] = truth;
    ++structures;
    atoms += structure.size();
    Group* const own = group.empty() ? nullptr : &by_group[group];
    if (labels.energy) {
        const double difference = (prediction.energy - *labels.energy) / static_cast<double>(structure.size());
        energy.add(difference);
        if (own != nullptr) own->energy.add(difference);
    }
    if (labels.forces)
        for (Eigen::Index i = 0; i < structure.size(); ++i)
            for (int c = 0; c < 3; ++c) {
                const double difference = prediction.forces(c, i) - (*labels.forces)(c, i);
                force.add(difference);
                if (own != nullptr) own->force.add(difference);
                force_by_species[structure.species[static_cast<std::size_t>(i)]].add(difference);
            }
    if (labels.stress && prediction.stress)
        for (int k = 0; k < 6; ++k) stress.add((*prediction.stress)[k] - (*labels.stress)[k]);
}

}  // namespace mlff
