#include "app/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "libmlff/atoms/errors.hpp"

namespace mlff::app {
namespace {

using nlohmann::ordered_json;

constexpr double rounding = 1e-12;        ///< a smaller error, relative to its number, counts as none
constexpr double same_coordinate = 1e-6;  ///< relative to the largest of them

/// A field of a CSV line, quoted if necessary.
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + '"';
}

/// Number of leading rows that two series have in common; 0 if their coordinates differ.
Eigen::Index common_rows(const Series& a, const Series& b) {
    const Eigen::Index n = std::min(a.coordinates[0].size(), b.coordinates[0].size());
    for (std::size_t c = 0; c < a.coordinates.size(); ++c) {
        const Eigen::ArrayXd x = a.coordinates[c].head(n), y = b.coordinates[c].head(n);
        if (n > 0 && !((x - y).abs().maxCoeff() <= same_coordinate * x.abs().maxCoeff())) return 0;
    }
    return n;
}

const Series* find(const Finding& finding, const Series& wanted) {
    const auto found = std::find_if(finding.series.begin(), finding.series.end(),
                                    [&](const Series& s) { return s.table == wanted.table && s.keys == wanted.keys; });
    return found == finding.series.end() ? nullptr : &*found;
}

std::optional<double> mean_error(const Eigen::ArrayXd& values) {
    const auto n = static_cast<double>(values.size());
    return std::sqrt((values - values.mean()).square().sum() / (n * (n - 1.0)));
}

Series average_series(const std::vector<Finding>& runs, std::size_t k, const std::string& label) {
    Series out = runs[0].series[k];
    Eigen::Index n = out.coordinates[0].size();
    std::vector<const Series*> all;
    for (const Finding& run : runs) {
        const Series* other = find(run, out);
        const Eigen::Index common = other ? common_rows(out, *other) : 0;
        if (common == 0 && n > 0)
            throw InputError(
                fmt::format("the runs of '{}' cannot be averaged: their {} {} differ; runs of one label need equal "
                            "frames and length",
                            label, fmt::join(out.keys, " "), other ? "coordinates" : "curves"));
        n = std::min(n, common);
        all.push_back(other);
    }
    for (auto& coordinate : out.coordinates) coordinate.conservativeResize(n);
    const auto n_runs = static_cast<double>(runs.size());
    for (std::size_t v = 0; v < out.values.size(); ++v) {
        Eigen::ArrayXd mean = Eigen::ArrayXd::Zero(n), squares = mean;
        for (const Series* run : all) mean += run->values[v].head(n) / n_runs;
        for (const Series* run : all) squares += (run->values[v].head(n) - mean).square();
        out.values[v] = mean;
        out.errors[v] = (squares / (n_runs * (n_runs - 1.0))).sqrt();
    }
    return out;
}

ordered_json number(const std::optional<double>& value) {
    return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json(nullptr);
}

/// json["a"]["b"] for "a/b".
ordered_json& member(ordered_json& json, const std::string& name) {
    const auto slash = name.find('/');
    return slash == std::string::npos ? json[name] : json[name.substr(0, slash)][name.substr(slash + 1)];
}

ordered_json compare_series(const Series& a, const Series& b, Eigen::Index n, bool radial) {
    const Eigen::ArrayXd x = a.values[0].head(n), y = b.values[0].head(n), deviation = (x - y).abs();
    Eigen::ArrayXd weights = Eigen::ArrayXd::Ones(n);
    if (radial) weights = a.coordinates.back().head(n).square();
    Eigen::Index worst = 0;
    const double largest = deviation.maxCoeff(&worst);
    ordered_json where = ordered_json::array();
    for (const auto& coordinate : a.coordinates) where.push_back(coordinate[worst]);
    const double total = (weights * y.abs()).sum(), both = 0.5 * (weights * (x + y)).sum();
    // The overlap of densities; curves that change sign, such as an autocorrelation, have none. A filter may leave
    // small negative values.
    const bool density = (weights * (x.abs() + y.abs())).sum() <= 2.02 * both;
    ordered_json json = {{"largest_deviation", largest}, {"at", where}};
    json["integrated_deviation"] =
        total > 0.0 ? ordered_json((weights * deviation).sum() / total) : ordered_json(nullptr);
    json["overlap"] = both > 0.0 && density ? ordered_json((weights * x.min(y)).sum() / both) : ordered_json(nullptr);
    return json;
}

}  // namespace

Finding average(const std::vector<Finding>& runs, const std::string& label) {
    if (runs.size() == 1) return runs[0];
    Finding out;
    out.runs = static_cast<int>(runs.size());
    for (std::size_t k = 0; k < runs[0].series.size(); ++k) out.series.push_back(average_series(runs, k, label));
    for (std::size_t e = 0; e < runs[0].entries.size(); ++e) {
        Entry entry = runs[0].entries[e];
        entry.details = ordered_json::object();
        for (std::size_t s = 0; s < entry.scalars.size(); ++s) {
            Scalar& scalar = entry.scalars[s];
            Eigen::ArrayXd values(static_cast<Eigen::Index>(runs.size()));
            bool known = true;
            ordered_json each = ordered_json::array();
            for (std::size_t r = 0; r < runs.size(); ++r) {
                const auto& same = runs[r].entries;
                if (e >= same.size() || same[e].name != entry.name || s >= same[e].scalars.size())
                    throw InputError(
                        fmt::format("the runs of '{}' cannot be averaged: they are not of one system", label));
                const auto& value = same[e].scalars[s].value;
                known = known && value;
                if (value) values[static_cast<Eigen::Index>(r)] = *value;
                each.push_back(number(value));
            }
            entry.details["of_each_run"][scalar.name] = each;
            scalar.value = known ? std::optional(values.mean()) : std::nullopt;
            scalar.error = known ? mean_error(values) : std::nullopt;
            if (scalar.error_name.empty()) scalar.error_name = scalar.name + "_error";
        }
        out.entries.push_back(std::move(entry));
    }
    for (std::size_t r = 0; r < runs.size(); ++r)
        for (const std::string& warning : runs[r].warnings)
            out.warnings.push_back(fmt::format("run {}: {}", r + 1, warning));
    return out;
}

