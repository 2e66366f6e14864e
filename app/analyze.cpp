#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "analysis/diffusion.hpp"
#include "analysis/pair_correlation.hpp"
#include "app/interrupt.hpp"
#include "app/pictures.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/errors.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/version.hpp"

namespace mlff::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// ------------------------------------------------------------------------------------------------------- settings

/// Atomic number of a symbol of the settings.
int read_element(const ConfigSection& config, const std::string& key, const std::string& symbol) {
    if (!is_element(symbol)) config.fail(key, fmt::format("must hold chemical symbols such as Ag, got '{}'", symbol));
    return atomic_number(symbol);
}

std::vector<int> read_elements(ConfigSection& config, const std::string& key) {
    std::vector<std::string> symbols;
    config.read(key, symbols);
    std::vector<int> elements;
    for (const std::string& symbol : symbols) elements.push_back(read_element(config, key, symbol));
    return elements;
}

std::vector<std::pair<int, int>> read_pairs(ConfigSection& config) {
    std::vector<std::string> words;
    config.read("pairs", words);
    std::vector<std::pair<int, int>> pairs;
    for (const std::string& word : words) {
        const std::size_t dash = word.find('-');
        if (dash == std::string::npos)
            config.fail("pairs", fmt::format("must hold pairs such as Ag-I, got '{}'", word));
        pairs.emplace_back(read_element(config, "pairs", word.substr(0, dash)),
                           read_element(config, "pairs", word.substr(dash + 1)));
    }
    return pairs;
}

/// A positive number that has no default.
std::optional<double> read_optional(ConfigSection& config, const std::string& key) {
    double value = 0.0;
    if (!config.has(key)) return std::nullopt;
    config.read_positive(key, value);
    return value;
}

struct Trajectory {
    std::vector<std::string> files;
    std::string label;
    analysis::TrajectoryReaderOptions options;
};

std::vector<Trajectory> read_trajectories(ConfigSection& config) {
    std::vector<Trajectory> trajectories;
    for (ConfigSection& section : config.sections("trajectories")) {
        Trajectory t;
        section.require("files", t.files);
        if (t.files.empty()) section.fail("files", "is empty; name at least one file");
        t.label = fs::path(t.files[0]).stem().string();
        section.read("label", t.label);
        for (const Trajectory& other : trajectories)
            if (other.label == t.label)
                section.fail("label", fmt::format("is '{}' twice; give every run a label of its own", t.label));
        section.read_non_negative("skip", t.options.skip);
        t.options.timestep = read_optional(section, "timestep");
        t.options.spacing = read_optional(section, "spacing");
        trajectories.push_back(std::move(t));
    }
    if (trajectories.empty())
        config.fail("trajectories", "is missing; name at least one, such as - {files: [run.xyz]}");
    return trajectories;
}

// ----------------------------------------------------------------------------------------------------- observables

/// A field of a CSV line; quoted if it must be.
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + '"';
}

/// What one observable says of one run.
struct Finding {
    std::string csv;                    ///< lines of the table
    ordered_json json;                  ///< for the summary
    std::string text;                   ///< lines for the reader
    std::vector<std::string> warnings;  ///< what the reader must know
};

/// An observable as the settings ask for it: fed with the frames of one run after the other.
class Observable {
 public:
    Observable() = default;
    Observable(const Observable&) = delete;
    Observable& operator=(const Observable&) = delete;
    virtual ~Observable() = default;

    [[nodiscard]] virtual std::string kind() const = 0;  ///< as in the settings; plot.py draws it under the same name
    [[nodiscard]] virtual std::string csv_header() const = 0;
    virtual void begin() = 0;  ///< of a run
    virtual void add(const analysis::Frame& frame) = 0;
    [[nodiscard]] virtual Finding result(const std::string& label) const = 0;
};

class RadialDistribution final : public Observable {
 public:
    explicit RadialDistribution(ConfigSection& config) {
        config.read_positive("r_max", options_.r_max);
        if (config.has("bins")) {
            if (config.has("width")) config.fail("bins", "and width are both given; one of them is enough");
            int bins = 0;
            config.read_positive("bins", bins);
            options_.width = options_.r_max / bins;
        } else {
            config.read_positive("width", options_.width);
        }
        config.read_positive("every", options_.every);
        options_.pairs = read_pairs(config);
        config.validate(options_);
    }
    [[nodiscard]] std::string kind() const override { return "rdf"; }
    [[nodiscard]] std::string csv_header() const override { return "label,pair,r_A,g,g_error,coordination\n"; }
    void begin() override { pairs_ = std::make_unique<analysis::PairCorrelations>(options_); }
    void add(const analysis::Frame& frame) override { pairs_->add(frame); }

