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
    return token;
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
        info.emplace_back(std::move(key), i < line.size() ? take_token(line, i, false, lines) : "");
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

std::array<bool, 3> parse_periodic(const std::string& text, const LineReader& lines) {
    const std::string plain = without_brackets(text);
    std::vector<bool> flags;
    for (const std::string_view word : split_words(plain)) {
        if (word == "T" || word == "1" || equal_ignoring_case(word, "true"))
            flags.push_back(true);
        else if (word == "F" || word == "0" || equal_ignoring_case(word, "false"))
            flags.push_back(false);
        else
            lines.fail(fmt::format("pbc must hold T or F, got {}", show(word)));
    }
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
    std::vector<const Column*> further;
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
    for (const std::string& name : keys.columns)
        if (const Column* column = find_column(columns, {name})) layout.further.push_back(column);

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

void read_labels(ExtxyzFrame& frame, const ExtxyzKeys& keys, const LineReader& lines) {
    const std::vector<std::string> names =
        keys.energy.empty() ? std::vector<std::string>{"energy", "free_energy", "Energy"} : std::vector{keys.energy};
    for (const std::string& name : names) {
        const auto text = take(frame.info, name);
        if (!text) continue;
        const auto words = split_words(*text);
        frame.labels.energy = words.size() == 1 ? parse_double(words[0]) : std::nullopt;
        if (!frame.labels.energy) lines.fail(fmt::format("{} must be a finite number, got {}", name, show(*text)));
        break;
    }
    if (!frame.structure.has_volume()) return;  // no stress without a volume
    const std::string stress = keys.stress.empty() ? "stress" : keys.stress;
    // Whoever names the stress means that one; the virial of another method must not take its place.
    const std::string virial = keys.virial.empty() && keys.stress.empty() ? "virial" : keys.virial;
    if (const auto text = take(frame.info, stress))
        frame.labels.stress = parse_tensor(*text, stress, lines);
    else if (const auto other = virial.empty() ? std::nullopt : take(frame.info, virial))
        frame.labels.stress = -parse_tensor(*other, virial, lines) / frame.structure.volume();
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
    if (!lines_.next(line_)) lines_.fail("the file ends here; the comment line of the frame is missing");
    frame.info = parse_comment(line_, lines_);
    const auto columns = parse_properties(take(frame.info, "Properties", true).value_or("species:S:1:pos:R:3"), lines_);
    const Layout layout = arrange(columns, keys_, lines_);
    read_cell(frame, lines_);
    read_labels(frame, keys_, lines_);
    frame.group = frame.find("config_type").value_or("");

    const Eigen::Index n = *count;
    Structure& structure = frame.structure;
    structure.positions.resize(3, n);
    if (layout.forces != nullptr) frame.labels.forces.emplace(3, n);
    if (layout.velocities != nullptr) frame.velocities.emplace(3, n);
    for (const Column* column : layout.further) frame.columns.push_back({column->name, {column->width, n}});
    const auto read_column = [&](const Column* column, auto&& target) {
        for (long k = 0; k < column->width; ++k)
            target(k) = number(words_[static_cast<std::size_t>(column->first + k)], *column, lines_);
    };
    for (Eigen::Index i = 0; i < n; ++i) {
        if (!lines_.next(line_))
            lines_.fail(fmt::format("the file ends after {} of {} atoms; the frame is cut off", i, n));
        split_words(line_, words_);
        if (static_cast<long>(words_.size()) != layout.n_columns)
            lines_.fail(fmt::format("atom {} of {} has {} columns; Properties names {}", i + 1, n, words_.size(),
                                    layout.n_columns));
        structure.species.push_back(
            parse_species(words_[static_cast<std::size_t>(layout.species->first)], *layout.species, lines_));
        read_column(layout.positions, structure.positions.col(i));
        if (layout.forces != nullptr) read_column(layout.forces, frame.labels.forces->col(i));
        if (layout.velocities != nullptr) read_column(layout.velocities, frame.velocities->col(i));
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

std::vector<LabeledStructure> read_extxyz(const std::string& path, const ExtxyzKeys& keys) {
    ExtxyzReader reader(path, keys);
    std::vector<LabeledStructure> structures;
    bool energy = false, forces = false, stress = false;
    std::string present;  // keys of the first frame, for the message
    while (auto frame = reader.next()) {
        if (structures.empty())
            for (const auto& entry : frame->info) present += (present.empty() ? "" : ", ") + entry.first;
        energy = energy || frame->labels.energy;
        forces = forces || frame->labels.forces;
        stress = stress || frame->labels.stress;
        structures.push_back(std::move(*frame));
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
    return structures;
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

/// The per-atom columns after the species, in the order they are written.
using Columns = std::vector<std::pair<std::string, Eigen::Ref<const Eigen::MatrixXd>>>;

Columns columns_of(const ExtxyzFrame& frame) {
    Columns columns = {{"pos", frame.structure.positions}};
    if (frame.labels.forces) columns.emplace_back("forces", *frame.labels.forces);
    if (frame.velocities) columns.emplace_back("velocities", *frame.velocities);
    for (const AtomColumn& column : frame.columns) columns.emplace_back(column.name, column.values);
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
    demand(!frame.labels.energy || std::isfinite(*frame.labels.energy), "the energy is not finite");
    demand(!frame.labels.stress || frame.labels.stress->allFinite(), "the stress is not finite");
    for (const auto& [name, values] : columns) {
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
    for (const auto& [name, values] : columns) n_numbers += values.rows();
    out.reserve(static_cast<std::size_t>(structure.size() * (4 + 20 * n_numbers)));
    append(out, "{}\n", structure.size());
    if (!structure.cell.isZero(0.0)) {
        append(out, "Lattice=\"");
        append_numbers(out, structure.cell.reshaped());
        append(out, "\" ");
    }
    append(out, "Properties=species:S:1");
    for (const auto& [name, values] : columns) append(out, ":{}:R:{}", name, values.rows());
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
        for (const auto& [name, values] : columns) {
            append(out, " ");
            append_numbers(out, values.col(i));
        }
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
