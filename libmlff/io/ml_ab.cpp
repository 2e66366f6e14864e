// Long because one format has many sections, each read and written here: reader and writer follow the same order.
#include "libmlff/io/ml_ab.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp_output.hpp"

namespace mlff {
namespace {

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file, not a structure

// -------------------------------------------------------------------------------------------------------- titles

constexpr const char* n_configurations_title = "The number of configurations";
constexpr const char* n_types_title = "The maximum number of atom type";
constexpr const char* types_title = "The atom types in the data file";
constexpr const char* most_per_system_title = "The maximum number of atoms per system";
constexpr const char* most_per_type_title = "The maximum number of atoms per atom type";
constexpr const char* reference_energy_title = "Reference atomic energy (eV)";
constexpr const char* mass_title = "Atomic mass";
constexpr const char* n_references_title = "The numbers of basis sets per atom type";
constexpr const char* references_title = "Basis set for";          // and the species
constexpr const char* configuration_title = "Configuration num.";  // and its number
constexpr const char* system_title = "System name";
constexpr const char* system_types_title = "The number of atom types";
constexpr const char* system_atoms_title = "The number of atoms";
constexpr const char* composition_title = "Atom types and atom numbers";
constexpr const char* threshold_title = "CTIFOR";
constexpr const char* cell_title = "Primitive lattice vectors (ang.)";
constexpr const char* positions_title = "Atomic positions (ang.)";
constexpr const char* energy_title = "Total energy (eV)";
constexpr const char* forces_title = "Forces (eV ang.^-1)";
constexpr const char* stress_title = "Stress (kbar)";

const std::vector<std::string> header_titles = {
    n_configurations_title, n_types_title, types_title,        most_per_system_title, most_per_type_title,
    reference_energy_title, mass_title,    n_references_title, references_title};
const std::vector<std::string> configuration_titles = {
    system_title, system_types_title, system_atoms_title, composition_title, threshold_title,
    cell_title,   positions_title,    energy_title,       forces_title,      stress_title};

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// A line that is ruled with one character.
bool is_rule(std::string_view line, char c) {
    constexpr std::size_t shortest = 10;
    line = trimmed(line);
    return line.size() >= shortest && line.find_first_not_of(c) == std::string_view::npos;
}

/// A number as Fortran prints it: exponents with E, D, or three digits and no letter. An exponent of one digit, or
/// "-00", is one that was cut.
std::optional<double> parse_fortran(std::string_view word) {
    const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
    std::string number(word);
    auto mark = number.find_first_of("eEdD");
    if (mark == std::string::npos) {
        for (std::size_t i = 1; i < number.size() && mark == std::string::npos; ++i)
            if ((number[i] == '-' || number[i] == '+') && (digit(number[i - 1]) || number[i - 1] == '.')) mark = i;
        if (mark == std::string::npos) return parse_double(number);
        if (number.size() - mark != 4) return std::nullopt;  // sign and three digits
        number.insert(mark, 1, 'e');
    }
    number[mark] = 'e';
    const std::string_view exponent = std::string_view(number).substr(mark + 1);
    const std::size_t digits = static_cast<std::size_t>(std::count_if(exponent.begin(), exponent.end(), digit));
    if (digits < 2 || exponent == "-00") return std::nullopt;
    if (const auto value = parse_double(number)) return value;
    // Too small for a double (but well-formed) is zero; from_chars calls it out of range.
    const bool tiny = exponent.starts_with('-') && digits == 3 && digits + 1 == exponent.size() &&
                      parse_double(number.substr(0, mark)).has_value();
    return tiny ? std::optional(0.0) : std::nullopt;
}

// -------------------------------------------------------------------------------------------------------- reading

struct Line {
    std::string text;
    long number = 0;
};

/// A title and what stands below it.
struct Block {
    std::string title;
    long line = 0;
    std::vector<Line> data;
};

/// Blocks of the file, one after the other: a rule of * or =, the title, and data between rules of -.
class Blocks {
 public:
    explicit Blocks(const std::string& path) : lines_(path) {
        std::string line;
        while (lines_.next(line) && !is_rule(line, '*'))
            if (!trimmed(line).empty()) version_ = trimmed(line);
        if (lines_.line_number() == 0) throw InputError(path + ": is empty; an ML_AB file is needed");
        if (!is_rule(line, '*'))
            throw InputError(path + ": no line of asterisks in this file; an ML_AB file is needed");
        if (!version_.ends_with("Version"))
            throw InputError(fmt::format("{}:1: must say '1.0 Version', got {}", path, show(version_)));
    }

