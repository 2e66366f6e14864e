#include "libmlff/io/lammps_dump.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "libmlff/atoms/elements.hpp"

namespace mlff {
namespace {

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file, not a structure
constexpr double kcal_per_mol = 4184.0 / (6.02214076e23 * 1.602176634e-19);  ///< [eV]

}  // namespace

std::optional<SourceFrame> LammpsDumpFrames::read() {
    SourceFrame frame;
    long n_atoms = 0;
    std::optional<double> written_time;
    for (bool first = true;; first = false) {
        if (!next_nonblank()) {
            if (first) return std::nullopt;
            throw CutOff();
        }
        if (words_.size() < 2 || words_[0] != "ITEM:") malformed("'ITEM: ...' is needed here, got " + show(line_));
        if (words_[1] == "UNITS") {
            next_line();
            read_units();
        } else if (words_[1] == "TIME") {
            next_line();
            written_time = number(0);
        } else if (words_[1] == "TIMESTEP") {
            frame.origin = lines_.place();
            next_line();
            frame.step = number(0);
        } else if (words_[1] == "NUMBER") {
            next_line();
            n_atoms = integer(0);
            if (n_atoms < 1 || n_atoms > most_atoms)
                malformed("a positive number of atoms is needed, got " + show(line_));
        } else if (words_[1] == "BOX") {
            read_box(frame.structure);
        } else if (words_[1] == "ATOMS") {
            if (frame.origin.empty()) malformed("no 'ITEM: TIMESTEP' before the atoms");
            read_atoms(frame, n_atoms);
            if (written_time) frame.time = *written_time * time_unit_;
            return frame;
        } else {
            next_line();
        }
    }
}

void LammpsDumpFrames::read_units() {
    if (words_.size() != 1 || (words_[0] != "metal" && words_[0] != "real"))
        malformed(fmt::format("units {}; metal and real are read", show(line_)));
    const bool metal = words_[0] == "metal";
    time_unit_ = metal ? 1000.0 : 1.0;
    force_unit_ = metal ? 1.0 : kcal_per_mol;
}

void LammpsDumpFrames::read_box(Structure& structure) {
    const std::vector<std::string> words(words_.begin(), words_.end());
    if (words.size() > 3 && words[3] == "abc")
        malformed("a general triclinic box (abc origin) is not read; xy xz yz is");
    const bool tilted = words.size() > 3 && words[3] == "xy";
    for (std::size_t axis = 0; axis < 3; ++axis)
        structure.periodic[axis] = words.size() < 6 || words[words.size() - 3 + axis] == "pp";
    Vector3 low, high, tilt = Vector3::Zero();
    for (Eigen::Index axis = 0; axis < 3; ++axis) {
        next_line();
        low[axis] = number(0);
        high[axis] = number(1);
        if (tilted) tilt[axis] = number(2);
    }
    const double xy = tilt[0], xz = tilt[1], yz = tilt[2];
    low[0] -= std::min({0.0, xy, xz, xy + xz});  // the dump holds the box that bounds the cell
    high[0] -= std::max({0.0, xy, xz, xy + xz});
    low[1] -= std::min(0.0, yz);
    high[1] -= std::max(0.0, yz);
    for (Eigen::Index axis = 0; axis < 3; ++axis)
        if (!(high[axis] > low[axis]))
            malformed(fmt::format("the box has no extent along {}; a low bound below the high one is needed above",
                                  "xyz"[axis]));
    corner_ = low;
    structure.cell = (high - low).asDiagonal();
    structure.cell(0, 1) = xy;
    structure.cell(0, 2) = xz;
    structure.cell(1, 2) = yz;
}

LammpsDumpFrames::Columns LammpsDumpFrames::read_columns() {
    Columns columns;
    columns.names.assign(words_.begin() + 2, words_.end());
    const auto column = [&](const char* name) -> std::optional<std::size_t> {
        const auto found = std::find(columns.names.begin(), columns.names.end(), name);
        if (found == columns.names.end()) return std::nullopt;
        return static_cast<std::size_t>(found - columns.names.begin());
    };
    // Where the first of three columns is.
    const auto triple = [&](const char* a, const char* b, const char* c) -> std::optional<std::size_t> {
        const auto x = column(a), y = column(b), z = column(c);
        if (!x || !y || !z) return std::nullopt;
        if (*y != *x + 1 || *z != *x + 2) malformed(fmt::format("columns {} {} {} must stand together", a, b, c));
        return x;
    };
    columns.id = column("id");
    columns.type = column("type");
    if (species_.empty()) columns.element = column("element");
    if (!columns.element && (species_.empty() || !columns.type))
        malformed(
            "no column element, and types alone say no species; name them: --species Ag,I for convert, or "
            "species: [Ag, I] for analyze");
    const auto unwrapped = triple("xu", "yu", "zu"), unwrapped_scaled = triple("xsu", "ysu", "zsu"),
               wrapped = triple("x", "y", "z"), scaled = triple("xs", "ys", "zs");
    columns.positions = unwrapped ? unwrapped : unwrapped_scaled ? unwrapped_scaled : wrapped ? wrapped : scaled;
    if (!columns.positions) malformed("no columns x y z, xu yu zu, xs ys zs or xsu ysu zsu");
    columns.scaled = !unwrapped && (unwrapped_scaled || !wrapped);
    if (!unwrapped && !unwrapped_scaled) columns.images = triple("ix", "iy", "iz");
    columns.velocity = triple("vx", "vy", "vz");
    columns.force = triple("fx", "fy", "fz");
    return columns;
}

LammpsDumpFrames::Atom LammpsDumpFrames::read_atom(const Columns& columns, const Matrix3& cell, long number) {
    next_line();
    if (words_.size() != columns.names.size())
        malformed(fmt::format("{} columns where 'ITEM: ATOMS' names {}", words_.size(), columns.names.size()));
    if (!lines_.line_is_ended() && !line_.ends_with(' ')) throw CutOff();
    Atom atom;
    atom.id = columns.id ? integer(*columns.id) : number;
    atom.species = species_of(columns);
    const Vector3 position = vector(*columns.positions);
    atom.position = columns.scaled ? Vector3(cell * position) : Vector3(position - corner_);
    if (columns.images) atom.position += cell * vector(*columns.images);
    if (columns.velocity) atom.velocity = vector(*columns.velocity) / time_unit_;
    if (columns.force) atom.force = vector(*columns.force) * force_unit_;
    return atom;
}

void LammpsDumpFrames::read_atoms(SourceFrame& frame, long n_atoms) {
    if (n_atoms == 0) malformed("no 'ITEM: NUMBER OF ATOMS' before the atoms");
    if (frame.structure.cell.isZero()) malformed("no 'ITEM: BOX BOUNDS' before the atoms");
    const Columns columns = read_columns();
    atoms_.clear();
    for (long i = 0; i < n_atoms; ++i) atoms_.push_back(read_atom(columns, frame.structure.cell, i));
    std::stable_sort(atoms_.begin(), atoms_.end(), [](const Atom& a, const Atom& b) { return a.id < b.id; });
    if (columns.id)
        for (std::size_t k = 1; k < atoms_.size(); ++k)
            if (atoms_[k].id == atoms_[k - 1].id)
                malformed(fmt::format("two atoms of this frame have the id {}; each needs its own", atoms_[k].id));
    frame.structure.positions.resize(3, n_atoms);
    if (columns.velocity) frame.velocities.emplace(3, n_atoms);
    if (columns.force) frame.labels.forces.emplace(3, n_atoms);
    for (Eigen::Index i = 0; i < n_atoms; ++i) {
        const Atom& atom = atoms_[static_cast<std::size_t>(i)];
        frame.structure.species.push_back(atom.species);
        frame.structure.positions.col(i) = atom.position;
        if (columns.velocity) frame.velocities->col(i) = atom.velocity;
        if (columns.force) frame.labels.forces->col(i) = atom.force;
    }
}

int LammpsDumpFrames::species_of(const Columns& columns) {
    if (columns.element) {
        const std::string_view symbol = words_[*columns.element];
        if (!is_element(symbol))
            malformed(fmt::format("unknown element {}; a chemical symbol is needed", show(symbol)));
        return atomic_number(symbol);
    }
    const long type = integer(*columns.type);
    if (type < 1 || static_cast<std::size_t>(type) > species_.size())
        malformed(fmt::format("type {} has no species; {} are named", type, species_.size()));
    return species_[static_cast<std::size_t>(type - 1)];
}

DataFile read_lammps_dump(const std::string& path, const std::vector<int>& species) {
    LammpsDumpFrames frames(path, species);
    return collect_frames(frames, path);
}

}  // namespace mlff
