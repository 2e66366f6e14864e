#include "app/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <set>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/h5md.hpp"
#include "libmlff/io/lammps.hpp"
#include "libmlff/io/lammps_dump.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/io/xdatcar.hpp"

namespace mlff::app {
namespace {

bool has_info(const ExtxyzFrame& frame, std::string_view key) { return frame.find(key).has_value(); }

FrameFile read_extxyz_frames(const std::string& path, ExtxyzKeys keys) {
    keys.all_columns = true;
    ExtxyzReader reader(path, keys);
    FrameFile file;
    std::set<std::string> names;
    bool energy = false, forces = false, stress = false;
    double entropy = 0.0;
    while (auto frame = reader.next()) {
        energy = energy || frame->labels.energy;
        forces = forces || frame->labels.forces;
        stress = stress || frame->labels.stress;
        for (const auto& [name, value] : frame->info) names.insert(name);
        for (const auto& column : frame->columns) names.insert(column.name);
        if (const auto& other = frame->energy_without_entropy) {
            entropy = std::max(entropy,
                               std::abs(*frame->labels.energy - *other) / static_cast<double>(frame->structure.size()));
            if (!has_info(*frame, "energy_without_entropy"))
                frame->info.emplace_back("energy_without_entropy", fmt::format("{}", *other));
        }
        file.frames.push_back(std::move(*frame));
    }
    for (const auto& [key, found] : {std::pair(keys.energy, energy), std::pair(keys.forces, forces),
                                     std::pair(keys.stress, stress), std::pair(keys.virial, stress)})
        if (!key.empty() && !found)
            throw InputError(fmt::format("{}: no frame has anything under {}; its frames have {}", path, key,
                                         fmt::join(names, ", ")));
    if (entropy > 0.0)
        file.about_labels.push_back(
            fmt::format("{}: energy and free_energy differ by up to {:.3g} meV/atom: free_energy, which "
                        "the forces derive from, is the label; the other becomes energy_without_entropy",
                        path, 1e3 * entropy));
    if (const auto labels = label_names({names.begin(), names.end()}); !labels.empty() && (!energy || !forces))
        file.about_labels.push_back(
            fmt::format("{}: {} not taken as labels; name them (--energy-key, --forces-key, "
                        "--stress-key, --virial-key) if they are",
                        path, fmt::join(labels, ", ")));
    if (!reader.unread_columns().empty())
        file.notes.push_back(fmt::format("{}: columns that hold no numbers, or have no name, are not kept: {}", path,
                                         fmt::join(reader.unread_columns(), ", ")));
    return file;
}

FrameFile read_source_frames(FrameSource& source, const std::string& path) {
    FrameFile file;
    while (auto frame = source.next()) {
        ExtxyzFrame out;
        static_cast<LabeledStructure&>(out) = static_cast<LabeledStructure&&>(*frame);
        out.velocities = std::move(frame->velocities);
        const auto keep = [&](const char* name, const std::optional<double>& value) {
            if (value) out.info.emplace_back(name, fmt::format("{}", *value));
        };
        keep("step", frame->step);
        keep("time", frame->time);
        keep("temperature", frame->temperature);
        file.frames.push_back(std::move(out));
    }
    if (source.cut_off()) file.notes.push_back(path + ": the file is cut off; its complete frames are used");
    return file;
}

}  // namespace

FrameFile read_frames(const std::string& path, DataFormat format, const ExtxyzKeys& keys,
                      const std::vector<int>& species) {
    if (format == DataFormat::extxyz) return read_extxyz_frames(path, keys);
    if (format == DataFormat::lammps_dump) {
        LammpsDumpFrames frames(path, species);
        return read_source_frames(frames, path);
    }
    if (format == DataFormat::h5md) {
        H5mdFrames frames(path, species);
        return read_source_frames(frames, path);
    }
    if (format == DataFormat::xdatcar) {
        XdatcarFrames frames(path);
        return read_source_frames(frames, path);
    }
    FrameFile file;
    if (format == DataFormat::poscar) {
        file.frames.push_back(read_poscar_frame(path));
        return file;
    }
    DataFile data =
        format == DataFormat::lammps_data ? read_lammps_data(path, species) : read_data_file(path, keys, format);
    file.notes = std::move(data.notes);
    file.lists_references = !data.references.empty();
    for (auto& item : data.structures) {
        static_cast<LabeledStructure&>(file.frames.emplace_back()) = std::move(item);
        if (!file.frames.back().group.empty()) file.frames.back().info = {{"config_type", file.frames.back().group}};
    }
    return file;
}

std::string not_kept(const std::vector<ExtxyzFrame>& frames, DataFormat format) {
    if (format == DataFormat::extxyz) return {};
    const bool labels = format == DataFormat::ml_ab, motion = format == DataFormat::poscar;
    std::vector<std::string> lost;
    const auto lose = [&](const std::string& what, bool there) {
        if (there && std::find(lost.begin(), lost.end(), what) == lost.end()) lost.push_back(what);
    };
    for (const auto& frame : frames) {
        lose("energy", !labels && frame.labels.energy);
        lose("forces", !labels && frame.labels.forces);
        lose("stress", !labels && frame.labels.stress);
        lose("velocities", !motion && frame.velocities);
        lose("move_mask", !motion && frame.move_mask.cols() > 0);
        lose("masses", frame.masses.has_value());
        for (const auto& column : frame.columns) lose(column.name, true);
        for (const auto& [name, value] : frame.info) lose(name, true);
    }
    return fmt::format("{}", fmt::join(lost, ", "));
}

}  // namespace mlff::app
