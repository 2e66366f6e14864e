#include "libmlff/io/lammps.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <optional>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff {
namespace {

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file, not a structure
constexpr const char* species_hint = "; name the species of the types with --species, such as Ag,I";

/// One atom of a file.
struct Atom {
    long id = 0;
    int species = 0;
    Vector3 position = Vector3::Zero();
};

struct Box {
    Vector3 origin = Vector3::Zero();
    Matrix3 cell = Matrix3::Zero();
};

LabeledStructure assemble(const Box& box, std::vector<Atom> atoms, const std::string& origin) {
    std::stable_sort(atoms.begin(), atoms.end(), [](const Atom& a, const Atom& b) { return a.id < b.id; });
    LabeledStructure item;
    item.origin = origin;
    item.structure.cell = box.cell;
    item.structure.periodic = {true, true, true};
    const auto n = static_cast<Eigen::Index>(atoms.size());
    item.structure.positions.resize(3, n);
    for (Eigen::Index i = 0; i < n; ++i) {
        const Atom& atom = atoms[static_cast<std::size_t>(i)];
        item.structure.species.push_back(atom.species);
        item.structure.positions.col(i) = atom.position - box.origin;
    }
    try {
        item.structure.validate();
    } catch (const InputError& error) {
        throw InputError(origin + ": " + error.what());
    }
    return item;
}

/// Lines of a file, word by word, with numbers that complain about themselves.
class WordLines {
 public:
    explicit WordLines(const std::string& path) : lines(path) {}

    bool next() {
        if (!lines.next(line)) return false;
        split_words(line, words);
        return true;
    }
    [[nodiscard]] double number(std::size_t k) const {
        const auto value = k < words.size() ? parse_double(words[k]) : std::nullopt;
        if (!value) lines.fail(fmt::format("column {} must be a finite number, got {}", k + 1, show(line)));
        return *value;
    }
    [[nodiscard]] long integer(std::size_t k) const {
        const auto value = k < words.size() ? parse_long(words[k]) : std::nullopt;
        if (!value) lines.fail(fmt::format("column {} must be a whole number, got {}", k + 1, show(line)));
        return *value;
    }
    [[nodiscard]] Vector3 vector(std::size_t k) const { return {number(k), number(k + 1), number(k + 2)}; }
    [[nodiscard]] long count(std::size_t k) const {
        const long n = integer(k);
        if (n < 1 || n > most_atoms) lines.fail("a positive number of atoms is needed, got " + show(line));
        return n;
    }

    LineReader lines;
    std::string line;
    std::vector<std::string_view> words;
};

void require_box(const Box& box, const LineReader& lines) {
    for (Eigen::Index axis = 0; axis < 3; ++axis)
        if (!(box.cell(axis, axis) > 0.0))
            lines.fail(fmt::format("the box has no extent along {}; a low bound below the high one is needed above",
                                   "xyz"[axis]));
}

std::optional<int> element_of_mass(double mass) {
    constexpr double tolerance = 0.3;  // amu
    int nearest = 1;
    for (int z = 2; z <= 118; ++z)
        if (std::abs(atomic_mass(z) - mass) < std::abs(atomic_mass(nearest) - mass)) nearest = z;
    return std::abs(atomic_mass(nearest) - mass) < tolerance ? std::optional(nearest) : std::nullopt;
}

class LammpsDataReader {
 public:
    LammpsDataReader(const std::string& path, std::vector<int> species) : in_(path), species_(std::move(species)) {}

    DataFile read() {
        if (!in_.next()) throw InputError(in_.lines.path() + ": is empty; a LAMMPS data file is needed");
        bool unread = false;  // a line that the section before has left
        while (unread || in_.next()) {
            if (!unread) strip_remark();
            unread = false;
            if (in_.words.empty()) continue;
            if (in_.words[0] == "Masses")
                unread = read_masses();
            else if (in_.words.size() == 3 && in_.words[0] == "Atom" && in_.words[1] == "Type" &&
                     in_.words[2] == "Labels")
                unread = read_labels();
            else if (in_.words[0] == "Atoms")
                return read_atoms();
            else
                read_header_line();
        }
        in_.lines.fail("the file ends here; the section Atoms is missing");
    }

