#pragma once

#include <string>
#include <vector>

#include "descriptors/descriptor.hpp"
#include "libmlff/model/force_field.hpp"
#include "libmlff/regression/executor.hpp"
#include "libmlff/regression/selection.hpp"

namespace mlff {

/// Atomic numbers that occur in any of the structures, ascending.
[[nodiscard]] std::vector<int> species_of(const std::vector<LabeledStructure>& data);

/// Number of atoms of each species.
[[nodiscard]] std::vector<long> count_atoms(const std::vector<LabeledStructure>& data, const std::vector<int>& species);

/// How the local references are shared out among the species.
enum class ReferenceShares {
    equal,   ///< as many for each
    forces,  ///< in proportion to the sum of the squares of the forces on its atoms: where most is to be explained
};

/// Share of each species in the references, relative to the largest: 1 for that one. Without forces all are equal.
/// @returns per channel
[[nodiscard]] std::vector<double> reference_shares(const std::vector<LabeledStructure>& data,
                                                   const std::vector<int>& species, ReferenceShares shares);
/// Most references of each species if the one with the largest share has `most`, at least 1 each.
[[nodiscard]] std::vector<Eigen::Index> limits_of(const std::vector<double>& shares, Eigen::Index most);

/// Atoms of one species: the structure each is in, counted from 0, and its place there.
struct ReferenceList {
    std::vector<int> structure, atom;
};

/// Atoms spread evenly over the data.
/// @param most  of each species, per channel
/// @returns per channel
[[nodiscard]] std::vector<ReferenceList> spread_atoms(const std::vector<LabeledStructure>& data,
                                                      const std::vector<int>& species,
                                                      const std::vector<Eigen::Index>& most);

/// These atoms as references, in the same order; atoms without neighbours are left out.
/// @param wanted  per channel
/// @param executor  who computes the descriptors
/// @throws InputError if there is no such atom or it is of another species
[[nodiscard]] std::vector<LocalReferences> gather_references(const std::vector<LabeledStructure>& data,
                                                             const descriptors::Descriptor& descriptor,
                                                             const std::vector<int>& species,
                                                             const std::vector<ReferenceList>& wanted,
                                                             Executor& executor = this_process(),
                                                             const Progress& progress = no_progress);

/// Local references out of candidates. They come in the order of a pivoted Cholesky factorisation, whatever the method:
/// the first m of them are the m most informative, so that smaller models are nested in larger ones.
/// @param most     of each species, per channel
/// @param metrics  W that they are compared by, per channel; none: the plain kernel
[[nodiscard]] std::vector<LocalReferences> sparsify(std::vector<LocalReferences> candidates, int kernel_power,
                                                    const SelectionOptions& options,
                                                    const std::vector<Eigen::Index>& most,
                                                    const std::vector<Eigen::MatrixXd>& metrics = {});

/// The first references of each species, `most` of it.
[[nodiscard]] std::vector<LocalReferences> first_references(const std::vector<LocalReferences>& references,
                                                            const std::vector<Eigen::Index>& most);
/// Which of all references, channel after channel, these are.
[[nodiscard]] std::vector<Eigen::Index> first_indices(const std::vector<LocalReferences>& references,
                                                      const std::vector<Eigen::Index>& most);

}  // namespace mlff
