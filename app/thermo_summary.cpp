#include "app/thermo_summary.hpp"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <vector>

#include "analysis/series.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::app {
namespace {

constexpr long least_rows = 50, most_points = 10'000;

struct Quantity {
    std::string_view column;
    const char *name, *unit;
    double scale;
};

struct Mean {
    const Quantity* quantity;
    std::size_t place;  ///< of the column
    analysis::BlockAverage average;
    long n_rows;  ///< that have a value
};

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
    const double per_atom = 1.0 / static_cast<double>(std::max(1L, n_atoms));
    const std::vector<Quantity> wanted = {{"temperature_K", "T", "K", 1.0},
                                          {"pressure_GPa", "P", "GPa", 1.0},
                                          {"potential_eV", "E", "eV/atom", per_atom},
                                          {"volume_A3", "V", "Å³/atom", per_atom},
                                          {"density_g_cm3", "density", "g/cm³", 1.0}};
    const auto n_rows = [&] {  // the file is read twice: a long run does not fit into memory
        LineReader file(path);
        long n = -1;  // the header
        for (std::string line; file.next(line);) ++n;
        return n;
    }();
    if (n_rows < least_rows) return "";
    LineReader file(path);
    std::string header, line;
    file.next(header);
    const auto names = columns_of(header);
    const auto place = [&](std::string_view name) {
        return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    };
    const std::size_t time = place("time_fs"), energy = place("conserved_eV");
    std::vector<Mean> means;
    for (const Quantity& quantity : wanted)
        if (place(quantity.column) < names.size()) means.push_back({&quantity, place(quantity.column), {}, 0});
    const long stride = 1 + n_rows / most_points;
    std::vector<double> times, conserved;  // of the line
    double first = 0.0, largest = 0.0;
    for (long row = 0; file.next(line); ++row) {
        const auto columns = columns_of(line);
        if (columns.size() != names.size()) continue;
        const double now = number(columns[energy]);
        if (row == 0) first = now;
        largest = std::max(largest, std::abs(now - first));
        if (row % stride == 0) {
            times.push_back(number(columns[time]));
            conserved.push_back(now);
        }
        for (Mean& mean : means) {
            if (columns[mean.place].empty()) continue;
            ++mean.n_rows;
            if (row >= n_rows / 5)
                mean.average.add(Eigen::ArrayXd::Constant(1, mean.quantity->scale * number(columns[mean.place])));
        }
    }
    std::string text;
    for (const Mean& mean : means) {
        if (mean.n_rows != n_rows) continue;
        const auto error = mean.average.error();
        text += fmt::format("{}{} {:.6g}{} {}", text.empty() ? "means over the last four fifths: " : "; ",
                            mean.quantity->name, mean.average.mean()[0],
                            error ? fmt::format(" ± {:.2g}", (*error)[0]) : "", mean.quantity->unit);
    }
    const auto n = static_cast<Eigen::Index>(times.size());
    const Eigen::Map<const Eigen::ArrayXd> t(times.data(), n), c(conserved.data(), n);
    const double slope = analysis::fit_line(t, c, Eigen::ArrayXd::Ones(n)).slope;
    return text + fmt::format("\nconserved energy: drift {:.3g} meV/atom per ps, largest change {:.3g} meV/atom",
                              1e6 * slope * per_atom, 1e3 * largest * per_atom);
}

}  // namespace mlff::app
