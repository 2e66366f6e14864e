#pragma once

#include "libmlff/parallel/communicator.hpp"

namespace mlff {

/// All tasks of this library that rank 0 may start. A program may add tasks of its own.
[[nodiscard]] TaskHandlers task_handlers();

}  // namespace mlff
