#include "app/reference_settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "app/interrupt.hpp"
#include "app/labeled_data.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/data_file.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/text_file.hpp"
#include "reference/cp2k.hpp"
#include "reference/data.hpp"
#include "reference/embedded/catalogue.hpp"
#include "reference/program.hpp"
#include "reference/quantum_espresso.hpp"
#include "reference/socket.hpp"
#include "reference/supervision.hpp"

namespace mlff::app {
namespace {

constexpr const char* line_begin = "# reference: ";
constexpr const char* record_key = "reference";  ///< of extended XYZ

/// Several lines of text joined to one with `separator`; empty lines are left out.
std::string one_line(std::string_view text, std::string_view separator) {
    std::string out;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::string_view rest = text.substr(begin), line = rest.substr(0, rest.find_first_of("\r\n"));
        begin += line.size() + 1;
        const auto first = line.find_first_not_of(" \t"), last = line.find_last_not_of(" \t");
        if (first == std::string_view::npos) continue;
        if (!out.empty()) out += separator;
        out += line.substr(first, last - first + 1);
    }
    return out;
}

/// Codes with known defaults; others work too.
enum class Code { other, cp2k, quantum_espresso, lammps, vasp };

/// Lets a call in progress continue for a while after a request to stop, so that its cost is not lost. A batch system
/// does not wait longer.
reference::Poll stop_after(double grace) {
    using SteadyClock = std::chrono::steady_clock;
    return [grace, since = std::optional<SteadyClock::time_point>()]() mutable {
        if (!interrupted()) return;
        if (!since) since = SteadyClock::now();
        if (std::chrono::duration<double>(SteadyClock::now() - *since).count() >= grace) throw Interrupted{};
    };
}

/// Settings common to all external codes.
struct ExternalSettings {
    Code code = Code::other;
    std::string command, method;
    reference::InputFiles inputs;
    std::string folder;
    double time_limit = 7200.0;
    int threads = 1, parallel = 1;
    reference::Poll poll;

