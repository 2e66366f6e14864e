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

    /// True if it leaves a line, the title of the next section.
    bool read_masses() {
        while (in_.next()) {
            strip_remark();
            if (in_.words.empty()) continue;
            if (!parse_long(in_.words[0])) return true;
            const long type = in_.integer(0);
            if (type < 1 || (n_types_ && type > *n_types_))
                in_.lines.fail(
                    fmt::format("there is no atom type {}; 'atom types' says {}", type, n_types_.value_or(0)));
            if (static_cast<std::size_t>(type) > masses_.size()) masses_.resize(static_cast<std::size_t>(type));
            masses_[static_cast<std::size_t>(type - 1)] = in_.number(1);
        }
        return false;
    }

    int species_of(long type) const {
        const auto index = static_cast<std::size_t>(type - 1);
        if (!species_.empty()) {
            if (type >= 1 && index < species_.size()) return species_[index];
            in_.lines.fail(fmt::format("type {} has no species; {} are named", type, species_.size()));
        }
        if (type < 1 || index >= masses_.size() || masses_[index] <= 0.0)
            in_.lines.fail(fmt::format("type {} has no mass above{}", type, species_hint));
        const auto z = element_of_mass(masses_[index]);
        if (!z)
            in_.lines.fail(fmt::format("no element has the mass {} of type {}{}", masses_[index], type, species_hint));
        return *z;
    }

    DataFile read_atoms() {
        const std::string origin = in_.lines.place();
        const std::string remark = remark_;  // the next lines have their own
        const auto style = split_words(remark);
        if (!style.empty() && style[0] != "atomic" && style[0] != "charge")
            in_.lines.fail(fmt::format("atom_style {} is not read; atomic and charge are", show(style[0])));
        if (!n_atoms_) in_.lines.fail("no line with the number of atoms above; '8 atoms' or the like is needed");
        require_box(box_, in_.lines);
        std::vector<Atom> atoms;
        while (static_cast<long>(atoms.size()) < *n_atoms_) {
            if (!in_.next())
                in_.lines.fail(
                    fmt::format("the file ends after {} of {} atoms; it is cut off", atoms.size(), *n_atoms_));
            strip_remark();
            if (in_.words.empty()) continue;
            const std::size_t n = in_.words.size();
            const bool charge = style.empty() ? n == 6 || n == 9 : style[0] == "charge";
            const std::size_t first = charge ? 3 : 2;  // of x y z
            if (n != first + 3 && n != first + 6)
                in_.lines.fail(fmt::format("{} columns; id type {}x y z, and perhaps three images, are needed", n,
                                           charge ? "q " : ""));
            Atom atom;
            atom.id = in_.integer(0);
            atom.species = species_of(in_.integer(1));
            atom.position = in_.vector(first);
            for (std::size_t k = 0; n == first + 6 && k < 3; ++k)
                atom.position +=
                    static_cast<double>(in_.integer(first + 3 + k)) * box_.cell.col(static_cast<Eigen::Index>(k));
            atoms.push_back(atom);
        }
        DataFile file;
        file.structures.push_back(assemble(box_, std::move(atoms), origin));
        return file;
    }

    WordLines in_;
    std::vector<int> species_;
    std::string remark_;
    Box box_;
    std::optional<long> n_atoms_, n_types_;
    std::vector<double> masses_;
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
