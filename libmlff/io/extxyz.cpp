// Long because reading and writing of one loose format belong together: what the one accepts the other must produce.
#include "libmlff/io/extxyz.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/io/output_file.hpp"

namespace mlff {
namespace {

using Info = std::vector<std::pair<std::string, std::string>>;

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file, not a structure

// ---------------------------------------------------------------------------------------------- the comment line

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// One key or value that begins at line[i]; `i` moves behind it. Quotes and braces are dropped, brackets kept.
std::string take_token(std::string_view line, std::size_t& i, bool is_key, const LineReader& lines) {
    std::string token;
    const char open = line[i];
    if (open == '"' || open == '\'') {
        for (++i; i < line.size() && line[i] != open; ++i) {
            if (line[i] == '\\' && i + 1 < line.size()) {
                ++i;
                token += line[i] == 'n' ? '\n' : line[i];
            } else {
                token += line[i];
            }
        }
        if (i == line.size()) lines.fail(fmt::format("a quote is not closed; {} is missing at its end", open));
        ++i;
        return token;
    }
    if (open == '{' || open == '[') {
        const char close = open == '{' ? '}' : ']';
        int depth = 0;
        const std::size_t first = i;
        for (; i < line.size(); ++i) {
            if (line[i] == open) ++depth;
            if (line[i] == close && --depth == 0) break;
        }
        if (i == line.size()) lines.fail(fmt::format("a bracket is not closed; {} is missing at its end", close));
        ++i;
        token = line.substr(first, i - first);
        return open == '{' ? token.substr(1, token.size() - 2) : token;
    }
    while (i < line.size() && !is_blank(line[i]) && !(is_key && line[i] == '=')) token += line[i++];
    if (!is_key && token.size() > 1 && token.back() == ',') token.pop_back();  // CP2K: "time = 0.500, E = ..."
    return token;
}

/// True for "key=value" with an ordinary name as key.
bool begins_with_key(std::string_view text) {
    std::size_t k = 0;
    while (k < text.size() && (std::isalnum(static_cast<unsigned char>(text[k])) || text[k] == '_')) ++k;
    return k > 0 && std::isalpha(static_cast<unsigned char>(text[0])) && k + 1 < text.size() && text[k] == '=' &&
           text[k + 1] != '=';
}

/// key=value pairs in order; a bare word is a flag that is set. A line without any is the free text of plain XYZ.
Info parse_comment(std::string_view line, const LineReader& lines) {
    const auto skip_blanks = [&](std::size_t& i) {
        while (i < line.size() && is_blank(line[i])) ++i;
    };
    if (line.find('=') == std::string_view::npos)
        return split_words(line).empty() ? Info{} : Info{{"comment", std::string(line)}};
    Info info;
    std::size_t i = 0;
    for (skip_blanks(i); i < line.size(); skip_blanks(i)) {
        std::string key = take_token(line, i, true, lines);
        const bool repeated = std::any_of(info.begin(), info.end(), [&](const auto& e) { return e.first == key; });
        std::size_t equals = i;
        skip_blanks(equals);
        if (equals == line.size() || line[equals] != '=') {
            if (!repeated) info.emplace_back(std::move(key), "T");
            continue;
        }
        if (repeated) lines.fail(fmt::format("key {} is given twice; once is enough", show(key)));
        i = equals + 1;
        skip_blanks(i);
        const bool empty = i == line.size() || (i > equals + 1 && begins_with_key(line.substr(i)));  // "Energy= pbc=T"
        info.emplace_back(std::move(key), empty ? "" : take_token(line, i, false, lines));
    }
    return info;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// Takes the value of a key out of `info`; none if absent.
std::optional<std::string> take(Info& info, std::string_view key, bool ignore_case = false) {
    const auto found = std::find_if(info.begin(), info.end(), [&](const auto& e) {
        return ignore_case ? equal_ignoring_case(e.first, key) : e.first == key;
    });
    if (found == info.end()) return std::nullopt;
    std::string value = std::move(found->second);
    info.erase(found);
    return value;
}

/// Takes a number out of `info`. Of the same name in several spellings (Energy, energy) all must say the same.
std::optional<double> take_number(Info& info, std::string_view key, bool ignore_case, const LineReader& lines) {
    std::optional<double> value;
    std::string first;
    while (const auto text = take(info, key, ignore_case)) {
        const auto words = split_words(*text);
        const auto number = words.size() == 1 ? parse_double(words[0]) : std::nullopt;
        if (!number) lines.fail(fmt::format("{} must be a finite number, got {}", key, show(*text)));
        if (value && *value != *number)
            lines.fail(fmt::format("{} is given twice, as {} and as {}; one of the two must go", key, first, *text));
        value = number;
        first = *text;
    }
    return value;
}

/// "[[1, 2], [3, 4]]" as "1 2 3 4"
std::string without_brackets(std::string text) {
    for (char& c : text)
        if (c == '[' || c == ']' || c == ',') c = ' ';
    return text;
}

std::vector<double> parse_numbers(const std::string& text, std::string_view what, const LineReader& lines) {
    const std::string plain = without_brackets(text);
    std::vector<double> numbers;
    for (const std::string_view word : split_words(plain)) {
        const auto number = parse_double(word);
        if (!number) lines.fail(fmt::format("{} must hold finite numbers, got {}", what, show(word)));
        numbers.push_back(*number);
    }
    return numbers;
}

bool parse_flag(std::string_view word, std::string_view what, const LineReader& lines) {
    if (word == "T" || word == "1" || equal_ignoring_case(word, "true")) return true;
    if (word == "F" || word == "0" || equal_ignoring_case(word, "false")) return false;
    lines.fail(fmt::format("{} must hold T or F, got {}", what, show(word)));
}

std::array<bool, 3> parse_periodic(const std::string& text, const LineReader& lines) {
    const std::string plain = without_brackets(text);
    std::vector<bool> flags;
    for (const std::string_view word : split_words(plain)) flags.push_back(parse_flag(word, "pbc", lines));
    if (flags.size() == 1) return {flags[0], flags[0], flags[0]};
    if (flags.size() != 3) lines.fail(fmt::format("pbc must hold three flags such as \"T T F\", got {}", show(text)));
    return {flags[0], flags[1], flags[2]};
}

/// Symmetric tensor from nine numbers (3 × 3) or six (xx yy zz yz xz xy).
Voigt parse_tensor(const std::string& text, std::string_view key, const LineReader& lines) {
    const std::vector<double> v = parse_numbers(text, key, lines);
    if (v.size() == 6) return Voigt(v.data());
    if (v.size() != 9) lines.fail(fmt::format("{} must hold 9 or 6 numbers, got {}", key, v.size()));
    return to_voigt(Matrix3(v.data()));
}

// --------------------------------------------------------------------------------------------- columns of an atom

struct Column {
    std::string name;
    char type = 'R';
    long width = 1, first = 0;
};

constexpr long most_columns = 10'000;

std::vector<Column> parse_properties(const std::string& text, const LineReader& lines) {
    const std::string hint = "; triples name:type:width such as species:S:1:pos:R:3 are needed";
    std::vector<std::string> parts(1);
    for (const char c : text)
        if (c == ':')
            parts.emplace_back();
        else
            parts.back() += c;
    if (parts.size() % 3 != 0) lines.fail("Properties " + show(text) + " cannot be divided into triples" + hint);
    std::vector<Column> columns;
    long first = 0;
    for (std::size_t k = 0; k < parts.size(); k += 3) {
        const auto width = parse_long(parts[k + 2]);
        const bool known_type = parts[k + 1].size() == 1 && std::string_view("SRIL").find(parts[k + 1][0]) < 4;
        if (parts[k].empty() || !known_type || !width || *width < 1 || *width > most_columns)
            lines.fail(fmt::format("Properties: {} is not understood{}",
                                   show(parts[k] + ":" + parts[k + 1] + ":" + parts[k + 2]), hint));
        columns.push_back({parts[k], parts[k + 1][0], *width, first});
        first += *width;
    }
    return columns;
}

/// The columns of a frame that are read, and where they stand.
struct Layout {
    long n_columns = 0;
    const Column* species = nullptr;
    const Column* positions = nullptr;
    const Column* forces = nullptr;
    const Column* velocities = nullptr;
    const Column* momenta = nullptr;
    const Column* masses = nullptr;
    const Column* move_mask = nullptr;
    std::vector<const Column*> further, unread;
};

const Column* find_column(const std::vector<Column>& columns, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names)
        for (const Column& column : columns)
            if (column.name == name) return &column;
    return nullptr;
}

Layout arrange(const std::vector<Column>& columns, const ExtxyzKeys& keys, const LineReader& lines) {
    Layout layout;
    layout.n_columns = columns.back().first + columns.back().width;
    layout.species = find_column(columns, {"species"});
    if (layout.species == nullptr) layout.species = find_column(columns, {"Z", "numbers"});
    layout.positions = find_column(columns, {"pos"});
    layout.forces =
        keys.forces.empty() ? find_column(columns, {"forces", "force"}) : find_column(columns, {keys.forces});
    layout.velocities = find_column(columns, {"velocities", "velo", "vel"});
    if (layout.velocities == nullptr) layout.momenta = find_column(columns, {"momenta"});
    layout.masses = find_column(columns, {"masses", "mass"});
    layout.move_mask = find_column(columns, {"move_mask"});
    for (const std::string& name : keys.columns)
        if (const Column* column = find_column(columns, {name})) layout.further.push_back(column);
    for (const Column& column : columns) {
        const auto taken = {layout.species, layout.positions, layout.forces,   layout.velocities,
                            layout.momenta, layout.masses,    layout.move_mask};
        if (std::find(taken.begin(), taken.end(), &column) != taken.end() ||
            std::find(layout.further.begin(), layout.further.end(), &column) != layout.further.end())
            continue;
        const bool numbers = column.type == 'R' || column.type == 'I';
        (keys.all_columns && numbers ? layout.further : layout.unread).push_back(&column);
    }

    if (layout.species == nullptr) lines.fail("Properties names no species; species:S:1 or Z:I:1 is needed");
    if (layout.positions == nullptr) lines.fail("Properties names no positions; pos:R:3 is needed");
    const auto must_be = [&](const Column* column, std::string_view types, long width) {
        if (column != nullptr && (types.find(column->type) == std::string_view::npos || column->width != width))
            lines.fail(fmt::format("Properties: {} must be {}:{}:{}, got {}:{}:{}", column->name, column->name,
                                   types[0], width, column->name, column->type, column->width));
    };
    must_be(layout.species, layout.species->name == "species" ? "S" : "I", 1);
    must_be(layout.positions, "R", 3);
    must_be(layout.forces, "R", 3);
    must_be(layout.velocities, "R", 3);
    must_be(layout.momenta, "R", 3);
    must_be(layout.masses, "R", 1);
    must_be(layout.move_mask, "LI", layout.move_mask != nullptr && layout.move_mask->width == 3 ? 3 : 1);
    for (const Column* column : layout.further) must_be(column, "RI", column->width);
    return layout;
}

double number(std::string_view word, const Column& column, const LineReader& lines) {
    const auto value = parse_double(word);
    if (!value) lines.fail(fmt::format("{} must be a finite number, got {}", column.name, show(word)));
    return *value;
}

int parse_species(std::string_view word, const Column& column, const LineReader& lines) {
    if (column.type == 'I') {
        const auto z = parse_long(word);
        if (!z || *z < 1 || *z > 118)
            lines.fail(fmt::format("{} must be an atomic number in 1..118, got {}", column.name, show(word)));
        return static_cast<int>(*z);
    }
    if (!is_element(word))
        lines.fail(fmt::format("unknown element {}; a chemical symbol such as Ag is needed", show(word)));
    return atomic_number(word);
}

// ------------------------------------------------------------------------------------------------------ a frame

void read_cell(ExtxyzFrame& frame, const LineReader& lines) {
    Structure& structure = frame.structure;
    if (const auto lattice = take(frame.info, "Lattice", true)) {
        const std::vector<double> h = parse_numbers(*lattice, "Lattice", lines);
        if (h.size() != 9) lines.fail(fmt::format("Lattice must hold 9 numbers, got {}", h.size()));
        structure.cell = Matrix3(h.data());  // vectors one after the other are the columns of H
        structure.periodic = {true, true, true};
    }
    if (const auto flags = take(frame.info, "pbc", true)) structure.periodic = parse_periodic(*flags, lines);
}

/// Six or nine numbers under a key; in upper or lower case if it is a usual one.
std::optional<Voigt> take_tensor(Info& info, const std::string& key, bool usual, const LineReader& lines) {
    if (key.empty()) return std::nullopt;
    const auto text = take(info, key, usual);
    return text ? std::optional(parse_tensor(*text, key, lines)) : std::nullopt;
}

void read_energy(ExtxyzFrame& frame, const ExtxyzKeys& keys, const LineReader& lines) {
    if (!keys.energy.empty()) {
        frame.labels.energy = take_number(frame.info, keys.energy, false, lines);
        return;
    }
    // GPUMD and others write "energy=" with nothing behind it where there is none.
    std::erase_if(frame.info, [](const auto& e) {
        return split_words(e.second).empty() &&
               (equal_ignoring_case(e.first, "energy") || equal_ignoring_case(e.first, "free_energy"));
    });
    const auto energy = take_number(frame.info, "energy", true, lines);
    const auto free_energy = take_number(frame.info, "free_energy", true, lines);
    frame.labels.energy = free_energy ? free_energy : energy;
    if (free_energy && energy) frame.energy_without_entropy = energy;
}

void read_labels(ExtxyzFrame& frame, const ExtxyzKeys& keys, const LineReader& lines) {
    read_energy(frame, keys, lines);
    if (!frame.structure.has_volume()) return;  // no stress without a volume
    const double volume = frame.structure.volume();
    // Whoever names one of the two means that one; the other must not take its place.
    const bool usual = keys.stress.empty() && keys.virial.empty();
    auto stress = take_tensor(frame.info, usual ? "stress" : keys.stress, usual, lines);
    const auto virial = take_tensor(frame.info, usual ? "virial" : keys.virial, usual, lines);
    if (stress) *stress *= keys.stress_unit.value_or(1.0);
    if (stress && virial) {
        constexpr double rounding = 1e-2, floor = 1e-4;  // files print few digits; [eV/Å³]
        const Voigt other = -*virial / volume;
        const double size = std::max(stress->norm(), other.norm());
        if (!((*stress - other).norm() <= rounding * size + floor))
            lines.fail(fmt::format(
                "stress and virial contradict each other: stress xx = {:.4g} eV/Å³, -virial/volume = {:.4g} eV/Å³ "
                "(tension is positive); name the right one (stress_key or virial_key), or the unit (stress_unit)",
                (*stress)[0], other[0]));
    }
    if (stress)
        frame.labels.stress = stress;
    else if (virial)
        frame.labels.stress = -*virial / volume;
}

/// What i-PI says in the comment line: cell and units. Takes it out of the line; Å for one unit of positions.
double read_ipi_comment(std::string& line, Structure& structure, const LineReader& lines) {
    constexpr double bohr = 0.529177210903;
    const auto words = split_words(line);
    const auto tag = std::find_if(words.begin(), words.end(), [](auto w) { return w.starts_with("CELL("); });
    if (tag == words.end() || words[0] != "#") return 1.0;
    const auto unit_of = [&](std::string_view what) {
        for (const auto word : words) {
            if (!word.starts_with(what) || word.substr(what.size(), 1) != "{") continue;
            const auto unit = word.substr(what.size() + 1, word.size() - what.size() - 2);
            if (unit == "atomic_unit") return bohr;
            if (unit == "angstrom") return 1.0;
            lines.fail(fmt::format("i-PI's unit {} is not known; atomic_unit or angstrom is needed", show(word)));
        }
        lines.fail(
            fmt::format("this is a file of i-PI without {}{{unit}} in its comment line: whether Å or bohr is not "
                        "told; {}{{angstrom}} or {}{{atomic_unit}} is needed",
                        what, what, what));
    };
    const double length = unit_of("positions"), cell = unit_of("cell");
    if (!tag->starts_with("CELL(abcABC)"))
        lines.fail(fmt::format("i-PI's {} is not read; CELL(abcABC) is, its default", show(*tag)));
    double p[6];
    for (std::ptrdiff_t k = 0; k < 6; ++k) {
        const auto number = words.end() - tag > k + 1 ? parse_double(tag[k + 1]) : std::nullopt;
        if (!number || !(*number > 0.0) || (k > 2 && *number >= 180.0))
            lines.fail("CELL(abcABC) needs three lengths and three angles, got " + show(line));
        p[k] = *number;
    }
    const double degree = std::acos(-1.0) / 180.0;
    const double alpha = std::cos(p[3] * degree), beta = std::cos(p[4] * degree), gamma = std::cos(p[5] * degree);
    const double sine = std::sin(p[5] * degree), y = (alpha - beta * gamma) / sine;
    const double z = 1.0 - beta * beta - y * y;
    if (!(z > 0.0)) lines.fail("these angles make no cell: " + show(line));
    structure.cell.col(0) = cell * p[0] * Vector3(1.0, 0.0, 0.0);
    structure.cell.col(1) = cell * p[1] * Vector3(gamma, sine, 0.0);
    structure.cell.col(2) = cell * p[2] * Vector3(beta, y, std::sqrt(z));
    const auto right = [](double cosine) { return std::abs(cosine) < 1e-15; };  // cos 90° in floating point
    if (right(gamma)) structure.cell(0, 1) = 0.0;
    if (right(beta)) structure.cell(0, 2) = 0.0;
    if (std::abs(y) < 1e-15) structure.cell(1, 2) = 0.0;
    structure.periodic = {true, true, true};
    line.clear();
    return length;
}

}  // namespace

std::optional<std::string> ExtxyzFrame::find(std::string_view key) const {
    for (const auto& [name, value] : info)
        if (name == key) return value;
    return std::nullopt;
}

ExtxyzReader::ExtxyzReader(const std::string& path, ExtxyzKeys keys) : lines_(path), keys_(std::move(keys)) {}

std::optional<ExtxyzFrame> ExtxyzReader::next() {
    do {
        if (!lines_.next(line_)) {
            if (n_frames_ == 0) throw InputError(lines_.path() + ": no structure in this file; extxyz is needed");
            return std::nullopt;
        }
        split_words(line_, words_);
    } while (words_.empty());

    const auto count = words_.size() == 1 ? parse_long(words_[0]) : std::nullopt;
    if (!count || *count < 1 || *count > most_atoms)
        lines_.fail("a frame must begin with its number of atoms, got " + show(line_));
    ExtxyzFrame frame;
    frame.origin = lines_.place();
    ended_ = true;
    if (!lines_.next(line_)) lines_.fail("the file ends here; the comment line of the frame is missing");
    ended_ = false;
    const double length = read_ipi_comment(line_, frame.structure, lines_);
    frame.info = parse_comment(line_, lines_);
    const auto properties = take(frame.info, "Properties", true);
    const auto columns = parse_properties(properties.value_or("species:S:1:pos:R:3"), lines_);
    const Layout layout = arrange(columns, keys_, lines_);
    for (const Column* column : layout.unread) unread_columns_.insert(column->name);
    read_cell(frame, lines_);
    read_labels(frame, keys_, lines_);
    for (const auto& [name, value] : frame.info)
        if (equal_ignoring_case(name, "config_type")) frame.group = value;

    const Eigen::Index n = *count;
    Structure& structure = frame.structure;
    structure.positions.resize(3, n);
    if (layout.forces != nullptr) frame.labels.forces.emplace(3, n);
    if (layout.velocities != nullptr || layout.momenta != nullptr) frame.velocities.emplace(3, n);
    if (layout.masses != nullptr) frame.masses.emplace(n);
    if (layout.move_mask != nullptr) frame.move_mask.resize(3, n);
    for (const Column* column : layout.further)
        frame.columns.push_back({column->name, Eigen::MatrixXd(column->width, n), column->type});
    const auto read_column = [&](const Column* column, auto&& target) {
        for (long k = 0; k < column->width; ++k)
            target(k) = number(words_[static_cast<std::size_t>(column->first + k)], *column, lines_);
    };
    for (Eigen::Index i = 0; i < n; ++i) {
        ended_ = !lines_.next(line_);
        if (ended_) lines_.fail(fmt::format("the file ends after {} of {} atoms; the frame is cut off", i, n));
        split_words(line_, words_);
        if (!properties && static_cast<long>(words_.size()) > layout.n_columns)
            unread_columns_.insert("columns without a name");
        else if (static_cast<long>(words_.size()) != layout.n_columns)
            lines_.fail(fmt::format("atom {} of {} has {} columns; Properties names {}", i + 1, n, words_.size(),
                                    layout.n_columns));
        structure.species.push_back(
            parse_species(words_[static_cast<std::size_t>(layout.species->first)], *layout.species, lines_));
        read_column(layout.positions, structure.positions.col(i));
        structure.positions.col(i) *= length;
        if (layout.forces != nullptr) read_column(layout.forces, frame.labels.forces->col(i));
        if (layout.velocities != nullptr) read_column(layout.velocities, frame.velocities->col(i));
        if (layout.masses != nullptr) {
            read_column(layout.masses, frame.masses->row(i));
            if (!((*frame.masses)[i] > 0.0)) lines_.fail("a mass must be positive, got " + show(line_));
        }
        if (layout.momenta != nullptr) {
            read_column(layout.momenta, frame.velocities->col(i));
            const double mass = frame.masses ? (*frame.masses)[i] : atomic_mass(structure.species.back());
            frame.velocities->col(i) *= std::sqrt(units::acceleration) / mass;
        }
        for (long k = 0; layout.move_mask != nullptr && k < 3; ++k) {
            const long which = layout.move_mask->first + (layout.move_mask->width == 3 ? k : 0);
            frame.move_mask(k, i) = parse_flag(words_[static_cast<std::size_t>(which)], "move_mask", lines_);
        }
        for (std::size_t k = 0; k < layout.further.size(); ++k)
            read_column(layout.further[k], frame.columns[k].values.col(i));
    }
    try {
        structure.validate();
    } catch (const InputError& error) {
        throw InputError(frame.origin + ": " + error.what());
    }
    ++n_frames_;
    return frame;
}

bool ExtxyzReader::more() {
    while (lines_.next(line_))
        if (!split_words(line_).empty()) return true;
    return false;
}

std::vector<std::string> label_names(const std::vector<std::string>& names) {
    std::vector<std::string> found;
    for (const std::string& name : names)
        for (const std::string_view end : {"energy", "forces", "force", "stress", "virial", "virials"})
            if (name.size() >= end.size() &&
                equal_ignoring_case(std::string_view(name).substr(name.size() - end.size()), end)) {
                found.push_back(name);
                break;
            }
    return found;
}

ExtxyzData read_extxyz_data(const std::string& path, const ExtxyzKeys& keys) {
    ExtxyzReader reader(path, keys);
    ExtxyzData data;
    bool energy = false, forces = false, stress = false;
    std::set<std::string> names;
    std::string present;  // keys of the first frame, for the message
    while (auto frame = reader.next()) {
        for (const auto& entry : frame->info) {
            if (data.structures.empty()) present += (present.empty() ? "" : ", ") + entry.first;
            names.insert(entry.first);
        }
        energy = energy || frame->labels.energy;
        forces = forces || frame->labels.forces;
        stress = stress || frame->labels.stress;
        if (frame->energy_without_entropy)
            data.electronic_entropy = std::max(data.electronic_entropy.value_or(0.0),
                                               std::abs(*frame->labels.energy - *frame->energy_without_entropy) /
                                                   static_cast<double>(frame->structure.size()));
        data.structures.push_back(std::move(*frame));
    }
    const auto must_occur = [&](const std::string& key, bool found, std::string_view what) {
        if (!key.empty() && !found)
            throw InputError(fmt::format("{}: no frame has {} under {}; its first frame has {}", path, what, show(key),
                                         present.empty() ? "no further keys" : present));
    };
    must_occur(keys.energy, energy, "an energy");
    must_occur(keys.forces, forces, "forces");
    must_occur(keys.stress, stress, "a stress");
    must_occur(keys.virial, stress, "a virial");
    names.insert(reader.unread_columns().begin(), reader.unread_columns().end());
    if (const auto labels = label_names({names.begin(), names.end()}); !labels.empty() && (!energy || !forces))
        data.notes.push_back(
            fmt::format("{} not taken as labels; name them (energy_key, forces_key, stress_key, "
                        "virial_key) if they are",
                        fmt::join(labels, ", ")));
    if (names.contains("columns without a name"))
        data.notes.emplace_back("a plain XYZ file with further columns: only symbol and x y z are read");
    return data;
}

std::vector<LabeledStructure> read_extxyz(const std::string& path, const ExtxyzKeys& keys) {
    return read_extxyz_data(path, keys).structures;
}

// ---------------------------------------------------------------------------------------------------------- writing

namespace {

using Buffer = fmt::memory_buffer;

template <class... Args>
void append(Buffer& out, fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out), text, std::forward<Args>(args)...);
}

