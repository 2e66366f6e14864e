#pragma once

#include <time.h>

namespace mlff {

/// Processor time of this thread [s], independent of other load on the machine. The other threads of its team take as
/// long.
inline double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace mlff
