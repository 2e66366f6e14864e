#include "libmlff/model/environments.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "bayes/thread_failure.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff {

using Eigen::Index;

Environments::Environments(std::vector<int> species, double cutoff, double skin, Share share)
    : species_(std::move(species)), share_(share), neighbors_(cutoff, skin), atoms_(species_.size()) {}

void Environments::check(const Structure& structure) const {
    for (std::size_t i = 0; i < structure.species.size(); ++i) {
        const int z = structure.species[i];
        if (std::find(species_.begin(), species_.end(), z) != species_.end()) continue;
        std::vector<std::string> known;
        for (const int s : species_) known.push_back(element_symbol(s));
        throw InputError(fmt::format("holds {} (atom {}), but the force field knows {}; train one with all elements",
                                     element_symbol(z), i + 1, fmt::join(known, ", ")));
    }
}

void Environments::assign_channels(const Structure& structure) {
    if (structure.species == channel_species_ && !atom_channel_.empty()) return;
    check(structure);
    channel_species_ = structure.species;
    atom_channel_.resize(structure.species.size());
    for (auto& list : atoms_) list.clear();
    for (std::size_t i = 0; i < structure.species.size(); ++i) {
        const auto found = std::find(species_.begin(), species_.end(), structure.species[i]);
        atom_channel_[i] = static_cast<int>(found - species_.begin());
        atoms_[static_cast<std::size_t>(atom_channel_[i])].push_back(static_cast<Index>(i));
    }
    if (share_.n_parts > 1) {
        own_.assign(structure.species.size(), 0);
        for (auto& list : atoms_) {
            const auto n = static_cast<Index>(list.size());
            const Index end = block_begin(n, share_.part + 1, share_.n_parts);
            list.erase(list.begin() + end, list.end());
            list.erase(list.begin(), list.begin() + block_begin(n, share_.part, share_.n_parts));
            for (const Index i : list) own_[static_cast<std::size_t>(i)] = 1;
        }
    }
}

void Environments::prepare(const Structure& structure) {
    assign_channels(structure);
    neighbors_.prepare(structure, own_);
}

void Environments::update(const Structure& structure) {
    assign_channels(structure);
    neighbors_.update(structure, own_);
    pair_channel_.resize(static_cast<std::size_t>(neighbors_.n_pairs()));
    for (std::size_t p = 0; p < pair_channel_.size(); ++p)
        pair_channel_[p] = atom_channel_[static_cast<std::size_t>(neighbors_.neighbor(static_cast<Index>(p)))];
}

descriptors::Environment Environments::environment(Index i, LocalPairs& pairs) const {
    neighbors_.pairs(i, pairs);
    const auto count = static_cast<std::size_t>(pairs.size);
    if (pairs.channels.size() < count) pairs.channels.resize(pairs.neighbor.size());
    for (std::size_t p = 0; p < count; ++p)
        pairs.channels[p] = atom_channel_[static_cast<std::size_t>(pairs.neighbor[p])];
    return pairs.environment();
}

descriptors::Environment Environments::environment(Index i) const {
    const Index first = neighbors_.first(i);
    const auto begin = static_cast<std::size_t>(first), count = static_cast<std::size_t>(neighbors_.count(i));
    return {{neighbors_.vectors().data() + 3 * first, 3, neighbors_.count(i)},
            std::span(neighbors_.distances()).subspan(begin, count),
            std::span(pair_channel_).subspan(begin, count)};
}

std::span<const Index> Environments::atoms(int channel) const { return atoms_[static_cast<std::size_t>(channel)]; }

Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor, const Environments& environments,
                                 std::span<const Index> atoms) {
    Eigen::MatrixXd features(descriptor.size(), static_cast<Index>(atoms.size()));
    ThreadFailure failure;
#pragma omp parallel
    {
        descriptors::Descriptor::Workspace work;
        LocalPairs pairs;
#pragma omp for schedule(static)
        for (std::size_t k = 0; k < atoms.size(); ++k)
            failure.collect([&] {
                descriptor.value(environments.environment(atoms[k], pairs), work, features.col(static_cast<Index>(k)));
            });
    }
    failure.rethrow();
    return features;
}

Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor, const Environments& environments) {
    std::vector<Index> all(static_cast<std::size_t>(environments.n_atoms()));
    std::iota(all.begin(), all.end(), Index{0});
    return compute_features(descriptor, environments, all);
}

std::vector<descriptors::Descriptor::Described> describe(const descriptors::Descriptor& descriptor,
                                                         const Environments& environments) {
    std::vector<descriptors::Descriptor::Described> all(static_cast<std::size_t>(environments.n_atoms()));
    ThreadFailure failure;
#pragma omp parallel
    {
        descriptors::Descriptor::Workspace work;
        LocalPairs pairs;
#pragma omp for schedule(static)
        for (std::size_t i = 0; i < all.size(); ++i)
            failure.collect([&] {
                all[i].x.resize(descriptor.size());
                descriptor.value(environments.environment(static_cast<Index>(i), pairs), work, all[i].x);
                work.swap(all[i]);
            });
    }
    failure.rethrow();
    return all;
}

}  // namespace mlff
