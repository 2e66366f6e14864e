#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/pictures.hpp"
#include "app/report_page.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/model/version.hpp"

namespace mlff::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// A temporary directory for pictures of the page.
class Scratch {
 public:
    Scratch() {
        std::string name = (fs::temp_directory_path() / "mlff-report-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error(name + ": cannot be made");
        path_ = name;
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    /// An unused file name, without ending.
    [[nodiscard]] std::string next() { return (path_ / std::to_string(n_++)).string(); }

 private:
    fs::path path_;
    int n_ = 0;
};

ordered_json read_json(const fs::path& path) {
    try {
        return ordered_json::parse(read_text_file(path.string()));
    } catch (const nlohmann::json::exception& error) {
        throw InputError(fmt::format("{}: is not valid JSON ({})", path.string(), error.what()));
    }
}

std::string text_of(const ordered_json& value) {
    if (value.is_null()) return "–";
    if (value.is_number_float()) return fmt::format("{:.4g}", value.get<double>());
    return value.is_string() ? value.get<std::string>() : value.dump();
}

/// "D_fit_cm2_per_s" as words, "D fit (cm²/s)".
std::string words_of(std::string name) {
    // Longer endings come before shorter ones that they contain.
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> units = {{
        {"_fs_per_degree", " (fs/degree)"},
        {"_per_A_degree", " (1/(Å degree))"},
        {"_degrees_per_fs", " (degrees/fs)"},
        {"_cm2_per_s", " (cm²/s)"},
        {"_S_per_cm", " (S/cm)"},
        {"_per_degree", " (1/degree)"},
        {"_per_cm", " (cm⁻¹)"},
        {"_per_A3", " (Å⁻³)"},
        {"_degrees", " (degrees)"},
        {"_e2_A2", " (e² Å²)"},
        {"_A2", " (Å²)"},
        {"_eV", " (eV)"},
        {"_A", " (Å)"},
        {"_K", " (K)"},
    }};
    std::string unit;
    for (const auto& [ending, text] : units)
        if (unit.empty() && name.ends_with(ending)) {
            name.resize(name.size() - ending.size());
            unit = text;
        }
    std::replace(name.begin(), name.end(), '_', ' ');
    return name + unit;
}

/// Heading of an observable.
std::string title_of(const std::string& kind) {
    static const std::map<std::string, std::string> titles = {{"rdf", "Pair correlation functions"},
                                                              {"msd", "Mean square displacement and diffusion"},
                                                              {"vdos", "Vibrations"},
                                                              {"van_hove", "Van Hove functions"},
                                                              {"tetrahedra", "Angles of tetrahedra"},
                                                              {"distance_angle", "Distance and angle"},
                                                              {"conductivity", "Conductivity"},
                                                              {"arrhenius", "Arrhenius"}};
    const auto found = titles.find(kind);
    return found == titles.end() ? words_of(kind) : found->second;
}

/// The directory and its subdirectories, two levels deep, in order of their names.
std::vector<fs::path> directories(const fs::path& root) {
    std::vector<fs::path> found = {root};
    for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator(); ++entry) {
        if (entry.depth() >= 1) entry.disable_recursion_pending();
        if (entry->is_directory()) found.push_back(entry->path());
    }
    std::sort(found.begin() + 1, found.end());
    return found;
}

/// Name of a part of the report: its path inside the requested directory.
std::string name_of(const fs::path& part, const fs::path& root) {
    return part == root ? fs::absolute(root).lexically_normal().filename().string()
                        : part.lexically_relative(root).string();
}

class Report {
 public:
    explicit Report(const fs::path& root)
        : root_(root), page_("Report of " + name_of(root, root)), parts_(directories(root)) {}

    std::string write() {
        page_.paragraph(
            fmt::format("Written by mlff {}. Units: eV, Å, fs, K unless stated. Errors are standard errors.", version));
        training();
        production();
        errors();
        observables();
        speed();
        settings();
        if (n_parts_ == 0)
            throw InputError(
                fmt::format("{}: nothing to report: neither the directory of a train, run or analyze nor one "
                            "that holds some",
                            root_.string()));
        return page_.html();
    }

 private:
    static bool is_training(const fs::path& part) {
        return fs::exists(part / "training.xyz") && fs::exists(part / "log");
    }

    void picture(const std::string& kind, const fs::path& input, const std::string& caption) {
        const std::string base = scratch_.next();
        (void)draw_picture(kind, input.string(), base, Console(true, ""));
        page_.picture(base, caption);
    }

