#include <fmt/format.h>

#include <algorithm>

#include "app/error_json.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/learning/fit_data.hpp"
#include "libmlff/version.hpp"

namespace mlff::app {

void fit(const std::string& config_path, const Console& console) {
    auto config = ConfigSection::from_file(config_path);
    ConfigSection& data_section = config.section("data");
    std::vector<std::string> train_paths, validation_paths;
    data_section.require("train", train_paths);
    data_section.read("validation", validation_paths);
    const ExtxyzKeys keys = read_keys(data_section);
    if (config.has("force_field") && (!config.is_map("force_field") || config.section("force_field").has("auto")))
        config.fail(
            "force_field",
            "auto is not available yet; give radial, angular and kernel_power, or leave it out for the defaults");
    FitOptions options;
    options.force_field = read_force_field(config.section("force_field"));
    const RegressionSettings regression = read_regression(config.section("regression"));
    options.regression = regression.options;
    options.memory = regression.memory;
    ConfigSection& references = config.section("references");
    long most = static_cast<long>(options.max_references);
    references.read_positive("max", most);
    options.max_references = most;
    references.read_choice("method", options.selection.method,
                           {{"cholesky", SelectionMethod::cholesky}, {"cur", SelectionMethod::cur}});
    references.read_positive("tolerance", options.selection.tolerance);
    references.validate(options.selection);
    std::string output = "model.h5";
    config.read_path("output", output);
    config.finish();
    config.validate(options);
    require_writable(output);

    const auto training = load_data(train_paths, keys), validation = load_data(validation_paths, keys);
    if (std::none_of(training.begin(), training.end(), [](const LabeledStructure& item) {
            return item.labels.energy || item.labels.forces || item.labels.stress;
        }))
        throw InputError(
            fmt::format("{}: no structure has energy, forces or stress; if they stand under other names, "
                        "say so in data.energy_key, data.forces_key, data.stress_key",
                        fmt::join(train_paths, ", ")));
    console.info(fmt::format("mlff {} fit: {} training structures, {} for validation", version, training.size(),
                             validation.size()));
    const Provenance provenance{.version = version,
                                .reference = fmt::format("labels of {}", fmt::join(train_paths, ", ")),
                                .settings = config.resolved()};
    const FitForecast forecast = forecast_fit(training, options);
    console.info(fmt::format("at most {} local references, about {:.2f} GB while fitting", forecast.n_references,
                             static_cast<double>(forecast.bytes) * 1e-9));
    if (forecast.reduced)
        console.warn(fmt::format("references.max is reduced to {} per species to stay within regression.memory",
                                 forecast.max_references));
    const ForceField model =
        fit_to_data(training, options, provenance,
                    [&](long done, long total, const std::string& what) { console.progress(done, total, what); });
    write_model(output, model);

    std::string references_text;
    for (int s = 0; s < model.n_channels(); ++s)
        references_text += fmt::format("{}{} {}", s > 0 ? ", " : "", model.references(s).size(),
                                       element_symbol(model.species()[static_cast<std::size_t>(s)]));
    console.info("local references: " + references_text);
    ForceFieldCalculator calculator(model);
    const auto errors_on = [&](const std::vector<LabeledStructure>& data, const char* name) {
        ErrorReport report;
        for (const auto& item : data) {
            report.add(item, calculator.evaluate(item.structure));
            console.progress(report.structures, static_cast<long>(data.size()),
                             fmt::format("errors on the {} data", name));
        }
        console.info(fmt::format("errors on the {} data:\n{}", name, error_table(report)));
        return report;
    };
    ErrorReport report = errors_on(training, "training");
    if (!validation.empty()) report = errors_on(validation, "validation");
    console.result(error_json(report));
    console.info("force field: " + output);
}

}  // namespace mlff::app
