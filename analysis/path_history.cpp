#include "analysis/path_history.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::analysis {
namespace {

void require_present(const Frame& frame, const std::vector<int>& present, const std::vector<int>& wanted) {
    for (const int z : wanted)
        if (!std::binary_search(present.begin(), present.end(), z))
            throw InputError(
                fmt::format("{}: there is no {} in {}", frame.origin, element_symbol(z), formula(frame.structure)));
}

}  // namespace

Eigen::VectorXd framework_weights(const Frame& frame, const std::vector<int>& framework) {
    const Structure& structure = frame.structure;
    require_present(frame, species_present(structure), framework);
    Eigen::VectorXd weights = Eigen::VectorXd::Zero(structure.size());
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const int z = structure.species[static_cast<std::size_t>(i)];
        if (framework.empty() || std::find(framework.begin(), framework.end(), z) != framework.end())
            weights[i] = atomic_mass(z);
    }
    return weights / weights.sum();
}

SpeciesMembers members_of(const Frame& frame, const std::vector<int>& wanted) {
    const Structure& structure = frame.structure;
    const std::vector<int> present = species_present(structure);
    require_present(frame, present, wanted);
    SpeciesMembers out;
    out.species = wanted.empty() ? present : wanted;
    for (const int z : out.species) {
        out.members.emplace_back();
        for (Eigen::Index i = 0; i < structure.size(); ++i)
            if (structure.species[static_cast<std::size_t>(i)] == z) out.members.back().push_back(i);
    }
    return out;
}

}  // namespace mlff::analysis
