#include "libmlff/io/vasp.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <vector>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff {
namespace {

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file, not a structure

/// The lines of a POSCAR, word by word.
class PoscarLines {
 public:
    explicit PoscarLines(const std::string& path) : lines_(path) {}

    /// Words of the next line. @throws InputError if the file ends before it
    const std::vector<std::string_view>& next(const std::string& expected) {
        if (!lines_.next(line_)) lines_.fail("the file ends here; " + expected + " is missing");
        split_words(line_, words_);
        return words_;
    }

    /// Three numbers at the beginning of the next line; what follows them is a remark.
    Vector3 next_vector(const std::string& expected) {
        next(expected);
        Vector3 vector;
        for (std::size_t k = 0; k < 3; ++k) {
            const auto number = k < words_.size() ? parse_double(words_[k]) : std::nullopt;
            if (!number) fail(fmt::format("{} must be three finite numbers, got {}", expected, show(line_)));
            vector[static_cast<Eigen::Index>(k)] = *number;
        }
        return vector;
    }

    [[nodiscard]] const std::string& line() const { return line_; }
    [[noreturn]] void fail(const std::string& message) const { lines_.fail(message); }

 private:
    LineReader lines_;
    std::string line_;
    std::vector<std::string_view> words_;
};

/// The factors of line 2: one or three.
std::vector<double> read_scaling(PoscarLines& lines) {
    std::vector<double> factors;
    for (const std::string_view word : lines.next("the scaling factor")) {
        const auto factor = parse_double(word);
        if (!factor) break;  // a remark
        factors.push_back(*factor);
    }
    const bool positive = std::all_of(factors.begin(), factors.end(), [](double f) { return f > 0.0; });
    const bool one = factors.size() == 1 && factors[0] != 0.0;
    if (!one && !(factors.size() == 3 && positive))
        lines.fail("the scaling must be one number that is not zero, or three positive ones, got " +
                   show(lines.line()));
    return factors;
}

/// Factor of each Cartesian component; a negative factor is the volume that the cell shall have.
Vector3 scale_of(const std::vector<double>& factors, const Matrix3& unscaled) {
    if (factors.size() == 3) return Vector3(factors.data());
    const double f = factors[0];
    return Vector3::Constant(f > 0.0 ? f : std::cbrt(-f / std::abs(unscaled.determinant())));
}

std::vector<int> read_elements(PoscarLines& lines) {
    const auto& words = lines.next("the line of chemical symbols");
    if (words.empty() || parse_long(words[0]))
        lines.fail("no chemical symbols (the format of VASP 4); a line such as 'Ag I' is needed above the counts");
    std::vector<int> elements;
    for (const std::string_view word : words) {
        const std::string_view symbol = word.substr(0, word.find_first_of("_/"));  // Ag_pv, Ag/3f2a
        if (!is_element(symbol))
            lines.fail(fmt::format("unknown element {}; a chemical symbol such as Ag is needed", show(word)));
        elements.push_back(atomic_number(symbol));
    }
    return elements;
}

/// Atomic number of each atom, from the line of counts.
std::vector<int> read_species(PoscarLines& lines, const std::vector<int>& elements) {
    const auto& words = lines.next("the line of atom counts");
    std::vector<int> species;
    for (std::size_t k = 0; k < elements.size(); ++k) {
        const auto count = k < words.size() ? parse_long(words[k]) : std::nullopt;
        if (!count || *count < 0 || *count > most_atoms)
            lines.fail(fmt::format("one count of atoms for each of {} symbols is needed, got {}", elements.size(),
                                   show(lines.line())));
        species.insert(species.end(), static_cast<std::size_t>(*count), elements[k]);
    }
    if (words.size() > elements.size() && parse_long(words[elements.size()]))
        lines.fail(fmt::format("{} counts for {} symbols; one for each is needed", words.size(), elements.size()));
    if (species.empty()) lines.fail("there are no atoms; a positive count is needed");
    return species;
}

/// True for Direct, false for Cartesian coordinates; skips the line of selective dynamics.
bool read_is_direct(PoscarLines& lines) {
    const std::string expected = "Direct or Cartesian";
    const auto initial = [&] {
        const auto& words = lines.next(expected);
        return words.empty() ? '\0' : static_cast<char>(std::tolower(static_cast<unsigned char>(words[0][0])));
    };
    char mode = initial();
    if (mode == 's') mode = initial();
    if (mode != 'd' && mode != 'c' && mode != 'k') lines.fail(expected + " is needed here, got " + show(lines.line()));
    return mode == 'd';
}

}  // namespace

