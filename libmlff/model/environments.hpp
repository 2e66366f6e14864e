#pragma once

#include <span>
#include <vector>

#include "descriptors/descriptor.hpp"
#include "libmlff/atoms/share.hpp"
#include "libmlff/model/neighbor_source.hpp"

namespace mlff {

/// The surroundings of every atom of a structure in the terms of the descriptors: neighbour vectors and species
/// channels instead of cells and atomic numbers.
class Environments final : public NeighborSource {
 public:
    /// @param species  atomic number of each channel
    /// @param cutoff, skin  [Å], as in NeighborList
    /// @param share    the atoms of this rank: others have no neighbours here and stand in no channel's list
    Environments(std::vector<int> species, double cutoff, double skin, Share share = {});

    /// @throws InputError if the structure holds a species without a channel
    void check(const Structure& structure) const;

    /// @throws InputError if the structure holds a species without a channel, or atoms closer than 0.1 Å
    void update(const Structure& structure);

    /// As `update`, but stores no pairs: `environment(i, pairs)` finds those of one atom, with less memory and in less
    /// time if they are needed once.
    /// @throws InputError if the structure holds a species without a channel
    void prepare(const Structure& structure);

    /// After `prepare` or `update`.
    descriptors::Environment environment(Eigen::Index i, LocalPairs& pairs) const override;

    [[nodiscard]] Eigen::Index n_atoms() const override { return static_cast<Eigen::Index>(atom_channel_.size()); }
    [[nodiscard]] std::size_t n_channels() const { return species_.size(); }
    [[nodiscard]] int channel(Eigen::Index i) const { return atom_channel_[static_cast<std::size_t>(i)]; }
    [[nodiscard]] const NeighborList& neighbors() const { return neighbors_; }
    [[nodiscard]] descriptors::Environment environment(Eigen::Index i) const;  ///< after `update`

    /// Atoms of one channel (those of this rank), ascending.
    [[nodiscard]] std::span<const Eigen::Index> atoms(int channel) const override;

 private:
    void assign_channels(const Structure& structure);

    std::vector<int> species_;
    Share share_;
    NeighborList neighbors_;
    std::vector<int> channel_species_;  ///< atomic numbers for which atom_channel_ and atoms_ hold
    std::vector<int> atom_channel_, pair_channel_;
    std::vector<std::vector<Eigen::Index>> atoms_;
    std::vector<char> own_;  ///< whether an atom is of this rank; empty: all are
};

/// x̂ of every atom, D × n_atoms, in the order of the atoms.
[[nodiscard]] Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor,
                                               const Environments& environments);
/// The same of some atoms.
[[nodiscard]] Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor,
                                               const Environments& environments, std::span<const Eigen::Index> atoms);
/// x̂ with its coefficients, for each atom; n_atoms.
[[nodiscard]] std::vector<descriptors::Descriptor::Described> describe(const descriptors::Descriptor& descriptor,
                                                                       const Environments& environments);

}  // namespace mlff