    void training() {
        bool first = true;
        for (const fs::path& part : parts_) {
            if (!is_training(part)) continue;
            if (std::exchange(first, false)) page_.section("Learning");
            ++n_parts_;
            page_.subsection(name_of(part, root_));
            if (fs::exists(part / "status.json")) {
                const ordered_json status = read_json(part / "status.json");
                std::vector<std::vector<std::string>> rows = {{"", "value"}};
                for (const char* key :
                     {"state", "reason", "steps", "reference_calls", "threshold", "beef_max", "temperature"})
                    if (status.contains(key)) rows.push_back({words_of(key), text_of(status[key])});
                for (const char* key : {"local_references", "force_rmse"})
                    if (status.contains(key) && status[key].is_object())
                        for (const auto& [symbol, value] : status[key].items())
                            rows.push_back({words_of(key) + ", " + symbol, text_of(value)});
                page_.table(rows);
            }
            picture("learning", part / "log",
                    "Largest error estimate of the forces (BEEF) and threshold against the number of training steps; "
                    "dots: steps that called the reference");
        }
    }

    void production() {
        bool first = true;
        for (const fs::path& part : parts_) {
            if (!fs::exists(part / "production.h5")) continue;
            if (std::exchange(first, false)) page_.section("Force field of the runs");
            const ForceField model = read_model((part / "production.h5").string());
            if (!model.production()) continue;
            page_.paragraph(fmt::format(
                "{}: {}. This production form is cheaper than the force field that was learned, and loses {:.2f} % in "
                "the errors of forces or energies, measured on {}. Errors below are those of this form.",
                name_of(part, root_), ForceFieldCalculator(model).description(), 100.0 * model.production()->loss,
                model.production()->measured_on));
        }
    }

    void errors() {
        bool first = true;
        for (const fs::path& part : parts_) {
            if (!fs::exists(part / "errors.json")) continue;
            if (std::exchange(first, false)) page_.section("Errors of the force field");
            ++n_parts_;
            const ordered_json errors = read_json(part / "errors.json");
            page_.paragraph(fmt::format("{}: {} structures, {} atoms with labels of the reference.",
                                        name_of(part, root_), text_of(errors.value("structures", ordered_json())),
                                        text_of(errors.value("atoms", ordered_json()))));
            std::vector<std::vector<std::string>> rows = {{"", "MAE", "RMSE"}};
            const auto add = [&](const std::string& name, const ordered_json& block) {
                if (block.is_object() && block.contains("mae"))
                    rows.push_back({name, text_of(block["mae"]), text_of(block["rmse"])});
            };
            add("energy (meV/atom)", errors.value("energy", ordered_json()));
            add("force (meV/Å)", errors.value("force", ordered_json()));
            add("stress (GPa)", errors.value("stress", ordered_json()));
            if (errors.contains("by_species"))
                for (const auto& [symbol, block] : errors["by_species"].items())
                    add(fmt::format("force, {} (meV/Å)", symbol), block.value("force", ordered_json()));
            page_.table(rows);
            if (fs::exists(part / "parity.csv"))
                picture("parity", part / "parity.csv", "Force components by species, force field against reference");
        }
    }

    void observables() {
        for (const fs::path& part : parts_) {
            if (!fs::exists(part / "summary.json")) continue;
            const ordered_json summary = read_json(part / "summary.json");
            if (!summary.contains("observables") || !summary.contains("trajectories")) continue;
            ++n_parts_;
            page_.section("Observables: " + name_of(part, root_));
            std::vector<std::vector<std::string>> runs = {
                {"run", "atoms", "frames", "spacing (fs)", "length (ps)", "files"}};
            for (const ordered_json& run : summary["trajectories"])
                runs.push_back({text_of(run["label"]), text_of(run["atoms"]), text_of(run["frames"]),
                                text_of(run["spacing_fs"]),
                                fmt::format("{:.4g}", 1e-3 * run["length_fs"].get<double>()),
                                fmt::format("{}", fmt::join(run["files"].get<std::vector<std::string>>(), ", "))});
            page_.table(runs);
            for (const ordered_json& observable : summary["observables"]) describe(observable, part);
        }
    }

    void describe(const ordered_json& observable, const fs::path& part) {
        const std::string kind = observable["type"].get<std::string>();
        page_.subsection(title_of(kind));
        for (const ordered_json& table : observable.value("tables", ordered_json::array())) {
            const fs::path csv = part / table["csv"].get<std::string>();
            const std::string base = (csv.parent_path() / csv.stem()).string();
            const std::string caption = words_of(csv.stem().string()) +
                                        ". Bands: deviation between runs that were averaged, else standard error.";
            if (fs::exists(base + ".svg") || fs::exists(base + ".png"))
                page_.picture(base, caption);
            else
                picture(table["picture"].get<std::string>(), csv, caption);
        }
        numbers(observable.value("runs", ordered_json::object()));
        if (observable.contains("all")) numbers({{"all runs", observable["all"]}});
        if (observable.contains("deviation_from_reference")) deviations(observable["deviation_from_reference"]);
    }

