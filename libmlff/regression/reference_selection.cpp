#include "libmlff/regression/reference_selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "bayes/kernel.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

/// Order of acceptance of a pivoted Cholesky factorisation; what it does not accept comes last.
std::vector<Index> by_information(const MatrixXd& features, int kernel_power, double tolerance, Index max_size,
                                  bool keep_rest) {
    auto order = bayes::select_by_cholesky(bayes::kernel_matrix(features, kernel_power),
                                           {.tolerance = tolerance, .max_size = max_size});
    if (keep_rest) {
        std::vector<bool> taken(static_cast<std::size_t>(features.cols()), false);
        for (const Index k : order) taken[static_cast<std::size_t>(k)] = true;
        for (Index k = 0; k < features.cols(); ++k)
            if (!taken[static_cast<std::size_t>(k)]) order.push_back(k);
    }
    return order;
}

}  // namespace

std::vector<int> species_of(const std::vector<LabeledStructure>& data) {
    std::set<int> unique;
    for (const auto& item : data) unique.insert(item.structure.species.begin(), item.structure.species.end());
    return {unique.begin(), unique.end()};
}

std::vector<long> count_atoms(const std::vector<LabeledStructure>& data, const std::vector<int>& species) {
    std::vector<long> n(species.size(), 0);
    for (const auto& item : data)
        for (std::size_t s = 0; s < species.size(); ++s)
            n[s] += std::count(item.structure.species.begin(), item.structure.species.end(), species[s]);
    return n;
}

std::vector<double> reference_shares(const std::vector<LabeledStructure>& data, const std::vector<int>& species,
                                     ReferenceShares shares) {
    std::vector<double> squares(species.size(), 0.0);
    if (shares == ReferenceShares::forces)
        for (const auto& [structure, labels, origin, group, weight] : data)
            for (std::size_t i = 0; labels.forces && i < structure.species.size(); ++i)
                squares[channel_of(species, structure.species[i])] +=
                    labels.forces->col(static_cast<Index>(i)).squaredNorm();
    double largest = 0.0;
    for (const double sum : squares) largest = std::max(largest, sum);
    for (double& share : squares) share = largest > 0.0 ? share / largest : 1.0;
    return squares;
}

std::vector<Index> limits_of(const std::vector<double>& shares, Index most) {
    std::vector<Index> limits;
    for (const double share : shares)
        limits.push_back(std::max<Index>(1, std::llround(share * static_cast<double>(most))));
    return limits;
}

std::vector<ReferenceList> spread_atoms(const std::vector<LabeledStructure>& data, const std::vector<int>& species,
                                        const std::vector<Index>& most) {
    const std::vector<long> n_atoms = count_atoms(data, species);
    std::vector<ReferenceList> lists(species.size());
    std::vector<double> next(species.size(), 0.0);
    std::vector<long> seen(species.size(), 0);
    for (std::size_t s = 0; s < data.size(); ++s)
        for (std::size_t i = 0; i < data[s].structure.species.size(); ++i) {
            const auto channel = channel_of(species, data[s].structure.species[i]);
            if (static_cast<double>(seen[channel]++) < next[channel]) continue;
            const auto wanted = static_cast<double>(std::min<Index>(n_atoms[channel], most.at(channel)));
            next[channel] += static_cast<double>(n_atoms[channel]) / wanted;
            lists[channel].structure.push_back(static_cast<int>(s));
            lists[channel].atom.push_back(static_cast<int>(i));
        }
    return lists;
}

