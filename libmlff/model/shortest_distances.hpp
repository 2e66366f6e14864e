#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libmlff/model/calculator.hpp"
#include "libmlff/model/environments.hpp"

namespace mlff {

/// Of no structure: all infinite, channels × channels.
[[nodiscard]] Eigen::MatrixXd no_distances(std::size_t n_channels);
/// Shortest distance of each pair of species in a structure [Å], channels × channels, symmetric; infinite where there
/// is no such pair within the cutoff. Periodic images count.
/// @param environments  of the structure, updated
[[nodiscard]] Eigen::MatrixXd shortest_distances(const Environments& environments);

/// In words: the atoms, counted from 1, their distance and the shortest of their species in the training data.
[[nodiscard]] std::string describe(const ClosePair& pair, const Structure& structure);

/// Keeps the closer of two pairs, measured by the training data.
void keep_closer(std::optional<ClosePair>& best, const ClosePair& other);

/// Looks through the pairs of atom i for one that is closer than the best so far.
/// @param shortest  distances in the training data [Å], channels × channels; 0 × 0: not known
/// @param inverse   1 / shortest [1/Å]
/// @param neighbor  the other atom of each pair of `environment`
/// @returns whether a pair is closer than in the training data
inline bool look_for_close_pair(const Eigen::MatrixXd& shortest, const Eigen::MatrixXd& inverse, Eigen::Index i,
                                int channel, const descriptors::Environment& environment,
                                std::span<const std::int32_t> neighbor, std::optional<ClosePair>& best) {
    if (inverse.size() == 0) return false;
    bool closer = false;
    const double* const of_channel = inverse.col(channel).data();
    for (std::size_t p = 0; p < environment.distances.size(); ++p) {
        const double distance = environment.distances[p], ratio = distance * of_channel[environment.channels[p]];
        closer |= ratio < 1.0;
        if (!best || ratio <= best->ratio)
            keep_closer(best, {i, neighbor[p], distance, shortest(environment.channels[p], channel), ratio});
    }
    return closer;
}

}  // namespace mlff
