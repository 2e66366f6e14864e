#include "md/trajectory.hpp"

#include <fmt/format.h>

#include "libmlff/errors.hpp"
#include "libmlff/io/extxyz.hpp"

namespace mlff::md {
namespace {

const TrajectoryOptions& validated(const TrajectoryOptions& options) {
    options.validate();
    return options;
}

}  // namespace

void TrajectoryOptions::validate() const {
    if (every < 1) throw InputError(fmt::format("every is {}; it must be at least 1 step", every));
}

Trajectory::Trajectory(const std::string& path, const TrajectoryOptions& options)
    : options_(validated(options)), file_(path) {}

void Trajectory::write(const StepReport& report) {
    if (report.step % options_.every != 0) return;
    ExtxyzFrame frame;
    frame.structure = report.state.structure;
    frame.labels.energy = report.potential;
    frame.labels.stress = report.evaluation.stress;
    if (options_.forces) frame.labels.forces = report.evaluation.forces;
    if (options_.velocities) frame.velocities = report.state.velocities;
    frame.info = {{"step", fmt::format("{}", report.step)},
                  {"time", fmt::format("{}", report.time)},
                  {"temperature", fmt::format("{}", report.temperature)}};
    file_.write(format_extxyz(frame));
    file_.flush();
}

}  // namespace mlff::md
