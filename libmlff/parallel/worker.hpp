#pragma once

#include "libmlff/parallel/communicator.hpp"

namespace mlff {

/// What ranks other than 0 do: their share of every task that rank 0 starts, until it sends them home.
void serve(Communicator& world);

}  // namespace mlff
