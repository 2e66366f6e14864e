#pragma once

#include <optional>
#include <string>

namespace mlff::app {

/// MPI for the lifetime of the program, if a launcher started it as a rank. A process that a rank of another program
/// started (a script under mpirun that calls mlff) inherits the launcher's environment but is not a rank: it runs
/// alone. The variable MLFF_MPI (on, off) overrides this.
class MpiSession {
 public:
    /// @throws std::runtime_error if the program is one of several ranks but was built without MPI, or if srun started
    ///         several processes without MPI
    MpiSession();
    MpiSession(const MpiSession&) = delete;
    MpiSession& operator=(const MpiSession&) = delete;
    ~MpiSession();  ///< ends MPI

    /// Fortran handle of the communicator of all ranks; none: the process is alone.
    [[nodiscard]] std::optional<int> communicator() const { return communicator_; }

    /// Ends all ranks: for a failure in the middle of an exchange.
    [[noreturn]] void abort() const;

 private:
    std::optional<int> communicator_;
};

/// Whether a launcher started this process as a rank. `variable` is the environment variable that names the rank, which
/// the launcher itself does not have. Shells between the launcher and this process are ignored.
[[nodiscard]] bool started_by_launcher(const std::string& variable);

}  // namespace mlff::app
