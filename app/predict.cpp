#include <fmt/format.h>

#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/force_field.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/io/vasp.hpp"

namespace mlff::app {
namespace {

/// All structures of an extxyz file, or the one of a POSCAR.
std::vector<LabeledStructure> read_structures(const std::string& path) {
    if (!is_poscar_name(path)) return load_data({path});
    return {{read_structure(path), {}, path}};
}

}  // namespace

void predict(const PredictArguments& arguments, const Console& console) {
    require_writable(arguments.output);
    ForceFieldCalculator calculator(read_model(arguments.model));
    const auto structures = read_structures(arguments.input);
    for (const auto& item : structures) require_known(item.structure, calculator, item.origin);
    std::vector<ExtxyzFrame> frames;
    for (const auto& [structure, labels, origin] : structures) {
        const Evaluation result =
            calculator.evaluate(structure, {.uncertainty = arguments.uncertainty, .spilling = arguments.uncertainty});
        ExtxyzFrame frame;
        frame.structure = structure;
        frame.labels = {result.energy, result.forces, result.stress};
        frame.columns.push_back({"atom_energy", result.atom_energies.transpose()});
        if (result.uncertainty) {
            const Uncertainty& sigma = *result.uncertainty;
            frame.columns.push_back({"force_deviation", sigma.forces});
            frame.columns.push_back({"beef", sigma.force_norms().transpose()});
            frame.columns.push_back({"spilling", result.spilling.transpose()});
            frame.info = {{"energy_deviation_per_atom", fmt::format("{}", sigma.energy)},
                          {"force_noise", fmt::format("{}", sigma.noise_force)},
                          {"energy_noise_per_atom", fmt::format("{}", sigma.noise_energy)},
                          {"stress_noise", fmt::format("{}", sigma.noise_stress)}};
            std::string stress;
            for (int k = 0; k < 6; ++k) stress += fmt::format("{}{}", k > 0 ? " " : "", sigma.stress[k]);
            frame.info.emplace_back("stress_deviation", stress);
        }
        frames.push_back(std::move(frame));
        console.progress(static_cast<long>(frames.size()), static_cast<long>(structures.size()), "structures");
    }
    write_extxyz(arguments.output, frames);
    console.info(fmt::format("{} structures written to {}", frames.size(), arguments.output));
}

}  // namespace mlff::app