template <class Derived>
void append_numbers(Buffer& out, const Eigen::DenseBase<Derived>& numbers) {
    for (Eigen::Index k = 0; k < numbers.size(); ++k) append(out, "{}{}", k > 0 ? " " : "", numbers.derived()(k));
}

/// A key or value of the comment line, in quotes if it needs them.
std::string protect(std::string_view text) {
    if (!text.empty() && text.find_first_of(" \t\n\"'=\\{}[],") == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out + '"';
}

/// A per-atom column of numbers after the species.
struct WrittenColumn {
    std::string name;
    Eigen::Ref<const Eigen::MatrixXd> values;
    char type = 'R';
};
using Columns = std::vector<WrittenColumn>;  ///< in the order they are written

Columns columns_of(const ExtxyzFrame& frame) {
    Columns columns;
    columns.push_back({"pos", frame.structure.positions});
    if (frame.labels.forces) columns.push_back({"forces", *frame.labels.forces});
    if (frame.velocities) columns.push_back({"velocities", *frame.velocities});
    if (frame.masses)
        columns.push_back({"masses", Eigen::Map<const Eigen::MatrixXd>(frame.masses->data(), 1, frame.masses->size())});
    for (const AtomColumn& column : frame.columns) columns.push_back({column.name, column.values, column.type});
    return columns;
}

void check(const ExtxyzFrame& frame, const Columns& columns) {
    const Structure& structure = frame.structure;
    const auto demand = [](bool condition, const std::string& what) {
        if (!condition) throw std::invalid_argument("extxyz: " + what);
    };
    demand(structure.size() > 0, "a frame needs atoms");
    demand(static_cast<Eigen::Index>(structure.species.size()) == structure.size(), "as many species as positions");
    demand(structure.cell.allFinite(), "the cell is not finite");
    demand(frame.move_mask.cols() == 0 || frame.move_mask.cols() == structure.size(),
           "as many flags of move_mask as positions");
    demand(!frame.labels.energy || std::isfinite(*frame.labels.energy), "the energy is not finite");
    demand(!frame.labels.stress || frame.labels.stress->allFinite(), "the stress is not finite");
    for (const auto& [name, values, type] : columns) {
        demand(!name.empty() && name.find_first_of(" :\t\n") == std::string::npos, "no column can be called " + name);
        demand(values.rows() > 0 && values.cols() == structure.size(), name + " has not one column per atom");
        demand(values.allFinite(), name + " is not finite");
    }
}

}  // namespace

