#pragma once

#include <span>
#include <vector>

#include "descriptors/environment.hpp"
#include "libmlff/atoms/neighbor_list.hpp"

namespace mlff {

/// The neighbours of one atom and their species channels. Arrays grow and never shrink.
struct LocalPairs : NeighborList::Pairs {
    std::vector<int> channels;

    /// A view of the arrays, good until they change.
    [[nodiscard]] descriptors::Environment environment() const {
        const auto n = static_cast<std::size_t>(size);
        return {{vectors.data(), 3, size}, std::span(distances).first(n), std::span(channels).first(n)};
    }
};

/// Atoms whose energies are to be computed, and their neighbours. Implemented by our own neighbour list
/// (environments.hpp) and by the arrays of a host program (neighbor_arrays.hpp).
class NeighborSource {
 public:
    virtual ~NeighborSource() = default;

    /// Number of all atoms, ghosts included: neighbour indices lie below it.
    [[nodiscard]] virtual Eigen::Index n_atoms() const = 0;
    /// Atoms of one channel whose energies are wanted, ascending.
    [[nodiscard]] virtual std::span<const Eigen::Index> atoms(int channel) const = 0;
    /// Fills `pairs` with the neighbours of atom i within the cutoff and returns a view of it. Called from several
    /// threads at once, each with its own `pairs`.
    virtual descriptors::Environment environment(Eigen::Index i, LocalPairs& pairs) const = 0;
};

}  // namespace mlff
