#include "libmlff/io/vasp.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <optional>
#include <vector>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
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

    /// True if there is a next line, which is then the present one.
    bool more() {
        const bool there = lines_.next(line_);
        split_words(line_, words_);
        return there;
    }
    /// Word k of the present line, "" if there is none.
    [[nodiscard]] std::string word(std::size_t k) const { return k < words_.size() ? std::string(words_[k]) : ""; }
    [[nodiscard]] long bytes_at_most() const { return lines_.bytes_at_most(); }

    /// Three numbers at the beginning of the next line; what follows them is a remark.
    Vector3 next_vector(const std::string& expected) {
        next(expected);
        return vector_here(expected);
    }
    [[nodiscard]] Vector3 vector_here(const std::string& expected) const {
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

std::optional<int> poscar_element(std::string_view word) {
    const std::string_view symbol = word.substr(0, word.find_first_of("_/"));  // Ag_pv, Ag/3f2a
    return is_element(symbol) ? std::optional(atomic_number(symbol)) : std::nullopt;
}

/// Elements of VASP 4's format, which has none: those of the title, one for each count.
std::vector<int> elements_of_title(const PoscarLines& lines, const std::vector<std::string>& title,
                                   std::size_t n_counts) {
    std::vector<int> elements;
    for (const std::string& word : title)
        if (const auto z = poscar_element(word)) elements.push_back(*z);
    if (elements.size() != n_counts || title.size() != n_counts)
        lines.fail(fmt::format(
            "no chemical symbols (the format of VASP 4), and the first line does not name one for each of the {} "
            "counts; a line such as 'Ag I' is needed above the counts, or as first line",
            n_counts));
    return elements;
}

/// Atomic number of each atom, from the lines of symbols and counts.
std::vector<int> read_species(PoscarLines& lines, const std::vector<std::string>& title) {
    std::vector<int> elements;
    const std::vector<std::string_view>* words = &lines.next("the line of chemical symbols");
    while (words->empty() || !parse_long((*words)[0])) {  // VASP wraps long lines
        if (words->empty()) lines.fail("chemical symbols or counts of atoms are needed here, got an empty line");
        for (const std::string_view word : *words) {
            const auto z = poscar_element(word);
            if (!z) lines.fail(fmt::format("unknown element {}; a chemical symbol such as Ag is needed", show(word)));
            elements.push_back(*z);
        }
        words = &lines.next("the line of atom counts");
    }
    std::vector<long> counts;
    const auto bad = [&] {
        lines.fail(elements.empty() ? "whole numbers of atoms are needed, got " + show(lines.line())
                                    : fmt::format("one count of atoms for each of {} symbols is needed, got {}",
                                                  elements.size(), show(lines.line())));
    };
    for (;; words = &lines.next("the rest of the atom counts")) {
        if (words->empty()) bad();
        for (const std::string_view word : *words) {
            const auto count = parse_long(word);
            if (!count && counts.size() >= std::max<std::size_t>(1, elements.size())) break;  // a remark
            if (!count || *count < 0 || *count > most_atoms) bad();
            counts.push_back(*count);
        }
        if (counts.size() >= elements.size()) break;
    }
    if (elements.empty()) elements = elements_of_title(lines, title, counts.size());
    if (counts.size() > elements.size())
        lines.fail(fmt::format("{} counts for {} symbols; one for each is needed", counts.size(), elements.size()));
    long total = 0;
    for (const long count : counts) total += count;
    // A line of a position has at least six bytes.
    if (total > most_atoms || total > lines.bytes_at_most() / 6)
        lines.fail(fmt::format("{} atoms are more than this file can hold; its counts are wrong", total));
    std::vector<int> species;
    for (std::size_t k = 0; k < elements.size(); ++k)
        species.insert(species.end(), static_cast<std::size_t>(counts[k]), elements[k]);
    if (species.empty()) lines.fail("there are no atoms; a positive count is needed");
    return species;
}

/// What stands above the positions.
struct Mode {
    bool direct = false, selective = false;
};

Mode read_mode(PoscarLines& lines) {
    const std::string expected = "Direct or Cartesian";
    const auto initial = [&] {
        const auto& words = lines.next(expected);
        return words.empty() ? '\0' : static_cast<char>(std::tolower(static_cast<unsigned char>(words[0][0])));
    };
    char mode = initial();
    const bool selective = mode == 's';
    if (selective) mode = initial();
    if (mode != 'd' && mode != 'c' && mode != 'k') lines.fail(expected + " is needed here, got " + show(lines.line()));
    return {mode == 'd', selective};
}

using Flags = std::array<bool, 3>;

/// Flags along lattice vectors as flags along Cartesian axes, or back: the directions in which an atom may move are the
/// same if as many axes as vectors take part in them; none if there are no such flags.
std::optional<Flags> other_flags(const Flags& flags, const Matrix3& directions) {
    Flags out = {false, false, false};
    int n_in = 0, n_out = 0;
    for (std::size_t k = 0; k < 3; ++k) {
        if (!flags[k]) continue;
        ++n_in;
        const Vector3 v = directions.col(static_cast<Eigen::Index>(k));
        for (std::size_t axis = 0; axis < 3; ++axis)
            out[axis] = out[axis] || std::abs(v[static_cast<Eigen::Index>(axis)]) > 1e-8 * v.norm();
    }
    for (const bool flag : out) n_out += flag ? 1 : 0;
    return n_in == n_out ? std::optional(out) : std::nullopt;
}

/// The flags behind a position.
Flags read_flags(const PoscarLines& lines, const Matrix3& cell) {
    Flags flags = {true, true, true};
    for (std::size_t k = 0; k < 3; ++k) {
        const std::string word = lines.word(3 + k);
        const std::size_t first = word.starts_with('.') ? 1 : 0;  // .TRUE.
        const char letter = first < word.size() ? static_cast<char>(std::toupper(word[first])) : '\0';
        if (letter != 'T' && letter != 'F')
            lines.fail("selective dynamics needs three flags T or F behind a position, got " + show(lines.line()));
        flags[k] = letter == 'T';
    }
    const auto moves = other_flags(flags, cell);
    if (!moves)
        lines.fail(
            "these flags of selective dynamics hold an atom along lattice vectors that are not Cartesian axes, which "
            "is "
            "not supported; T T T or F F F is");
    return *moves;
}

/// Velocities after the positions; none if there are none.
std::optional<Matrix3X> read_velocities(PoscarLines& lines, Eigen::Index n_atoms) {
    if (!lines.more()) return std::nullopt;
    const auto mode = [&] { return lines.word(0).empty() ? '\0' : static_cast<char>(std::tolower(lines.word(0)[0])); };
    if (mode() == 'l') {  // lattice velocities and vectors: a line, and two times three vectors
        for (int k = 0; k < 7; ++k)
            if (!lines.more()) return std::nullopt;
        if (!lines.more()) return std::nullopt;
    }
    if (mode() == 'd') lines.fail("velocities in direct coordinates are not read; give them in Å/fs (Cartesian)");
    if (mode() != '\0' && mode() != 'c' && mode() != 'k') return std::nullopt;  // a remark
    Matrix3X velocities(3, n_atoms);
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        if (i == 0 && (!lines.more() || lines.word(0).empty() || !parse_double(lines.word(0)))) return std::nullopt;
        velocities.col(i) = i == 0 ? lines.vector_here("a velocity")
                                   : lines.next_vector(fmt::format("the velocity of atom {} of {}", i + 1, n_atoms));
    }
    return velocities;
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

ExtxyzFrame read_poscar_frame(const std::string& path) {
    PoscarLines lines(path);
    std::vector<std::string> title;
    for (const std::string_view word : lines.next("the comment line")) title.emplace_back(word);
    const std::vector<double> factors = read_scaling(lines);
    ExtxyzFrame frame;
    frame.origin = path;
    Structure& structure = frame.structure;
    structure.periodic = {true, true, true};
    for (int axis = 0; axis < 3; ++axis) structure.cell.col(axis) = lines.next_vector("a lattice vector");
    if (!structure.has_volume())
        lines.fail("the lattice vectors are linearly dependent; three independent ones are needed");
    const Vector3 scale = scale_of(factors, structure.cell);
    structure.cell = scale.asDiagonal() * structure.cell;
    structure.species = read_species(lines, title);
    const Mode mode = read_mode(lines);
    const auto n_atoms = static_cast<Eigen::Index>(structure.species.size());
    structure.positions.resize(3, n_atoms);
    if (mode.selective) frame.move_mask.resize(3, n_atoms);
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        const Vector3 r = lines.next_vector(fmt::format("the position of atom {} of {}", i + 1, n_atoms));
        structure.positions.col(i) = mode.direct ? Vector3(structure.cell * r) : Vector3(scale.cwiseProduct(r));
        if (!mode.selective) continue;
        const Flags flags = read_flags(lines, structure.cell);
        for (std::size_t k = 0; k < 3; ++k) frame.move_mask(static_cast<Eigen::Index>(k), i) = flags[k];
    }
    if (frame.move_mask.all()) frame.move_mask.resize(3, 0);
    structure.validate();
    frame.velocities = read_velocities(lines, n_atoms);
    return frame;
}