    /// "cp2k over a socket: PBE, DZVP-MOLOPT-SR-GTH, cutoff 280 Ry; input cp2k.inp 0123456789abcdef"
    [[nodiscard]] std::string description(const char* name, const char* way) const {
        std::string text = fmt::format("{} {}", name, way);
        if (!method.empty()) text += ": " + method;
        if (inputs.empty()) return method.empty() ? text + ": method not stated" : text;
        if (method.empty() && code == Code::cp2k) text += ": " + reference::cp2k_method(inputs.text());
        if (method.empty() && code == Code::quantum_espresso)
            text += ": " + reference::quantum_espresso_method(inputs.main_text());
        return fmt::format("{}; input {} {}", text, inputs.main(0), inputs.fingerprint());
    }
};

reference::Poll read_grace(ConfigSection& section) {
    double grace = 10.0;
    section.read_duration("grace", grace);
    return stop_after(grace);
}

/// @param command  the usual one for the code; "" if there is none
ExternalSettings read_external(ConfigSection& section, Code code, const std::string& output,
                               const std::string& command) {
    ExternalSettings settings;
    settings.code = code;
    settings.folder = (std::filesystem::path(output) / "reference").string();
    if (section.has("input")) settings.command = command;
    if (section.has("command")) section.read("command", settings.command);
    if (section.has("method")) section.read("method", settings.method);
    settings.method = one_line(settings.method, " ");
    std::vector<std::string> input, retries;
    section.read("input", input);
    section.read("retries", retries);
    if (input.empty() && !retries.empty()) section.fail("retries", "has no meaning without input");
    if (!input.empty()) {
        std::vector<std::vector<std::string>> rungs = {input};
        for (const auto& path : retries) rungs.push_back({path});
        settings.inputs = reference::InputFiles(rungs);
    }
    section.read_duration("time_limit", settings.time_limit);
    section.read_positive("threads", settings.threads);
    section.read_positive("parallel", settings.parallel);
    settings.poll = read_grace(section);
    return settings;
}

reference::SupervisionOptions read_supervision(ConfigSection& section, const ExternalSettings& external) {
    reference::SupervisionOptions options;
    options.folder = external.folder;
    if (external.code == Code::cp2k) options.unconverged = {"SCF run NOT converged"};
    if (external.code == Code::quantum_espresso) options.unconverged = {"convergence NOT achieved"};
    std::vector<std::string> more;
    section.read("unconverged", more);
    options.unconverged.insert(options.unconverged.end(), more.begin(), more.end());
    section.read_positive("attempts", options.attempts);
    section.read_positive("max_force", options.max_force);
    section.read_positive("max_force_sum", options.max_force_sum);
    section.read_positive("max_energy_jump", options.max_energy_jump);
    section.read("stress", options.stress);
    section.read("stress_check", options.stress_check);
    section.read_non_negative("audit", options.audit);
    return options;
}

using Codes = std::vector<std::unique_ptr<reference::ExternalCode>>;

/// @param codes  none: only the settings are read
std::unique_ptr<Calculator> supervised(ConfigSection& section, const ExternalSettings& external, Codes codes,
                                       const Console& console) {
    const auto supervision = read_supervision(section, external);
    section.validate(supervision);
    if (codes.empty()) return nullptr;
    return std::make_unique<reference::Supervised>(
        std::move(codes), supervision,
        [&console](const std::string& text, bool worrying) { worrying ? console.warn(text) : console.info(text); });
}

/// Working folder of the k-th of several codes that compute at the same time.
std::string folder_of(const ExternalSettings& external, int k) {
    return k == 0 ? external.folder : (std::filesystem::path(external.folder) / fmt::format("no-{}", k + 1)).string();
}

std::unique_ptr<Calculator> read_socket(ConfigSection& section, const std::string& output, const Console& console,
                                        bool use) {
    Code code = Code::other;
    section.read_choice("code", code,
                        {{"other", Code::other},
                         {"cp2k", Code::cp2k},
                         {"quantum-espresso", Code::quantum_espresso},
                         {"lammps", Code::lammps}});
    reference::SocketOptions options;
    if (section.has("address")) section.read("address", options.address);
    const bool is_unix = options.address.empty() || options.address.starts_with("unix:");
    const ExternalSettings external = read_external(section, code, output,
                                                    code == Code::cp2k               ? "cp2k -i {{input}} -o {{output}}"
                                                    : code != Code::quantum_espresso ? ""
                                                    : is_unix ? "pw.x -in {{input}} --ipi {{socket}}:UNIX"
                                                              : "pw.x -in {{input}} --ipi {{socket}}:{{port}}");
    options.fixed_cell = code == Code::quantum_espresso;
    options.command = external.command;
    options.inputs = external.inputs;
    options.folder = external.folder;
    options.time_limit = external.time_limit;
    options.threads = external.threads;
    double start_limit = 0.0;
    if (section.has("start_limit") && section.read_duration("start_limit", start_limit))
        options.start_limit = start_limit;
    std::string name = "client";
    if (code != Code::other) section.read("code", name);
    options.description = external.description(name.c_str(), "over a socket");
    section.validate(options);
    if (!options.command.empty() && external.parallel > 1 && !options.address.empty() &&
        !options.address.ends_with(":0"))
        section.fail("parallel", "needs an address for each client; leave address out, or choose HOST:0");
    std::shared_ptr<reference::ClientPool> pool;  // client pool shared by all codes, for clients started elsewhere
    if (use && options.command.empty()) {
        pool = std::make_shared<reference::ClientPool>(options.address);
        console.info(fmt::format("the reference is awaited on {}", pool->listener().address()));
    }
    Codes codes;
    for (int k = 0; use && k < external.parallel; ++k) {
        options.folder = folder_of(external, k);
        codes.push_back(std::make_unique<reference::SocketCode>(options, external.poll, pool));
    }
    return supervised(section, external, std::move(codes), console);
}

std::unique_ptr<Calculator> read_program(ConfigSection& section, const std::string& output, const Console& console,
                                         bool use) {
    Code code = Code::other;
    section.read_choice("code", code,
                        {{"other", Code::other},
                         {"cp2k", Code::cp2k},
                         {"quantum-espresso", Code::quantum_espresso},
                         {"vasp", Code::vasp}});
    const ExternalSettings external = read_external(section, code, output,
                                                    code == Code::cp2k               ? "cp2k -i {{input}} -o {{output}}"
                                                    : code == Code::quantum_espresso ? "pw.x -in {{input}} > {{output}}"
                                                                                     : "");
    reference::ProgramOptions options;
    using Format = reference::ProgramFormat;
    options.format = code == Code::cp2k               ? Format::cp2k
                     : code == Code::vasp             ? Format::vasp
                     : code == Code::quantum_espresso ? Format::quantum_espresso
                                                      : Format::extxyz;
    options.command = external.command;
    if (options.command.empty()) section.require("command", options.command);
    if (options.format != Format::extxyz && external.inputs.empty())
        section.fail("input", "is missing: the input file of the code, or a folder with all of them");
    options.inputs = external.inputs;
    options.folder = external.folder;
    options.time_limit = external.time_limit;
    options.threads = external.threads;
    if (code == Code::cp2k) options.keep = {"*.wfn"};
    if (code == Code::quantum_espresso) options.keep = {"*.save"};
    if (code == Code::vasp) options.keep = {"WAVECAR", "CHGCAR"};
    section.read("keep", options.keep);
    std::string name = "program";
    if (code != Code::other) section.read("code", name);
    options.description = external.description(name.c_str(), "as a program");
    section.validate(options);
    Codes codes;
    for (int k = 0; use && k < external.parallel; ++k) {
        options.folder = folder_of(external, k);
        codes.push_back(std::make_unique<reference::ProgramCode>(options, external.poll));
    }
    return supervised(section, external, std::move(codes), console);
}

/// LAMMPS over a socket, with our input around the commands that define the potential. In a separate process, as it
/// ends its process on an error.
std::unique_ptr<Calculator> read_lammps(ConfigSection& section, const std::string& output, const Console& console,
                                        bool use) {
    std::vector<std::string> commands, files;
    section.require("commands", commands);
    section.read("files", files);
    ExternalSettings external;
    external.code = Code::lammps;
    external.folder = (std::filesystem::path(output) / "reference").string();
    if (!files.empty()) external.inputs = reference::InputFiles({files});
    external.inputs.add("structure.data", "{{lammps_data}}\n");
    external.inputs.add("in.lammps", fmt::format("units metal\natom_style atomic\natom_modify map yes\nboundary p p p\n"
                                                 "box tilt large\nread_data structure.data\n{}\n"
                                                 "neigh_modify every 1 delay 0 check yes\n"
                                                 "fix mlff all ipi {{{{socket}}}} 31415 unix\nrun 100000000\n",
                                                 fmt::join(commands, "\n")));
    external.method = one_line(fmt::format("{}", fmt::join(commands, "\n")), "; ");
    reference::SocketOptions options;
    options.command = "lmp -in in.lammps -log none";
    section.read("command", options.command);
    section.read_duration("time_limit", options.time_limit);
    section.read_positive("threads", options.threads);
    options.inputs = external.inputs;
    options.folder = external.folder;
    options.description = external.description("lammps", "over a socket");
    section.validate(options);
    const reference::Poll poll = read_grace(section);
    Codes codes;
    if (use) codes.push_back(std::make_unique<reference::SocketCode>(std::move(options), poll));
    return supervised(section, external, std::move(codes), console);
}

std::unique_ptr<Calculator> read_data_reference(ConfigSection& section) {
    std::vector<std::string> files;
    section.require("files", files);
    const ExtxyzKeys keys = read_keys(section);
    double tolerance = 1e-5;
    section.read_positive("tolerance", tolerance);
    return std::make_unique<reference::StoredData>(load_data(files, keys),
                                                   fmt::format("stored data of {}", fmt::join(files, ", ")), tolerance);
}

std::unique_ptr<Calculator> read_embedded(ConfigSection& section) {
    std::string potential;
    section.require("potential", potential);
    try {
        return reference::make_embedded(potential);
    } catch (const InputError& error) {
        section.fail("potential", error.what());
    }
}

/// The reference recorded in a run directory; none if there is none.
std::optional<std::string> recorded(const RunDirectory& directory) {
    if (!directory.has("settings.yaml")) return {};
    std::istringstream in(read_text_file(directory.file("settings.yaml")));
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(line_begin)) return line.substr(std::string_view(line_begin).size());
    return {};
}