std::string csv_header(const TableLayout& layout) {
    std::vector<std::string> names = {"label"};
    names.insert(names.end(), layout.keys.begin(), layout.keys.end());
    names.insert(names.end(), layout.coordinates.begin(), layout.coordinates.end());
    for (const ValueColumn& value : layout.values) {
        names.push_back(value.name);
        if (!value.error.empty()) names.push_back(value.error);
    }
    return fmt::format("{},runs,role\n", fmt::join(names, ","));
}

std::string csv_lines(const Finding& finding, std::size_t table, const TableLayout& layout, const std::string& label,
                      bool is_reference) {
    fmt::memory_buffer out;
    for (const Series& series : finding.series) {
        if (series.table != table) continue;
        std::string begin = csv_field(label);
        for (const auto& key : series.keys) begin.append(1, ',').append(csv_field(key));
        for (Eigen::Index k = 0; k < series.coordinates[0].size(); ++k) {
            out.append(begin);
            for (const auto& coordinate : series.coordinates)
                fmt::format_to(std::back_inserter(out), ",{:.10g}", coordinate[k]);
            for (std::size_t v = 0; v < layout.values.size(); ++v) {
                fmt::format_to(std::back_inserter(out), ",{:.10g}", series.values[v][k]);
                if (layout.values[v].error.empty()) continue;
                out.push_back(',');
                if (series.errors[v]) fmt::format_to(std::back_inserter(out), "{:.3g}", (*series.errors[v])[k]);
            }
            fmt::format_to(std::back_inserter(out), ",{},{}\n", finding.runs, is_reference ? "reference" : "");
        }
    }
    return fmt::to_string(out);
}

ordered_json to_json(const Finding& finding) {
    ordered_json json = ordered_json::object();
    for (const Entry& entry : finding.entries) {
        ordered_json& here = json[entry.name] = ordered_json::object();
        if (finding.runs > 1) here["runs"] = finding.runs;
        for (const Scalar& scalar : entry.scalars) {
            member(here, scalar.name) = number(scalar.value);
            if (!scalar.error_name.empty()) member(here, scalar.error_name) = number(scalar.error);
        }
        here.update(entry.details);
    }
    return json;
}

std::string to_text(const Finding& finding, const std::string& label) {
    std::string text;
    for (const Entry& entry : finding.entries) {
        std::vector<std::string> parts;
        for (const Scalar& scalar : entry.scalars) {
            if (!scalar.value || scalar.text.empty()) continue;
            std::string part = fmt::format("{} {:.4g}", scalar.text, *scalar.value);
            if (scalar.error && *scalar.error > rounding * std::abs(*scalar.value))
                part += fmt::format(" ± {:.2g}", *scalar.error);
            parts.push_back(part + (scalar.unit.empty() ? "" : " " + scalar.unit));
        }
        if (parts.empty()) parts.emplace_back("nothing to tell");
        const std::string who = finding.runs > 1 ? fmt::format("{} ({} runs)", label, finding.runs) : label;
        text += fmt::format("  {:<20} {:<7} {}\n", who, entry.name, fmt::join(parts, "; "));
    }
    return text;
}

ordered_json compare(const Finding& finding, const Finding& reference, const std::vector<TableLayout>& layouts) {
    ordered_json json = ordered_json::object();
    for (const Entry& entry : finding.entries) {
        const auto other = std::find_if(reference.entries.begin(), reference.entries.end(),
                                        [&](const Entry& e) { return e.name == entry.name; });
        if (other == reference.entries.end()) continue;
        for (const Scalar& scalar : entry.scalars)
            for (const Scalar& same : other->scalars) {
                if (same.name != scalar.name || !scalar.value || !same.value) continue;
                ordered_json& here = json[entry.name][scalar.name];
                here["difference"] = *scalar.value - *same.value;
                if (!scalar.error || !same.error) continue;
                const double error = std::hypot(*scalar.error, *same.error);
                if (error > 0.0) here["standard_errors"] = std::abs(*scalar.value - *same.value) / error;
            }
    }
    for (const Series& series : finding.series) {
        const Series* other = find(reference, series);
        const Eigen::Index n = other ? common_rows(series, *other) : 0;
        const TableLayout& layout = layouts[series.table];
        if (n > 0)
            json["curves"][layout.values[0].name][fmt::format("{}", fmt::join(series.keys, " "))] =
                compare_series(series, *other, n, layout.radial);
    }
    return json;
}

}  // namespace mlff::app
