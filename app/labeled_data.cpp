#include "app/labeled_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "app/settings.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/data/free_atoms.hpp"
#include "libmlff/io/data_file.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::app {
namespace {

/// A virial of tens of eV per atom is beyond every bond: such a stress is in another unit, and would be fitted as it
/// is.
void require_plausible_stress(const std::vector<LabeledStructure>& structures, const std::string& path) {
    constexpr double most = 25.0;  // [eV]; matter at 1 TPa has about 20
    std::vector<double> virials, stresses;
    for (const auto& item : structures) {
        if (!item.labels.stress) continue;
        stresses.push_back(item.labels.stress->cwiseAbs().maxCoeff());
        virials.push_back(stresses.back() * item.structure.volume() / static_cast<double>(item.structure.size()));
    }
    if (virials.empty()) return;
    const auto middle = [](std::vector<double>& values) {
        const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
        std::nth_element(values.begin(), half, values.end());
        return *half;
    };
    if (const double virial = middle(virials); virial > most)
        throw InputError(
            fmt::format("{}: the stress would be {:.3g} GPa and more in half of the structures if it is in eV/Å³ (a "
                        "virial of {:.3g} "
                        "eV per atom); say its unit: stress_unit: bar, kbar, GPa or eV/A^3",
                        path, middle(stresses) * units::ev_per_cubic_angstrom_in_gpa, virial));
}

template <class Note>
LabeledData load(const std::vector<std::string>& paths, const ExtxyzKeys& keys, bool labels_count, const Note& note) {
    LabeledData data;
    for (const auto& path : paths) {
        const DataFormat format = detect_format(path);
        DataFile file = read_data_file(path, keys, format);
        if (labels_count && format == DataFormat::extxyz && !keys.stress_unit)
            require_plausible_stress(file.structures, path);
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

double stress_unit_named(std::string_view name) {
    if (name == "eV/A^3" || name == "eV/A3" || name == "eV/Å³" || name == "eV/Å^3") return 1.0;
    if (name == "GPa") return 1.0 / units::ev_per_cubic_angstrom_in_gpa;
    if (name == "kbar") return 1.0 / units::ev_per_cubic_angstrom_in_kbar;
    if (name == "bar") return 1.0 / units::ev_per_cubic_angstrom_in_bar;
    throw InputError(fmt::format("the unit of the stress must be eV/A^3, GPa, kbar or bar, got {}", show(name)));
}

ExtxyzKeys read_keys(ConfigSection& data) {
    ExtxyzKeys keys;
    if (data.has("energy_key")) data.read("energy_key", keys.energy);
    if (data.has("forces_key")) data.read("forces_key", keys.forces);
    if (data.has("stress_key")) data.read("stress_key", keys.stress);
    if (data.has("virial_key")) data.read("virial_key", keys.virial);
    if (std::string unit; data.has("stress_unit")) {
        data.read("stress_unit", unit);
        try {
            keys.stress_unit = stress_unit_named(unit);
        } catch (const InputError& error) {
            data.fail("stress_unit", error.what());
        }
    }
    return keys;
}

LabeledData load_data_files(const std::vector<std::string>& paths, const ExtxyzKeys& keys, const Console& console) {
    return load(paths, keys, true, [&](const std::string& text) { console.info(text); });
}

double cutoff_of(const ForceFieldOptions& options) {
    return std::max(options.descriptor.radial.cutoff, options.descriptor.angular.cutoff);
}

void use_free_atoms(LabeledData& data, double cutoff, const std::vector<int>& species, RegressionOptions& options,
                    const Console& console, bool needs_more) {
    if (data.structures.empty()) return;
    const std::string first = data.structures.front().origin;
    FreeAtoms free = take_free_atoms(data.structures, cutoff, species, options.atom_energies);
    for (const auto& finding : free.findings) console.info(format(finding));
    if (needs_more && data.structures.empty())
        throw InputError(
            fmt::format("{}: this and all other structures are atoms without neighbours within {} Å; no "
                        "forces can be learned from them",
                        first, cutoff));
    options.atom_energies = std::move(free.energies);
    for (auto& [z, list] : data.references) {  // their structures have other indices now
        ReferenceList kept;
        for (std::size_t k = 0; k < list.structure.size(); ++k) {
            const auto index = static_cast<std::size_t>(list.structure[k]);
            const auto before = std::lower_bound(free.taken.begin(), free.taken.end(), index);
            if (before != free.taken.end() && *before == index) continue;
            kept.structure.push_back(list.structure[k] - static_cast<int>(before - free.taken.begin()));
            kept.atom.push_back(list.atom[k]);
        }
        list = std::move(kept);
    }
}

void leave_out_free_atoms(std::vector<LabeledStructure>& data, double cutoff, const Console& console) {
    const Frames free = free_atoms_of(data, cutoff);
    DataWarnings notes;
    report(notes, data, free,
           fmt::format("{} of free atoms left out of the validation data; their energies are those of the training "
                       "data or regression.atom_energies",
                       counted(free)),
           Severity::note);
    for (const auto& note : notes) console.info(format(note));
    for (auto k = free.rbegin(); k != free.rend(); ++k) data.erase(data.begin() + static_cast<std::ptrdiff_t>(*k));
}

std::vector<LabeledStructure> load_data(const std::vector<std::string>& paths, const ExtxyzKeys& keys) {
    return load(paths, keys, false, [](const std::string&) {}).structures;
}

}  // namespace mlff::app
