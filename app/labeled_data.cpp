#include "app/labeled_data.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <iterator>

#include "app/settings.hpp"
#include "libmlff/io/data_file.hpp"

namespace mlff::app {
namespace {

template <class Note>
LabeledData load(const std::vector<std::string>& paths, const ExtxyzKeys& keys, const Note& note) {
    LabeledData data;
    for (const auto& path : paths) {
        DataFile file = read_data_file(path, keys);
        for (const auto& text : file.notes) note(fmt::format("{}: {}", path, text));
        if (file.electronic_entropy && *file.electronic_entropy > 1e-3)
            note(
                fmt::format("{}: free energies are learned, which the forces belong to; energies without electronic "
                            "entropy differ by up to {:.1f} meV/atom",
                            path, 1e3 * *file.electronic_entropy));
        for (auto& item : file.structures) {
            require_distances(item.structure, item.origin);
            if (item.group.empty() && paths.size() > 1) item.group = std::filesystem::path(path).filename().string();
        }
        const auto first = static_cast<int>(data.structures.size());
        for (const auto& [z, list] : file.references)
            for (const auto& reference : list) {
                data.references[z].structure.push_back(first + static_cast<int>(reference.structure));
                data.references[z].atom.push_back(static_cast<int>(reference.atom));
            }
        std::move(file.structures.begin(), file.structures.end(), std::back_inserter(data.structures));
    }
    return data;
}

}  // namespace

ExtxyzKeys read_keys(ConfigSection& data) {
    ExtxyzKeys keys;
    if (data.has("energy_key")) data.read("energy_key", keys.energy);
    if (data.has("forces_key")) data.read("forces_key", keys.forces);
    if (data.has("stress_key")) data.read("stress_key", keys.stress);
    if (data.has("virial_key")) data.read("virial_key", keys.virial);
    return keys;
}

LabeledData load_data_files(const std::vector<std::string>& paths, const ExtxyzKeys& keys, const Console& console) {
    return load(paths, keys, [&](const std::string& text) { console.info(text); });
}

std::vector<LabeledStructure> load_data(const std::vector<std::string>& paths, const ExtxyzKeys& keys) {
    return load(paths, keys, [](const std::string&) {}).structures;
}

}  // namespace mlff::app
