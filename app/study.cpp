#include <fmt/format.h>

#include <filesystem>

#include "analysis/frame_source.hpp"
#include "app/interrupt.hpp"
#include "app/study_cost.hpp"
#include "app/study_file.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/output_file.hpp"

namespace mlff::app {
namespace {

namespace fs = std::filesystem;

constexpr long most_frames = 50;  ///< of the reference run that the force field is tested on

/// Equally spaced frames of the reference run, after the first `skip` fs, with their labels.
void write_test_frames(const std::string& trajectory, double skip, const std::string& path) {
    const auto visit = [&](const auto& action) {
        const auto frames = analysis::open_frames(trajectory);
        std::optional<double> first;
        for (long counted = 0; auto frame = frames->next();) {
            if (!first) first = frame->time;
            if (frame->time && *frame->time - *first >= skip) action(counted++, *frame);
        }
    };
    long n_frames = 0;
    visit([&](long, const SourceFrame& frame) {
        if (!frame.labels.forces)
            throw InputError(frame.origin + ": the frame has no forces; production needs trajectory: {forces: true}");
        ++n_frames;
    });
    const long step = std::max(1L, n_frames / most_frames);
    std::string text;
    visit([&](long number, const SourceFrame& frame) {
        if (number % step == 0 && number / step < most_frames)
            text += format_extxyz(static_cast<const LabeledStructure&>(frame));
    });
    if (text.empty()) throw InputError(trajectory + ": no frame is left after skip; lower skip or make longer runs");
    write_file_atomically(path, text);
}

}  // namespace

void study(const StudyArguments& arguments, const Console& console, Communicator& world) {
    catch_interrupts();
    const StudyPlan plan = read_study(arguments.config, arguments.quick);
    fs::create_directories(plan.output);
    const auto file = [&](const std::string& name) { return plan.output + "/" + name; };
    const auto settings = [&](const std::string& name, const std::string& text) {
        write_file_atomically(file(name), text);
        return file(name);
    };
    const std::size_t n_steps = plan.runs.size() + (plan.train.empty() ? 4 : 5) + (plan.max_loss.empty() ? 0 : 1);
    std::size_t step = 0;
    const auto announce = [&](const std::string& what) {
        console.info(fmt::format("== {}/{} {}", ++step, n_steps, what));
    };

    if (plan.train.empty() && !fs::exists(plan.model))
        throw InputError(plan.model + ": is not there; make the study that learns it first");
    if (!fs::exists(file("reference.yaml"))) console.info(estimate_cost(plan, console));
    if (!plan.train.empty()) {
        announce("learn on the fly");
        train(settings("train.yaml", plan.train), console, world);
    }
    if (!plan.max_loss.empty()) {
        announce("a production form of the force field");
        if (fs::exists(plan.production) && fs::last_write_time(plan.production) >= fs::last_write_time(plan.model))
            console.info("the production form is there; nothing to do");
        else
            compile({.model = plan.model, .output = plan.production, .data = {}, .max_loss = plan.max_loss}, console);
    }
    announce("the reference alone");
    run(settings("reference.yaml", plan.reference), console, world);
    for (std::size_t k = 0; k < plan.runs.size(); ++k) {
        announce(fmt::format("the force field, run {} of {}", k + 1, plan.runs.size()));
        run(settings(fmt::format("run-{}.yaml", k + 1), plan.runs[k]), console, world);
    }
    announce("errors on frames of the reference run");
    write_test_frames(plan.reference_frames, plan.skip, file("test.xyz"));
    evaluate({.model = plan.production,
              .data = file("test.xyz"),
              .json = file("errors.json"),
              .parity = file("parity.csv"),
              .calibration = ""},
             console, world);
    announce("observables");
    analyze(settings("analyze.yaml", plan.analysis), console);
    announce("report");
    report({.directory = plan.output, .output = ""}, console);
}

}  // namespace mlff::app