 private:
    /// Drops what follows a '#'; keeps it as the remark.
    void strip_remark() {
        const auto mark = in_.line.find('#');
        remark_ = mark == std::string::npos ? "" : in_.line.substr(mark + 1);
        if (mark != std::string::npos) in_.line.resize(mark);
        split_words(in_.line, in_.words);
    }

    void read_header_line() {
        const auto& words = in_.words;
        const auto is = [&](std::size_t n, std::string_view last) { return words.size() == n && words.back() == last; };
        if (is(2, "atoms")) {
            n_atoms_ = in_.count(0);
        } else if (is(3, "types") && words[1] == "atom") {
            n_types_ = in_.count(0);
        } else if (words.size() == 4 && words[2].ends_with("lo") && words[3].ends_with("hi")) {
            const Eigen::Index axis = words[2][0] - 'x';
            if (axis < 0 || axis > 2) in_.lines.fail("xlo xhi, ylo yhi or zlo zhi is needed, got " + show(in_.line));
            box_.origin[axis] = in_.number(0);
            box_.cell(axis, axis) = in_.number(1) - in_.number(0);
        } else if (is(6, "yz")) {
            box_.cell(0, 1) = in_.number(0);
            box_.cell(0, 2) = in_.number(1);
            box_.cell(1, 2) = in_.number(2);
        } else if (is(4, "avec") || is(4, "bvec") || is(4, "cvec")) {
            in_.lines.fail("a general triclinic box (avec, bvec, cvec) is not read; xlo xhi ... xy xz yz is");
        }  // counts of bonds and the like
    }

    /// A type by its number or its label; none for another word.
    [[nodiscard]] std::optional<long> type_of(std::string_view word) const {
        const auto label = std::find(labels_.begin(), labels_.end(), word);
        if (label != labels_.end()) return label - labels_.begin() + 1;
        return parse_long(word);
    }
    void require_type(long type) const {
        constexpr long most_types = 100'000;
        const long n = std::min(n_types_.value_or(most_types), most_types);
        if (type < 1 || type > n)
            in_.lines.fail(fmt::format("there is no atom type {}; 'atom types' says {}", type, n_types_.value_or(0)));
    }

    /// True if it leaves a line, the title of the next section.
    bool read_labels() {
        while (in_.next()) {
            strip_remark();
            if (in_.words.empty()) continue;
            if (!parse_long(in_.words[0])) return true;
            const long type = in_.integer(0);
            require_type(type);
            if (in_.words.size() != 2) in_.lines.fail("a type and its label are needed, got " + show(in_.line));
            if (static_cast<std::size_t>(type) > labels_.size()) labels_.resize(static_cast<std::size_t>(type));
            labels_[static_cast<std::size_t>(type - 1)] = in_.words[1];
        }
        return false;
    }

    /// True if it leaves a line, the title of the next section.
    bool read_masses() {
        while (in_.next()) {
            strip_remark();
            if (in_.words.empty()) continue;
            const auto known = type_of(in_.words[0]);
            if (!known) return true;
            require_type(*known);
            if (static_cast<std::size_t>(*known) > masses_.size()) masses_.resize(static_cast<std::size_t>(*known));
            masses_[static_cast<std::size_t>(*known - 1)] = in_.number(1);
        }
        return false;
    }

    int species_of(long type) const {
        const auto index = static_cast<std::size_t>(type - 1);
        if (!species_.empty()) {
            if (type >= 1 && index < species_.size()) return species_[index];
            in_.lines.fail(fmt::format("type {} has no species; {} are named", type, species_.size()));
        }
        if (type < 1 || index >= masses_.size() || masses_[index] <= 0.0) {
            if (type >= 1 && index < labels_.size() && is_element(labels_[index])) return atomic_number(labels_[index]);
            in_.lines.fail(fmt::format("type {} has no mass above{}", type, species_hint));
        }
        const auto z = element_of_mass(masses_[index]);
        if (!z)
            in_.lines.fail(fmt::format("no element has the mass {} of type {}{}", masses_[index], type, species_hint));
        return *z;
    }

