#pragma once

#include <Eigen/Core>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

/// Results of observables in one common form: curves and maps for the CSV, numbers with errors for the summary. All are
/// averaged over independent runs and compared with a reference in the same way.
namespace mlff::app {

/// A column of values, and the next column with their standard errors.
struct ValueColumn {
    std::string name;
    std::string error = {};  ///< "": none
};

/// Columns of a CSV: label, keys, coordinates, values, then `runs` (number of averaged runs) and `role`.
struct TableLayout {
    std::string suffix;                    ///< of the file name; "" for the first table of an observable
    std::string picture;                   ///< its kind in plot.py; "": not drawn
    std::vector<std::string> keys;         ///< columns of text that identify a curve, such as pair
    std::vector<std::string> coordinates;  ///< r_A, time_fs, …
    std::vector<ValueColumn> values;
    bool radial = false;  ///< the last coordinate is a distance of a density in space: integrals have the weight r²
};

/// A curve, or a map row by row.
struct Series {
    std::size_t table = 0;  ///< index among the observable's layouts
    std::vector<std::string> keys;
    std::vector<Eigen::ArrayXd> coordinates;            ///< one array for each coordinate, all of one length
    std::vector<Eigen::ArrayXd> values;                 ///< likewise
    std::vector<std::optional<Eigen::ArrayXd>> errors;  ///< of each value
};

/// A number of the summary.
struct Scalar {
    std::string name;  ///< in JSON; "a/b" is b inside of a
    std::string text;  ///< for the reader, such as "D by fit"
    std::string unit = {};
    std::optional<double> value = {};  ///< none: not known from the run
    std::optional<double> error = {};  ///< standard error
    std::string error_name = {};       ///< in JSON; "": the number has no error
};

/// All numbers about one subject, such as a pair of species.
struct Entry {
    std::string name;
    std::vector<Scalar> scalars;
    nlohmann::ordered_json details = nlohmann::ordered_json::object();  ///< further content of the summary
};

/// Result of one observable for one run, or for several.
struct Finding {
    std::vector<Series> series;
    std::vector<Entry> entries;
    std::vector<std::string> warnings;
    int runs = 1;
};

/// Mean over independent runs; errors are those of the mean, from the scatter between the runs. Curves of unequal
/// length are cut to the common length.
/// @throws InputError naming the label if the runs cannot be averaged: other curves, or another grid
[[nodiscard]] Finding average(const std::vector<Finding>& runs, const std::string& label);

/// Lines of the CSV of one table.
[[nodiscard]] std::string csv_header(const TableLayout& layout);
[[nodiscard]] std::string csv_lines(const Finding& finding, std::size_t table, const TableLayout& layout,
                                    const std::string& label, bool is_reference);
/// The numbers as JSON: {entry: {name: value, …}}; with several runs also the number of them.
[[nodiscard]] nlohmann::ordered_json to_json(const Finding& finding);
/// One line per entry.
[[nodiscard]] std::string to_text(const Finding& finding, const std::string& label);

/// Difference of a finding from the reference's. For numbers: difference, and its ratio to the standard error (of both
/// together). For the first values of curves with the same coordinates: the largest deviation and its place, the
/// integral of |a − b| relative to that of the reference, and the overlap ∫ min(a,b) / ∫ ½(a+b).
[[nodiscard]] nlohmann::ordered_json compare(const Finding& finding, const Finding& reference,
                                             const std::vector<TableLayout>& layouts);

}  // namespace mlff::app
