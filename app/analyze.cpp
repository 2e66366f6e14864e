#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "app/findings.hpp"
#include "app/interrupt.hpp"
#include "app/observable_parts.hpp"
#include "app/observables.hpp"
#include "app/pictures.hpp"
#include "app/rehearsal.hpp"
#include "app/verb_settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/model/version.hpp"

namespace mlff::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// One line of a picture: a run, or independent runs of the same system.
struct Trajectory {
    std::vector<std::vector<std::string>> runs;  ///< files of each run, one after the other in time
    std::string label;
    bool is_reference = false;
    std::optional<double> temperature;  ///< [K]
    analysis::TrajectoryReaderOptions options;
};

/// A positive number without a default.
std::optional<double> read_optional(ConfigSection& config, const std::string& key) {
    double value = 0.0;
    if (!config.has(key)) return std::nullopt;
    config.read_positive(key, value);
    return value;
}

Trajectory read_trajectory(ConfigSection& section) {
    Trajectory t;
    std::vector<std::string> files, runs;
    section.read("files", files);
    section.read("runs", runs);
    if (files.empty() == runs.empty())
        section.fail(
            runs.empty() ? "files" : "runs",
            "or runs: give one of them, files: the parts of one run, or runs: one file for each of several runs");
    if (!files.empty()) t.runs.push_back(files);
    for (const std::string& run : runs) t.runs.push_back({run});
    t.label = fs::path(t.runs[0][0]).stem().string();
    section.read("label", t.label);
    section.read("reference", t.is_reference);
    section.read_non_negative("skip", t.options.skip);
    t.options.timestep = read_optional(section, "timestep");
    t.options.spacing = read_optional(section, "spacing");
    t.options.species = read_elements(section, "species");
    t.temperature = read_optional(section, "temperature");
    return t;
}

std::vector<Trajectory> read_trajectories(ConfigSection& config) {
    std::vector<Trajectory> trajectories;
    for (ConfigSection& section : config.sections("trajectories")) {
        Trajectory t = read_trajectory(section);
        for (const Trajectory& other : trajectories) {
            if (other.label == t.label)
                section.fail("label", fmt::format("is '{}' twice; give every trajectory a label of its own", t.label));
            if (other.is_reference && t.is_reference)
                section.fail("reference", fmt::format("is '{}' already; there can be one", other.label));
        }
        trajectories.push_back(std::move(t));
    }
    if (trajectories.empty())
        config.fail("trajectories", "is missing; name at least one, such as - {files: [run.xyz]}");
    return trajectories;
}

/// An observable and its findings so far.
struct Job {
    std::unique_ptr<Observable> observable;
    std::string name;                                       ///< of its files, without suffix and ending
    std::vector<Finding> runs;                              ///< of the trajectory in progress
    std::vector<std::pair<std::string, Finding>> findings;  ///< by label
};

std::vector<Job> read_observables(ConfigSection& config) {
    std::vector<Job> jobs;
    for (ConfigSection& section : config.sections("observables")) {
        Job job;
        job.observable = read_observable(section);
        const auto same = std::count_if(jobs.begin(), jobs.end(), [&](const Job& other) {
            return other.observable->kind() == job.observable->kind();
        });
        job.name = job.observable->kind() + (same == 0 ? "" : fmt::format("-{}", same + 1));
        jobs.push_back(std::move(job));
    }
    if (jobs.empty()) config.fail("observables", "is missing; name at least one, such as - {type: rdf}");
    return jobs;
}

/// Feeds all observables with one run. @returns the summary of the run
ordered_json follow(const Trajectory& trajectory, const std::vector<std::string>& files, const std::vector<Job>& jobs,
                    const Console& console) {
    analysis::TrajectoryReader reader(files, trajectory.options);
    for (const Job& job : jobs) job.observable->begin(trajectory.temperature);
    double first = 0.0, last = 0.0;
    std::string atoms;
    while (const auto frame = reader.next()) {
        if (interrupted()) throw Interrupted{};
        if (reader.n_frames() == 1) {
            first = frame->time;
            atoms = formula(frame->structure);
        }
        last = frame->time;
        for (const Job& job : jobs) job.observable->add(*frame);
    }
    const long n = reader.n_frames();
    if (n == 0)
        throw InputError(fmt::format("{}: no frame is left after the first {} fs; lower skip", files.back(),
                                     trajectory.options.skip));
    const double spacing = n > 1 ? (last - first) / static_cast<double>(n - 1) : 0.0;
    console.info(fmt::format("{}: {}, {} frames {:.6g} fs apart, {:.6g} ps", trajectory.label, atoms, n, spacing,
                             1e-3 * (last - first)));
    if (reader.n_jumps() > 0)
        console.info(
            fmt::format("{}: positions are wrapped into the cell ({} jumps of more than half a cell); they were "
                        "unwrapped",
                        trajectory.label, reader.n_jumps()));
    return {{"label", trajectory.label},
            {"files", files},
            {"atoms", atoms},
            {"frames", n},
            {"spacing_fs", spacing},
            {"length_fs", last - first},
            {"jumps_unwrapped", reader.n_jumps()}};
}

