#include "app/process.hpp"

#include <dlfcn.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "app/variant.hpp"

namespace mlff::app {
namespace {

template <class Function>
Function* find(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

/// The kernel for the widest vectors of this CPU; none if the generic one is best.
const char* best_kernel() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "SKYLAKEX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "HASWELL";
#endif
    return nullptr;
}

/// The levels of x86-64 that this CPU has, best first; none if the program is not portable, or is a variant itself.
std::vector<std::string> cpu_levels() {
    std::vector<std::string> levels;
#if MLFF_PORTABLE
    if (__builtin_cpu_supports("x86-64-v4")) levels.push_back("x86-64-v4");
    if (__builtin_cpu_supports("x86-64-v3")) levels.push_back("x86-64-v3");
    levels.push_back("x86-64");
#endif
    return levels;
}

}  // namespace

bool slower_than_this_cpu() { return cpu_levels().size() > 1 && std::getenv("MLFF_ARCH") == nullptr; }

bool blas_is_thread_safe() {
    // 0: built without threads and, in distributions, without the locks that concurrent callers need.
    auto* kind = find<int()>("openblas_get_parallel");
    return kind == nullptr || kind() != 0;
}

void prepare_process(char** argv) {
    bool changed = false;
    if (std::getenv("OMP_WAIT_POLICY") == nullptr && std::getenv("GOMP_SPINCOUNT") == nullptr) {
        setenv("GOMP_SPINCOUNT", "10000", 1);  // some 20 µs, longer than our barriers on idle cores
        changed = true;
    }
    auto* core_name = find<char*()>("openblas_get_corename");
    if (core_name != nullptr && std::getenv("OPENBLAS_CORETYPE") == nullptr) {
        const std::string_view chosen = core_name();
        for (const std::string_view slow : {"Prescott", "Core2", "Generic", "Unknown"})
            if (const char* better = best_kernel(); chosen == slow && better != nullptr) {
                setenv("OPENBLAS_CORETYPE", better, 1);
                changed = true;
            }
    }
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);  // its own name in ps and top
    if (!error) {
        const char* forced = std::getenv("MLFF_ARCH");
        const auto levels = cpu_levels();
        const auto next = levels.empty() ? self : choose_variant(self, levels, forced == nullptr ? "" : forced);
        if (changed || next != self) execv(next.c_str(), argv);  // returns only on failure: continues, slower
    }

    constexpr int own_threads = 1;  // openblas_get_parallel: 1 for a build with its own pthreads
    auto* kind = find<int()>("openblas_get_parallel");
    if (auto* set_threads = find<void(int)>("openblas_set_num_threads"); set_threads && kind && kind() == own_threads)
        set_threads(1);
#ifdef __GLIBC__
    if (std::getenv("GLIBC_TUNABLES") == nullptr) {
        mallopt(M_MMAP_THRESHOLD, 4 << 20);
        mallopt(M_TRIM_THRESHOLD, 32 << 20);
    }
#endif
}

}  // namespace mlff::app
