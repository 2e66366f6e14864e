#include "analysis/frame_source.hpp"

#include <fmt/format.h>

#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/h5md.hpp"
#include "libmlff/io/lammps_dump.hpp"
#include "libmlff/io/vasprun.hpp"
#include "libmlff/io/xdatcar.hpp"

namespace mlff::analysis {
namespace {

class ExtxyzFrames final : public FrameSource {
 public:
    explicit ExtxyzFrames(const std::string& path) : reader_(path) {}

    std::optional<SourceFrame> next() override {
        std::optional<ExtxyzFrame> read;
        try {
            if (!cut_off_) read = reader_.next();
        } catch (const InputError&) {
            if (n_frames_ == 0 || !reader_.cut_off()) throw;
            cut_off_ = true;
        }
        if (!read) return std::nullopt;
        ++n_frames_;
        SourceFrame frame;
        frame.time = number(*read, "time");
        frame.step = number(*read, "step");
        frame.temperature = number(*read, "temperature");
        frame.velocities = std::move(read->velocities);
        static_cast<LabeledStructure&>(frame) = std::move(*read);
        return frame;
    }

 private:
    static std::optional<double> number(const ExtxyzFrame& frame, const char* key) {
        const auto text = frame.find(key);
        if (!text) return std::nullopt;
        const auto value = parse_double(*text);
        if (!value)
            throw InputError(fmt::format("{}: {} must be a finite number, got {}", frame.origin, key, show(*text)));
        return value;
    }

    ExtxyzReader reader_;
    long n_frames_ = 0;
};

class VasprunFrames final : public FrameSource {
 public:
    explicit VasprunFrames(const std::string& path) : file_(read_vasprun(path)) {
        for (const std::string& note : file_.notes)
            if (note.find("left out") != std::string::npos)
                throw InputError(note + "; a trajectory needs every step: the XDATCAR of the run has them");
    }

    std::optional<SourceFrame> next() override {
        if (next_ == file_.structures.size()) return std::nullopt;
        SourceFrame frame;
        static_cast<LabeledStructure&>(frame) = std::move(file_.structures[next_++]);
        frame.step = static_cast<double>(next_);
        frame.timestep = file_.timestep;
        return frame;
    }

 private:
    DataFile file_;
    std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<FrameSource> open_frames(const std::string& path, const std::vector<int>& species) {
    switch (const DataFormat format = detect_format(path)) {
        case DataFormat::extxyz:
            return std::make_unique<ExtxyzFrames>(path);
        case DataFormat::xdatcar:
            return std::make_unique<XdatcarFrames>(path);
        case DataFormat::vasprun:
            return std::make_unique<VasprunFrames>(path);
        case DataFormat::lammps_dump:
            return std::make_unique<LammpsDumpFrames>(path, species);
        case DataFormat::h5md:
            return std::make_unique<H5mdFrames>(path, species);
        default:
            throw InputError(
                fmt::format("{}: {} is no trajectory; extxyz, H5MD, XDATCAR, vasprun.xml or a LAMMPS dump is needed",
                            path, format_name(format)));
    }
}

}  // namespace mlff::analysis
