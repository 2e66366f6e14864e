#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "app/interrupt.hpp"
#include "app/labeled_data.hpp"
#include "app/reference_settings.hpp"
#include "app/run_directory.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/journal.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/model/version.hpp"
#include "reference/supervision.hpp"

namespace mlff::app {
namespace {

/// Asks for all of them, as many at a time as the reference can.
void ask(Calculator& reference, std::span<const Structure> structures,
         const std::function<void(std::size_t, const Evaluation&)>& answered) {
    if (auto* supervised = dynamic_cast<reference::Supervised*>(&reference))
        return supervised->evaluate_all(structures, answered);
    for (std::size_t k = 0; k < structures.size(); ++k) answered(k, reference.evaluate(structures[k]));
}

}  // namespace

void label(const LabelArguments& arguments, const Console& console) {
    catch_interrupts();
    // Any train.yaml or run.yaml can be used: only its reference is read here.
    require_writable(arguments.output);
    const std::string folder = arguments.output + ".d";
    auto config = ConfigSection::from_file(arguments.config);
    ConfigSection& section = config.section("reference");
    const ReferenceSettings reference = read_reference(section, folder, console);
    section.finish();
    const auto frames = is_poscar_name(arguments.input)
                            ? std::vector<LabeledStructure>{{read_structure(arguments.input), {}, arguments.input}}
                            : load_data({arguments.input});
    for (const auto& frame : frames) require_known(frame.structure, *reference.calculator, frame.origin);

    RunDirectory directory(folder);
    Journal journal(directory.file("journal"));
    const std::string record = reference_of_record(reference, directory, !journal.entries().empty(), {});
    directory.write_settings(reference_line(record));
    std::vector<ExtxyzFrame> labelled(frames.size());
    std::vector<Structure> open;
    std::vector<std::size_t> frame_of;  // frame of each structure without labels
    std::map<long, const JournalEntry*> known;
    for (const auto& entry : journal.entries()) known[entry.step] = &entry;
    for (std::size_t k = 0; k < frames.size(); ++k) {
        static_cast<LabeledStructure&>(labelled[k]) = frames[k];
        labelled[k].info = {{"reference", record}};
        const auto found = known.find(static_cast<long>(k));
        if (found == known.end()) {
            open.push_back(frames[k].structure);
            frame_of.push_back(k);
        } else if (same_atoms(found->second->structure.structure, frames[k].structure)) {
            labelled[k].labels = found->second->structure.labels;
        } else {
            throw InputError(fmt::format("{}: results of other structures are in {}; remove it, or choose another OUT",
                                         arguments.input, folder));
        }
    }
    console.info(fmt::format("mlff {} label: {} structures, {} of them known already", version, frames.size(),
                             frames.size() - open.size()));
    console.info("reference: " + record);
    auto done = static_cast<long>(frames.size() - open.size());
    ask(*reference.calculator, open, [&](std::size_t k, const Evaluation& answer) {
        const std::size_t frame = frame_of[k];
        labelled[frame].labels = {answer.energy, answer.forces, answer.stress};
        journal.append({labelled[frame], static_cast<long>(frame), "label", "-", {}});
        console.progress(++done, static_cast<long>(frames.size()), "structures labelled");
        if (interrupted()) throw Interrupted{};
    });
    write_extxyz(arguments.output, labelled);
    console.info(
        fmt::format("{} structures written to {}; {} may be removed", labelled.size(), arguments.output, folder));
}

}  // namespace mlff::app
