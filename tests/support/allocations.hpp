#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <new>

/// Makes allocations fail on purpose, and counts allocated bytes. allocations.cpp replaces malloc and new for this;
/// with a sanitizer, which replaces them too, or without glibc, tests that need it are skipped. Only `new` fails: Eigen
/// 3.4 frees an array twice if it cannot grow (DenseStorage::resize).
namespace mlff::testing {

[[nodiscard]] bool can_fail_allocations();

enum class Where { anywhere, parallel_regions, outside_regions };

/// While it lives, the n-th allocation (from 0) by `new` fails.
class FailingAllocation {
 public:
    FailingAllocation(long n, Where where);
    ~FailingAllocation();
    FailingAllocation(const FailingAllocation&) = delete;
    FailingAllocation& operator=(const FailingAllocation&) = delete;
    [[nodiscard]] bool happened() const;
};

/// Makes one allocation of `work` fail in each trial, the numbers 0, step, 2 step, … until a trial has fewer: each must
/// become std::bad_alloc. `after` checks the state after a failure. @returns the number of failures
inline long fail_each_allocation(
    Where where, long step, const std::function<void()>& work, const std::function<void()>& after = [] {}) {
    long n_failures = 0;
    for (long n = 0;; n += step) {
        bool happened = false, thrown = false;
        {
            const FailingAllocation failing(n, where);
            try {
                work();
            } catch (const std::bad_alloc&) {
                thrown = true;
            }
            happened = failing.happened();
        }
        EXPECT_EQ(thrown, happened) << "allocation " << n;
        if (!happened) return n_failures;
        ++n_failures;
        after();
        if (::testing::Test::HasFailure()) return n_failures;
    }
}

/// Peak of the bytes that `work` allocates in addition to those allocated before.
[[nodiscard]] std::size_t peak_bytes(const std::function<void()>& work);

/// How often `work` allocates inside parallel regions, by malloc too, which does not fail here but in earnest does.
[[nodiscard]] long allocations_in_regions(const std::function<void()>& work);

}  // namespace mlff::testing
