#pragma once

namespace mlff::app {

/// False for an OpenBLAS that must not be called from several threads at a time (a build without threads): its results
/// would now and then be garbage, so that the program has to stay on one thread.
[[nodiscard]] bool blas_is_thread_safe();

/// What libraries decide when they are loaded, decided well: call it first in main. Where the environment has to
/// change, the program starts afresh, once.
/// - OPENBLAS_CORETYPE: an older OpenBLAS that does not know a newer CPU falls back to SSE kernels, a quarter of the
///   speed; it is told the widest vectors that this CPU has. A pool of pthreads beside our OpenMP threads is turned
///   off.
/// - GOMP_SPINCOUNT: threads that wait at a barrier give the core back soon. On a shared node long spinning costs more
///   than the work itself (measured here: a factor of five with one foreign process on two cores).
/// What the user has set (OPENBLAS_CORETYPE, OMP_WAIT_POLICY, GOMP_SPINCOUNT) is respected.
void prepare_process(char** argv);

}  // namespace mlff::app
