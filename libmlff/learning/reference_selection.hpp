#pragma once

#include <functional>
#include <string>
#include <vector>

#include "descriptors/descriptor.hpp"
#include "libmlff/force_field.hpp"
#include "libmlff/learning/training_set.hpp"

namespace mlff {

/// Told (done, total, what) now and then during long work.
using Progress = std::function<void(long done, long total, const std::string& what)>;

/// Atomic numbers that occur in any of the structures, ascending.
[[nodiscard]] std::vector<int> species_of(const std::vector<LabeledStructure>& data);

/// Number of atoms of each species.
[[nodiscard]] std::vector<long> count_atoms(const std::vector<LabeledStructure>& data, const std::vector<int>& species);

/// Atoms spread evenly over the data, at most `pool` of each species; atoms without neighbours are left out.
/// @returns per channel
[[nodiscard]] std::vector<LocalReferences> sample_atoms(const std::vector<LabeledStructure>& data,
                                                        const descriptors::Descriptor& descriptor,
                                                        const std::vector<int>& species, Eigen::Index pool,
                                                        const Progress& progress);

/// References that are given as (structure, atom), in that order; atoms without neighbours are left out.
/// @param given  per channel; structure counts from 0 in `data`
/// @throws InputError if there is no such atom or it is of another species
struct ReferenceList {
    std::vector<int> structure, atom;
};
[[nodiscard]] std::vector<LocalReferences> gather_references(const std::vector<LabeledStructure>& data,
                                                             const descriptors::Descriptor& descriptor,
                                                             const std::vector<int>& species,
                                                             const std::vector<ReferenceList>& given);

/// Local references out of candidates, at most max_references per species. They come in the order of a pivoted Cholesky
/// factorisation, whatever the method: the first m of them are the m most informative, so that smaller models are
/// nested in larger ones.
[[nodiscard]] std::vector<LocalReferences> sparsify(std::vector<LocalReferences> candidates, int kernel_power,
                                                    const SelectionOptions& options, Eigen::Index max_references);

/// The first m references of each species.
[[nodiscard]] std::vector<LocalReferences> first_references(const std::vector<LocalReferences>& references,
                                                            Eigen::Index m);
/// Which of all references, channel after channel, these are.
[[nodiscard]] std::vector<Eigen::Index> first_indices(const std::vector<LocalReferences>& references, Eigen::Index m);

}  // namespace mlff
