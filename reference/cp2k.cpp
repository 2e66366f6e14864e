#include "reference/cp2k.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <vector>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/io/text_file.hpp"
#include "reference/atomic_units.hpp"
#include "reference/external_code.hpp"
#include "reference/output_lines.hpp"

namespace mlff::reference {
namespace {

std::string upper(std::string_view word) {
    std::string out(word);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return out;
}

void add_once(std::vector<std::string>& words, const std::string& word) {
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
}

}  // namespace

std::string cp2k_method(const std::string& input) {
    std::vector<std::string> functionals, bases, cutoffs, others;
    std::istringstream in(input);
    for (std::string line; std::getline(in, line);) {
        const auto words = split_words(std::string_view(line).substr(0, line.find_first_of("#!")));
        if (words.size() < 2) continue;
        const std::string key = upper(words[0]), value = upper(words[1]);
        if (key == "&XC_FUNCTIONAL" && value != "NO_SHORTCUT") add_once(functionals, value);
        if (key == "BASIS_SET") {
            const std::string_view basis = words.back();  // without its number of electrons, "-q11"
            add_once(bases, std::string(basis.substr(0, basis.rfind("-q"))));
        }
        if (key == "CUTOFF") add_once(cutoffs, fmt::format("cutoff {} Ry", words.back()));
        if (key == "METHOD" && value == "XTB") add_once(others, "GFN1-xTB");
        if (key == "METHOD" && (value == "DFTB" || value == "FIST")) add_once(others, value);
        if (key == "SCHEME" && value == "MONKHORST-PACK")
            add_once(others, fmt::format("k-points {}", fmt::join(words.begin() + 2, words.end(), "x")));
        if (key == "REFERENCE_FUNCTIONAL") add_once(others, "dispersion for " + value);
    }
    for (const auto* list : {&bases, &cutoffs, &others})
        functionals.insert(functionals.end(), list->begin(), list->end());
    return functionals.empty() ? "method not recognised" : fmt::format("{}", fmt::join(functionals, ", "));
}

Evaluation read_cp2k_output(const std::string& output, const Structure& structure) {
    Evaluation result;
    OutputLines lines(output, "CP2K");
    if (!lines.skip_past("ENERGY| Total FORCE_EVAL")) throw CallFailure("the output of CP2K holds no energy");
    const auto energy_words = split_words(lines.line());
    result.energy = lines.number(energy_words.back()) * hartree;

    if (!lines.skip_past("ATOMIC FORCES in [a.u.]"))
        throw InputError("the output of CP2K holds no forces; its input needs &PRINT &FORCES ON in &FORCE_EVAL");
    if (!lines.skip_past("# Atom")) throw CallFailure("the output of CP2K ends before the forces");
    result.forces.resize(3, structure.size());
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const auto& words = lines.next();
        const std::string& symbol = element_symbol(structure.species[static_cast<std::size_t>(i)]);
        if (words.size() != 6 || words[2] != symbol)
            throw InputError(fmt::format(
                "CP2K computed other atoms than it was asked for: atom {} is {} here, its output says {}; use "
                "{{{{coordinates}}}} in its input",
                i + 1, symbol, words.size() == 6 ? std::string(words[2]) : "nothing"));
        for (Eigen::Index c = 0; c < 3; ++c)
            result.forces(c, i) = lines.number(words[static_cast<std::size_t>(c) + 3]) * (hartree / bohr);
    }
    if (lines.next().size() == 6)
        throw InputError(fmt::format("CP2K computed more atoms than the {} it was asked for", structure.size()));

    if (lines.skip_past("STRESS| Analytical stress tensor [GPa]")) {
        Matrix3 stress;
        (void)lines.next();
        for (Eigen::Index row = 0; row < 3; ++row) {
            const auto& words = lines.next();
            if (words.size() != 5) throw CallFailure("the output of CP2K ends within the stress");
            for (Eigen::Index column = 0; column < 3; ++column)
                stress(row, column) = lines.number(words[static_cast<std::size_t>(column) + 2]);
        }
        result.stress = to_voigt(-stress / units::ev_per_cubic_angstrom_in_gpa);
    }
    return result;
}

}  // namespace mlff::reference
