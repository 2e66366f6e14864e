#include "libmlff/data/data_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/data/data_checks.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Data = std::vector<LabeledStructure>;

constexpr double gpa = units::ev_per_cubic_angstrom_in_gpa;

void count(DataSummary& summary, const Data& data) {
    std::map<std::map<int, long>, DataSummary::Composition> compositions;
    std::map<int, double> squares;
    for (const auto& item : data) {
        const Structure& s = item.structure;
        const Labels& labels = item.labels;
        const auto n_atoms = static_cast<double>(s.size());
        ++summary.n_structures;
        if (!item.group.empty()) ++summary.groups[item.group];
        summary.n_atoms += static_cast<long>(s.size());
        summary.atoms_per_structure.add(n_atoms);
        const auto counts = composition(s);
        for (const auto& [z, n] : counts) summary.elements[z] += n;
        auto& own = compositions[counts];
        if (own.n_structures++ == 0) own.formula = formula(s);
        if (labels.energy && s.size() > 0) own.energy.add(*labels.energy / n_atoms);
        if (s.has_volume() && s.size() > 0) summary.volume.add(s.volume() / n_atoms);
        summary.n_energies += labels.energy ? 1 : 0;
        summary.n_forces += labels.forces ? 1 : 0;
        summary.n_stresses += labels.stress ? 1 : 0;
        if (labels.forces && s.size() > 0) {
            summary.largest_drift = std::max(summary.largest_drift, labels.forces->rowwise().mean().norm());
            for (Index i = 0; i < s.size(); ++i) {
                const int z = s.species[static_cast<std::size_t>(i)];
                const double square = labels.forces->col(i).squaredNorm();
                auto& forces = summary.forces[z];
                ++forces.n_atoms;
                forces.largest = std::max(forces.largest, std::sqrt(square));
                squares[z] += square;
            }
        }
        if (labels.stress)
            for (int k = 0; k < 6; ++k) (k < 3 ? summary.normal_stress : summary.shear_stress).add((*labels.stress)[k]);
    }
    for (auto& [z, forces] : summary.forces)
        forces.rms = std::sqrt(squares[z] / (3.0 * static_cast<double>(forces.n_atoms)));
    for (auto& [counts, own] : compositions) summary.compositions.push_back(std::move(own));
    std::stable_sort(summary.compositions.begin(), summary.compositions.end(),
                     [](const auto& a, const auto& b) { return a.n_structures > b.n_structures; });
}

constexpr std::size_t label_width = 20;

std::string row(std::string_view label, std::string_view text) {
    return fmt::format("{:<{}}{}\n", label, label_width, text);
}

/// Items one after the other over at most `max_lines` lines; the remaining ones are counted.
std::string rows(std::string_view label, const std::vector<std::string>& items, int max_lines) {
    constexpr std::size_t width = 100 - label_width, reserve = 14;  // for ", and 123 more"
    std::string text, line;
    int lines = 1;
    for (std::size_t k = 0; k < items.size(); ++k) {
        const std::size_t room = lines < max_lines || k + 1 == items.size() ? width : width - reserve;
        if (!line.empty() && line.size() + 2 + items[k].size() > room) {
            if (lines == max_lines) {
                line += fmt::format(", and {} more", items.size() - k);
                break;
            }
            text += row(label, line + ",");
            label = "";
            line.clear();
            ++lines;
        }
        line += (line.empty() ? "" : ", ") + items[k];
    }
    return items.empty() ? "" : text + row(label, line);
}

std::string describe(const EnergyCheck& check, bool stress) {
    if (check.n_pairs == 0)
        return fmt::format("could not be checked: no {} with both labels",
                           stress ? "strained copies" : "pairs of neighbouring structures");
    if (check.n_pairs < static_cast<long>(EnergyCheck::min_pairs))
        return fmt::format("could not be checked: only {} {}", check.n_pairs, check.n_pairs == 1 ? "pair" : "pairs");
    std::string text =
        fmt::format("slope {:.4g} over {} pairs, correlation {:.4f}", check.slope, check.n_pairs, check.correlation);
    if (stress) text += fmt::format(", offset {:+.2f} GPa", check.offset * gpa);
    return text;
}

}  // namespace

