#include "libmlff/learning/reference_selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bayes/kernel.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/errors.hpp"

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

std::vector<LocalReferences> sample_atoms(const std::vector<LabeledStructure>& data,
                                          const descriptors::Descriptor& descriptor, const std::vector<int>& species,
                                          Index most, const Progress& progress) {
    const std::vector<long> n_atoms = count_atoms(data, species);
    std::vector<LocalReferences> pool(species.size());
    std::vector<double> step, next(species.size(), 0.0);
    std::vector<long> seen(species.size(), 0);
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        const Index wanted = std::min<Index>(n_atoms[channel], most);
        pool[channel].features.resize(descriptor.size(), wanted);
        step.push_back(static_cast<double>(n_atoms[channel]) / static_cast<double>(wanted));
    }
    for (std::size_t s = 0; s < data.size(); ++s) {
        Environments environments(species, descriptor.cutoff(), 0.0);
        environments.update(data[s].structure);
        const MatrixXd x = compute_features(descriptor, environments);
        for (Index i = 0; i < x.cols(); ++i) {
            const auto channel = static_cast<std::size_t>(environments.channel(i));
            if (static_cast<double>(seen[channel]++) < next[channel]) continue;
            next[channel] += step[channel];
            LocalReferences& candidates = pool[channel];
            const auto n = static_cast<Index>(candidates.atom.size());
            if (environments.neighbors().count(i) == 0 || n == candidates.features.cols()) continue;
            candidates.features.col(n) = x.col(i);
            candidates.structure.push_back(static_cast<int>(s));
            candidates.atom.push_back(static_cast<int>(i));
        }
        progress(static_cast<long>(s) + 1, static_cast<long>(data.size()), "choosing local references");
    }
    for (auto& candidates : pool)
        candidates.features.conservativeResize(Eigen::NoChange, static_cast<Index>(candidates.atom.size()));
    return pool;
}

std::vector<LocalReferences> gather_references(const std::vector<LabeledStructure>& data,
                                               const descriptors::Descriptor& descriptor,
                                               const std::vector<int>& species,
                                               const std::vector<ReferenceList>& given) {
    std::vector<std::vector<std::pair<std::size_t, std::size_t>>> wanted(data.size());  // (channel, place) by structure
    std::vector<LocalReferences> references(species.size());
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        const ReferenceList& list = given.at(channel);
        references[channel].features.setZero(descriptor.size(), static_cast<Index>(list.atom.size()));
        for (std::size_t k = 0; k < list.atom.size(); ++k) {
            const auto s = static_cast<std::size_t>(list.structure[k]);
            const auto atom = static_cast<std::size_t>(list.atom[k]);
            if (s >= data.size() || atom >= data[s].structure.species.size() ||
                data[s].structure.species[atom] != species[channel])
                throw InputError(fmt::format("local reference {} of {}: there is no such atom in the training data",
                                             k + 1, element_symbol(species[channel])));
            wanted[s].emplace_back(channel, k);
        }
    }
    std::vector<std::vector<Index>> usable(species.size());
    for (std::size_t s = 0; s < data.size(); ++s) {
        if (wanted[s].empty()) continue;
        Environments environments(species, descriptor.cutoff(), 0.0);
        environments.update(data[s].structure);
        const MatrixXd x = compute_features(descriptor, environments);
        for (const auto& [channel, k] : wanted[s]) {
            const Index atom = given[channel].atom[k];
            references[channel].features.col(static_cast<Index>(k)) = x.col(atom);
            if (environments.neighbors().count(atom) > 0) usable[channel].push_back(static_cast<Index>(k));
        }
    }
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        references[channel].structure = given[channel].structure;
        references[channel].atom = given[channel].atom;
        std::sort(usable[channel].begin(), usable[channel].end());
        references[channel] = references[channel].subset(usable[channel]);
    }
    return references;
}

std::vector<LocalReferences> sparsify(std::vector<LocalReferences> candidates, int kernel_power,
                                      const SelectionOptions& options, Index max_references) {
    for (auto& set : candidates) {
        if (set.size() == 0) continue;
        if (options.method == SelectionMethod::cur) {
            set = set.subset(select(set.features, kernel_power, options, max_references));
            set = set.subset(by_information(set.features, kernel_power, 1e-13, max_references, true));
        } else {
            set = set.subset(by_information(set.features, kernel_power, options.tolerance, max_references, false));
        }
    }
    return candidates;
}

std::vector<LocalReferences> first_references(const std::vector<LocalReferences>& references, Index m) {
    std::vector<LocalReferences> result;
    for (const auto& set : references) {
        std::vector<Index> which(static_cast<std::size_t>(std::min(m, set.size())));
        for (std::size_t k = 0; k < which.size(); ++k) which[k] = static_cast<Index>(k);
        result.push_back(set.subset(which));
    }
    return result;
}

std::vector<Index> first_indices(const std::vector<LocalReferences>& references, Index m) {
    std::vector<Index> indices;
    Index first = 0;
    for (const auto& set : references) {
        for (Index k = 0; k < std::min(m, set.size()); ++k) indices.push_back(first + k);
        first += set.size();
    }
    return indices;
}

}  // namespace mlff