    /// Next block; none after the last.
    std::optional<Block> next() {
        if (at_end_) return std::nullopt;
        Block block;
        std::string line;
        do {
            if (!lines_.next(line)) {
                at_end_ = true;
                return std::nullopt;
            }
        } while (trimmed(line).empty() || is_rule(line, '*') || is_rule(line, '='));
        block.title = trimmed(line);
        block.line = lines_.line_number();
        at_end_ = true;
        while (lines_.next(line)) {
            if (is_rule(line, '*') || is_rule(line, '=')) {
                at_end_ = false;
                break;
            }
            if (!is_rule(line, '-')) block.data.push_back({line, lines_.line_number()});
        }
        return block;
    }

    [[noreturn]] void fail(long line, const std::string& message) const {
        throw InputError(fmt::format("{}:{}: {}", lines_.path(), line, message));
    }
    [[nodiscard]] std::string place(long line) const { return fmt::format("{}:{}", lines_.path(), line); }
    [[nodiscard]] const std::string& path() const { return lines_.path(); }
    [[nodiscard]] long line_number() const { return lines_.line_number(); }

 private:
    LineReader lines_;
    std::string version_;
    bool at_end_ = false;
};

/// Blocks of the header, or of a configuration, by title.
using Group = std::map<std::string, Block>;

class MlAbReader {
 public:
    explicit MlAbReader(const std::string& path) : blocks_(path) {}

    MlAb read() {
        std::optional<Block> title = read_group(header_, header_titles);
        read_header();
        while (title) {
            Group group;
            const Block configuration = std::move(*title);
            check_number(configuration);
            title = read_group(group, configuration_titles);
            read_configuration(configuration, group);
        }
        if (file_.configurations.size() != n_configurations_)
            throw InputError(fmt::format(
                "{}:{}: the file holds {} configurations, its header announces {}; a complete file is needed",
                blocks_.path(), blocks_.line_number(), file_.configurations.size(), n_configurations_));
        read_references();
        return std::move(file_);
    }

 private:
    /// Fills `group` up to the title of the next configuration, which it returns; none at the end of the file.
    std::optional<Block> read_group(Group& group, const std::vector<std::string>& known) {
        while (auto block = blocks_.next()) {
            if (block->title.starts_with(configuration_title)) return block;
            const bool references = block->title.starts_with(references_title);
            const std::string kind = references ? references_title : block->title;
            if (std::find(known.begin(), known.end(), kind) == known.end())
                blocks_.fail(block->line, fmt::format("no block is called {} here{}", show(block->title),
                                                      did_you_mean(block->title, known)));
            std::string key = block->title;
            if (references) {
                const auto z = species_of(trimmed(key.substr(std::string_view(references_title).size())), block->line);
                key = fmt::format("{} {}", references_title, z);
            }
            if (!group.emplace(key, std::move(*block)).second)
                blocks_.fail(block->line, fmt::format("block {} is there twice; once is needed", show(block->title)));
        }
        return std::nullopt;
    }

    int species_of(std::string_view name, long line) const {
        const auto z = vasp_species(name);
        if (!z) blocks_.fail(line, fmt::format("unknown element {}; a chemical symbol is needed", show(name)));
        return *z;
    }

    static const Block* find(const Group& group, const std::string& title) {
        const auto found = group.find(title);
        return found == group.end() ? nullptr : &found->second;
    }

    const Block& require(const Group& group, const std::string& title, long line) const {
        const Block* block = find(group, title);
        if (block == nullptr)
            blocks_.fail(line, fmt::format("the block '{}' is missing in what begins here; it is needed", title));
        return *block;
    }

    /// Words of the block, each with its line.
    static std::vector<std::pair<std::string_view, long>> words_of(const Block& block) {
        std::vector<std::pair<std::string_view, long>> words;
        for (const Line& line : block.data)
            for (const std::string_view word : split_words(line.text)) words.emplace_back(word, line.number);
        return words;
    }

