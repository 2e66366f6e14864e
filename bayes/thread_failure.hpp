#pragma once

#include <atomic>
#include <exception>
#include <utility>

namespace mlff {

/// Carries an exception out of an OpenMP region, where one that is not caught ends the program:
///
///     ThreadFailure failure;
///     #pragma omp parallel for
///     for (...) failure.collect([&] { work; });
///     failure.rethrow();
///
/// Any region that allocates needs it (std::bad_alloc). The first exception is kept; work that begins after it is left
/// out, also in later loops of the same region.
class ThreadFailure {
 public:
    template <class Work>
    void collect(Work&& work) noexcept {
        if (failed_) return;
        try {
            std::forward<Work>(work)();
        } catch (...) {
            if (!failed_.exchange(true)) first_ = std::current_exception();
        }
    }

    /// After the region: throws what was collected, if anything was.
    void rethrow() const {
        if (first_) std::rethrow_exception(first_);
    }

 private:
    std::atomic<bool> failed_ = false;
    std::exception_ptr first_;
};

}  // namespace mlff