    /// Where an atom_style has its columns.
    struct Style {
        std::size_t type = 1, position = 2;
    };
    static std::optional<Style> style_named(std::string_view name) {
        if (name == "atomic") return Style{1, 2};                                          // id type x y z
        if (name == "charge") return Style{1, 3};                                          // id type q x y z
        if (name == "molecular" || name == "bond" || name == "angle") return Style{2, 3};  // id mol type x y z
        if (name == "full") return Style{2, 4};                                            // id mol type q x y z
        return std::nullopt;
    }

    [[nodiscard]] bool is_type(std::string_view word) const {
        const auto type = type_of(word);
        return type && *type >= 1 && (!n_types_ || *type <= *n_types_);
    }

    /// The style of a file that does not name it, by its columns. Six are 'id type q' or 'id mol type'; which of the
    /// two only the numbers can tell, and not always.
    [[nodiscard]] Style style_of(const std::vector<std::string>& rows) const {
        const std::size_t n = split_words(rows.front()).size();
        if (n == 5 || n == 8) return *style_named("atomic");
        bool second = true, third = true;  // may be types in all rows
        for (const std::string& row : rows) {
            const auto words = split_words(row);
            second = second && words.size() > 1 && is_type(words[1]);
            third = third && words.size() > 2 && is_type(words[2]);
        }
        if (n == 6 || n == 9) {
            if (second && third)
                in_.lines.fail(
                    "six columns can be id type q x y z (atom_style charge) or id mol type x y z (molecular, bond, "
                    "angle), and these fit both; write the style behind the title, such as 'Atoms # charge'");
            return *style_named(third ? "molecular" : "charge");
        }
        if ((n == 7 || n == 10) && third) return *style_named("full");
        in_.lines.fail(
            fmt::format("{} columns fit none of the atom_styles atomic, charge, molecular and full; write the "
                        "style behind the title, such as 'Atoms # full'",
                        n));
    }

    DataFile read_atoms() {
        const std::string origin = in_.lines.place();
        const std::string remark = remark_;  // the next lines have their own
        const auto name = split_words(remark);
        std::optional<Style> style;
        if (!name.empty() && !(style = style_named(name[0])))
            in_.lines.fail(fmt::format("atom_style {} is not read; atomic, charge, molecular, bond, angle and full are",
                                       show(name[0])));
        if (!n_atoms_) in_.lines.fail("no line with the number of atoms above; '8 atoms' or the like is needed");
        require_box(box_, in_.lines);
        std::vector<std::string> rows;
        std::vector<Atom> atoms;
        for (long n_read = 0; n_read < *n_atoms_;) {
            if (!in_.next())
                in_.lines.fail(fmt::format("the file ends after {} of {} atoms; it is cut off", n_read, *n_atoms_));
            strip_remark();
            if (in_.words.empty()) continue;
            ++n_read;
            if (style)
                atoms.push_back(read_atom(*style));
            else
                rows.push_back(in_.line);
        }
        if (!style) {
            style = style_of(rows);
            for (std::string& row : rows) {
                in_.line = std::move(row);
                split_words(in_.line, in_.words);
                atoms.push_back(read_atom(*style));
            }
        }
        DataFile file;
        while (in_.next())
            if (strip_remark(); !in_.words.empty() && in_.words[0] == "Velocities")
                file.notes.push_back(
                    fmt::format("{}: velocities are not read: their unit is not told", in_.lines.place()));
        std::vector<long> ids;
        for (const Atom& atom : atoms) ids.push_back(atom.id);
        std::sort(ids.begin(), ids.end());
        if (const auto twice = std::adjacent_find(ids.begin(), ids.end()); twice != ids.end())
            throw InputError(fmt::format("{}: two atoms have the id {}; each needs its own", origin, *twice));
        file.structures.push_back(assemble(box_, std::move(atoms), origin));
        return file;
    }

