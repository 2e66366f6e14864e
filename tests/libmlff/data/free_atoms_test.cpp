#include "libmlff/data/free_atoms.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/force_fields.hpp"

namespace mlff {
namespace {

constexpr int ag = 47, i = 53, au = 79;
constexpr double cutoff = 5.0;

LabeledStructure labelled(Structure structure, double energy, const std::string& origin) {
    LabeledStructure item{std::move(structure), {}, origin};
    item.labels.energy = energy;
    item.labels.forces = Matrix3X::Zero(3, item.structure.size());
    return item;
}

/// A crystal of Ag and I.
LabeledStructure crystal(unsigned seed = 1) {
    return labelled(testing::jittered_crystal(seed, 2, 2.3, {ag, i}, false, 0.1), -20.0, "crystal.xyz:1");
}

/// Atoms so far apart along x, in a box of 30 Å or in none.
LabeledStructure apart(const std::vector<int>& species, double distance, double energy, const std::string& origin,
                       bool periodic = true) {
    Structure structure;
    structure.species = species;
    structure.positions = Matrix3X::Zero(3, static_cast<Eigen::Index>(species.size()));
    for (Eigen::Index k = 0; k < structure.size(); ++k) structure.positions(0, k) = distance * static_cast<double>(k);
    structure.cell = 30.0 * Matrix3::Identity();
    structure.periodic = {periodic, periodic, periodic};
    return labelled(structure, energy, origin);
}

/// All that was said, a line each.
std::string text_of(const FreeAtoms& free) {
    std::string text;
    for (const auto& finding : free.findings) text += format(finding) + "\n";
    return text;
}
bool says(const FreeAtoms& free, const std::string& part) { return text_of(free).find(part) != std::string::npos; }

TEST(FreeAtoms, AreTakenOutAndGiveTheirEnergies) {
    std::vector<LabeledStructure> data = {crystal(), apart({ag}, 0.0, -0.2, "free.xyz:1"), crystal(2),
                                          apart({i}, 0.0, -0.3, "free.xyz:4", false)};
    const FreeAtoms free = take_free_atoms(data, cutoff, {}, {});
    EXPECT_EQ(free.energies, (std::map<int, double>{{ag, -0.2}, {i, -0.3}}));
    EXPECT_EQ(free.taken, (Frames{1, 3}));
    ASSERT_EQ(data.size(), 2u);
    EXPECT_EQ(data[1].structure.positions, crystal(2).structure.positions);
    EXPECT_EQ(text_of(free),
              "note: free atoms: Ag -0.2, I -0.3 eV, taken as regression.atom_energies and not fitted: free.xyz:1, "
              "free.xyz:4\n");
}

TEST(FreeAtoms, OfOneSpeciesOnlyCannotBeUsed) {
    std::vector<LabeledStructure> data = {crystal(), apart({ag}, 0.0, -0.2, "free.xyz:1")};
    FreeAtoms free = take_free_atoms(data, cutoff, {}, {});
    EXPECT_TRUE(free.energies.empty());
    EXPECT_EQ(data.size(), 1u);
    EXPECT_TRUE(says(free, "the data have none of I; give it in regression.atom_energies"));

    data.push_back(apart({ag}, 0.0, -0.2, "free.xyz:1"));  // with the setting it can
    free = take_free_atoms(data, cutoff, {}, {{i, -0.3}});
    EXPECT_EQ(free.energies, (std::map<int, double>{{ag, -0.2}, {i, -0.3}}));

    data.push_back(apart({ag}, 0.0, -0.2, "free.xyz:1"));  // species of a structure to come count too
    data.push_back(apart({i}, 0.0, -0.3, "free.xyz:4"));
    EXPECT_TRUE(take_free_atoms(data, cutoff, {au}, {}).energies.empty());
}

TEST(FreeAtoms, WhatTheUserSetsIsUsedAndAContradictionIsSaid) {
    std::vector<LabeledStructure> data = {crystal(), apart({ag}, 0.0, -0.2, "free.xyz:1")};
    const FreeAtoms free = take_free_atoms(data, cutoff, {}, {{ag, -1.0}, {i, -0.3}});
    EXPECT_EQ(free.energies, (std::map<int, double>{{ag, -1.0}, {i, -0.3}}));
    EXPECT_TRUE(says(free,
                     "warning: regression.atom_energies says -1 eV for Ag, but a free atom of it has -0.2 eV "
                     "(free.xyz:1): the setting is used"));
    std::vector<LabeledStructure> same = {crystal(), apart({ag}, 0.0, -0.2, "free.xyz:1")};
    EXPECT_EQ(text_of(take_free_atoms(same, cutoff, {}, {{ag, -0.2}, {i, -0.3}})), "");
}

TEST(FreeAtoms, OfDifferentEnergiesGiveTheLowestAndItIsSaid) {
    std::vector<LabeledStructure> data = {crystal(), apart({ag}, 0.0, -0.2, "a.xyz:1"),
                                          apart({ag}, 0.0, -0.5, "b.xyz:1"), apart({i}, 0.0, -0.3, "a.xyz:4"),
                                          // far apart: less certain than one atom, whatever its energy
                                          apart({ag, ag}, 12.0, -4.0, "c.xyz:1")};
    const FreeAtoms free = take_free_atoms(data, cutoff, {}, {});
    EXPECT_EQ(free.energies.at(ag), -0.5);
    EXPECT_TRUE(says(free,
                     "warning: free atoms of Ag have different energies, -0.5 eV (b.xyz:1) and -0.2 eV (a.xyz:1): "
                     "the lowest is taken"));
    EXPECT_EQ(data.size(), 1u);
}

TEST(FreeAtoms, SeveralFarApartCountIfOfOneSpecies) {
    std::vector<LabeledStructure> data = {crystal(), apart({i, i}, 12.0, -0.6, "a.xyz:1"),
                                          apart({ag}, 0.0, -0.2, "a.xyz:5"), apart({ag, i}, 12.0, -0.5, "a.xyz:8")};
    const FreeAtoms free = take_free_atoms(data, cutoff, {}, {});
    EXPECT_EQ(free.energies, (std::map<int, double>{{ag, -0.2}, {i, -0.3}}));
    EXPECT_TRUE(says(free, "note: 1 structure of several species, no atom of which has a neighbour within 5 Å"));
    EXPECT_EQ(data.size(), 1u);
}

TEST(FreeAtoms, ASpeciesThatOccursOnlySoIsNoneOfTheForceField) {
    std::vector<LabeledStructure> data = {crystal(), apart({au}, 0.0, 3.8, "a.xyz:1"), apart({ag}, 0.0, -0.2, "a:4"),
                                          apart({i}, 0.0, -0.3, "a:7")};
    const FreeAtoms free = take_free_atoms(data, cutoff, {}, {});
    EXPECT_EQ(free.energies, (std::map<int, double>{{ag, -0.2}, {i, -0.3}}));
    EXPECT_TRUE(says(free, "Au occurs only as a free atom and is no species of the force field"));
}

TEST(FreeAtoms, AreNamedSoEvenInASmallCell) {
    auto named = apart({ag}, 0.0, -0.2, "a:1");
    named.structure.cell = 4.0 * Matrix3::Identity();
    auto iodine = named;
    iodine.structure.species = {i};
    std::vector<LabeledStructure> data = {crystal(), named, iodine};
    EXPECT_TRUE(take_free_atoms(data, cutoff, {}, {}).energies.empty());  // a simple cubic crystal
    EXPECT_EQ(data.size(), 3u);
    data[1].group = "IsolatedAtom";
    data[2].group = "isolated_atom";
    EXPECT_EQ(free_atoms_of(data, cutoff), (Frames{1, 2}));
    EXPECT_EQ(take_free_atoms(data, cutoff, {}, {}).energies.size(), 2u);
    EXPECT_EQ(data.size(), 1u);
}

TEST(FreeAtoms, AnEvaporatedAtomKeepsTheEnergyOfItsStructureOnlyIfItsOwnIsKnown) {
    // A dimer of Ag and an I that has left.
    auto evaporated = apart({ag, ag, i}, 0.0, -5.0, "hot.xyz:1");
    evaporated.structure.positions.col(1)[0] = 2.5;
    evaporated.structure.positions.col(2)[1] = 14.0;
    EXPECT_EQ(species_without_neighbors(evaporated.structure, cutoff), std::vector<int>{i});
    EXPECT_EQ(species_without_neighbors(evaporated.structure, 15.0), std::vector<int>{});

    std::vector<LabeledStructure> data = {crystal(), evaporated};
    FreeAtoms free = take_free_atoms(data, cutoff, {}, {});
    ASSERT_EQ(data.size(), 2u);
    EXPECT_FALSE(data[1].labels.energy);
    EXPECT_TRUE(data[1].labels.forces);
    EXPECT_TRUE(data[0].labels.energy);
    EXPECT_TRUE(says(free, "which is not known for I: the energies of these structures are not used"));

    data = {crystal(), evaporated, apart({ag}, 0.0, -0.2, "a:1"), apart({i}, 0.0, -0.3, "a:4")};
    free = take_free_atoms(data, cutoff, {}, {});
    ASSERT_EQ(data.size(), 2u);
    EXPECT_EQ(*data[1].labels.energy, -5.0);
}

}  // namespace
}  // namespace mlff