    long count_of(std::string_view word, long line) const {
        const auto count = parse_long(word);
        if (!count || *count < 0 || *count > most_atoms)
            blocks_.fail(line, fmt::format("a count is needed here, got {}", show(word)));
        return *count;
    }

    /// The one count of a block.
    long count_in(const Block& block) const {
        const auto words = words_of(block);
        if (words.size() != 1)
            blocks_.fail(block.line, fmt::format("'{}' needs one number, got {}", block.title, words.size()));
        return count_of(words[0].first, words[0].second);
    }

    double number_of(std::string_view word, long line) const {
        const auto number = parse_fortran(word);
        if (!number)
            blocks_.fail(line, fmt::format("{} is not a number, or was cut; a finite number is needed", show(word)));
        return *number;
    }

    std::vector<double> numbers_in(const Block& block, std::size_t n) const {
        std::vector<double> numbers;
        for (const auto& [word, line] : words_of(block)) numbers.push_back(number_of(word, line));
        if (numbers.size() != n)
            blocks_.fail(block.line,
                         fmt::format("'{}' holds {} numbers where {} are needed", block.title, numbers.size(), n));
        return numbers;
    }

    /// n lines of three numbers, as columns.
    Matrix3X vectors_in(const Block& block, Eigen::Index n) const {
        Matrix3X vectors(3, n);
        Eigen::Index i = 0;
        for (const Line& line : block.data) {
            const auto words = split_words(line.text);
            if (words.empty()) continue;
            if (words.size() != 3)
                blocks_.fail(line.number, fmt::format("three numbers are needed here, got {}", show(line.text)));
            if (i == n) blocks_.fail(line.number, fmt::format("'{}' needs {} lines, here is one more", block.title, n));
            for (Eigen::Index k = 0; k < 3; ++k)
                vectors(k, i) = number_of(words[static_cast<std::size_t>(k)], line.number);
            ++i;
        }
        if (i != n) blocks_.fail(block.line, fmt::format("'{}' holds {} lines where {} are needed", block.title, i, n));
        return vectors;
    }

    void read_header() {
        const long first = 1;
        n_configurations_ = static_cast<std::size_t>(count_in(require(header_, n_configurations_title, first)));
        const Block& types = require(header_, types_title, first);
        for (const auto& [word, line] : words_of(types)) file_.species.push_back(species_of(word, line));
        const std::size_t n = file_.species.size();
        if (n == 0) blocks_.fail(types.line, "there are no atom types; a chemical symbol is needed");
        if (const Block* block = find(header_, n_types_title))
            if (const long stated = count_in(*block); static_cast<std::size_t>(stated) != n)
                blocks_.fail(types.line, fmt::format("{} atom types where '{}' says {}; the same number is needed", n,
                                                     n_types_title, stated));
        file_.reference_energies.assign(n, 0.0);
        if (const Block* block = find(header_, reference_energy_title))
            file_.reference_energies = numbers_in(*block, n);
        for (const int z : file_.species) file_.masses.push_back(atomic_mass(z));
        if (const Block* block = find(header_, mass_title)) file_.masses = numbers_in(*block, n);

        const Block& counts = require(header_, n_references_title, first);
        for (const auto& [word, line] : words_of(counts))
            n_references_.push_back(static_cast<std::size_t>(count_of(word, line)));
        if (n_references_.size() != n)
            blocks_.fail(counts.line, fmt::format("'{}' holds {} numbers where {} are needed, one for each atom type",
                                                  counts.title, n_references_.size(), n));
    }

    void check_number(const Block& title) const {
        const auto text = trimmed(std::string_view(title.title).substr(std::string_view(configuration_title).size()));
        const auto expected = file_.configurations.size() + 1;
        if (const auto number = parse_long(text); !number || *number != static_cast<long>(expected))
            blocks_.fail(title.line, fmt::format("configuration {} follows here; got {}", expected, show(text)));
    }

