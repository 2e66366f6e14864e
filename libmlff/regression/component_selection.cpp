#include "libmlff/regression/component_selection.hpp"

#include <fmt/format.h>

#include <cmath>

#include "bayes/selection.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/regression/reference_selection.hpp"

namespace mlff {
namespace {

using Eigen::Index;

constexpr Index atoms_sampled = 1500;  ///< of each species
constexpr double nothing = 1e-12;      ///< length of features (1 each) that is but rounding

}  // namespace

descriptors::DescriptorOptions resolve_components(const std::vector<LabeledStructure>& data,
                                                  const std::vector<int>& species, const ForceFieldOptions& options) {
    options.validate();
    descriptors::DescriptorOptions resolved = options.descriptor;
    const descriptors::Descriptor all(resolved, static_cast<int>(species.size()));
    const Index n_all = all.three_size();
    const auto n_keep = static_cast<Index>(std::ceil(options.keep * static_cast<double>(n_all)));
    if (n_keep == n_all || !resolved.components.empty()) return resolved;

    const auto atoms = gather_references(
        data, all, species, spread_atoms(data, species, std::vector<Index>(species.size(), atoms_sampled)));
    Index n_atoms = 0;
    for (const auto& set : atoms) n_atoms += set.size();
    Eigen::MatrixXd features(n_all, n_atoms);
    Index first = 0;
    for (const auto& set : atoms) {
        features.middleCols(first, set.size()) = set.features.bottomRows(n_all);
        first += set.size();
    }
    if (features.norm() < nothing)
        throw InputError(
            fmt::format("angular.keep {} needs data to choose from, but no atom has two neighbours within {} Å",
                        options.keep, resolved.angular.cutoff));
    for (const Index component : bayes::select_components(features, n_keep))
        resolved.components.push_back(static_cast<int>(component));
    return resolved;
}

}  // namespace mlff
