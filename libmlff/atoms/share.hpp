#pragma once

#include <Eigen/Core>
#include <vector>

namespace mlff {

/// Share of a rank in the atoms of a structure: a block of each species, so that all ranks have the same work.
struct Share {
    int part = 0, n_parts = 1;
};

/// First item of a rank's block, if n items are divided in order into blocks of about equal size, one per rank.
[[nodiscard]] inline Eigen::Index block_begin(Eigen::Index n, int rank, int n_ranks) { return n * rank / n_ranks; }

/// First item of each rank's block, if items of these costs are divided in order; one more entry at the end.
[[nodiscard]] std::vector<std::size_t> share_by_cost(const std::vector<double>& costs, int n_ranks);

}  // namespace mlff