std::string format_extxyz(const ExtxyzFrame& frame) {
    const Structure& structure = frame.structure;
    const Columns columns = columns_of(frame);
    check(frame, columns);
    Buffer out;
    Eigen::Index n_numbers = 0;
    for (const auto& [name, values, type] : columns) n_numbers += values.rows();
    out.reserve(static_cast<std::size_t>(structure.size() * (4 + 20 * n_numbers)));
    append(out, "{}\n", structure.size());
    if (!structure.cell.isZero(0.0)) {
        append(out, "Lattice=\"");
        append_numbers(out, structure.cell.reshaped());
        append(out, "\" ");
    }
    append(out, "Properties=species:S:1");
    for (const auto& [name, values, type] : columns) append(out, ":{}:{}:{}", name, type, values.rows());
    const bool masked = frame.move_mask.cols() > 0;
    const bool whole = masked && (frame.move_mask.row(0) == frame.move_mask.row(1)).all() &&
                       (frame.move_mask.row(0) == frame.move_mask.row(2)).all();  // of all atoms: one flag each
    if (masked) append(out, ":move_mask:L:{}", whole ? 1 : 3);
    const auto flag = [&](std::size_t axis) { return structure.periodic[axis] ? 'T' : 'F'; };
    append(out, " pbc=\"{} {} {}\"", flag(0), flag(1), flag(2));
    if (frame.labels.energy) append(out, " energy={}", *frame.labels.energy);
    if (frame.labels.stress) {
        append(out, " stress=\"");
        append_numbers(out, from_voigt(*frame.labels.stress).reshaped());
        append(out, "\"");
    }
    for (const auto& [key, value] : frame.info) {
        const bool taken = equal_ignoring_case(key, "Lattice") || equal_ignoring_case(key, "Properties") ||
                           equal_ignoring_case(key, "pbc") || (key == "energy" && frame.labels.energy) ||
                           (key == "stress" && frame.labels.stress);
        if (!taken) append(out, " {}={}", protect(key), protect(value));
    }
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        append(out, "\n{}", element_symbol(structure.species[static_cast<std::size_t>(i)]));
        for (const auto& [name, values, type] : columns) {
            append(out, " ");
            append_numbers(out, values.col(i));
        }
        for (Eigen::Index k = 0; masked && k < (whole ? 1 : 3); ++k)
            append(out, " {}", frame.move_mask(k, i) ? 'T' : 'F');
    }
    append(out, "\n");
    return fmt::to_string(out);
}

std::string format_extxyz(const LabeledStructure& structure) {
    ExtxyzFrame frame;
    static_cast<LabeledStructure&>(frame) = structure;
    return format_extxyz(frame);
}

namespace {

template <class Frame>
void write_all(const std::string& path, std::span<const Frame> frames) {
    FileReplacement replacement(path);
    {
        OutputFile file(replacement.temporary());
        for (const Frame& frame : frames) file.write(format_extxyz(frame));
        file.flush();
    }
    replacement.commit();
}

}  // namespace

void write_extxyz(const std::string& path, std::span<const LabeledStructure> structures) {
    write_all(path, structures);
}

void write_extxyz(const std::string& path, std::span<const ExtxyzFrame> frames) { write_all(path, frames); }

}  // namespace mlff
