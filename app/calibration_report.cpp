#include "app/calibration_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "app/pictures.hpp"
#include "libmlff/atoms/elements.hpp"

namespace mlff::app {
namespace {

using Json = nlohmann::ordered_json;

/// The kinds of label with data, by name.
std::vector<std::pair<std::string, const QuantityCalibration*>> quantities(const CalibrationReport& report) {
    std::vector<std::pair<std::string, const QuantityCalibration*>> found;
    for (const auto& [name, quantity] :
         {std::pair{"energy", &report.energy}, {"force", &report.force}, {"stress", &report.stress}})
        if (quantity->n_labels > 0) found.emplace_back(name, quantity);
    return found;
}

/// The model contains a factor in addition to the raw estimate.
bool has_own_factor(const QuantityCalibration& quantity) { return quantity.model.factor != 1.0; }

Json block(const QuantityCalibration& quantity) {
    if (quantity.n_labels == 0) return {{"labels", 0}, {"scale", nullptr}};
    return {{"labels", quantity.n_labels},
            {"scale", quantity.scale},
            {"scale_in_model", quantity.model.factor},
            {"miscalibration_area",
             {{"raw", quantity.raw.area}, {"model", quantity.model.area}, {"scaled", quantity.scaled.area}}}};
}

std::string json_of(const CalibrationReport& report) {
    Json json;
    json["structures"] = report.n_structures;
    json["atoms"] = report.n_atoms;
    json["energy"] = block(report.energy);
    json["force"] = block(report.force);
    json["stress"] = block(report.stress);
    json["rank_correlation"] = report.rank_correlation;
    json["rank_correlation_within_structures"] = report.rank_correlation_within;
    auto& species = json["by_species"] = Json::object();
    for (const auto& [z, quantity] : report.force_by_species) species[element_symbol(z)] = {{"force", block(quantity)}};
    return json.dump(2) + "\n";
}

/// Both curves of one kind of label, for each factor.
std::string csv_of(const std::string& name, const QuantityCalibration& quantity) {
    std::vector<std::pair<const char*, const FactorCheck*>> checks = {{"raw", &quantity.raw}};
    if (has_own_factor(quantity)) checks.emplace_back("model", &quantity.model);
    checks.emplace_back("data", &quantity.scaled);
    std::string text;
    for (const auto& [source, check] : checks) {
        const double factor = check->factor;
        for (const ReliabilityBin& bin : quantity.reliability)
            text += fmt::format("{},reliability,{},{:.8g},{:.8g},{:.8g},{}\n", name, source, factor,
                                factor * bin.estimate, bin.error, bin.n_labels);
        for (const CoveragePoint& point : check->coverage)
            text += fmt::format("{},coverage,{},{:.8g},{:.8g},{:.8g},{}\n", name, source, factor, point.nominal,
                                point.observed, quantity.n_labels);
    }
    return text;
}

}  // namespace

std::string calibration_text(const CalibrationReport& report) {
    std::vector<std::string> factors, areas;
    for (const auto& [name, quantity] : quantities(report)) {
        factors.push_back(fmt::format("{} {:.3g}", name, quantity->scale));
        areas.push_back(fmt::format("{} {:.3f} -> {:.3f}", name, quantity->raw.area, quantity->scaled.area));
        if (!has_own_factor(*quantity)) continue;
        factors.back() += fmt::format(" (model: {:.3g})", quantity->model.factor);
        areas.back() += fmt::format(" (model: {:.3f})", quantity->model.area);
    }
    if (factors.empty()) return "calibration    no labels";
    return fmt::format(
        "error / error estimate           {}\n"
        "miscalibration area, then scaled {} (0 perfect, 0.5 worst)\n"
        "rank correlation BEEF, error     {:.2f} over all atoms, {:.2f} within structures",
        fmt::join(factors, ", "), fmt::join(areas, ", "), report.rank_correlation, report.rank_correlation_within);
}

void write_calibration(const CalibrationReport& report, const std::string& base_path, const Console& console) {
    std::string csv = "quantity,curve,scaling,factor,predicted,observed,labels\n";
    for (const auto& [name, quantity] : quantities(report)) csv += csv_of(name, *quantity);
    for (const auto& [z, quantity] : report.force_by_species) csv += csv_of("force " + element_symbol(z), quantity);
    write_file_atomically(base_path + ".json", json_of(report));
    write_file_atomically(base_path + ".csv", csv);
    console.info(fmt::format("calibration: {0}.json, curves: {0}.csv", base_path));
    if (!quantities(report).empty()) draw_picture("calibration", base_path + ".csv", base_path, console);
}

}  // namespace mlff::app