    /// "value ± error" of every number by its path inside the entry.
    static void flatten(const ordered_json& entry, const std::string& prefix, std::map<std::string, std::string>& out,
                        std::vector<std::string>& order) {
        for (const auto& [key, value] : entry.items()) {
            if (value.is_object() && key != "of_each_run") flatten(value, prefix + key + ": ", out, order);
            const auto mark = key.find("_error");
            if (key == "runs") continue;  // in the table of the runs
            if (!value.is_number() || (mark != std::string::npos && entry.contains(std::string(key).erase(mark, 6))))
                continue;
            std::string text = text_of(value);
            for (const auto& [other, error] : entry.items()) {
                const auto at = other.find("_error");
                if (at != std::string::npos && std::string(other).erase(at, 6) == key && error.is_number())
                    text += fmt::format(" ± {:.2g}", error.get<double>());
            }
            if (!out.contains(prefix + key)) order.push_back(prefix + key);
            out[prefix + key] = text;
        }
    }

    /// One row per number, one column per label.
    void numbers(const ordered_json& runs) {
        std::vector<std::string> head = {""}, order;
        std::vector<std::map<std::string, std::string>> columns;
        for (const auto& [label, entries] : runs.items()) {
            head.push_back(label);
            columns.emplace_back();
            for (const auto& [name, entry] : entries.items()) {
                std::map<std::string, std::string> values;
                std::vector<std::string> keys;
                flatten(entry, name + ", ", values, keys);
                for (const std::string& key : keys)
                    if (std::find(order.begin(), order.end(), key) == order.end()) order.push_back(key);
                columns.back().merge(values);
            }
        }
        std::vector<std::vector<std::string>> rows = {head};
        for (const std::string& key : order) {
            rows.push_back({words_of(key)});
            for (const auto& column : columns) rows.back().push_back(column.contains(key) ? column.at(key) : "–");
        }
        if (rows.size() > 1) page_.table(rows);
    }

    void deviations(const ordered_json& by_label) {
        std::vector<std::vector<std::string>> curves = {
            {"deviation from the reference", "largest", "at", "integrated", "overlap"}};
        std::vector<std::vector<std::string>> scalars = {
            {"difference from the reference", "difference", "standard errors"}};
        for (const auto& [label, deviation] : by_label.items())
            for (const auto& [entry, values] : deviation.items()) {
                for (const auto& [name, value] : values.items()) {
                    if (entry != "curves") {
                        scalars.push_back({fmt::format("{}: {}, {}", label, entry, words_of(name)),
                                           text_of(value["difference"]),
                                           text_of(value.value("standard_errors", ordered_json()))});
                        continue;
                    }
                    for (const auto& [curve, numbers_] : value.items()) {
                        std::vector<std::string> place;
                        for (const ordered_json& x : numbers_["at"]) place.push_back(text_of(x));
                        curves.push_back({fmt::format("{}: {} {}", label, words_of(name), curve),
                                          text_of(numbers_["largest_deviation"]),
                                          fmt::format("{}", fmt::join(place, ", ")),
                                          text_of(numbers_["integrated_deviation"]), text_of(numbers_["overlap"])});
                    }
                }
            }
        if (scalars.size() > 1) page_.table(scalars);
        if (curves.size() > 1) page_.table(curves);
    }

    void speed() {
        std::vector<std::vector<std::string>> rows = {{"run", "atoms", "steps", "µs per atom and step", "state"}};
        std::vector<std::string> reasons;
        for (const fs::path& part : parts_) {
            if (!fs::exists(part / "status.json")) continue;
            const ordered_json status = read_json(part / "status.json");
            if (!status.contains("microseconds_per_atom_step")) continue;
            if (status.contains("reason"))
                reasons.push_back(fmt::format("{}: {}.", name_of(part, root_), text_of(status["reason"])));
            rows.push_back({name_of(part, root_), text_of(status["atoms"]), text_of(status["steps"]),
                            text_of(status["microseconds_per_atom_step"]), text_of(status["state"])});
        }
        if (rows.size() == 1) return;
        n_parts_ += 1;
        page_.section("Speed");
        page_.table(rows);
        for (const std::string& reason : reasons) page_.paragraph(reason);
    }

    void settings() {
        bool first = true;
        for (const fs::path& part : parts_) {
            if (!fs::exists(part / "settings.yaml")) continue;
            if (std::exchange(first, false)) page_.section("Settings");
            page_.details(name_of(part, root_), read_text_file((part / "settings.yaml").string()));
        }
    }

    fs::path root_;
    ReportPage page_;
    Scratch scratch_;
    std::vector<fs::path> parts_;
    int n_parts_ = 0;
};

}  // namespace

void report(const ReportArguments& arguments, const Console& console) {
    if (!fs::is_directory(arguments.directory))
        throw InputError(arguments.directory +
                         ": is no directory; the output of train, run, analyze or study is needed");
    const std::string output =
        arguments.output.empty() ? (fs::path(arguments.directory) / "report.html").string() : arguments.output;
    write_file_atomically(output, Report(arguments.directory).write());
    console.info("report: " + output);
}

}  // namespace mlff::app
