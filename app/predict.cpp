#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/labeled_data.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/parallel/distributed_executor.hpp"

namespace mlff::app {
namespace {

/// All structures of an extxyz file, or the one of a POSCAR.
std::vector<LabeledStructure> read_structures(const std::string& path) {
    if (!is_poscar_name(path)) return load_data({path});
    return {{read_structure(path), {}, path}};
}

std::string voigt_text(const Voigt& voigt) { return fmt::format("{}", fmt::join(voigt, " ")); }

}  // namespace

void predict(const PredictArguments& arguments, const Console& console, Communicator& world) {
    require_writable(arguments.output);
    const auto calculator = DistributedExecutor(world).calculator(read_model(arguments.model));
    const auto structures = read_structures(arguments.input);
    for (const auto& item : structures) require_known(item.structure, *calculator, item.origin);
    const Calibration& calibration = calculator->force_field().calibration();
    std::vector<ExtxyzFrame> frames;
    for (const auto& [structure, labels, origin, group, weight] : structures) {
        const Evaluation result =
            calculator->evaluate(structure, {.uncertainty = arguments.uncertainty, .spilling = arguments.uncertainty});
        ExtxyzFrame frame;
        frame.structure = structure;
        frame.labels = {result.energy, result.forces, result.stress};
        frame.columns.push_back({"atom_energy", result.atom_energies.transpose()});
        if (result.uncertainty) {
            const Uncertainty& sigma = *result.uncertainty;
            const ExpectedErrors errors = expected_errors(structure, sigma, calibration);
            frame.columns.push_back({"force_error", errors.forces.transpose()});
            frame.columns.push_back({"force_deviation", sigma.forces});
            frame.columns.push_back({"beef", sigma.force_norms().transpose()});
            frame.columns.push_back({"spilling", result.spilling.transpose()});
            frame.info = {{"energy_error_per_atom", fmt::format("{}", errors.energy)},
                          {"stress_error", voigt_text(errors.stress)},
                          {"energy_deviation_per_atom", fmt::format("{}", sigma.energy)},
                          {"stress_deviation", voigt_text(sigma.stress)},
                          {"force_noise", fmt::format("{}", sigma.noise_force)},
                          {"energy_noise_per_atom", fmt::format("{}", sigma.noise_energy)},
                          {"stress_noise", fmt::format("{}", sigma.noise_stress)}};
        }
        frames.push_back(std::move(frame));
        console.progress(static_cast<long>(frames.size()), static_cast<long>(structures.size()), "structures");
    }
    write_extxyz(arguments.output, frames);
    console.info(fmt::format("{} structures written to {}", frames.size(), arguments.output));
    if (!arguments.uncertainty) return;
    const char* estimate = calculator->force_field().posterior().covariance().size() > 0 ? "robust estimate" : "BEEF";
    console.info(calibration.force == 1.0
                     ? fmt::format("force_error is the raw {}, often several times too small: this force field was not "
                                   "calibrated on validation data",
                                   estimate)
                     : fmt::format("force_error is the {} × {:.3g}, which agrees with the errors on validation data",
                                   estimate, calibration.force));
}

}  // namespace mlff::app
