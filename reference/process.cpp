#include "reference/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

namespace mlff::reference {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// True for a variable by which mpirun (Open MPI 4 and 5, MPICH) or srun marks a process as a rank of a job. A child
/// that inherits it acts as that rank, and an mpirun as a part of the job. Users' settings for Open MPI (OMPI_MCA_…,
/// PMIX_MCA_…, the permission to run as root) are kept, and so is SLURM_…: srun needs it.
bool is_rank_of_job(std::string_view variable) {
    constexpr auto begins_with_one_of = [](std::string_view text, auto... beginnings) {
        return (text.starts_with(beginnings) || ...);
    };
    if (variable.starts_with("OMPI_MCA_"))  // mpirun sets these for each rank
        return begins_with_one_of(
            variable.substr(9), "ess=", "ess_base_",
            "initial_wdir=", "mpi_oversubscribe=", "orte_app_num=", "orte_ess_",
            "orte_hnp_uri=", "orte_jobfam_session_dir=", "orte_launch=", "orte_local_daemon_uri=", "orte_num_nodes=",
            "orte_precondition_transports=", "orte_top_session_dir=", "pmix=", "shmem_RUNTIME_QUERY_hint=");
    if (begins_with_one_of(variable, "OMPI_ALLOW_RUN_AS_ROOT", "PMIX_MCA_")) return false;
    return begins_with_one_of(variable, "OMPI_", "PMIX_", "PMI_");
}

/// Our environment without our rank in an MPI job, with the number of threads of the program.
std::vector<std::string> environment(int threads) {
    constexpr std::string_view key = "OMP_NUM_THREADS=";
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry)
        if (!std::string_view(*entry).starts_with(key) && !is_rank_of_job(*entry)) all.emplace_back(*entry);
    all.push_back(fmt::format("{}{}", key, threads));
    return all;
}

/// Ends the process group `group` when the other end of the pipe closes, that is when its owner dies, for any reason.
/// Runs in a forked process: only system calls.
[[noreturn]] void guard(int pipe_end, pid_t group) {
    setpgid(0, group);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) std::signal(number, SIG_IGN);  // outlives its own SIGTERM
    dup2(pipe_end, STDIN_FILENO);
    close_range(STDIN_FILENO + 1, ~0U, 0);  // else it would keep locks and sockets of its dead parent open
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
    }
    kill(-group, SIGTERM);
    sleep(2);
    kill(-group, SIGKILL);
    _exit(0);
}

}  // namespace

ChildProcess::ChildProcess(const Options& options) {
    // All allocations come before the fork: the child of a program with threads may only make system calls.
    std::vector<std::string> variables = environment(options.threads);
    std::vector<char*> variable_pointers;
    variable_pointers.reserve(variables.size() + 1);
    for (auto& variable : variables) variable_pointers.push_back(variable.data());
    variable_pointers.push_back(nullptr);
    const std::string log = (std::filesystem::path(options.directory) / options.log).string();
    const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (output < 0) throw std::runtime_error(fmt::format("{}: cannot be written: {}", log, std::strerror(errno)));
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(fmt::format("no pipe: {}", std::strerror(errno)));

    id_ = fork();
    if (id_ == 0) {
        setpgid(0, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        // The child would inherit our ignored signals. SIGHUP is left unchanged: under nohup it stays ignored.
        for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGPIPE, SIGXFSZ, SIGCHLD}) std::signal(number, SIG_DFL);
        if (chdir(options.directory.c_str()) != 0) _exit(126);
        if (nothing >= 0) dup2(nothing, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        execle("/bin/sh", "sh", "-c", options.command.c_str(), nullptr, variable_pointers.data());
        _exit(127);
    }
    const int error = errno;
    close(output);
    if (nothing >= 0) close(nothing);
    lifeline_ = ends[1];
    if (id_ > 0) {
        setpgid(id_, id_);  // in both processes, as either may run first
        guardian_ = fork();
        if (guardian_ == 0) guard(ends[0], id_);
        if (guardian_ > 0) setpgid(guardian_, id_);
    }
    close(ends[0]);
    if (id_ < 0) {
        close(lifeline_);
        throw std::runtime_error(fmt::format("'{}' cannot be started: {}", options.command, std::strerror(error)));
    }
}

bool ChildProcess::running() {
    if (ended_) return false;
    siginfo_t info{};
    // Not reaped before `end`, so that the number of the process group stays ours.
    const bool told = waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    if (told ? info.si_pid == 0 : errno != ECHILD) return true;
    ended_ = true;
    if (!told) {  // its status is lost
        unknown_ = true;
        return false;
    }
    killed_ = info.si_code != CLD_EXITED;
    status_ = info.si_status;
    return false;
}

bool ChildProcess::wait(double seconds, const Poll& poll) {
    const auto start = Clock::now();
    auto pause = std::chrono::milliseconds(1);
    while (running()) {
        if (seconds_since(start) > seconds) return false;
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, std::chrono::milliseconds(100));
        if (poll) poll();
    }
    return true;
}

bool ChildProcess::succeeded() const { return ended_ && !unknown_ && !killed_ && status_ == 0; }

std::string ChildProcess::how_it_ended() const {
    if (!ended_) return "not yet";
    if (unknown_) return "with a status that nobody knows: this process ignores SIGCHLD; give it its default";
    if (killed_) return fmt::format("by signal {} ({})", status_, strsignal(status_));
    if (status_ == 127) return "with exit status 127 (no such command, or a library of it is missing)";
    if (status_ > 128 && status_ < 160)  // the way a shell reports it
        return fmt::format("with exit status {} (signal {}, {})", status_, status_ - 128, strsignal(status_ - 128));
    return fmt::format("with exit status {}", status_);
}

void ChildProcess::end(double patience) noexcept {
    if (id_ <= 0) return;
    if (running()) {
        kill(-id_, SIGTERM);
        wait(patience);
    }
    kill(-id_, SIGKILL);  // and the processes that it has left behind
    // Where SIGCHLD is ignored, the group may have ended before the guardian could join it.
    if (guardian_ > 0) kill(guardian_, SIGKILL);
    int ignored = 0;
    waitpid(id_, &ignored, 0);
    if (guardian_ > 0) waitpid(guardian_, &ignored, 0);
    close(lifeline_);
    ended_ = true;
    id_ = -1;
}

std::string last_lines(const std::string& text, int n_lines) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        const auto begin = line.find_first_not_of(" \t\r"), end = line.find_last_not_of(" \t\r");
        if (begin == std::string::npos || line.find_first_not_of(" \t\r*-=_#") == std::string::npos) continue;
        lines.push_back(line.substr(begin, end - begin + 1));
    }
    std::string shown;
    const auto n = static_cast<int>(lines.size());
    for (int k = std::max(0, n - n_lines); k < n; ++k)
        shown += (shown.empty() ? "" : " / ") + lines[static_cast<std::size_t>(k)];
    return shown;
}

std::string text_from(const std::string& path, std::int64_t begin) {
    std::ifstream in(path, std::ios::binary);
    in.seekg(begin);
    if (!in) return {};
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::int64_t size_of(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : static_cast<std::int64_t>(size);
}

}  // namespace mlff::reference
