#include "support/allocations.hpp"

#include <malloc.h>
#include <omp.h>

#include <atomic>
#include <cstdlib>

namespace {

std::atomic<bool> failing = false, counting = false;
std::atomic<mlff::testing::Where> place;
std::atomic<long> left = 0, held = 0, most = 0, n_in_regions = 0;

/// Whether this allocation is the one that is to fail.
[[maybe_unused]] bool is_due() {
    if (!failing.load(std::memory_order_relaxed)) return false;
    using mlff::testing::Where;
    if (place == Where::parallel_regions && omp_get_level() == 0) return false;
    if (place == Where::outside_regions && omp_get_level() > 0) return false;
    return left.fetch_sub(1) == 0;
}

[[maybe_unused]] void count(long bytes) {
    if (bytes > 0 && omp_get_level() > 0) ++n_in_regions;
    const long now = held.fetch_add(bytes) + bytes;
    long before = most.load();
    while (now > before && !most.compare_exchange_weak(before, now)) {
    }
}

}  // namespace

// A sanitizer has its own. GCC tells of it by a macro, Clang by a feature.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MLFF_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MLFF_SANITIZED
#endif
#endif
#if defined(__GLIBC__) && !defined(MLFF_SANITIZED)
#define MLFF_OWN_MALLOC

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) noexcept {
    void* const memory = __libc_malloc(size);
    if (counting.load(std::memory_order_relaxed)) count(static_cast<long>(malloc_usable_size(memory)));
    return memory;
}

void* realloc(void* old, std::size_t size) noexcept {
    const auto before = static_cast<long>(malloc_usable_size(old));
    void* const memory = __libc_realloc(old, size);
    if (counting.load(std::memory_order_relaxed)) count(static_cast<long>(malloc_usable_size(memory)) - before);
    return memory;
}

void free(void* memory) noexcept {
    if (counting.load(std::memory_order_relaxed)) count(-static_cast<long>(malloc_usable_size(memory)));
    __libc_free(memory);
}
}

void* operator new(std::size_t size) {
    void* const memory = is_due() ? nullptr : malloc(size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, std::size_t) noexcept { free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { free(memory); }
#endif

namespace mlff::testing {

bool can_fail_allocations() {
#ifdef MLFF_OWN_MALLOC
    return true;
#else
    return false;
#endif
}

FailingAllocation::FailingAllocation(long n, Where where) {
    left = n;
    place = where;
    failing = true;
}
FailingAllocation::~FailingAllocation() { failing = false; }
bool FailingAllocation::happened() const { return left < 0; }

std::size_t peak_bytes(const std::function<void()>& work) {
    held = most = 0;
    counting = true;
    work();
    counting = false;
    return static_cast<std::size_t>(most.load());
}

long allocations_in_regions(const std::function<void()>& work) {
    n_in_regions = 0;
    (void)peak_bytes(work);
    return n_in_regions;
}

}  // namespace mlff::testing
