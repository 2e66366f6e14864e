#include "reference/quantum_espresso.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <vector>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/text_file.hpp"
#include "reference/atomic_units.hpp"
#include "reference/output_lines.hpp"

namespace mlff::reference {
namespace {

constexpr const char* code = "pw.x";
constexpr double rydberg = 0.5 * hartree;  // [eV]

/// Element of an atom's label: "Si", "Si1", "fe_up", "H-2"; 0 if it is none.
int element_of_label(std::string_view label) {
    std::string symbol;
    for (const char c : label.substr(0, 2)) {
        const auto letter = static_cast<unsigned char>(c);
        if (std::isalpha(letter) == 0) break;
        symbol += static_cast<char>(symbol.empty() ? std::toupper(letter) : std::tolower(letter));
    }
    return is_element(symbol) ? atomic_number(symbol) : 0;
}

void require_atoms(OutputLines& lines, const Structure& structure) {
    if (!lines.skip_past("number of atoms/cell")) throw CallFailure("the output of pw.x ends before the atoms");
    const double n_atoms = lines.number(split_words(lines.line()).back());
    if (n_atoms != static_cast<double>(structure.size()))
        throw InputError(fmt::format("pw.x computed {} atoms, but was asked for {}: nat = {{{{n_atoms}}}} in its input",
                                     n_atoms, structure.size()));
    if (!lines.skip_past("site n.     atom")) throw CallFailure("the output of pw.x ends before the atoms");
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const int asked = structure.species[static_cast<std::size_t>(i)];
        const auto& words = lines.next();
        if (words.size() < 2) throw CallFailure("the output of pw.x ends within the atoms");
        if (element_of_label(words[1]) != asked)
            throw InputError(fmt::format(
                "pw.x computed other atoms than it was asked for: atom {} is {} here, its output says {}; use "
                "{{{{coordinates}}}} in its input",
                i + 1, element_symbol(asked), words[1]));
    }
}

/// `key` of a namelist, "ecutwfc = 30.0, ecutrho = 240"; none if the input does not set it.
std::optional<std::string> namelist_value(const std::string& input, std::string_view key) {
    std::size_t begin = 0;
    while ((begin = input.find(key, begin)) != std::string::npos) {
        const std::size_t line = input.rfind('\n', begin) + 1;  // 0 for the first
        const bool comment = input.substr(line, begin - line).find('!') != std::string::npos;
        const bool whole = begin == 0 || std::isalnum(static_cast<unsigned char>(input[begin - 1])) == 0;
        begin += key.size();
        const std::size_t equals = input.find_first_not_of(" \t", begin);
        if (comment || !whole || equals == std::string::npos || input[equals] != '=') continue;
        const auto words =
            split_words(std::string_view(input).substr(equals + 1, input.find_first_of(",!\r\n", equals) - equals - 1));
        if (words.empty()) return {};
        std::string value(words.front());
        std::erase_if(value, [](char c) { return c == '\'' || c == '"'; });
        return value;
    }
    return {};
}

}  // namespace

std::string quantum_espresso_method(const std::string& input) {
    std::vector<std::string> potentials, settings;
    if (const auto functional = namelist_value(input, "input_dft")) settings.push_back(*functional);
    std::istringstream in(input);
    std::string_view card;
    std::string k_points;
    for (std::string line; std::getline(in, line);) {
        const auto words = split_words(std::string_view(line).substr(0, line.find_first_of("#!")));
        if (words.empty()) continue;
        if (words[0] == "ATOMIC_SPECIES" || words[0] == "K_POINTS" || words[0] == "ATOMIC_POSITIONS" ||
            words[0] == "CELL_PARAMETERS") {
            card = words[0] == "ATOMIC_SPECIES" ? "species" : words[0] == "K_POINTS" ? "k-points" : "other";
            if (card == "k-points") k_points = words.size() > 1 ? words[1] : "tpiba";
        } else if (card == "species" && words.size() == 3 && parse_double(words[1])) {
            potentials.emplace_back(words[2]);
        } else if (card == "k-points" && k_points.find("automatic") != std::string::npos && words.size() == 6) {
            k_points = fmt::format("{}", fmt::join(words, " "));
        }
    }
    settings.insert(settings.end(), potentials.begin(), potentials.end());
    for (const char* key : {"ecutwfc", "ecutrho"})
        if (const auto value = namelist_value(input, key)) settings.push_back(fmt::format("{} {} Ry", key, *value));
    if (!k_points.empty()) settings.push_back("k-points " + k_points);
    if (const auto dispersion = namelist_value(input, "vdw_corr")) settings.push_back("dispersion " + *dispersion);
    return settings.empty() ? "method not recognised" : fmt::format("{}", fmt::join(settings, ", "));
}

Evaluation read_quantum_espresso_output(const std::string& output, const Structure& structure) {
    OutputLines lines(output, code);
    require_atoms(lines, structure);
    Evaluation result;
    // Hybrid functionals print it more than once; the last one belongs to the forces.
    const std::size_t forces = output.find("Forces acting on atoms"), energy = output.rfind("\n!", forces);
    if (energy == std::string::npos) throw CallFailure("the output of pw.x holds no energy of a converged calculation");
    const std::string_view line =
        std::string_view(output).substr(energy + 1, output.find('\n', energy + 1) - energy - 1);
    const auto words = split_words(line);
    if (words.size() != 6 || words.back() != "Ry")
        throw CallFailure(fmt::format("the output of pw.x holds {} where its energy belongs", show(line)));
    result.energy = lines.number(words[4]) * rydberg;
    if (output.find("convergence has been achieved") == std::string::npos)
        throw CallFailure("pw.x does not say that convergence has been achieved");
    if (forces == std::string::npos)
        throw InputError("the output of pw.x holds no forces; its input needs tprnfor = .true. in &CONTROL");
    if (output.find("Forces acting on atoms", forces + 1) != std::string::npos)
        throw InputError("pw.x computed more than one structure; its input needs calculation = 'scf'");

    (void)lines.skip_past("Forces acting on atoms");
    if (!lines.skip_past("atom    1 ")) throw CallFailure("the output of pw.x ends before the forces");
    result.forces.resize(3, structure.size());
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const auto row = i == 0 ? split_words(lines.line()) : lines.next();
        if (row.size() != 9 || row[5] != "=") throw CallFailure("the output of pw.x ends within the forces");
        for (Eigen::Index c = 0; c < 3; ++c)
            result.forces(c, i) = lines.number(row[static_cast<std::size_t>(c) + 6]) * (rydberg / bohr);
    }

    if (lines.skip_past("total   stress  (Ry/bohr**3)")) {
        Matrix3 pressure;
        for (Eigen::Index row = 0; row < 3; ++row) {
            const auto& numbers = lines.next();
            if (numbers.size() != 6) throw CallFailure("the output of pw.x ends within the stress");
            for (Eigen::Index column = 0; column < 3; ++column)
                pressure(row, column) = lines.number(numbers[static_cast<std::size_t>(column)]);
        }
        result.stress = to_voigt(-pressure * (rydberg / (bohr * bohr * bohr)));
    }
    return result;
}

}  // namespace mlff::reference