struct AnalysisSettings {
    std::string output = "analysis";
    bool with_pictures = true;
    std::vector<Trajectory> trajectories;
    std::vector<Job> jobs;
    std::string resolved;
};

AnalysisSettings read_settings(const std::string& path) {
    auto config = ConfigSection::from_file(path);
    AnalysisSettings settings;
    config.read_path("output", settings.output);
    config.read("pictures", settings.with_pictures);
    settings.trajectories = read_trajectories(config);
    settings.jobs = read_observables(config);
    config.finish();
    settings.resolved = config.resolved();
    return settings;
}

/// For a run directory: writes analyze.yaml into it, unless there is one, with the observables that its trajectory
/// allows.
/// @returns the file
std::string settings_of_directory(const std::string& directory, const Console& console) {
    const std::string file = directory + "/analyze.yaml";
    if (fs::is_regular_file(file)) return file;
    std::string trajectory = directory + "/trajectory.xyz";
    if (!fs::is_regular_file(trajectory)) trajectory = directory + "/trajectory.h5md";
    if (!fs::is_regular_file(trajectory) || !fs::is_regular_file(directory + "/settings.yaml"))
        throw InputError(directory +
                         ": no trajectory and settings.yaml; a directory of mlff run or train, or an "
                         "analyze.yaml is needed");
    double timestep = 1.0, steps = 0.0, every = 1.0;
    std::string ensemble;
    auto settings = ConfigSection::from_file(directory + "/settings.yaml");
    ConfigSection& dynamics = settings.section("dynamics");
    dynamics.read("timestep", timestep);
    dynamics.read("steps", steps);
    dynamics.read("ensemble", ensemble);
    settings.section("trajectory").read("every", every);
    constexpr double slowest_frames = 10.0;  // [fs] of a spectrum: up to 1,668 cm⁻¹
    std::string text = fmt::format(
        "# Written by mlff analyze {0}: change it and run mlff analyze {0} again. The first fifth is left out.\n"
        "output: {0}/analysis\ntrajectories:\n  - {{files: [{1}], label: {2}, skip: {3:g}}}\nobservables:\n"
        "  - {{type: rdf}}\n  - {{type: msd}}\n{4}{5}",
        directory, trajectory, fs::path(directory).filename().empty() ? "run" : fs::path(directory).filename().string(),
        std::floor(0.2 * steps) * timestep, every * timestep <= slowest_frames ? "  - {type: vdos}\n" : "",
        ensemble == "npt" ? "  - {type: cell}\n" : "");
    write_file_atomically(file, text);
    console.info("settings: " + file);
    return file;
}

/// Bytes that this process has read from files so far; 0 if the system does not report them.
double bytes_read() {
    std::ifstream status("/proc/self/io");
    for (std::string word; status >> word;)
        if (double bytes = 0.0; word == "rchar:" && status >> bytes) return bytes;
    return 0.0;
}

}  // namespace

