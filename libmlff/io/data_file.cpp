#include "libmlff/io/data_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/deepmd.hpp"
#include "libmlff/io/h5md.hpp"
#include "libmlff/io/lammps.hpp"
#include "libmlff/io/lammps_dump.hpp"
#include "libmlff/io/ml_ab.hpp"
#include "libmlff/io/outcar.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/io/vasprun.hpp"
#include "libmlff/io/xdatcar.hpp"

namespace mlff {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<DataFormat, std::string_view>, 10> format_names = {{
    {DataFormat::extxyz, "extxyz"},
    {DataFormat::poscar, "poscar"},
    {DataFormat::xdatcar, "xdatcar"},
    {DataFormat::vasprun, "vasprun"},
    {DataFormat::outcar, "outcar"},
    {DataFormat::ml_ab, "ml_ab"},
    {DataFormat::deepmd, "deepmd"},
    {DataFormat::lammps_data, "lammps_data"},
    {DataFormat::lammps_dump, "lammps_dump"},
    {DataFormat::h5md, "h5md"},
}};

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

/// Beginning of a file, as far as it tells what the file is.
std::vector<std::string> first_lines(const std::string& path) {
    constexpr std::size_t enough = 20;
    LineReader reader(path);
    std::vector<std::string> lines;
    std::string line;
    while (lines.size() < enough && reader.next(line)) lines.push_back(line);
    return lines;
}

/// Lines 2 to 7 as in POSCAR: scaling, three lattice vectors, symbols, counts.
bool has_poscar_header(const std::vector<std::string>& lines) {
    if (lines.size() < 8) return false;
    const auto are_numbers = [](const std::string& line, std::size_t least) {
        const auto words = split_words(line);
        return words.size() >= least && std::all_of(words.begin(), words.begin() + static_cast<long>(least),
                                                    [](std::string_view w) { return parse_double(w).has_value(); });
    };
    for (const std::size_t vector : {2u, 3u, 4u})
        if (!are_numbers(lines[vector], 3)) return false;
    return are_numbers(lines[1], 1) && !are_numbers(lines[5], 1) && are_numbers(lines[6], 1);
}

std::optional<DataFormat> format_of_content(const std::vector<std::string>& lines) {
    const auto any = [&](auto&& test) { return std::any_of(lines.begin(), lines.end(), test); };
    const auto contains = [](std::string_view part) {
        return [part](const std::string& line) { return line.find(part) != std::string::npos; };
    };
    const auto first =
        std::find_if(lines.begin(), lines.end(), [](const std::string& line) { return !split_words(line).empty(); });
    if (first == lines.end()) return std::nullopt;
    const auto words = split_words(*first);
    if (words[0].starts_with("<?xml") || words[0].starts_with("<modeling")) return DataFormat::vasprun;
    if (words[0] == "ITEM:") return DataFormat::lammps_dump;
    if (any(contains("The number of configurations"))) return DataFormat::ml_ab;
    if (words[0].starts_with("vasp.") || any(contains("executed on  ")) || any(contains(" POTCAR:")))
        return DataFormat::outcar;
    if (has_poscar_header(lines)) {
        const auto mode = split_words(lines[7]);
        const bool trajectory = mode.size() > 1 && mode[0] == "Direct" && mode[1].starts_with("configuration");
        return trajectory ? DataFormat::xdatcar : DataFormat::poscar;
    }
    const auto counts_atoms = [](const std::string& line) {
        const auto parts = split_words(line);
        return parts.size() == 2 && parts[1] == "atoms" && parse_long(parts[0]);
    };
    if (any(counts_atoms) && any(contains("xhi"))) return DataFormat::lammps_data;
    if (const auto n = words.size() == 1 ? parse_long(words[0]) : std::nullopt; n && *n > 0) return DataFormat::extxyz;
    return std::nullopt;
}

}  // namespace

std::optional<DataFormat> format_of_name(const std::string& path) {
    fs::path name = fs::path(path).filename();
    if (name.extension() == ".gz") name = name.stem();
    const std::string stem = name.string(), extension = lower(name.extension().string());
    if (extension == ".xyz" || extension == ".extxyz") return DataFormat::extxyz;
    if (is_poscar_name(path)) return DataFormat::poscar;
    if (extension == ".ml_ab" || stem.starts_with("ML_AB")) return DataFormat::ml_ab;
    if (extension == ".lmp") return DataFormat::lammps_data;
    if (extension == ".lammpstrj" || extension == ".dump") return DataFormat::lammps_dump;
    if (extension == ".h5md") return DataFormat::h5md;
    if (stem.starts_with("XDATCAR")) return DataFormat::xdatcar;
    if (stem.starts_with("OUTCAR")) return DataFormat::outcar;
    if (stem.starts_with("vasprun") || extension == ".xml") return DataFormat::vasprun;
    return std::nullopt;
}

DataFormat detect_format(const std::string& path) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) return DataFormat::deepmd;
    if (is_hdf5(path)) return DataFormat::h5md;
    if (const auto format = format_of_content(first_lines(path))) return *format;
    if (const auto format = format_of_name(path)) return *format;
    throw InputError(path + ": neither its first lines nor its name tell what it is; name its format");
}

std::string_view format_name(DataFormat format) {
    return std::find_if(format_names.begin(), format_names.end(), [&](const auto& f) { return f.first == format; })
        ->second;
}

DataFormat format_named(std::string_view name) {
    std::vector<std::string> names;
    for (const auto& [format, known] : format_names) {
        if (known == name) return format;
        names.emplace_back(known);
    }
    throw InputError(fmt::format("no format is called {}{}; one of {} is needed", show(name), did_you_mean(name, names),
                                 fmt::join(names, ", ")));
}

DataFile read_data_file(const std::string& path, const ExtxyzKeys& keys, std::optional<DataFormat> format) {
    DataFile file;
    switch (format ? *format : detect_format(path)) {
        case DataFormat::extxyz: {
            ExtxyzData data = read_extxyz_data(path, keys);
            file.structures = std::move(data.structures);
            file.notes = std::move(data.notes);
            file.electronic_entropy = data.electronic_entropy;
            break;
        }
        case DataFormat::poscar: {
            LabeledStructure item;
            item.structure = read_poscar(path);
            item.origin = path;
            file.structures.push_back(std::move(item));
            break;
        }
        case DataFormat::xdatcar:
            return read_xdatcar(path);
        case DataFormat::vasprun:
            return read_vasprun(path);
        case DataFormat::outcar:
            return read_outcar(path);
        case DataFormat::ml_ab:
            return to_data_file(read_ml_ab(path));
        case DataFormat::deepmd:
            return read_deepmd(path);
        case DataFormat::lammps_data:
            return read_lammps_data(path);
        case DataFormat::lammps_dump:
            return read_lammps_dump(path);
        case DataFormat::h5md: {
            H5mdFrames frames(path);
            return collect_frames(frames, path);
        }
    }
    return file;
}

}  // namespace mlff
