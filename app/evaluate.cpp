#include <fmt/format.h>

#include "app/error_json.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/force_field.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/model_file.hpp"

namespace mlff::app {

void evaluate(const EvaluateArguments& arguments, const Console& console) {
    for (const auto& output : {arguments.json, arguments.parity})
        if (!output.empty()) require_writable(output);
    ForceFieldCalculator calculator(read_model(arguments.model));
    const auto data = load_data({arguments.data});
    for (const auto& item : data) require_known(item.structure, calculator, item.origin);
    ErrorReport report;
    std::string parity = "species,component,reference_eV_per_A,model_eV_per_A\n";
    long done = 0;
    for (const auto& item : data) {
        const Evaluation prediction = calculator.evaluate(item.structure);
        report.add(item, prediction);
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
}

}  // namespace mlff::app
