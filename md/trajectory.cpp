#include "md/trajectory.hpp"

#include <fmt/format.h>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"

namespace mlff::md {
namespace {

const TrajectoryOptions& validated(const TrajectoryOptions& options) {
    options.validate();
    return options;
}

std::variant<OutputFile, H5mdWriter> open(const std::string& path, TrajectoryFormat format) {
    if (format == TrajectoryFormat::h5md) return H5mdWriter(path);
    return OutputFile(path);
}

/// Fields of both formats.
template <class Frame>
Frame frame_of(const StepReport& report, const TrajectoryOptions& options) {
    Frame frame;
    frame.structure = report.state.structure;
    frame.labels.energy = report.potential;
    frame.labels.stress = report.evaluation.stress;
    if (options.forces) frame.labels.forces = report.evaluation.forces;
    if (options.velocities) frame.velocities = report.state.velocities;
    return frame;
}

}  // namespace

void TrajectoryOptions::validate() const {
    if (every < 1) throw InputError(fmt::format("every is {}; it must be at least 1 step", every));
}

const char* trajectory_name(TrajectoryFormat format) {
    return format == TrajectoryFormat::h5md ? "trajectory.h5md" : "trajectory.xyz";
}

Trajectory::Trajectory(const std::string& path, const TrajectoryOptions& options)
    : options_(validated(options)), file_(open(path, options.format)) {}

void Trajectory::write(const StepReport& report) {
    if (report.step % options_.every != 0) return;
    if (auto* h5md = std::get_if<H5mdWriter>(&file_)) {
        auto frame = frame_of<SourceFrame>(report, options_);
        frame.step = static_cast<double>(report.step);
        frame.time = report.time;
        frame.temperature = report.temperature;
        h5md->append(frame);
        return;
    }
    auto frame = frame_of<ExtxyzFrame>(report, options_);
    frame.move_mask = report.state.move_mask;  // a run that starts from this frame holds the same atoms
    frame.info = {{"step", fmt::format("{}", report.step)},
                  {"time", fmt::format("{}", report.time)},
                  {"temperature", fmt::format("{}", report.temperature)}};
    auto& text = std::get<OutputFile>(file_);
    text.write(format_extxyz(frame));
    text.flush();
}

std::int64_t Trajectory::position() const {
    const auto* h5md = std::get_if<H5mdWriter>(&file_);
    return h5md ? h5md->n_frames() : std::get<OutputFile>(file_).position();
}

void Trajectory::truncate(std::int64_t position) {
    std::visit([&](auto& file) { file.truncate(position); }, file_);
}

void Trajectory::require_in_place() const {
    std::visit([](const auto& file) { file.require_in_place(); }, file_);
}

void Trajectory::sync() {
    std::visit([](auto& file) { file.sync(); }, file_);
}

}  // namespace mlff::md
