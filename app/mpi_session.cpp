#include "app/mpi_session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"

#ifdef MLFF_WITH_MPI
#define OMPI_SKIP_MPICXX
#include <mpi.h>
#endif

namespace mlff::app {
namespace {

/// Set by launchers in the environment of each rank: Open MPI, PMIx, PMI, Intel MPI.
constexpr std::array rank_variables = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MPI_LOCALRANKID"};

/// Programs that start ranks on behalf of a launcher: job scripts and tools that run another program.
constexpr std::array wrappers = {"sh",  "bash", "dash",    "ash",  "zsh",    "ksh",      "csh",     "tcsh",
                                 "env", "time", "timeout", "perf", "strace", "valgrind", "numactl", "taskset"};

std::string read_all(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Value of a variable in the environment of a process; none if it has no such variable or is not readable.
std::optional<std::string> variable_of(pid_t process, const std::string& name) {
    const std::string all = '\0' + read_all(fmt::format("/proc/{}/environ", process));
    const std::string key = '\0' + name + '=';
    const auto found = all.find(key);
    if (found == std::string::npos) return {};
    return std::string(all.c_str() + found + key.size());
}

/// Name of the program of a process, and its parent; parent 0 if there is no such process.
std::pair<std::string, pid_t> program_of(pid_t process) {
    const std::string text = read_all(fmt::format("/proc/{}/stat", process));
    const auto open = text.find('('), close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close + 4 > text.size()) return {"", 0};
    return {text.substr(open + 1, close - open - 1), static_cast<pid_t>(std::atol(text.c_str() + close + 4))};
}

}  // namespace

bool started_by_launcher(const std::string& variable) {
    const char* own = std::getenv(variable.c_str());
    if (own == nullptr) return false;
    pid_t ancestor = getppid();
    while (ancestor > 0) {
        const auto [name, parent] = program_of(ancestor);
        if (variable_of(ancestor, variable) != std::string(own)) return true;  // the launcher, as it set the variable
        if (std::find(wrappers.begin(), wrappers.end(), name) == wrappers.end()) return false;  // a rank itself
        ancestor = parent;
    }
    return true;
}

MpiSession::MpiSession() {
    const char* rank = nullptr;
    for (const char* name : rank_variables)
        if (std::getenv(name) != nullptr && (rank == nullptr)) rank = name;
    const char* forced = std::getenv("MLFF_MPI");
    const std::string choice = forced == nullptr ? "" : forced;
    if (!choice.empty() && choice != "on" && choice != "off")
        throw InputError(fmt::format("MLFF_MPI={}: on or off is needed", choice));
    if (choice == "off") return;
    if (choice != "on" && (rank == nullptr || !started_by_launcher(rank))) {
        const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
        if (rank == nullptr && tasks != nullptr && std::atoi(tasks) > 1)
            throw std::runtime_error(fmt::format(
                "srun started {} processes without telling MPI; all would do the same work: use srun --mpi=pmix, or "
                "mpirun",
                tasks));
        return;
    }
#ifdef MLFF_WITH_MPI
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    communicator_ = static_cast<int>(MPI_Comm_c2f(MPI_COMM_WORLD));
#else
    const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
    if (size == nullptr) size = std::getenv("PMI_SIZE");
    if (size != nullptr && std::string(size) != "1")
        throw std::runtime_error(
            "started as one of several MPI processes, but this mlff was built without MPI; build it "
            "with MPI, or start it once and use --threads");
#endif
}

MpiSession::~MpiSession() {
#ifdef MLFF_WITH_MPI
    if (communicator_) MPI_Finalize();
#endif
}

void MpiSession::abort() const {
#ifdef MLFF_WITH_MPI
    if (communicator_) MPI_Abort(MPI_COMM_WORLD, 1);
#endif
    std::_Exit(1);
}

}  // namespace mlff::app
