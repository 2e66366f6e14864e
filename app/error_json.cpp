#include "app/error_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr double milli = 1000.0;

Json block(const ErrorSum& sum, double unit) {
    if (sum.count() == 0) return {{"mae", nullptr}, {"rmse", nullptr}, {"labels", 0}};
    return {{"mae", sum.mae() * unit}, {"rmse", sum.rmse() * unit}, {"labels", sum.count()}};
}

std::string row(const std::string& name, const ErrorSum& sum, double unit, const char* unit_name) {
    if (sum.count() == 0) return fmt::format("{:<14} no labels\n", name);
    return fmt::format("{:<14} MAE {:9.3f}   RMSE {:9.3f} {:<9} ({} labels)\n", name, sum.mae() * unit,
                       sum.rmse() * unit, unit_name, sum.count());
}

}  // namespace

std::string error_json(const ErrorReport& report) {
    Json json;
    json["structures"] = report.structures;
    json["atoms"] = report.atoms;
    json["energy"] = block(report.energy, milli);
    json["force"] = block(report.force, milli);
    json["stress"] = block(report.stress, units::ev_per_cubic_angstrom_in_gpa);
    auto& species = json["by_species"] = Json::object();
    for (const auto& [z, sum] : report.force_by_species) species[element_symbol(z)] = {{"force", block(sum, milli)}};
    if (!report.by_group.empty()) {
        auto& groups = json["by_group"] = Json::object();
        for (const auto& [name, group] : report.by_group)
            groups[name] = {{"energy", block(group.energy, milli)}, {"force", block(group.force, milli)}};
    }
    return json.dump(2);
}

std::string error_table(const ErrorReport& report) {
    std::string text = row("energy", report.energy, milli, "meV/atom") + row("force", report.force, milli, "meV/Å");
    for (const auto& [z, sum] : report.force_by_species)
        text += row("  force " + element_symbol(z), sum, milli, "meV/Å");
    text += row("stress", report.stress, units::ev_per_cubic_angstrom_in_gpa, "GPa");
    // Groups of one row each: their energies and forces side by side.
    for (const auto& [name, group] : report.by_group)
        text += fmt::format("  {:<24} energy RMSE {:8.3f} meV/atom   force RMSE {:8.3f} meV/Å   ({} energies)\n", name,
                            group.energy.rmse() * milli, group.force.rmse() * milli, group.energy.count());
    text.pop_back();
    return text;
}

}  // namespace mlff::app