    void read_configuration(const Block& title, const Group& group) {
        MlAbConfiguration c;
        c.origin = blocks_.place(title.line);
        if (const Block* system = find(group, system_title); system != nullptr && !system->data.empty())
            c.system = trimmed(system->data[0].text);

        const Block& composition = require(group, composition_title, title.line);
        long n_types = 0;
        for (const Line& line : composition.data) {
            const auto words = split_words(line.text);
            if (words.empty()) continue;
            if (words.size() != 2)
                blocks_.fail(line.number, "a species and its number of atoms are needed here, got " + show(line.text));
            const int z = species_of(words[0], line.number);
            if (std::find(file_.species.begin(), file_.species.end(), z) == file_.species.end())
                blocks_.fail(line.number, fmt::format("{} is not among '{}'", show(words[0]), types_title));
            const long count = count_of(words[1], line.number);
            if (static_cast<long>(c.structure.species.size()) + count > most_atoms)
                blocks_.fail(line.number, "the number of atoms is beyond all reason: " + show(line.text));
            c.structure.species.insert(c.structure.species.end(), static_cast<std::size_t>(count), z);
            ++n_types;
        }
        const auto n = static_cast<Eigen::Index>(c.structure.species.size());
        if (n == 0) blocks_.fail(composition.line, "there are no atoms; a positive number is needed");
        const auto must_be = [&](const char* name, long counted) {
            const Block& block = require(group, name, title.line);
            if (const long stated = count_in(block); stated != counted)
                blocks_.fail(block.line, fmt::format("'{}' says {}, '{}' adds up to {}; the same number is needed",
                                                     name, stated, composition_title, counted));
        };
        must_be(system_types_title, n_types);
        must_be(system_atoms_title, n);

        if (const Block* block = find(group, threshold_title)) c.threshold = numbers_in(*block, 1)[0];
        c.structure.periodic = {true, true, true};
        c.structure.cell = vectors_in(require(group, cell_title, title.line), 3);
        c.structure.positions = vectors_in(require(group, positions_title, title.line), n);
        c.energy = numbers_in(require(group, energy_title, title.line), 1)[0];
        c.forces = vectors_in(require(group, forces_title, title.line), n);
        c.pressure = read_pressure(require(group, stress_title, title.line));
        try {
            c.structure.validate();
        } catch (const InputError& error) {
            throw InputError(c.origin + ": " + error.what());
        }
        file_.configurations.push_back(std::move(c));
    }

    /// "XX YY ZZ", three numbers, "XY YZ ZX", three numbers.
    std::array<double, 6> read_pressure(const Block& block) const {
        std::vector<const Line*> lines;
        for (const Line& line : block.data)
            if (!trimmed(line.text).empty()) lines.push_back(&line);
        if (lines.size() != 4 || split_words(lines[0]->text) != std::vector<std::string_view>{"XX", "YY", "ZZ"} ||
            split_words(lines[2]->text) != std::vector<std::string_view>{"XY", "YZ", "ZX"})
            blocks_.fail(block.line,
                         "the stress must be the lines 'XX YY ZZ', three numbers, 'XY YZ ZX', three numbers");
        std::array<double, 6> pressure{};
        for (std::size_t half = 0; half < 2; ++half) {
            const Line& line = *lines[2 * half + 1];
            const auto words = split_words(line.text);
            if (words.size() != 3) blocks_.fail(line.number, "three numbers are needed here, got " + show(line.text));
            for (std::size_t k = 0; k < 3; ++k) pressure[3 * half + k] = number_of(words[k], line.number);
        }
        return pressure;
    }

