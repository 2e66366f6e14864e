#pragma once

#include <Eigen/Core>
#include <span>

namespace mlff::descriptors {

/// The neighbours of one atom i within the largest cutoff. Views only: the caller owns the arrays.
struct Environment {
    Eigen::Map<const Eigen::Matrix3Xd> vectors;  ///< r_ij [Å], 3 × n_neighbors
    std::span<const double> distances;           ///< |r_ij| [Å] > 0, n_neighbors
    std::span<const int> channels;               ///< species channel J of each neighbour, 0 ≤ J < n_channels

    [[nodiscard]] Eigen::Index size() const { return vectors.cols(); }
};

}  // namespace mlff::descriptors
