#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libmlff/learning/training_set.hpp"

namespace mlff {

/// Atomic numbers that occur in any of the structures, ascending.
[[nodiscard]] std::vector<int> species_of(const std::vector<LabeledStructure>& data);

struct FitOptions {
    ForceFieldOptions force_field;
    RegressionOptions regression;
    SelectionOptions selection{.method = SelectionMethod::cholesky, .tolerance = 1e-8};
    Eigen::Index max_references = 2000;  ///< per species, ≥ 1
    std::int64_t memory = 0;             ///< budget [bytes]; 0 is no limit

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// What a fit will need at most.
struct FitForecast {
    Eigen::Index max_references = 0;  ///< per species, after the memory budget
    Eigen::Index n_references = 0;    ///< of all species
    double bytes = 0.0;
    bool reduced = false;  ///< the budget allows fewer references than asked for
};
[[nodiscard]] FitForecast forecast_fit(const std::vector<LabeledStructure>& data, const FitOptions& options);

/// Fits a force field to labelled data: local references by pivoted Cholesky (or CUR) from a pool of atoms spread
/// evenly over the data, then one pass over the structures whose design rows are formed, worked into the triangular
/// factors and forgotten. Memory does not depend on the number of structures.
/// @param progress  told (done, total, what) now and then
/// @throws InputError if the data hold no labels or no atoms with neighbours
[[nodiscard]] ForceField fit_to_data(const std::vector<LabeledStructure>& data, const FitOptions& options,
                                     const Provenance& provenance,
                                     const std::function<void(long, long, const std::string&)>& progress);

}  // namespace mlff
