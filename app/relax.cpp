#include <fmt/format.h>

#include "app/interrupt.hpp"
#include "app/verb_settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/model/version.hpp"
#include "libmlff/parallel/distributed_executor.hpp"

namespace mlff::app {
namespace {

ExtxyzFrame frame_of(const md::State& state, const Evaluation& answer, std::int64_t step) {
    ExtxyzFrame frame;
    frame.structure = state.structure;
    frame.labels = {answer.energy, answer.forces, answer.stress};
    frame.move_mask = state.move_mask;
    frame.info = {{"step", fmt::format("{}", step)}};
    return frame;
}

void write_result(const std::string& path, const ExtxyzFrame& frame) {
    if (is_poscar_name(path))
        write_poscar(path, frame, formula(frame.structure));
    else
        write_extxyz(path, std::vector<ExtxyzFrame>{frame});
}

}  // namespace

RelaxSettings read_relax_settings(const std::string& path, const Console& console, bool use) {
    auto config = ConfigSection::from_file(path);
    RelaxSettings settings;
    settings.structure = read_structure_settings(config);
    config.read_path("output", settings.output);
    if (config.has("force_field") == config.has("reference"))
        config.fail(config.has("force_field") ? "reference" : "force_field",
                    "or reference: exactly one of the two gives the forces, e.g. force_field: model.h5");
    if (config.has("force_field")) {
        config.read_path("force_field", settings.model);
        settings.guard = read_guard(config);
    } else {
        settings.reference = read_reference(config.section("reference"), settings.output, console, use);
    }
    settings.result = settings.output + "/relaxed.xyz";
    config.read_path("result", settings.result);
    ConfigSection& section = config.section("relax");
    settings.options = read_relaxation(section);
    if (settings.options.cell && settings.model.empty() && !settings.reference.no_moving_cell.empty())
        section.fail("cell", "cannot be relaxed with this reference: " + settings.reference.no_moving_cell);
    config.finish();
    settings.resolved = config.resolved();
    return settings;
}

void relax(const std::string& config_path, const Console& console, Communicator& world) {
    catch_interrupts();
    RelaxSettings settings = read_relax_settings(config_path, console);
    const std::unique_ptr<ModelCalculator> model =
        settings.model.empty() ? nullptr : DistributedExecutor(world).calculator(read_model(settings.model));
    Calculator* const calculator = model ? model.get() : settings.reference.calculator.get();
    md::State state = load_state(settings.structure, false);
    require_known(state.structure, *calculator, settings.structure.path);
    if (settings.options.cell)
        require_moving_cell(state.structure, settings.options.fixed, *settings.options.cell, settings.structure.path);
    RunDirectory directory(settings.output);
    require_writable(settings.result);
    directory.write_settings(settings.resolved);
    console.info(fmt::format("mlff {} relax: {}, {} atoms", version, formula(state.structure), state.size()));
    console.info("calculator: " + calculator->description());
    std::unique_ptr<Calculator> watched;
    if (settings.guard)
        watched = std::make_unique<GuardedCalculator>(*calculator, *settings.guard,
                                                      [&](const std::string& message) { console.warn(message); });

    const double volume = state.structure.has_volume() ? state.structure.volume() : 0.0;
    OutputFile trajectory(directory.file("trajectory.xyz")), table(directory.file("relax.csv"));
    trajectory.truncate(0);
    table.truncate(0);
    table.write("step,enthalpy_eV,largest_force_eV_A,largest_stress_GPa,volume_A3\n");
    std::int64_t steps = 0;
    double force = 0.0, stress = 0.0, first = 0.0, last = 0.0;
    ExtxyzFrame result;
    const bool converged =
        md::relax(watched ? *watched : *calculator, state, settings.options, [&](const md::RelaxationReport& report) {
            steps = report.step;
            force = report.largest_force;
            stress = report.largest_stress;
            last = report.enthalpy;
            if (report.step == 0) first = last;
            result = frame_of(state, report.evaluation, report.step);
            trajectory.write(format_extxyz(result));
            trajectory.flush();
            table.write(fmt::format("{},{:.8f},{:.6f},{:.6f},{:.6f}\n", report.step, report.enthalpy, force, stress,
                                    state.structure.has_volume() ? state.structure.volume() : 0.0));
            table.flush();
            console.progress(static_cast<long>(report.step), static_cast<long>(settings.options.steps),
                             fmt::format("{:.4f} eV/Å, {:.4f} GPa", force, stress));
            return !interrupted();
        });
    write_result(settings.result, result);
    std::string text = fmt::format("after {} steps the largest force is {:.4g} eV/Å", steps, force);
    if (settings.options.cell) text += fmt::format(" and the stress is {:.4g} GPa from the pressure", stress);
    text += fmt::format("; the {} fell by {:.6g} eV", settings.options.cell ? "enthalpy" : "energy", first - last);
    if (settings.options.cell)
        text += fmt::format(", the volume changed by {:.3g} %", 100.0 * (state.structure.volume() / volume - 1.0));
    if (!converged && interrupted()) {
        console.info("interrupted: " + text + "; the structure so far: " + settings.result);
        throw Interrupted{};
    }
    if (!converged)
        throw std::runtime_error(
            fmt::format("not converged: {}; raise relax.steps, or start from {}", text, settings.result));
    console.info(fmt::format("converged: {}", text));
    console.result("relaxed structure: " + settings.result);
}

}  // namespace mlff::app
