#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "libmlff/io/h5md.hpp"
#include "libmlff/io/output_file.hpp"
#include "md/driver.hpp"

namespace mlff::md {

enum class TrajectoryFormat { extxyz, h5md };

struct TrajectoryOptions {
    TrajectoryFormat format = TrajectoryFormat::extxyz;
    std::int64_t every = 10;  ///< [steps] between frames; step 0 is one
    bool velocities = true;   ///< [Å/fs]
    bool forces = false;      ///< [eV/Å]

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// Name of the file in a run directory: "trajectory.xyz" or "trajectory.h5md".
[[nodiscard]] const char* trajectory_name(TrajectoryFormat format);

/// The path of the atoms, appended to a file: positions unwrapped, energy [eV], stress [eV/Å³] if there is one, step,
/// time [fs] and temperature [K]. As extended XYZ (the last three are info keys), or H5MD (libmlff/io/h5md.hpp). Every
/// number is exact. A frame that `write` has finished is in the file, even if the program then crashes.
class Trajectory {
 public:
    /// Opens for appending. @throws std::runtime_error naming the file if that fails; InputError as validate(), and if
    /// an existing file has another format
    Trajectory(const std::string& path, const TrajectoryOptions& options);

    /// Writes a frame if this step is due (`every`), and hands it to the system.
    /// @throws std::runtime_error naming the file if that fails
    void write(const StepReport& report);

    /// Length written so far, in bytes of extended XYZ or frames of H5MD; a run that resumes from a snapshot truncates
    /// the file to the position at that time.
    [[nodiscard]] std::int64_t position() const;
    void truncate(std::int64_t position);
    void sync();  ///< waits until all is on disk
    /// @throws std::runtime_error if the file was removed or replaced while it was written
    void require_in_place() const;

 private:
    TrajectoryOptions options_;
    std::variant<OutputFile, H5mdWriter> file_;
};

}  // namespace mlff::md