void Range::add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
}

DataSummary summarise(const Data& data) {
    DataSummary summary;
    count(summary, data);
    const auto surroundings = survey(data);
    for (const Surroundings& own : surroundings)
        for (const auto& [species, distance] : own.shortest) {
            const auto [shortest, is_new] = summary.shortest.try_emplace(species, distance);
            shortest->second = std::min(shortest->second, distance);
        }
    const auto pairs = near_pairs(data);
    summary.stress_check = check_stress(data, pairs);
    summary.force_check = check_forces(data, pairs);
    for (const DataWarnings& found :
         {summary.stress_check.warnings, summary.force_check.warnings, check_energies(data), find_duplicates(data),
          check_outliers(data), check_distances(data, surroundings), check_zero_forces(data, surroundings),
          check_drift(data), check_missing_labels(data)})
        summary.warnings.insert(summary.warnings.end(), found.begin(), found.end());
    std::stable_partition(summary.warnings.begin(), summary.warnings.end(),
                          [](const DataWarning& warning) { return warning.severity == Severity::warning; });
    return summary;
}

std::string format(const DataSummary& summary) {
    constexpr std::size_t max_compositions = 5;
    std::string text;
    const auto count_range = [](const Range& r) {
        return r.low == r.high ? fmt::format("{:.0f}", r.low) : fmt::format("{:.0f} to {:.0f}", r.low, r.high);
    };
    if (summary.n_structures == 0) return row("structures", "none");
    text += row("structures", fmt::format("{} with {} atoms, {} each", summary.n_structures, summary.n_atoms,
                                          count_range(summary.atoms_per_structure)));
    std::vector<std::string> items;
    for (const auto& [z, n] : summary.elements)
        items.push_back(fmt::format("{} {:.3g}%", element_symbol(z),
                                    100.0 * static_cast<double>(n) / static_cast<double>(summary.n_atoms)));
    text += rows("elements", items, 2);
    for (std::size_t k = 0; k < std::min(max_compositions, summary.compositions.size()); ++k) {
        const auto& own = summary.compositions[k];
        std::string line = fmt::format("{}: {}", own.formula, own.n_structures);
        if (!own.energy.empty()) line += fmt::format(", {:.4f} to {:.4f} eV/atom", own.energy.low, own.energy.high);
        text += row(k == 0 ? "compositions" : "", line);
    }
    if (summary.compositions.size() > max_compositions)
        text += row("", fmt::format("and {} more", summary.compositions.size() - max_compositions));
    items.clear();
    for (const auto& [group, n] : summary.groups) items.push_back(fmt::format("{} {}", group, n));
    text += rows("groups", items, 3);
    text += row("labels", fmt::format("energy {}, forces {}, stress {}", summary.n_energies, summary.n_forces,
                                      summary.n_stresses));
    if (!summary.volume.empty())
        text += row("volume", fmt::format("{:.2f} to {:.2f} Å³/atom", summary.volume.low, summary.volume.high));
    items.clear();
    for (const auto& [species, distance] : summary.shortest)
        items.push_back(fmt::format("{} {:.2f}", pair_name(species), distance));
    text += rows("shortest [Å]", items, 3);
    items.clear();
    for (const auto& [z, forces] : summary.forces)
        items.push_back(fmt::format("{} {:.3f} ({:.2f})", element_symbol(z), forces.rms, forces.largest));
    text += rows("force rms (max)", items, 2);
    if (summary.n_forces > 0) text += row("", fmt::format("in eV/Å; |ΣF|/N at most {:.2g}", summary.largest_drift));
    if (summary.n_stresses > 0)
        text += row("stress", fmt::format("{:.2f} to {:.2f}, shear {:.2f} to {:.2f} GPa",
                                          summary.normal_stress.low * gpa, summary.normal_stress.high * gpa,
                                          summary.shear_stress.low * gpa, summary.shear_stress.high * gpa));
    if (summary.n_stresses > 0) text += row("stress/energy", describe(summary.stress_check, true));
    if (summary.n_forces > 0) text += row("forces/energy", describe(summary.force_check, false));
    for (const DataWarning& warning : summary.warnings) text += format(warning) + "\n";
    return text;
}

}  // namespace mlff