AnalysisForecast check_analysis(const std::string& path, const Console& console) {
    constexpr double seconds_per_run = 0.5;
    AnalysisSettings settings = read_settings(path);
    console.info("settings in force:\n" + settings.resolved);
    require_writable_directory(settings.output);
    AnalysisForecast forecast;
    for (const Trajectory& trajectory : settings.trajectories)
        for (const auto& files : trajectory.runs) {
            double size = 0.0;
            for (const std::string& file : files)
                if (std::error_code error; fs::is_regular_file(file, error))
                    size += static_cast<double>(fs::file_size(file, error));
            const double before = bytes_read();
            const auto start = std::chrono::steady_clock::now();
            const auto seconds = [&] {
                return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            };
            analysis::TrajectoryReader reader(files, trajectory.options);
            bool whole = false;
            std::string atoms;
            const auto begin = peak_while([&] {
                for (const Job& job : settings.jobs) job.observable->begin(trajectory.temperature);
            });
            const auto end = peak_while([&] {
                while (!whole && (reader.n_frames() < 3 || seconds() < seconds_per_run)) {
                    const auto frame = reader.next();
                    if (!(whole = !frame)) {
                        atoms = formula(frame->structure);
                        for (const Job& job : settings.jobs) job.observable->add(*frame);
                    }
                }
            });
            if (reader.n_frames() == 0)
                throw InputError(fmt::format("{}: no frame is left after the first {} fs; lower skip", files.back(),
                                             trajectory.options.skip));
            const double share = whole || size == 0.0 ? 1.0 : std::clamp((bytes_read() - before) / size, 1e-9, 1.0);
            console.info(fmt::format("{}: {}, {}{:.0f} frames in {}", trajectory.label, atoms, whole ? "" : "about ",
                                     static_cast<double>(reader.n_frames()) / share, fmt::join(files, ", ")));
            forecast.seconds += seconds() / share;
            if (begin && end) forecast.bytes = std::max(forecast.bytes, *begin + (*end - *begin) / share);
        }
    return forecast;
}

void analyze(const std::string& config_path, const Console& console) {
    catch_interrupts();
    AnalysisSettings settings =
        read_settings(fs::is_directory(config_path) ? settings_of_directory(config_path, console) : config_path);
    const std::string& output = settings.output;
    const std::vector<Trajectory>& trajectories = settings.trajectories;
    std::vector<Job>& jobs = settings.jobs;
    fs::create_directories(output);

    ordered_json summary = {{"mlff", version}, {"trajectories", ordered_json::array()}};
    std::string text;
    std::set<std::string> warned;  // several observables may use the same diffusion
    for (const Trajectory& trajectory : trajectories) {
        for (const auto& files : trajectory.runs) {
            summary["trajectories"].push_back(follow(trajectory, files, jobs, console));
            for (Job& job : jobs) job.runs.push_back(job.observable->result());
        }
        for (Job& job : jobs) {
            const Finding& finding =
                job.findings.emplace_back(trajectory.label, average(job.runs, trajectory.label)).second;
            job.runs.clear();
            text += to_text(finding, trajectory.label);
            for (const std::string& warning : finding.warnings)
                if (warned.insert(trajectory.label + ": " + warning).second)
                    console.warn(trajectory.label + ": " + warning);
        }
    }
    const auto reference =
        std::find_if(trajectories.begin(), trajectories.end(), [](const Trajectory& t) { return t.is_reference; });
    std::vector<std::pair<std::string, std::string>> pictures;  // kind of plot.py, and file without ending
    for (Job& job : jobs) {
        const std::vector<TableLayout> layouts = job.observable->layouts();
        ordered_json json = {{"type", job.observable->kind()}, {"csv", job.name + layouts[0].suffix + ".csv"}};
        const Finding* standard = nullptr;
        for (const auto& [label, finding] : job.findings) {
            json["runs"][label] = to_json(finding);
            if (reference != trajectories.end() && label == reference->label) standard = &finding;
        }
        for (const auto& [label, finding] : job.findings)
            if (standard && &finding != standard)
                json["deviation_from_reference"][label] = compare(finding, *standard, layouts);
        if (auto together = job.observable->across(job.findings)) {
            json["all"] = to_json(*together);
            text += to_text(*together, "all");
            job.findings = {{"all", std::move(*together)}};
            standard = nullptr;
        }
        for (std::size_t table = 0; table < layouts.size(); ++table) {
            const std::string name = job.name + layouts[table].suffix;
            std::string csv = csv_header(layouts[table]);
            for (const auto& [label, finding] : job.findings)
                csv += csv_lines(finding, table, layouts[table], label, &finding == standard);
            write_file_atomically(output + "/" + name + ".csv", csv);
            json["tables"].push_back({{"csv", name + ".csv"}, {"picture", layouts[table].picture}});
            pictures.emplace_back(layouts[table].picture, output + "/" + name);
        }
        summary["observables"].push_back(std::move(json));
    }
    write_file_atomically(output + "/summary.json", summary.dump(2) + "\n");
    text.pop_back();
    console.result(text);
    console.info(fmt::format("numbers: {}/summary.json and the CSV of each observable", output));
    if (!settings.with_pictures) return;
    for (const auto& [kind, base] : pictures)
        if (!draw_picture(kind, base + ".csv", base, console)) break;
}

}  // namespace mlff::app
