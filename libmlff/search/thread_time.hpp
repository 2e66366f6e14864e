#pragma once

#include <time.h>

#include <algorithm>
#include <limits>

namespace mlff {

/// Processor time of this thread [s], independent of other load on the machine. The other threads of its team take as
/// long.
inline double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Shortest time of some repetitions [s], until half a second is spent.
template <class Action>
double shortest_seconds(const Action& action) {
    double shortest = std::numeric_limits<double>::max(), all = 0.0;
    for (int n = 0; n < 1 || (n < 5 && all < 0.5); ++n) {
        const double start = thread_seconds();
        action();
        const double seconds = thread_seconds() - start;
        shortest = std::min(shortest, seconds);
        all += seconds;
    }
    return shortest;
}

}  // namespace mlff