    void read_references() {
        for (std::size_t type = 0; type < file_.species.size(); ++type) {
            const int z = file_.species[type];
            const Block& block = require(header_, fmt::format("{} {}", references_title, z), 1);
            std::vector<LocalReferenceIndex> list;
            bool belong = true;  // to the species
            for (const Line& line : block.data) {
                const auto words = split_words(line.text);
                if (words.empty()) continue;
                if (words.size() != 2)
                    blocks_.fail(line.number, "a structure and an atom are needed here, got " + show(line.text));
                const long structure = count_of(words[0], line.number), atom = count_of(words[1], line.number);
                if (structure < 1 || static_cast<std::size_t>(structure) > file_.configurations.size())
                    blocks_.fail(line.number, fmt::format("there is no configuration {}; 1 to {} are there", structure,
                                                          file_.configurations.size()));
                const Structure& s = file_.configurations[static_cast<std::size_t>(structure - 1)].structure;
                if (atom < 1 || atom > s.size())
                    blocks_.fail(line.number, fmt::format("configuration {} has no atom {}; 1 to {} are there",
                                                          structure, atom, s.size()));
                belong = belong && s.species[static_cast<std::size_t>(atom - 1)] == z;
                list.push_back({static_cast<std::size_t>(structure - 1), atom - 1});
            }
            if (list.size() != n_references_[type])
                blocks_.fail(block.line,
                             fmt::format("{} local references where '{}' says {}; the same number is needed",
                                         list.size(), n_references_title, n_references_[type]));
            if (belong && !list.empty())
                file_.references[z] = std::move(list);
            else
                file_.notes.push_back(
                    fmt::format("{}: the local references of {} are not atoms of it and are left out (a dummy list)",
                                blocks_.place(block.line), element_symbol(z)));
        }
    }

    Blocks blocks_;
    Group header_;
    std::size_t n_configurations_ = 0;
    std::vector<std::size_t> n_references_;
    MlAb file_;
};

// -------------------------------------------------------------------------------------------------------- writing

using Buffer = fmt::memory_buffer;

template <class... Args>
void append(Buffer& out, fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out), text, std::forward<Args>(args)...);
}

/// Fortran's 1P,G26.16E3: 16 digits without exponent from 0.1 to 1e16, else 17 digits and three of the exponent.
void append_number(Buffer& out, double x) {
    constexpr int digits = 16;
    const std::string rounded = fmt::format("{:.15e}", x);
    const int exponent = std::stoi(rounded.substr(rounded.find('e') + 1));
    const int whole = x == 0.0 ? 1 : exponent + 1;  // digits before the point
    if (whole >= 0 && whole < digits) {
        append(out, "{:21.{}f}     ", x, digits - whole);
        return;
    }
    const std::string text = fmt::format("{:.16e}", x);
    const auto mark = text.find('e');
    const int power = std::stoi(text.substr(mark + 1));
    append(out, "{:>26}", fmt::format("{}E{}{:03}", text.substr(0, mark), power < 0 ? '-' : '+', std::abs(power)));
}

constexpr char section = '*', part = '=', data = '-';

void append_rule(Buffer& out, char c) { append(out, "{}\n", std::string(50, c)); }

void append_title(Buffer& out, char rule, const std::string& title) {
    append_rule(out, rule);
    append(out, "     {}\n", title);
    append_rule(out, data);
}

/// At most three entries per line.
template <class Range, class Write>
void append_threes(Buffer& out, const Range& range, const Write& write) {
    for (std::size_t k = 0; k < range.size(); ++k) {
        write(k);
        if (k % 3 == 2 || k + 1 == range.size()) append(out, "\n");
    }
}

void append_vectors(Buffer& out, const Matrix3X& vectors) {
    for (Eigen::Index i = 0; i < vectors.cols(); ++i) {
        for (Eigen::Index k = 0; k < 3; ++k) append_number(out, vectors(k, i));
        append(out, "\n");
    }
}

std::string two_letters(int z) { return fmt::format("{:<2}", element_symbol(z)); }

/// Runs of equal species: atomic number and length.
std::vector<std::pair<int, long>> runs_of(const std::vector<int>& species) {
    std::vector<std::pair<int, long>> runs;
    for (const int z : species)
        if (runs.empty() || runs.back().first != z)
            runs.emplace_back(z, 1);
        else
            ++runs.back().second;
    return runs;
}

