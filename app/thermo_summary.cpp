#include "app/thermo_summary.hpp"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "analysis/series.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::app {
namespace {

constexpr std::size_t least_rows = 50;

std::vector<std::string_view> columns_of(std::string_view line) {
    std::vector<std::string_view> columns;
    while (true) {
        const std::size_t comma = line.find(',');
        columns.push_back(line.substr(0, comma));
        if (comma == std::string_view::npos) return columns;
        line.remove_prefix(comma + 1);
    }
}

double number(std::string_view text) {
    double value = 0.0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

std::string thermo_summary(const std::string& path, long n_atoms) {
    struct Quantity {
        std::string_view column;
        const char *name, *unit;
        double scale;
    };
    const double per_atom = 1.0 / static_cast<double>(std::max(1L, n_atoms));
    const std::vector<Quantity> wanted = {{"temperature_K", "T", "K", 1.0},
                                          {"pressure_GPa", "P", "GPa", 1.0},
                                          {"potential_eV", "E", "eV/atom", per_atom},
                                          {"volume_A3", "V", "Å³/atom", per_atom},
                                          {"density_g_cm3", "density", "g/cm³", 1.0}};
    LineReader file(path);
    std::string line;
    if (!file.next(line)) return "";
    const std::string header = line;
    const auto names = columns_of(header);
    const auto place = [&](std::string_view name) {
        return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    };
    std::vector<std::pair<const Quantity*, std::vector<double>>> series;
    for (const Quantity& quantity : wanted)
        if (place(quantity.column) < names.size()) series.emplace_back(&quantity, std::vector<double>());
    std::vector<double> times, conserved;
    while (file.next(line)) {
        const auto columns = columns_of(line);
        if (columns.size() != names.size()) continue;
        times.push_back(number(columns[place("time_fs")]));
        conserved.push_back(number(columns[place("conserved_eV")]));
        for (auto& [quantity, values] : series) {
            const std::string_view text = columns[place(quantity->column)];
            if (!text.empty()) values.push_back(quantity->scale * number(text));
        }
    }
    if (times.size() < least_rows) return "";
    std::string text = "means over the last four fifths: ";
    bool first = true;
    for (const auto& [quantity, values] : series) {
        if (values.size() != times.size()) continue;
        analysis::BlockAverage average;
        for (std::size_t k = values.size() / 5; k < values.size(); ++k)
            average.add(Eigen::ArrayXd::Constant(1, values[k]));
        const double mean = average.mean()[0];
        const auto error = average.error();
        text += fmt::format("{}{} {:.6g}{} {}", first ? "" : "; ", quantity->name, mean,
                            error ? fmt::format(" ± {:.2g}", (*error)[0]) : "", quantity->unit);
        first = false;
    }
    const auto n = static_cast<Eigen::Index>(times.size());
    const Eigen::Map<const Eigen::ArrayXd> t(times.data(), n), c(conserved.data(), n);
    const double slope = analysis::fit_line(t, c, Eigen::ArrayXd::Ones(n)).slope;
    return text + fmt::format("\nconserved energy: drift {:.3g} meV/atom per ps, largest change {:.3g} meV/atom",
                              1e6 * slope * per_atom, 1e3 * (c - c[0]).abs().maxCoeff() * per_atom);
}

}  // namespace mlff::app
