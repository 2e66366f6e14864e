#include "reference/input_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/LU>
#include <algorithm>
#include <filesystem>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/encoding.hpp"
#include "libmlff/io/lammps.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::reference {
namespace {

namespace fs = std::filesystem;

bool is_text(std::string_view content) { return content.find('\0') == std::string_view::npos; }

/// Each line without comments (# or !), its words separated by one blank; empty lines are removed.
std::string essence(std::string_view content) {
    if (!is_text(content)) return std::string(content);
    std::string out;
    while (!content.empty()) {
        const auto end = std::min(content.find('\n'), content.size());
        std::string_view line = content.substr(0, end);
        content.remove_prefix(std::min(end + 1, content.size()));
        line = line.substr(0, line.find_first_of("#!\r"));
        const auto words = split_words(line);
        if (!words.empty()) out += fmt::format("{}\n", fmt::join(words, " "));
    }
    return out;
}

}  // namespace

std::string fill_in(std::string_view text, const std::map<std::string, std::string>& values, const std::string& place) {
    std::string out;
    for (;;) {
        const auto begin = text.find("{{"), end = begin == std::string_view::npos ? begin : text.find("}}", begin);
        if (end == std::string_view::npos) return out.append(text);
        const std::string name(text.substr(begin + 2, end - begin - 2));
        if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
            out.append(text.substr(0, begin + 2));  // braces of another language
            text.remove_prefix(begin + 2);
            continue;
        }
        out.append(text.substr(0, begin));
        const auto value = values.find(name);
        if (value == values.end()) {
            std::vector<std::string> known;
            for (const auto& entry : values) known.push_back(entry.first);
            throw InputError(fmt::format("{}: unknown word {{{{{}}}}}{}; known are {}", place, name,
                                         did_you_mean(name, known), fmt::join(known, ", ")));
        }
        out.append(value->second);
        text.remove_prefix(end + 2);
    }
}

std::map<std::string, std::string> structure_values(const Structure& structure) {
    constexpr const char* axes = "ABC";
    std::string cell, cell_cp2k, coordinates;
    for (Eigen::Index v = 0; v < 3; ++v) {
        const Vector3 a = structure.cell.col(v);
        const std::string line = fmt::format("{:.12f} {:.12f} {:.12f}", a[0], a[1], a[2]);
        cell += (v > 0 ? "\n" : "") + line;
        cell_cp2k += fmt::format("{}{} {}", v > 0 ? "\n" : "", axes[v], line);
    }
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const Vector3 r = structure.positions.col(i);
        coordinates += fmt::format("{}{} {:.12f} {:.12f} {:.12f}", i > 0 ? "\n" : "",
                                   element_symbol(structure.species[static_cast<std::size_t>(i)]), r[0], r[1], r[2]);
    }
    std::map<std::string, std::string> values = {{"cell", cell},
                                                 {"cell_cp2k", cell_cp2k},
                                                 {"coordinates", coordinates},
                                                 {"n_atoms", std::to_string(structure.size())}};
    std::string types;  // elements in the order of the types of lammps_data
    std::vector<int> seen;
    for (const int z : structure.species)
        if (std::find(seen.begin(), seen.end(), z) == seen.end()) {
            types += (seen.empty() ? "" : " ") + element_symbol(z);
            seen.push_back(z);
        }
    values["lammps_types"] = types;
    if (structure.has_volume() && structure.cell.determinant() > 0.0)
        values["lammps_data"] = format_lammps_data(structure);
    return values;
}

InputFiles::InputFiles(const std::vector<std::vector<std::string>>& rungs) {
    rungs_.clear();
    for (const auto& paths : rungs) {
        std::vector<File> files;
        const auto add = [&](const fs::path& path) {
            files.push_back({path.string(), path.filename().string(), read_text_file(path.string())});
        };
        for (const auto& path : paths) {
            if (!fs::exists(path)) throw InputError(fmt::format("{}: there is no such file or folder", path));
            if (!fs::is_directory(path)) {
                add(path);
                continue;
            }
            std::vector<fs::path> inside;
            for (const auto& entry : fs::directory_iterator(path))
                if (entry.is_regular_file()) inside.push_back(entry.path());
            if (inside.empty()) throw InputError(fmt::format("{}: the folder holds no files", path));
            std::sort(inside.begin(), inside.end());
            for (const auto& file : inside) add(file);
        }
        rungs_.push_back(std::move(files));
    }
    if (rungs_.empty()) rungs_.emplace_back();
}

void InputFiles::add(const std::string& name, const std::string& content) {
    rungs_.front().push_back({name, name, content});
}

std::string InputFiles::main(std::size_t rung) const {
    return rungs_.at(rung).empty() ? std::string() : rungs_[rung].front().name;
}

void InputFiles::write(const std::string& folder, std::size_t rung,
                       const std::map<std::string, std::string>& values) const {
    const auto put = [&](const std::vector<File>& files) {
        for (const auto& file : files)
            write_file_atomically((fs::path(folder) / file.name).string(),
                                  is_text(file.content) ? fill_in(file.content, values, file.path) : file.content);
    };
    put(rungs_.front());
    if (rung > 0) put(rungs_.at(rung));
}

std::string InputFiles::text() const {
    std::string all;
    for (const auto& file : rungs_.front())
        if (is_text(file.content)) all += file.content + "\n";
    return all;
}

std::string InputFiles::main_text() const { return empty() ? std::string() : rungs_.front().front().content; }

std::string InputFiles::fingerprint() const {
    std::string all;
    for (const auto& file : rungs_.front()) all += file.name + "\n" + essence(file.content);
    return fmt::format("{:016x}", checksum(all));
}

}  // namespace mlff::reference
