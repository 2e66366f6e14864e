#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <filesystem>

#include "app/labeled_data.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/search/compile.hpp"

namespace mlff::app {
namespace {

using Eigen::Index;

constexpr double enough_atoms = 20'000.0;  ///< to measure a loss on: larger data are thinned to every n-th structure

/// "1%", "0.5 %" or a share such as 0.01.
double parse_share(const std::string& text) {
    double value = 0.0;
    const char* end = text.data() + text.size();
    auto [rest, error] = std::from_chars(text.data(), end, value);
    while (rest != end && *rest == ' ') ++rest;
    const bool percent = rest + 1 == end && *rest == '%';
    if (error != std::errc() || !(percent || rest == end) || !(value >= 0.0 && value <= (percent ? 100.0 : 1.0)))
        throw InputError(fmt::format("--max-loss '{}': a share of the errors such as 1% or 0.01 is needed", text));
    return percent ? 0.01 * value : value;
}

/// The data given; else training.xyz next to the model, where train writes it.
std::vector<std::string> data_paths(const CompileArguments& arguments, const Console& console) {
    if (!arguments.data.empty()) return arguments.data;
    const auto beside = std::filesystem::path(arguments.model).parent_path() / "training.xyz";
    if (!std::filesystem::exists(beside))
        throw InputError(
            "--data is needed: labelled structures that tell what a smaller form loses, best ones that "
            "the force field was not trained on");
    console.info(fmt::format("loss is measured on {}, the training data; --data names others", beside.string()));
    return {beside.string()};
}

std::vector<LabeledStructure> with_forces(std::vector<LabeledStructure> data) {
    std::erase_if(data, [](const LabeledStructure& item) { return !item.labels.forces; });
    double n_atoms = 0.0;
    for (const auto& item : data) n_atoms += static_cast<double>(item.structure.size());
    std::vector<LabeledStructure> part;
    const double step = std::max(1.0, n_atoms / enough_atoms);
    for (double k = 0.0; k < static_cast<double>(data.size()); k += step)
        part.push_back(std::move(data[static_cast<std::size_t>(k)]));
    return part;
}

}  // namespace

void compile(const CompileArguments& arguments, const Console& console) {
    require_writable(arguments.output);
    CompileOptions options;
    options.max_loss = parse_share(arguments.max_loss);
    const ForceField model = read_model(arguments.model);
    const auto paths = data_paths(arguments, console);
    const auto data = with_forces(load_data_files(paths, {}, console).structures);
    const std::string name = fmt::format("{}", fmt::join(paths, ", "));
    if (data.empty()) throw InputError(name + ": no structure has forces; they tell what a smaller form loses");
    {
        const ForceFieldCalculator calculator(model);
        for (const auto& item : data) require_known(item.structure, calculator, item.origin);
    }
    options.tell = [&](const ProductionTrial& trial) {
        console.info(fmt::format(
            "{:>6} components per species, {} precision: force RMSE {:8.3f} meV/Å, loss {:7.3f} %, "
            "energy RMSE {:7.3f} meV/atom, {:6.1f} µs/atom",
            trial.n_components, trial.single_precision ? "single" : "double", 1e3 * trial.errors.force.rmse(),
            100.0 * trial.loss, 1e3 * trial.errors.energy.rmse(), trial.microseconds));
    };
    const ForceField compiled = mlff::compile(model, data, name, options);
    write_model(arguments.output, compiled);
    const ProductionForm& form = *compiled.production();
    if (form.loss > options.max_loss)
        console.warn(fmt::format("even the full form loses {:.2g} %, more than asked for", 100.0 * form.loss));
    console.result(fmt::format("{}: {}, loss {:.3f} % on {}", arguments.output,
                               ForceFieldCalculator(compiled).description(), 100.0 * form.loss, name));
}

}  // namespace mlff::app