Structure read_poscar(const std::string& path) { return std::move(read_poscar_frame(path).structure); }

Structure right_handed(Structure structure) {
    if (structure.cell.determinant() < 0.0) structure.cell *= -1.0;
    return structure;
}

std::string format_poscar(const ExtxyzFrame& frame, const std::string& comment) {
    const Structure& structure = frame.structure;
    if (structure.size() == 0) throw InputError("a POSCAR needs atoms; this structure has none");
    if (!structure.has_volume())
        throw InputError("a POSCAR needs three independent lattice vectors; give the cell first");
    structure.validate();
    std::vector<int> order;  // species by first occurrence
    for (const int z : structure.species)
        if (std::find(order.begin(), order.end(), z) == order.end()) order.push_back(z);

    std::string title = comment.empty() ? formula(structure) : comment;
    std::replace(title.begin(), title.end(), '\n', ' ');
    std::string symbols, counts, positions, velocities;
    const auto vector = [](const auto& v) { return fmt::format("  {} {} {}", v[0], v[1], v[2]); };
    const Matrix3 cell = right_handed(structure).cell;
    const bool selective = frame.move_mask.cols() > 0;
    for (const int z : order) {
        symbols += " " + element_symbol(z);
        counts += fmt::format(" {}", std::count(structure.species.begin(), structure.species.end(), z));
        for (Eigen::Index i = 0; i < structure.size(); ++i) {
            if (structure.species[static_cast<std::size_t>(i)] != z) continue;
            positions += vector(structure.positions.col(i));
            if (selective) {
                const Flags moves = {frame.move_mask(0, i), frame.move_mask(1, i), frame.move_mask(2, i)};
                const auto flags = other_flags(moves, cell.inverse());
                if (!flags)
                    throw InputError(
                        fmt::format("the flags of atom {} along Cartesian axes cannot be said along these "
                                    "lattice vectors, as a POSCAR does",
                                    i + 1));
                for (const bool flag : *flags) positions += flag ? " T" : " F";
            }
            positions += "\n";
            if (frame.velocities) velocities += vector(frame.velocities->col(i)) + "\n";
        }
    }
    std::string text = title + "\n1.0\n";
    for (int axis = 0; axis < 3; ++axis) text += vector(cell.col(axis)) + "\n";
    text += symbols + "\n" + counts + (selective ? "\nSelective dynamics" : "") + "\nCartesian\n" + positions;
    return velocities.empty() ? text : text + "\n" + velocities;
}

std::string format_poscar(const Structure& structure, const std::string& comment) {
    ExtxyzFrame frame;
    frame.structure = structure;
    return format_poscar(frame, comment);
}

void write_poscar(const std::string& path, const ExtxyzFrame& frame, const std::string& comment) {
    write_file_atomically(path, format_poscar(frame, comment));
}

void write_poscar(const std::string& path, const Structure& structure, const std::string& comment) {
    write_file_atomically(path, format_poscar(structure, comment));
}

ExtxyzFrame read_first_frame(const std::string& path) {
    if (is_poscar_name(path)) return read_poscar_frame(path);
    return std::move(*ExtxyzReader(path).next());
}

Structure read_structure(const std::string& path) { return std::move(read_first_frame(path).structure); }

}  // namespace mlff
