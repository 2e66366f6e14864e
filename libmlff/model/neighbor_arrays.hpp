#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libmlff/model/neighbor_source.hpp"

namespace mlff {

/// Positions and neighbour lists as a host program holds them; nothing is copied. Ghosts (periodic images, atoms of
/// other processes) are atoms with positions of their own.
struct NeighborView {
    std::span<const double> positions;      ///< [Å], x y z of each atom, 3 n_atoms
    std::span<const int> channels;          ///< species channel of each atom, n_atoms; −1: not an atom of this model
    std::span<const int> centres;           ///< atoms whose energies are computed, with a full neighbour list each
    std::span<const int> counts;            ///< number of neighbours of each centre
    std::span<const int* const> neighbors;  ///< neighbour list of each centre: indices of atoms, after `index_mask`
    int index_mask = -1;                    ///< bits of a neighbour entry that hold the index (LAMMPS: NEIGHMASK)
};

/// Neighbour lists of a host as a NeighborSource. Lists may hold atoms beyond the cutoff; these are skipped, as are
/// atoms and centres with channel −1.
class NeighborArrays final : public NeighborSource {
 public:
    /// @param cutoff  of the model [Å];  @param n_channels  of the model
    /// @throws InputError if the arrays disagree in size, or an index or channel is out of range
    NeighborArrays(const NeighborView& view, double cutoff, int n_channels);

    [[nodiscard]] Eigen::Index n_atoms() const override { return static_cast<Eigen::Index>(view_.channels.size()); }
    [[nodiscard]] std::span<const Eigen::Index> atoms(int channel) const override {
        return atoms_[static_cast<std::size_t>(channel)];
    }
    descriptors::Environment environment(Eigen::Index i, LocalPairs& pairs) const override;

 private:
    NeighborView view_;
    double cutoff_;
    std::vector<std::vector<Eigen::Index>> atoms_;  ///< per channel
    std::vector<std::int32_t> place_;               ///< of each atom in `centres`; −1: none
};

}  // namespace mlff
