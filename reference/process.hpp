#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace mlff::reference {

/// Called a few times a second while a reference computes. It may throw to abandon the call: so a caller stops a long
/// call on Ctrl-C or at the end of a batch job.
using Poll = std::function<void()>;

/// A program started from a command line (/bin/sh -c) in a process group of its own: a Ctrl-C meant for us does not
/// kill it, and it can be ended together with all processes that it started. Its standard output and error are appended
/// to a file. It does not inherit our rank in an MPI job, as it may be an mpirun itself. A guardian, one more process
/// of the group, ends the group if we die, even by SIGKILL.
class ChildProcess {
 public:
    struct Options {
        std::string command;    ///< as for a shell; mpirun, srun and the like included
        std::string directory;  ///< working directory
        std::string log;        ///< file for its output, relative to `directory` or absolute
        int threads = 1;        ///< OMP_NUM_THREADS of the program; the command line may set another
    };

    /// @throws std::runtime_error if no process can be made, or the log cannot be written
    explicit ChildProcess(const Options& options);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess() { end(); }

    [[nodiscard]] int id() const { return id_; }
    [[nodiscard]] bool running();
    /// Waits up to `seconds`. True if the program has ended.
    bool wait(double seconds, const Poll& poll = {});
    /// True if it ended by itself with status 0. False if our process ignores SIGCHLD, as the status is lost then.
    [[nodiscard]] bool succeeded() const;
    /// "with exit status 3", "by signal 9 (Killed)"; "not yet" while it runs.
    [[nodiscard]] std::string how_it_ended() const;
    /// Ends the remaining processes of the group: SIGTERM, and SIGKILL after `patience` seconds.
    void end(double patience = 5.0) noexcept;

 private:
    int id_ = -1;        ///< of process and group
    int guardian_ = -1;  ///< process
    int lifeline_ = -1;  ///< our end of the pipe that the guardian listens to
    bool ended_ = false;
    bool unknown_ = false;  ///< it has ended, but its status is lost: SIGCHLD is ignored
    bool killed_ = false;   ///< by a signal
    int status_ = 0;        ///< exit status, or the signal
};

/// The last lines of a text, for messages: at most `n_lines`, on one line with " / " between them.
[[nodiscard]] std::string last_lines(const std::string& text, int n_lines = 3);

/// Content of a file from byte `begin` on; "" if there is no such file or nothing new.
[[nodiscard]] std::string text_from(const std::string& path, std::int64_t begin = 0);
/// Bytes of a file; 0 if there is none.
[[nodiscard]] std::int64_t size_of(const std::string& path);

}  // namespace mlff::reference
