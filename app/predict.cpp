#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/frames.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/io/data_file.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/parallel/distributed_executor.hpp"

namespace mlff::app {
namespace {

/// Sets a key of a frame, whatever it said before.
void set(ExtxyzFrame& frame, const std::string& key, std::string value) {
    std::erase_if(frame.info, [&](const auto& entry) { return entry.first == key; });
    frame.info.emplace_back(key, std::move(value));
}
void set(ExtxyzFrame& frame, AtomColumn column) {
    std::erase_if(frame.columns, [&](const auto& entry) { return entry.name == column.name; });
    frame.columns.push_back(std::move(column));
}

std::string voigt_text(const Voigt& voigt) { return fmt::format("{}", fmt::join(voigt, " ")); }

}  // namespace

void predict(const PredictArguments& arguments, const Console& console, Communicator& world) {
    require_writable(arguments.output);
    const auto calculator = DistributedExecutor(world).calculator(read_model(arguments.model));
    FrameFile file = read_frames(arguments.input, detect_format(arguments.input), {});
    for (const auto& note : file.notes) console.info(note);
    for (const auto& item : file.frames) {
        require_distances(item.structure, item.origin);
        require_known(item.structure, *calculator, item.origin);
    }
    const Calibration& calibration = calculator->force_field().calibration();
    std::vector<ExtxyzFrame> frames;
    for (ExtxyzFrame& frame : file.frames) {  // what else a frame says stays
        if (frame.energy_without_entropy)     // but not about the energy
            std::erase_if(frame.info, [](const auto& entry) { return entry.first == "energy_without_entropy"; });
        const Evaluation result = calculator->evaluate(
            frame.structure, {.uncertainty = arguments.uncertainty, .spilling = arguments.uncertainty});
        frame.labels = {result.energy, result.forces, result.stress};
        set(frame, {"atom_energy", result.atom_energies.transpose()});
        if (result.uncertainty) {
            const Uncertainty& sigma = *result.uncertainty;
            const ExpectedErrors errors = expected_errors(frame.structure, sigma, calibration);
            set(frame, {"force_error", errors.forces.transpose()});
            set(frame, {"force_deviation", sigma.forces});
            set(frame, {"beef", sigma.force_norms().transpose()});
            set(frame, {"spilling", result.spilling.transpose()});
            set(frame, "energy_error_per_atom", fmt::format("{}", errors.energy));
            set(frame, "stress_error", voigt_text(errors.stress));
            set(frame, "energy_deviation_per_atom", fmt::format("{}", sigma.energy));
            set(frame, "stress_deviation", voigt_text(sigma.stress));
            set(frame, "force_noise", fmt::format("{}", sigma.noise_force));
            set(frame, "energy_noise_per_atom", fmt::format("{}", sigma.noise_energy));
            set(frame, "stress_noise", fmt::format("{}", sigma.noise_stress));
        }
        frames.push_back(std::move(frame));
        console.progress(static_cast<long>(frames.size()), static_cast<long>(file.frames.size()), "structures");
    }
    write_extxyz(arguments.output, frames);
    console.info(fmt::format("{} structures written to {}", frames.size(), arguments.output));
    if (!arguments.uncertainty) return;
    const char* estimate = calculator->force_field().posterior().covariance().size() > 0 ? "robust estimate" : "BEEF";
    console.info(calibration.force == 1.0
                     ? fmt::format("force_error is the raw {}, often several times too small: this force field was not "
                                   "calibrated on unseen data",
                                   estimate)
                     : fmt::format("force_error is the {} × {:.3g}, which agrees with the errors on unseen data",
                                   estimate, calibration.force));
}

}  // namespace mlff::app
