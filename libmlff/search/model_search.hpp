#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "libmlff/regression/fit_data.hpp"

namespace mlff {

/// One model that was fitted and tested on data outside its fit.
struct Trial {
    ForceFieldOptions force_field;
    LabelWeights weights;
    Eigen::Index max_references = 0;   ///< per species
    Eigen::Index n_references = 0;     ///< of all species
    Eigen::Index descriptor_size = 0;  ///< D
    LabelErrors errors;                ///< on unseen data
    double score = 0.0;                ///< lower is better (fit_data.hpp)
    double microseconds = 0.0;         ///< of one evaluation of energy and forces, per atom, on the present threads
    double seconds = 0.0;              ///< duration of the trial
    bool better = false;               ///< than all before on the same sample, by the score
};

struct SearchOptions {
    double seconds = 900.0;  ///< time budget, including the final pass, > 0
    /// Called with each trial.
    std::function<void(const Trial&)> tell = [](const Trial&) {};

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

struct SearchResult {
    FitOptions options;  ///< as given, with the force field, weights and number of local references found
    std::vector<Trial> trials;
    TrainingPass pass;  ///< over all data with these options
    Validated fit;      ///< result of the options
};

/// Chooses cutoffs, widths, basis sizes, l_max, radial weight, kernel power, compression, energy weight and number of
/// references for labelled data within a budget of time. First a coordinate search on part of the structures with few
/// references and one energy weight: one setting at a time is moved to its neighbouring values, and a move that
/// improves the score on unseen data is kept. The search is repeated twice with more of both, where the best few
/// settings are tried again first. Then references are added as far as time and memory allow, each time with the best
/// energy weight, while the score improves.
///
/// Basis sizes follow from cutoffs and widths: they resolve the structure that the width leaves. The kernel prior is
/// used (it extrapolates better here) unless the given options fix the precisions. The result depends on the speed of
/// the machine; the resolved options reproduce it.
/// @param base  all that is not searched: prior, selection, memory, folds, largest number of references
[[nodiscard]] SearchResult search_model(const std::vector<LabeledStructure>& training,
                                        const std::vector<LabeledStructure>& validation, const FitOptions& base,
                                        const SearchOptions& options, const Progress& progress);

/// Time of one evaluation of energy and forces [µs per atom]: the shortest of a few on a structure of the data.
[[nodiscard]] double measure_speed(const ForceField& force_field, const std::vector<LabeledStructure>& data);

/// The descriptor as given and smaller ones (half and a quarter of the angular components, smaller l_max, fewer radial
/// functions) and with the other compression: each tried on part of the structures with few references. The errors are
/// comparable among themselves only.
[[nodiscard]] std::vector<Trial> compare_descriptors(const std::vector<LabeledStructure>& training,
                                                     const std::vector<LabeledStructure>& validation,
                                                     const FitOptions& options, const Progress& progress);

/// Models of the same pass whose number of references is halved from one to the next: the cost of accuracy. The largest
/// comes first, with the caller's solution `fit`.
[[nodiscard]] std::vector<Trial> compare_sizes(const TrainingPass& pass, const Validated& fit,
                                               const FitOptions& options, const std::vector<LabeledStructure>& data);

}  // namespace mlff
