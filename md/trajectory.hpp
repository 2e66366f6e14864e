#pragma once

#include <cstdint>
#include <string>

#include "libmlff/io/output_file.hpp"
#include "md/driver.hpp"

namespace mlff::md {

struct TrajectoryOptions {
    std::int64_t every = 10;  ///< [steps] between frames; step 0 is one
    bool velocities = true;   ///< [Å/fs]
    bool forces = false;      ///< [eV/Å]

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// The path of the atoms as extended XYZ, appended to a file: positions unwrapped, energy [eV], stress [eV/Å³] if there
/// is one, and the info keys step, time [fs] and temperature [K].
class Trajectory {
 public:
    /// Opens for appending. @throws std::runtime_error naming the file if that fails; InputError as validate()
    Trajectory(const std::string& path, const TrajectoryOptions& options);

    /// Writes a frame if it is the turn of this step, and hands it to the system.
    /// @throws std::runtime_error naming the file if that fails
    void write(const StepReport& report);

    /// Bytes written so far; a run that is resumed from a snapshot cuts the file back to its position then.
    [[nodiscard]] std::int64_t position() const { return file_.position(); }
    void truncate(std::int64_t position) { file_.truncate(position); }
    void sync() { file_.sync(); }  ///< waits until the disk has it

 private:
    TrajectoryOptions options_;
    OutputFile file_;
};

}  // namespace mlff::md