    [[nodiscard]] Finding result(const std::string& label) const override {
        Finding finding;
        for (const analysis::PairCorrelation& pair : pairs_->result()) {
            const std::string &a = element_symbol(pair.a), &b = element_symbol(pair.b), name = a + "-" + b;
            for (Eigen::Index k = 0; k < pair.r.size(); ++k)
                finding.csv +=
                    fmt::format("{},{},{:.6g},{:.6g},{},{:.6g}\n", csv_field(label), name, pair.r[k], pair.g[k],
                                pair.error ? fmt::format("{:.3g}", (*pair.error)[k]) : "", pair.coordination[k]);
            ordered_json& json = finding.json[name];
            json = {{"peak_A", nullptr}, {"peak_height", nullptr}, {"minimum_A", nullptr}, {"coordination", nullptr}};
            finding.text += fmt::format("  {:<20} g(r) {:<6}", label, name);
            if (!pair.shell) {
                finding.text += " no peak within r_max\n";
                continue;
            }
            json["peak_A"] = pair.shell->peak;
            json["peak_height"] = pair.shell->height;
            finding.text += fmt::format(" peak {:.3f} Å, height {:.3f}", pair.shell->peak, pair.shell->height);
            if (pair.shell->minimum) {
                const double n = *pair.shell->coordination;
                json["minimum_A"] = *pair.shell->minimum;
                json["coordination"] = {{fmt::format("{} around {}", b, a), n}};
                finding.text += fmt::format("; {:.2f} {} around {}", n, b, a);
                if (a != b) {
                    json["coordination"][fmt::format("{} around {}", a, b)] = n * pair.ratio;
                    finding.text += fmt::format(", {:.2f} {} around {}", n * pair.ratio, a, b);
                }
                finding.text += fmt::format(" within {:.2f} Å", *pair.shell->minimum);
            }
            finding.text += "\n";
        }
        return finding;
    }

 private:
    analysis::PairCorrelationOptions options_;
    std::unique_ptr<analysis::PairCorrelations> pairs_;
};

class Displacement final : public Observable {
 public:
    explicit Displacement(ConfigSection& config) {
        options_.species = read_elements(config, "species");
        options_.framework = read_elements(config, "framework");
        std::vector<double> window = {options_.window_start, options_.window_end};
        config.read("window", window);
        if (window.size() != 2) config.fail("window", "must hold two fractions of the run such as [0.2, 0.5]");
        options_.window_start = window[0];
        options_.window_end = window[1];
        config.read_positive("max_frames", options_.max_frames);
        config.validate(options_);
    }
    [[nodiscard]] std::string kind() const override { return "msd"; }
    [[nodiscard]] std::string csv_header() const override { return "label,species,time_fs,msd_A2,msd_error_A2\n"; }
    void begin() override { msd_ = std::make_unique<analysis::MeanSquareDisplacement>(options_); }
    void add(const analysis::Frame& frame) override { msd_->add(frame); }

    [[nodiscard]] Finding result(const std::string& label) const override {
        const auto optional = [](const std::optional<double>& value) {
            return value ? ordered_json(*value) : ordered_json(nullptr);
        };
        const auto with_error = [](double value, const std::optional<double>& error) {
            return error ? fmt::format("{:.3e} ± {:.1e}", value, *error) : fmt::format("{:.3e}", value);
        };
        Finding finding;
        for (const analysis::Diffusion& d : msd_->result()) {
            const std::string& symbol = element_symbol(d.species);
            for (Eigen::Index k = 0; k < d.time.size(); ++k)
                finding.csv += fmt::format("{},{},{:.8g},{:.6g},{}\n", csv_field(label), symbol, d.time[k], d.msd[k],
                                           d.error ? fmt::format("{:.3g}", (*d.error)[k]) : "");
            finding.json[symbol] = {{"D_fit_cm2_per_s", d.fit},
                                    {"D_fit_error_cm2_per_s", optional(d.fit_error)},
                                    {"D_end_point_cm2_per_s", d.end_point},
                                    {"D_end_point_error_cm2_per_s", optional(d.end_point_error)},
                                    {"window_fs", {d.window_start, d.window_end}},
                                    {"msd_at_end_of_window_A2", d.msd[d.msd.size() - 1]},
                                    {"intercept_A2", d.intercept},
                                    {"exponent", d.exponent},
                                    {"warnings", d.warnings}};
            finding.text += fmt::format("  {:<20} D({:<2}) {} cm²/s by fit from {:.4g} to {:.4g} ps, {} by end point\n",
                                        label, symbol, with_error(d.fit, d.fit_error), 1e-3 * d.window_start,
                                        1e-3 * d.window_end, with_error(d.end_point, d.end_point_error));
            finding.warnings.insert(finding.warnings.end(), d.warnings.begin(), d.warnings.end());
        }
        return finding;
    }

