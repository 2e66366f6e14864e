#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "libmlff/data/data_warning.hpp"

/// Atoms without neighbours in labelled data. No descriptor explains their energy: a force field gives them e0 of their
/// species and nothing else. So a free atom is not fitted; its energy *is* e0. Fitted as an ordinary structure it would
/// leave a residual of some eV, which raises the noise of all labels.
namespace mlff {

/// What the free atoms of a data set say.
struct FreeAtoms {
    std::map<int, double> energies;  ///< e0 by atomic number [eV], the given ones included; empty: not for all species
    Frames taken;                    ///< the structures that were taken out, ascending
    DataWarnings findings;           ///< for the user
};

/// Species of the atoms without a neighbour within the cutoff [Å], ascending, each once. Periodic images count.
/// @throws InputError as NeighborList::update.   Cost: one neighbour search, two where atoms are farther apart than 4 Å
[[nodiscard]] std::vector<int> species_without_neighbors(const Structure& structure, double cutoff);

/// Indices of the structures none of whose atoms has a neighbour, and of single atoms of the group IsolatedAtom (in
/// whatever spelling) even if their images are within the cutoff [Å]; ascending.
[[nodiscard]] Frames free_atoms_of(const std::vector<LabeledStructure>& data, double cutoff);

/// Takes those structures out of `data`. Energies per atom of those of one species are energies of free atoms: where
/// several differ, the lowest is that of the ground state; single atoms come before several far apart. They are used if
/// they, with the given ones, cover all species of the model.
///
/// A lone atom in a larger structure, an evaporated one, adds e0 of its species. If this is the energy of the free
/// atom, the structure stays as it is. Else its energy label is dropped and forces and stress stay, to which the atom
/// adds nothing.
/// @param cutoff   of the descriptors [Å]
/// @param species  of the model besides those of the data
/// @param given    e0 that the user has set [eV]; they are kept
[[nodiscard]] FreeAtoms take_free_atoms(std::vector<LabeledStructure>& data, double cutoff,
                                        const std::vector<int>& species, const std::map<int, double>& given);

}  // namespace mlff