void append_header(Buffer& out, const MlAb& file) {
    long most_atoms_of_system = 0, most_of_type = 0;
    for (const auto& c : file.configurations) {
        most_atoms_of_system = std::max(most_atoms_of_system, static_cast<long>(c.structure.size()));
        for (const auto& run : runs_of(c.structure.species)) most_of_type = std::max(most_of_type, run.second);
    }
    const auto references_of = [&](int z) {
        const auto found = file.references.find(z);
        return found == file.references.end() || found->second.empty() ? std::vector<LocalReferenceIndex>{{0, 0}}
                                                                       : found->second;
    };
    append(out, " 1.0 Version\n");
    append_title(out, section, n_configurations_title);
    append(out, "{:11}\n", file.configurations.size());
    append_title(out, section, n_types_title);
    append(out, "{:8}\n", file.species.size());
    append_title(out, section, types_title);
    append_threes(out, file.species, [&](std::size_t k) {
        append(out, "{}{}", k % 3 == 0 ? "     " : " ", two_letters(file.species[k]));
    });
    append_title(out, section, most_per_system_title);
    append(out, "{:15}\n", most_atoms_of_system);
    append_title(out, section, most_per_type_title);
    append(out, "{:15}\n", most_of_type);
    append_title(out, section, reference_energy_title);
    append_threes(out, file.species, [&](std::size_t k) { append_number(out, file.reference_energies[k]); });
    append_title(out, section, mass_title);
    append_threes(out, file.species, [&](std::size_t k) { append_number(out, file.masses[k]); });
    append_title(out, section, n_references_title);
    append_threes(out, file.species,
                  [&](std::size_t k) { append(out, "{:10}", references_of(file.species[k]).size()); });
    for (const int z : file.species) {
        append_title(out, section, fmt::format("{} {}", references_title, two_letters(z)));
        for (const auto& [structure, atom] : references_of(z)) append(out, "{:11}{:7}\n", structure + 1, atom + 1);
    }
}

void append_configuration(Buffer& out, const MlAbConfiguration& c, std::size_t number) {
    append_rule(out, section);
    append(out, "     {}{:7}\n", configuration_title, number);
    append_title(out, part, system_title);
    append(out, "     {:<40.40}\n", c.system);
    const auto runs = runs_of(c.structure.species);
    append_title(out, part, system_types_title);
    append(out, "{:8}\n", runs.size());
    append_title(out, part, system_atoms_title);
    append(out, "{:11}\n", c.structure.size());
    append_title(out, section, composition_title);
    for (const auto& [z, count] : runs) append(out, "     {}{:7}\n", two_letters(z), count);
    if (c.threshold) {
        append_title(out, part, threshold_title);
        append_number(out, *c.threshold);
        append(out, "\n");
    }
    append_title(out, part, cell_title);
    append_vectors(out, c.structure.cell);
    append_title(out, part, positions_title);
    append_vectors(out, c.structure.positions);
    append_title(out, part, energy_title);
    append_number(out, c.energy);
    append(out, "\n");
    append_title(out, part, forces_title);
    append_vectors(out, c.forces);
    append_title(out, part, stress_title);
    for (std::size_t half = 0; half < 2; ++half) {
        if (half == 1) append_rule(out, data);
        append(out, "     {}\n", half == 0 ? "XX YY ZZ" : "XY YZ ZX");
        append_rule(out, data);
        for (std::size_t k = 0; k < 3; ++k) append_number(out, c.pressure[3 * half + k]);
        append(out, "\n");
    }
}

void check(const MlAb& file) {
    const auto demand = [](bool condition, const std::string& what) {
        if (!condition) throw std::invalid_argument("ML_AB: " + what);
    };
    demand(!file.species.empty() && !file.configurations.empty(), "there must be structures");
    demand(file.reference_energies.size() == file.species.size() && file.masses.size() == file.species.size(),
           "as many reference energies and masses as species are needed");
    for (const auto& c : file.configurations) {
        demand(c.structure.size() > 0 && c.forces.cols() == c.structure.size() &&
                   static_cast<Eigen::Index>(c.structure.species.size()) == c.structure.size(),
               "as many species and forces as positions are needed");
        bool finite = c.structure.cell.allFinite() && c.structure.positions.allFinite() && c.forces.allFinite() &&
                      std::isfinite(c.energy) && std::isfinite(c.threshold.value_or(0.0));
        for (const double p : c.pressure) finite = finite && std::isfinite(p);
        demand(finite, "a number is not finite");
        for (const int z : c.structure.species)
            demand(std::find(file.species.begin(), file.species.end(), z) != file.species.end(),
                   "a structure has a species that the header lacks");
    }
    for (const auto& entry : file.references)
        for (const auto& [structure, atom] : entry.second) {
            demand(structure < file.configurations.size(), "a reference names a structure that is not there");
            const Structure& s = file.configurations[structure].structure;
            demand(atom >= 0 && atom < s.size() && s.species[static_cast<std::size_t>(atom)] == entry.first,
                   "a reference names an atom that is not there or of another species");
        }
}

}  // namespace