 private:
    analysis::DiffusionOptions options_;
    std::unique_ptr<analysis::MeanSquareDisplacement> msd_;
};

/// An observable and what has been found so far.
struct Job {
    std::unique_ptr<Observable> observable;
    std::string name;  ///< of its files, without ending
    std::string csv;
    ordered_json json;
};

std::vector<Job> read_observables(ConfigSection& config) {
    enum class Kind { rdf, msd };
    std::vector<Job> jobs;
    for (ConfigSection& section : config.sections("observables")) {
        if (!section.has("type")) section.fail("type", "is missing; it must be rdf or msd");
        Kind kind = Kind::rdf;
        section.read_choice("type", kind, {{"rdf", Kind::rdf}, {"msd", Kind::msd}});
        Job job;
        if (kind == Kind::rdf)
            job.observable = std::make_unique<RadialDistribution>(section);
        else
            job.observable = std::make_unique<Displacement>(section);
        const auto same = std::count_if(jobs.begin(), jobs.end(), [&](const Job& other) {
            return other.observable->kind() == job.observable->kind();
        });
        job.name = job.observable->kind() + (same == 0 ? "" : fmt::format("-{}", same + 1));
        job.csv = job.observable->csv_header();
        job.json = {{"type", job.observable->kind()}, {"csv", job.name + ".csv"}, {"runs", ordered_json::object()}};
        jobs.push_back(std::move(job));
    }
    if (jobs.empty()) config.fail("observables", "is missing; name at least one, such as - {type: rdf}");
    return jobs;
}

// -------------------------------------------------------------------------------------------------------- the verb

/// Feeds all observables with one run. @returns what the summary says of the run
ordered_json follow(const Trajectory& trajectory, const std::vector<Job>& jobs, const Console& console) {
    analysis::TrajectoryReader reader(trajectory.files, trajectory.options);
    for (const Job& job : jobs) job.observable->begin();
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
        throw InputError(fmt::format("{}: no frame is left after the first {} fs; lower skip", trajectory.files.back(),
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
            {"files", trajectory.files},
            {"atoms", atoms},
            {"frames", n},
            {"spacing_fs", spacing},
            {"length_fs", last - first},
            {"jumps_unwrapped", reader.n_jumps()}};
}

}  // namespace

void analyze(const std::string& config_path, const Console& console) {
    auto config = ConfigSection::from_file(config_path);
    std::string output = "analysis";
    config.read_path("output", output);
    const std::vector<Trajectory> trajectories = read_trajectories(config);
    std::vector<Job> jobs = read_observables(config);
    config.finish();
    fs::create_directories(output);

    ordered_json summary = {{"mlff", version}, {"trajectories", ordered_json::array()}};
    std::string text;
    for (const Trajectory& trajectory : trajectories) {
        summary["trajectories"].push_back(follow(trajectory, jobs, console));
        for (Job& job : jobs) {
            const Finding finding = job.observable->result(trajectory.label);
            job.csv += finding.csv;
            job.json["runs"][trajectory.label] = finding.json;
            text += finding.text;
            for (const std::string& warning : finding.warnings) console.warn(trajectory.label + ": " + warning);
        }
    }
    for (Job& job : jobs) {
        write_file_atomically(output + "/" + job.name + ".csv", job.csv);
        summary["observables"].push_back(std::move(job.json));
    }
    write_file_atomically(output + "/summary.json", summary.dump(2) + "\n");
    text.pop_back();
    console.result(text);
    console.info(fmt::format("numbers: {}/summary.json and one CSV per observable", output));
    for (const Job& job : jobs) {
        const std::string base = output + "/" + job.name;
        if (!draw_picture(job.observable->kind(), base + ".csv", base, console)) break;
    }
}

}  // namespace mlff::app
