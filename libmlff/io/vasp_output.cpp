#include "libmlff/io/vasp_output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff {

std::optional<int> vasp_species(std::string_view name) {
    const auto letters = std::find_if_not(name.begin(), name.end(), [](unsigned char c) { return std::isalpha(c); });
    const std::string_view symbol(name.data(), static_cast<std::size_t>(letters - name.begin()));
    if (is_element(symbol)) return atomic_number(symbol);
    if (name == "r") return 40;
    if (name == "X") return 54;
    return std::nullopt;
}

std::optional<int> potential_species(std::string_view title) {
    const auto words = split_words(title);
    if (words.size() > 1)
        if (const auto z = vasp_species(words[1])) return z;
    return words.empty() ? std::nullopt : vasp_species(words[0]);
}

void split_columns(std::string_view line, std::vector<std::string_view>& words) {
    words.clear();
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    for (std::size_t i = 0; i < line.size();) {
        if (is_blank(line[i])) {
            ++i;
            continue;
        }
        const std::size_t first = i++;
        while (i < line.size() && !is_blank(line[i])) {
            const bool after_digit = std::isdigit(static_cast<unsigned char>(line[i - 1])) || line[i - 1] == '*';
            if (line[i] == '-' && after_digit) break;
            ++i;
        }
        words.push_back(line.substr(first, i - first));
    }
}

bool is_overflow(std::string_view word) {
    if (word.find('*') != std::string_view::npos) return true;
    if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
    std::string lower(word);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower == "nan" || lower == "inf" || lower == "infinity";
}

Voigt stress_of_pressure(const Matrix3& pressure) { return -to_voigt(pressure) / units::ev_per_cubic_angstrom_in_kbar; }

void OmittedSteps::report(const std::string& path, DataFile& file) const {
    const auto steps = [](long n) { return fmt::format("{} {}", n, n == 1 ? "step" : "steps"); };
    if (file.structures.empty()) {
        std::string why = "no ionic step in this file; the output of a finished step is needed";
        if (cut_off) why = "the file ends before its first step is complete; one complete step is needed";
        if (overflowed > 0) why = fmt::format("the numbers of all steps overflowed (***** or NaN: {})", overflowed);
        if (unconverged > 0)
            why = fmt::format("no electronically converged step ({} ended at NELM); raise NELM and run again",
                              steps(unconverged));
        if (machine_learned > 0 && overflowed + unconverged == 0)
            why = fmt::format(
                "every complete step is the machine-learned force field's own ({}); first-principles steps are needed",
                steps(machine_learned));
        throw InputError(path + ": " + why);
    }
    const auto note = [&](long n, const std::string& why) {
        if (n > 0) file.notes.push_back(fmt::format("{}: {} left out: {}", path, steps(n), why));
    };
    note(machine_learned, "made by the machine-learned force field");
    note(unconverged, "electronic loop not converged (it ended at NELM)");
    note(overflowed, "a number is ***** or NaN");
    if (cut_off) file.notes.push_back(path + ": the file is cut off; its complete steps are used");
}

}  // namespace mlff