MlAb read_ml_ab(const std::string& path) { return MlAbReader(path).read(); }

std::string format_ml_ab(const MlAb& file) {
    check(file);
    Buffer out;
    append_header(out, file);
    for (std::size_t k = 0; k < file.configurations.size(); ++k)
        append_configuration(out, file.configurations[k], k + 1);
    return fmt::to_string(out);
}

void write_ml_ab(const std::string& path, const MlAb& file) { write_file_atomically(path, format_ml_ab(file)); }

MlAb make_ml_ab(std::span<const LabeledStructure> structures,
                const std::map<int, std::vector<LocalReferenceIndex>>& references) {
    MlAb file;
    std::vector<std::vector<Eigen::Index>> new_index;  // of each atom, for the references
    for (const LabeledStructure& item : structures) {
        const Structure& structure = item.structure;
        const Labels& labels = item.labels;
        const auto refuse = [&](const std::string& why) { throw InputError(item.origin + ": " + why); };
        if (!labels.energy || !labels.forces || !labels.stress)
            refuse(fmt::format("ML_AB needs energy, forces and stress of every structure; the {} {} missing here",
                               !labels.energy   ? "energy"
                               : !labels.forces ? "forces"
                                                : "stress",
                               labels.energy && !labels.forces ? "are" : "is"));
        if (structure.periodic != std::array{true, true, true} || !structure.has_volume())
            refuse("ML_AB needs a cell that is periodic in three directions");
        std::vector<int> order;  // species by first occurrence
        for (const int z : structure.species)
            if (std::find(order.begin(), order.end(), z) == order.end()) order.push_back(z);
        for (const int z : order)
            if (std::find(file.species.begin(), file.species.end(), z) == file.species.end()) file.species.push_back(z);

        MlAbConfiguration c;
        c.origin = item.origin;
        c.system = formula(structure).substr(0, 40);
        c.structure.periodic = structure.periodic;
        c.structure.cell = structure.cell;
        c.structure.positions.resize(3, structure.size());
        c.forces.resize(3, structure.size());
        c.energy = *labels.energy;
        std::vector<Eigen::Index>& index = new_index.emplace_back(structure.species.size());
        Eigen::Index next = 0;
        for (const int z : order)
            for (Eigen::Index i = 0; i < structure.size(); ++i) {
                if (structure.species[static_cast<std::size_t>(i)] != z) continue;
                c.structure.species.push_back(z);
                c.structure.positions.col(next) = structure.positions.col(i);
                c.forces.col(next) = labels.forces->col(i);
                index[static_cast<std::size_t>(i)] = next++;
            }
        const Voigt p = -units::ev_per_cubic_angstrom_in_kbar * *labels.stress;
        c.pressure = {p[0], p[1], p[2], p[5], p[3], p[4]};
        file.configurations.push_back(std::move(c));
    }
    file.reference_energies.assign(file.species.size(), 0.0);
    for (const int z : file.species) file.masses.push_back(atomic_mass(z));
    for (const auto& [z, list] : references)
        for (const auto& [structure, atom] : list)
            file.references[z].push_back({structure, new_index.at(structure).at(static_cast<std::size_t>(atom))});
    return file;
}

DataFile to_data_file(const MlAb& file) {
    DataFile out;
    out.references = file.references;
    out.notes = file.notes;
    for (const MlAbConfiguration& c : file.configurations) {
        const auto& p = c.pressure;
        Matrix3 pressure;
        pressure << p[0], p[3], p[5], p[3], p[1], p[4], p[5], p[4], p[2];
        LabeledStructure item;
        item.structure = c.structure;
        item.labels = {c.energy, c.forces, stress_of_pressure(pressure)};
        item.origin = c.origin;
        out.structures.push_back(std::move(item));
    }
    return out;
}

}  // namespace mlff
