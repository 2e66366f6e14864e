#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/calibration_report.hpp"
#include "app/error_json.hpp"
#include "app/labeled_data.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/parallel/distributed_executor.hpp"

namespace mlff::app {
namespace {

/// The name without .json: further files next to the JSON begin with it.
std::string without_json(const std::string& path) {
    const std::filesystem::path name = path;
    return name.extension() == ".json" ? std::filesystem::path(name).replace_extension().string() : path;
}

}  // namespace

void evaluate(const EvaluateArguments& arguments, const Console& console, Communicator& world) {
    for (const auto& output : {arguments.json, arguments.parity})
        if (!output.empty()) require_writable(output);
    const bool calibrate = !arguments.calibration.empty();
    const std::string calibration_base = without_json(arguments.calibration);
    if (calibrate) require_writable(calibration_base + ".json");
    const auto calculator = DistributedExecutor(world).calculator(read_model(arguments.model));
    const auto data = load_data_files({arguments.data}, arguments.keys, console).structures;
    if (std::none_of(data.begin(), data.end(), [](const LabeledStructure& item) {
            return item.labels.energy || item.labels.forces || item.labels.stress;
        }))
        throw InputError(
            arguments.data +
            ": no structure has energy, forces or stress to compare with; if they stand under other names, "
            "say so with --energy-key, --forces-key, --stress-key");
    for (const auto& item : data) require_known(item.structure, *calculator, item.origin);
    ErrorReport report;
    CalibrationData calibration;
    std::string parity = "species,component,reference_eV_per_A,model_eV_per_A\n";
    long done = 0;
    for (const auto& item : data) {
        const Evaluation prediction = calculator->evaluate(item.structure, {.uncertainty = calibrate});
        report.add(item, prediction);
        if (calibrate) calibration.add(item, prediction);
        if (!arguments.parity.empty() && item.labels.forces)
            for (Eigen::Index i = 0; i < item.structure.size(); ++i)
                for (int c = 0; c < 3; ++c)
                    parity += fmt::format("{},{},{:.8g},{:.8g}\n",
                                          element_symbol(item.structure.species[static_cast<std::size_t>(i)]), "xyz"[c],
                                          (*item.labels.forces)(c, i), prediction.forces(c, i));
        console.progress(++done, static_cast<long>(data.size()), "structures");
    }
    if (!arguments.json.empty()) write_file_atomically(arguments.json, error_json(report) + "\n");
    if (!arguments.parity.empty()) write_file_atomically(arguments.parity, parity);
    console.result(error_table(report));
    if (calibrate) {
        const CalibrationReport agreement = calibration.report(calculator->force_field().calibration());
        console.result(calibration_text(agreement));
        write_calibration(agreement, calibration_base, console);
    }
}

}  // namespace mlff::app
