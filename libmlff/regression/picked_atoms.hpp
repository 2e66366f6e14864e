#pragma once

#include <span>
#include <vector>

#include "descriptors/descriptor.hpp"
#include "libmlff/atoms/structure.hpp"
#include "libmlff/regression/progress.hpp"

namespace mlff {

/// Some atoms of a structure.
struct PickedAtoms {
    const Structure* structure;
    std::vector<int> atoms;
};

/// x̂ of picked atoms, one after the other, D × n, and whether they have neighbours.
struct PickedFeatures {
    Eigen::MatrixXd features;
    std::vector<char> has_neighbors;
};

/// @param species  atomic number of each channel
/// @throws InputError if a structure holds another species
[[nodiscard]] PickedFeatures describe(std::span<const PickedAtoms> picked, const descriptors::Descriptor& descriptor,
                                      const std::vector<int>& species, const Progress& progress);

}  // namespace mlff
