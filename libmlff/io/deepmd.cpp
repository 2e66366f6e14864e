#include "libmlff/io/deepmd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/npy.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff {
namespace {

namespace fs = std::filesystem;

bool is_system(const fs::path& folder) { return fs::is_regular_file(folder / "type.raw"); }

/// Folders inside `folder` that `wanted` accepts, by name.
template <class Wanted>
std::vector<fs::path> folders_in(const fs::path& folder, const Wanted& wanted) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.is_directory() && wanted(entry.path())) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

/// Whole numbers or words of a small text file, each with its place.
std::vector<std::pair<std::string, std::string>> read_words(const fs::path& path) {
    LineReader lines(path.string());
    std::vector<std::pair<std::string, std::string>> words;
    std::string line;
    while (lines.next(line))
        for (const std::string_view word : split_words(line)) words.emplace_back(word, lines.place());
    return words;
}

/// Rows of a .npy file with `width` values each; none if there is no such file.
std::optional<Eigen::MatrixXd> read_rows(const fs::path& path, std::size_t width, std::optional<std::size_t> n_rows) {
    if (!fs::exists(path)) return std::nullopt;
    const NpyArray array = read_npy(path.string());
    const std::size_t rows = array.shape.empty() ? 0 : array.shape[0];
    if (array.values.size() != rows * width || (n_rows && rows != *n_rows))
        throw InputError(fmt::format("{}: has the shape ({}); ({}, {}) is needed", path.string(),
                                     fmt::join(array.shape, ", "), n_rows.value_or(rows), width));
    for (std::size_t i = 0; i < array.values.size(); ++i)
        if (!std::isfinite(array.values[i]))
            throw InputError(fmt::format("{}: a value of frame {} is not finite; finite numbers are needed",
                                         path.string(), i / width + 1));
    // One column for each row of the file: its values stand together.
    return Eigen::MatrixXd(Eigen::Map<const Eigen::MatrixXd>(array.values.data(), static_cast<Eigen::Index>(width),
                                                             static_cast<Eigen::Index>(rows)));
}

class SystemReader {
 public:
    explicit SystemReader(const fs::path& folder) : folder_(folder) {
        for (const auto& [word, place] : read_words(folder / "type.raw")) {
            const auto type = parse_long(word);
            if (!type || *type < 0) throw InputError(fmt::format("{}: a type is 0, 1, ..., got {}", place, show(word)));
            types_.push_back(*type);
        }
        if (types_.empty())
            throw InputError((folder / "type.raw").string() + ": no atoms; one type for each is needed");
        const fs::path map = folder / "type_map.raw";
        if (!fs::exists(map))
            throw InputError(map.string() + ": no such file; it must name the chemical symbol of each type");
        for (const auto& [word, place] : read_words(map)) {
            // The mixed format may list elements that no atom has, even names that are no elements.
            symbols_.push_back({word, place});
        }
        periodic_ = !fs::exists(folder / "nopbc");
    }

    void read(DataFile& file) const {
        const auto sets =
            folders_in(folder_, [](const fs::path& path) { return path.filename().string().starts_with("set."); });
        if (sets.empty())
            throw InputError(folder_.string() + ": no folder set.*; set.000 with coord.npy and box.npy is needed");
        for (const fs::path& set : sets) read_set(set, file);
    }

 private:
    int species_of(long type, const std::string& place) const {
        if (type < 0 || static_cast<std::size_t>(type) >= symbols_.size())
            throw InputError(
                fmt::format("{}: type {} is not in type_map.raw, which names {}", place, type, symbols_.size()));
        const auto& [symbol, where] = symbols_[static_cast<std::size_t>(type)];
        if (!is_element(symbol))
            throw InputError(fmt::format("{}: unknown element {}; a chemical symbol is needed", where, show(symbol)));
        return atomic_number(symbol);
    }

    void read_set(const fs::path& set, DataFile& file) const {
        const std::size_t n = types_.size();
        const auto coordinates = read_rows(set / "coord.npy", 3 * n, std::nullopt);
        if (!coordinates) throw InputError((set / "coord.npy").string() + ": no such file; the positions are needed");
        const auto n_frames = static_cast<std::size_t>(coordinates->cols());
        const auto boxes = periodic_ ? read_rows(set / "box.npy", 9, n_frames) : std::nullopt;
        if (periodic_ && !boxes)
            throw InputError((set / "box.npy").string() + ": no such file; it, or a file nopbc, is needed");
        const auto energies = read_rows(set / "energy.npy", 1, n_frames);
        const auto forces = read_rows(set / "force.npy", 3 * n, n_frames);
        const auto virials = periodic_ ? read_rows(set / "virial.npy", 9, n_frames) : std::nullopt;
        const fs::path mixed_path = set / "real_atom_types.npy";
        const auto mixed = read_rows(mixed_path, n, n_frames);

        for (Eigen::Index frame = 0; frame < coordinates->cols(); ++frame) {
            LabeledStructure item;
            item.origin = fmt::format("{}, frame {}", set.string(), frame + 1);
            std::vector<Eigen::Index> atoms;  // those that are there
            for (std::size_t i = 0; i < n; ++i) {
                const long type = mixed ? std::lround((*mixed)(static_cast<Eigen::Index>(i), frame)) : types_[i];
                if (mixed && type < 0) continue;
                item.structure.species.push_back(species_of(type, mixed ? mixed_path.string() : item.origin));
                atoms.push_back(static_cast<Eigen::Index>(i));
            }
            const auto vectors = [&](const Eigen::MatrixXd& rows) -> Matrix3X {
                const Matrix3X all = rows.col(frame).reshaped(3, static_cast<Eigen::Index>(n));
                return all(Eigen::all, atoms);
            };
            Structure& structure = item.structure;
            structure.positions = vectors(*coordinates);
            structure.periodic = {periodic_, periodic_, periodic_};
            if (boxes) structure.cell = boxes->col(frame).reshaped(3, 3);
            try {
                structure.validate();
            } catch (const InputError& error) {
                throw InputError(item.origin + ": " + error.what());
            }
            if (energies) item.labels.energy = (*energies)(0, frame);
            if (forces) item.labels.forces = vectors(*forces);
            if (virials)
                item.labels.stress = -to_voigt(Matrix3(virials->col(frame).reshaped(3, 3))) / structure.volume();
            file.structures.push_back(std::move(item));
        }
    }

    fs::path folder_;
    std::vector<long> types_;
    std::vector<std::pair<std::string, std::string>> symbols_;  ///< of each type, and where it stands
    bool periodic_ = true;
};

void read_folder(const fs::path& folder, DataFile& file) {
    if (is_system(folder))
        SystemReader(folder).read(file);
    else
        for (const fs::path& inside : folders_in(folder, [](const fs::path&) { return true; }))
            read_folder(inside, file);
}

}  // namespace

DataFile read_deepmd(const std::string& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored))
        throw InputError(path + ": no such folder; DeePMD data is a folder with type.raw and set.000");
    DataFile file;
    try {
        read_folder(fs::path(path).lexically_normal(), file);
    } catch (const fs::filesystem_error& error) {
        throw InputError(fmt::format("{}: cannot be read ({})", error.path1().string(), error.code().message()));
    }
    if (file.structures.empty())
        throw InputError(path + ": no DeePMD data in this folder; type.raw and set.000 with frames are needed");
    return file;
}

}  // namespace mlff
