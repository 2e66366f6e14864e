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
/// - MLFF_ARCH: in a portable build the program for the best level of x86-64 that this CPU has takes over
///   (app/variant.hpp), or that for the level named here, such as x86-64-v3.
/// - malloc gives matrices of more than 4 MB that are gone back to the system. By default it learns to keep those of
///   up to 32 MB, whose scattered room is of no use to the larger ones that a fit goes on to (60 MB of 0.8 GB,
///   measured). Below 4 MB the page faults of what comes and goes with every atom cost 6 % of the time.
/// What the user has set (OPENBLAS_CORETYPE, OMP_WAIT_POLICY, GOMP_SPINCOUNT, MLFF_ARCH, GLIBC_TUNABLES) is respected.
/// @throws InputError if MLFF_ARCH names a level that cannot be had
void prepare_process(char** argv);

/// True where a portable build goes on with the program for any x86-64, though the user has not asked for that and this
/// CPU has more: the program for it is missing.
[[nodiscard]] bool slower_than_this_cpu();

}  // namespace mlff::app
