#pragma once

namespace mlff::app {

/// False for an OpenBLAS that must not be called from several threads at a time (a build without threads): its results
/// would sometimes be garbage, so the program must stay on one thread.
[[nodiscard]] bool blas_is_thread_safe();

/// Settings that libraries read when they are loaded: call it first in main. Where the environment must change, the
/// program restarts itself once.
/// - OPENBLAS_CORETYPE: an older OpenBLAS uses SSE kernels on a newer CPU, at a quarter of the speed; this selects the
///   kernel for the widest vectors of the CPU. A pool of pthreads next to our OpenMP threads is turned off.
/// - GOMP_SPINCOUNT: threads that wait at a barrier release the core soon. On a shared node long spinning costs more
///   than the work itself (measured here: a factor of five with one foreign process on two cores).
/// - MLFF_ARCH: a portable build continues as the program for this CPU's best level of x86-64 (app/variant.hpp), or for
///   the level named here, such as x86-64-v3.
/// - malloc returns freed matrices of more than 4 MB to the system. By default it learns to keep up to 32 MB each; a
///   fit cannot use their scattered memory for its larger matrices (60 MB of 0.8 GB, measured). Below 4 MB page faults
///   of the arrays allocated for every atom would cost 6 % of the time.
/// The user's settings (OPENBLAS_CORETYPE, OMP_WAIT_POLICY, GOMP_SPINCOUNT, MLFF_ARCH, GLIBC_TUNABLES) have priority.
/// @throws InputError if MLFF_ARCH names a level that is not available
void prepare_process(char** argv);

/// True if a portable build continues with the program for any x86-64 without the user's request, although this CPU has
/// a higher level: the program for that level is missing.
[[nodiscard]] bool slower_than_this_cpu();

}  // namespace mlff::app
