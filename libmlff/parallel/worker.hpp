#pragma once

#include "libmlff/parallel/communicator.hpp"

namespace mlff {

/// On a rank of a job: as many OpenMP threads as `given`, the same everywhere; if that is 0, what the
/// environment says (OMP_NUM_THREADS), else a fair share of the cores of the node.
void set_threads(const Communicator& world, int given);

/// What ranks other than 0 do: their share of every task that rank 0 starts, until it sends them home.
void serve(Communicator& world);

}  // namespace mlff
