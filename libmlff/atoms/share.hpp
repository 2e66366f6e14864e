#pragma once

#include <Eigen/Core>
#include <vector>

namespace mlff {

/// Which of the atoms of a structure a rank looks after: of each species a block, so that all have the same work.
struct Share {
    int part = 0, n_parts = 1;
};

/// n things in blocks of about equal size, one for each rank, in order: the first of the block of a rank.
[[nodiscard]] inline Eigen::Index block_begin(Eigen::Index n, int rank, int n_ranks) { return n * rank / n_ranks; }

/// Where the blocks of the ranks begin if things of these costs are to be shared in order; one more at the end.
[[nodiscard]] std::vector<std::size_t> share_by_cost(const std::vector<double>& costs, int n_ranks);

}  // namespace mlff