bool is_poscar_name(const std::string& path) {
    std::filesystem::path name = std::filesystem::path(path).filename();
    if (name.extension() == ".gz") name = name.stem();
    const auto lower = [](std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
        return text;
    };
    const std::string extension = lower(name.extension().string());
    if (extension == ".xyz" || extension == ".extxyz") return false;
    return name.string().starts_with("POSCAR") || name.string().starts_with("CONTCAR") || extension == ".vasp" ||
           extension == ".poscar" || extension == ".contcar";
}

Structure read_poscar(const std::string& path) {
    PoscarLines lines(path);
    lines.next("the comment line");
    const std::vector<double> factors = read_scaling(lines);
    Structure structure;
    structure.periodic = {true, true, true};
    for (int axis = 0; axis < 3; ++axis) structure.cell.col(axis) = lines.next_vector("a lattice vector");
    if (!structure.has_volume())
        lines.fail("the lattice vectors are linearly dependent; three independent ones are needed");
    const Vector3 scale = scale_of(factors, structure.cell);
    structure.cell = scale.asDiagonal() * structure.cell;
    structure.species = read_species(lines, read_elements(lines));
    const bool direct = read_is_direct(lines);
    structure.positions.resize(3, static_cast<Eigen::Index>(structure.species.size()));
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const Vector3 r = lines.next_vector(fmt::format("the position of atom {} of {}", i + 1, structure.size()));
        structure.positions.col(i) = direct ? Vector3(structure.cell * r) : Vector3(scale.cwiseProduct(r));
    }
    structure.validate();
    return structure;
}

Structure right_handed(Structure structure) {
    if (structure.cell.determinant() < 0.0) structure.cell *= -1.0;
    return structure;
}

std::string format_poscar(const Structure& structure, const std::string& comment) {
    if (structure.size() == 0) throw InputError("a POSCAR needs atoms; this structure has none");
    if (!structure.has_volume())
        throw InputError("a POSCAR needs three independent lattice vectors; give the cell first");
    structure.validate();
    std::vector<int> order;  // species by first occurrence
    for (const int z : structure.species)
        if (std::find(order.begin(), order.end(), z) == order.end()) order.push_back(z);

    std::string title = comment.empty() ? formula(structure) : comment;
    std::replace(title.begin(), title.end(), '\n', ' ');
    std::string symbols, counts, positions;
    const auto vector = [](const auto& v) { return fmt::format("  {} {} {}\n", v[0], v[1], v[2]); };
    for (const int z : order) {
        symbols += " " + element_symbol(z);
        counts += fmt::format(" {}", std::count(structure.species.begin(), structure.species.end(), z));
        for (Eigen::Index i = 0; i < structure.size(); ++i)
            if (structure.species[static_cast<std::size_t>(i)] == z) positions += vector(structure.positions.col(i));
    }
    std::string text = title + "\n1.0\n";
    const Matrix3 cell = right_handed(structure).cell;
    for (int axis = 0; axis < 3; ++axis) text += vector(cell.col(axis));
    return text + symbols + "\n" + counts + "\nCartesian\n" + positions;
}

void write_poscar(const std::string& path, const Structure& structure, const std::string& comment) {
    write_file_atomically(path, format_poscar(structure, comment));
}

Structure read_structure(const std::string& path) {
    if (is_poscar_name(path)) return read_poscar(path);
    return std::move(ExtxyzReader(path).next()->structure);
}

}  // namespace mlff
