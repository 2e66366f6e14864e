#pragma once

namespace mlff::app {

/// False for an OpenBLAS that must not be called from several threads at a time (a build without threads): its results
/// would now and then be garbage, so that the program has to stay on one thread.
[[nodiscard]] bool blas_is_thread_safe();

/// Makes the BLAS fit for a program that runs its own threads: no second pool of threads, and, where an older OpenBLAS
/// does not know a newer CPU and falls back to a slow kernel, the fastest kernel that this CPU has. OpenBLAS chooses
/// when it is loaded, so the latter starts the program afresh, once, with OPENBLAS_CORETYPE set. Call it first in main.
/// A value of OPENBLAS_CORETYPE that the user gave is respected; another BLAS is left alone.
void choose_blas_kernel(char** argv);

}  // namespace mlff::app
