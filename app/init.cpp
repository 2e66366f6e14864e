#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp.hpp"
#include "reference/cp2k_input.hpp"

namespace mlff::app {
namespace {

constexpr const char *train_name = "train.yaml", *input_name = "cp2k.inp", *retry_name = "cp2k-retry.inp";

/// A word of the command line, one of a given set.
template <class Enum, std::size_t n>
Enum choose(const char* option, const std::string& word, const std::array<std::pair<const char*, Enum>, n>& choices) {
    std::vector<std::string> words;
    for (const auto& [name, value] : choices) {
        if (word == name) return value;
        words.emplace_back(name);
    }
    std::string known;
    for (const auto& name : words) known += (known.empty() ? "" : ", ") + name;
    throw InputError(
        fmt::format("{} {} is not known{}; there are {}", option, show(word), did_you_mean(word, words), known));
}

/// Timestep [fs] for the lightest species: some thirty steps per period of its fastest vibration.
double timestep(const Structure& structure) {
    double lightest = 1000.0;
    for (const int z : structure.species) lightest = std::min(lightest, atomic_mass(z));
    return lightest < 2.5 ? 0.5 : lightest < 12.5 ? 1.0 : lightest < 40.0 ? 1.5 : 2.0;
}

std::string train_yaml(const InitArguments& arguments, const Structure& structure) {
    const std::string command =
        arguments.ranks > 1 ? fmt::format("mpirun --bind-to none -np {} cp2k", arguments.ranks) : "cp2k";
    return fmt::format(
        R"(# Learn a force field for {0} on the fly, from CP2K. Written by mlff init; edit it freely.
#   mlff train {1}
# Killed or interrupted, the same command goes on; no reference result is computed twice. docs/references.md tells more.
structure: {2}
supercell: [1, 1, 1]               # the shortest lattice vector should exceed 10 Å where there are no k-points
output: training                   # model.h5, training.xyz, log; what CP2K writes is in training/reference
seed: 1
reference:
  type: socket
  code: cp2k
  input: {3}                  # words in double braces are filled in
  retries: {4}          # taken for a call that does not converge, in place of input
  command: {5} -i {{{{input}}}} -o {{{{output}}}}
  threads: 1                       # OMP_NUM_THREADS of CP2K; MPI ranks serve small cells better
  time_limit: 2 h                  # of one call
  stress: on                       # learn it; verified at the start with a strained cell (stress_check: off to skip)
  audit: 0                         # 50: every 50th call is repeated from scratch and compared
# force_field: its defaults are the best known for all kinds of materials; vasp takes VASP's
learning:
  threshold: {{mode: adaptive, start: 0.002}}                      # eV/Å
dynamics:
  ensemble: nvt
  thermostat: {{type: langevin, period: 100}}                      # fs
  temperature: [300, 600]          # K, ramp: up to 20-30 % above the highest temperature of use
  timestep: {6}                    # fs
  steps: 5000
trajectory: {{every: 10}}
)",
        formula(structure), train_name, arguments.structure, input_name, retry_name, command, timestep(structure));
}

}  // namespace

void init(const InitArguments& arguments, const Console& console) {
    using reference::Cp2kFunctional;
    using reference::Cp2kQuality;
    choose("--reference", arguments.reference, std::to_array<std::pair<const char*, int>>({{"cp2k", 0}}));
    reference::Cp2kInputOptions options;
    options.functional =
        choose("--functional", arguments.functional,
               std::to_array<std::pair<const char*, Cp2kFunctional>>({{"PBE", Cp2kFunctional::pbe},
                                                                      {"PBE-D3", Cp2kFunctional::pbe_d3},
                                                                      {"PBEsol", Cp2kFunctional::pbesol},
                                                                      {"xTB", Cp2kFunctional::xtb}}));
    options.quality = choose(
        "--quality", arguments.quality,
        std::to_array<std::pair<const char*, Cp2kQuality>>({{"demo", Cp2kQuality::demo}, {"good", Cp2kQuality::good}}));
    const Structure structure = read_structure(arguments.structure);
    structure.validate();
    require_distances(structure, arguments.structure);
    if (!structure.has_volume())
        throw InputError(arguments.structure + ": no cell; CP2K over the socket needs one, a large box for a molecule");
    for (const char* name : {train_name, input_name, retry_name})
        if (!arguments.force && std::filesystem::exists(name))
            throw InputError(fmt::format("{}: the file exists; --force replaces it, or work in another folder", name));

    const std::string input = reference::cp2k_input(structure, options);
    options.robust = true;
    const std::string retry = reference::cp2k_input(structure, options);
    write_file_atomically(input_name, input);
    write_file_atomically(retry_name, retry);
    write_file_atomically(train_name, train_yaml(arguments, structure));
    console.info(fmt::format("{}, {}, {} written for {}, {} atoms", train_name, input_name, retry_name,
                             formula(structure), structure.size()));
    for (const auto& sentence : reference::cp2k_advice(structure, options)) console.info("note: " + sentence);
    console.info(fmt::format("next: mlff train {}", train_name));
}

}  // namespace mlff::app