/// References named by the frames of a file, without repetition.
std::vector<std::string> references_in(const std::string& path) {
    std::vector<std::string> found;
    if (detect_format(path) != DataFormat::extxyz) return found;
    ExtxyzReader reader(path);
    while (const auto frame = reader.next())
        if (const auto name = frame->find(record_key);
            name && std::find(found.begin(), found.end(), *name) == found.end())
            found.push_back(*name);
    return found;
}

/// The check compares the stress with the energies of a strained cell: a code that keeps its first cell fails it.
std::string why_no_moving_cell(ConfigSection& section) {
    // Only what is written there: to read a default would add it to the settings of a run.
    bool stress = true, check = true;
    if (section.has("stress")) section.read("stress", stress);
    if (section.has("stress_check")) section.read("stress_check", check);
    if (!stress) return "reference.stress is off, so that there is no stress; compute it, or use nvt";
    if (!check)
        return "reference.stress_check is off; before the first step it shows that the code follows the cell. Leave "
               "it on";
    return "";
}

}  // namespace

ReferenceSettings read_reference(ConfigSection& section, const std::string& output, const Console& console, bool use) {
    enum class Type { embedded, socket, program, data, lammps } type = Type::embedded;
    section.read_choice("type", type,
                        {{"embedded", Type::embedded},
                         {"socket", Type::socket},
                         {"program", Type::program},
                         {"data", Type::data},
                         {"lammps", Type::lammps}});
    ReferenceSettings settings;
    section.read("allow_change", settings.allow_change);
    switch (type) {
        case Type::embedded:
            settings.calculator = read_embedded(section);
            break;
        case Type::socket:
            settings.calculator = read_socket(section, output, console, use);
            break;
        case Type::program:
            settings.calculator = read_program(section, output, console, use);
            break;
        case Type::data:
            settings.calculator = read_data_reference(section);
            break;
        case Type::lammps:
            settings.calculator = read_lammps(section, output, console, use);
            break;
    }
    settings.no_moving_cell = type == Type::data       ? "stored data have the cells that they have; use nvt"
                              : type == Type::embedded ? ""
                                                       : why_no_moving_cell(section);
    return settings;
}

std::string reference_line(const std::string& reference) { return line_begin + reference + "\n"; }

std::string reference_of_record(const ReferenceSettings& settings, const RunDirectory& directory, bool has_answers,
                                const std::vector<std::string>& initial_data) {
    const std::string now = one_line(settings.calculator->description(), " ");
    std::vector<std::pair<std::string, std::string>> others;  // place and reference
    const auto compare = [&](const std::string& place, const std::string& before) {
        if (before == now) return;
        if (!settings.allow_change)
            throw InputError(fmt::format(
                "{}: the reference has changed: '{}' before, '{}' now; their energies and forces do not belong "
                "together. Give it back, choose another output, or set reference.allow_change: on",
                place, before, now));
        others.emplace_back(place, before);
    };
    if (const auto before = has_answers ? recorded(directory) : std::nullopt) {
        if (settings.allow_change && before->starts_with(now)) return *before;  // changed in an earlier session
        compare(directory.file("settings.yaml"), *before);
    }
    for (const auto& path : initial_data)
        for (const auto& before : references_in(path)) compare(path, before);
    std::string all = now;
    for (const auto& [place, before] : others)
        if (all.find(before) == std::string::npos) all += " (and before: " + before + ")";
    return all;
}

}  // namespace mlff::app