std::vector<LocalReferences> gather_references(const std::vector<LabeledStructure>& data,
                                               const descriptors::Descriptor& descriptor,
                                               const std::vector<int>& species,
                                               const std::vector<ReferenceList>& wanted, Executor& executor,
                                               const Progress& progress) {
    std::vector<PickedAtoms> picked;                                       // structures with a wanted atom
    std::vector<std::vector<std::pair<std::size_t, std::size_t>>> places;  // (channel, number) of each atom of `picked`
    std::vector<std::size_t> place_of(data.size(), data.size());
    std::vector<LocalReferences> references(species.size());
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        const ReferenceList& list = wanted.at(channel);
        references[channel].features.setZero(descriptor.size(), static_cast<Index>(list.atom.size()));
        references[channel].structure = list.structure;
        references[channel].atom = list.atom;
        for (std::size_t k = 0; k < list.atom.size(); ++k) {
            const auto s = static_cast<std::size_t>(list.structure[k]);
            const auto atom = static_cast<std::size_t>(list.atom[k]);
            if (s >= data.size() || atom >= data[s].structure.species.size() ||
                data[s].structure.species[atom] != species[channel])
                throw InputError(fmt::format("local reference {} of {}: there is no such atom in the training data",
                                             k + 1, element_symbol(species[channel])));
            if (place_of[s] == data.size()) {
                place_of[s] = picked.size();
                picked.push_back({&data[s].structure, {}});
                places.emplace_back();
            }
            picked[place_of[s]].atoms.push_back(list.atom[k]);
            places[place_of[s]].emplace_back(channel, k);
        }
    }

    const PickedFeatures described = executor.describe(picked, descriptor, species, progress);
    std::vector<std::vector<Index>> usable(species.size());
    Index column = 0;
    for (const auto& atoms : places)
        for (const auto& [channel, k] : atoms) {
            references[channel].features.col(static_cast<Index>(k)) = described.features.col(column);
            if (described.has_neighbors[static_cast<std::size_t>(column)])
                usable[channel].push_back(static_cast<Index>(k));
            ++column;
        }
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        std::sort(usable[channel].begin(), usable[channel].end());
        references[channel] = references[channel].subset(usable[channel]);
    }
    return references;
}

std::vector<LocalReferences> sparsify(std::vector<LocalReferences> candidates, int kernel_power,
                                      const SelectionOptions& options, const std::vector<Index>& most,
                                      const std::vector<MatrixXd>& metrics) {
    for (std::size_t channel = 0; channel < candidates.size(); ++channel) {
        LocalReferences& set = candidates[channel];
        const Index limit = most.at(channel);
        if (set.size() == 0) continue;
        MatrixXd x_in_metric;
        if (!metrics.empty()) x_in_metric = metrics[channel].transpose() * set.features;
        const MatrixXd& x = metrics.empty() ? set.features : x_in_metric;
        if (options.method == SelectionMethod::cur) {
            const std::vector<Index> chosen = select(x, kernel_power, options, limit);
            const MatrixXd x_chosen = x(Eigen::all, chosen);
            set = set.subset(chosen);
            set = set.subset(by_information(x_chosen, kernel_power, 1e-13, limit, true));
        } else {
            set = set.subset(by_information(x, kernel_power, options.tolerance, limit, false));
        }
        if (!metrics.empty()) set = set.with_metric(metrics[channel]);
    }
    return candidates;
}

std::vector<LocalReferences> first_references(const std::vector<LocalReferences>& references,
                                              const std::vector<Index>& most) {
    std::vector<LocalReferences> result;
    for (std::size_t channel = 0; channel < references.size(); ++channel) {
        const LocalReferences& set = references[channel];
        std::vector<Index> which(static_cast<std::size_t>(std::min(most.at(channel), set.size())));
        for (std::size_t k = 0; k < which.size(); ++k) which[k] = static_cast<Index>(k);
        result.push_back(set.subset(which));
    }
    return result;
}

std::vector<Index> first_indices(const std::vector<LocalReferences>& references, const std::vector<Index>& most) {
    std::vector<Index> indices;
    Index first = 0;
    for (std::size_t channel = 0; channel < references.size(); ++channel) {
        const Index size = references[channel].size();
        for (Index k = 0; k < std::min(most.at(channel), size); ++k) indices.push_back(first + k);
        first += size;
    }
    return indices;
}

}  // namespace mlff