    Atom read_atom(const Style& style) const {
        const std::size_t n = in_.words.size(), first = style.position;
        if (n != first + 3 && n != first + 6)
            in_.lines.fail(fmt::format("{} columns; id {}type {}x y z, and perhaps three images, are needed: {}", n,
                                       style.type == 2 ? "mol " : "", first == style.type + 2 ? "q " : "",
                                       show(in_.line)));
        Atom atom;
        atom.id = in_.integer(0);
        const auto type = type_of(in_.words[style.type]);
        if (!type) in_.lines.fail(fmt::format("column {} must be a type, got {}", style.type + 1, show(in_.line)));
        atom.species = species_of(*type);
        atom.position = in_.vector(first);
        for (std::size_t k = 0; n == first + 6 && k < 3; ++k)
            atom.position +=
                static_cast<double>(in_.integer(first + 3 + k)) * box_.cell.col(static_cast<Eigen::Index>(k));
        return atom;
    }

    WordLines in_;
    std::vector<int> species_;
    std::string remark_;
    Box box_;
    std::optional<long> n_atoms_, n_types_;
    std::vector<double> masses_;
    std::vector<std::string> labels_;  ///< of the types from 1
};

}  // namespace

DataFile read_lammps_data(const std::string& path, const std::vector<int>& species) {
    return LammpsDataReader(path, species).read();
}

std::string format_lammps_data(const Structure& structure) {
    if (structure.size() == 0) throw InputError("a LAMMPS data file needs atoms; this structure has none");
    if (!structure.has_volume())
        throw InputError("a LAMMPS data file needs three independent lattice vectors; give the cell first");
    if (structure.cell.determinant() < 0.0)
        throw InputError("LAMMPS knows no left-handed cell; exchange two lattice vectors");
    structure.validate();
    // H = Q R with a positive diagonal: R is the cell with a along x and b in the xy plane, Qᵀ the rotation.
    const Eigen::HouseholderQR<Matrix3> qr(structure.cell);
    Matrix3 Q = qr.householderQ();
    Matrix3 R = Q.transpose() * structure.cell;
    for (Eigen::Index k = 0; k < 3; ++k)
        if (R(k, k) < 0.0) {
            R.row(k) *= -1.0;
            Q.col(k) *= -1.0;
        }
    const Matrix3X positions = Q.transpose() * structure.positions;
    // The same lattice with tilts of at most half a box length, which LAMMPS prefers.
    R.col(2) -= std::round(R(1, 2) / R(1, 1)) * R.col(1);
    R.col(1) -= std::round(R(0, 1) / R(0, 0)) * R.col(0);
    R.col(2) -= std::round(R(0, 2) / R(0, 0)) * R.col(0);

    std::vector<int> types;  // by first occurrence
    for (const int z : structure.species)
        if (std::find(types.begin(), types.end(), z) == types.end()) types.push_back(z);
    std::string text = fmt::format("{} (units metal)\n\n{} atoms\n{} atom types\n\n", formula(structure),
                                   structure.size(), types.size());
    for (Eigen::Index k = 0; k < 3; ++k) text += fmt::format("0 {} {}lo {}hi\n", R(k, k), "xyz"[k], "xyz"[k]);
    if (R(0, 1) != 0.0 || R(0, 2) != 0.0 || R(1, 2) != 0.0)
        text += fmt::format("{} {} {} xy xz yz\n", R(0, 1), R(0, 2), R(1, 2));
    text += "\nMasses\n\n";
    for (std::size_t t = 0; t < types.size(); ++t)
        text += fmt::format("{} {} # {}\n", t + 1, atomic_mass(types[t]), element_symbol(types[t]));
    text += "\nAtoms # atomic\n\n";
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const auto type = std::find(types.begin(), types.end(), structure.species[static_cast<std::size_t>(i)]);
        text += fmt::format("{} {} {} {} {}\n", i + 1, type - types.begin() + 1, positions(0, i), positions(1, i),
                            positions(2, i));
    }
    return text;
}

void write_lammps_data(const std::string& path, const Structure& structure) {
    write_file_atomically(path, format_lammps_data(structure));
}

}  // namespace mlff
