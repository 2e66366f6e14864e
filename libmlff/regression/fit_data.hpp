#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "bayes/lapack.hpp"
#include "libmlff/regression/cross_validation.hpp"
#include "libmlff/regression/reference_selection.hpp"

namespace mlff {

struct FitOptions {
    ForceFieldOptions force_field;
    RegressionOptions regression;
    SelectionOptions selection{.method = SelectionMethod::cholesky, .tolerance = 1e-9};
    Eigen::Index max_references = 2000;  ///< of the species that has most, ≥ 1
    ReferenceShares shares = ReferenceShares::equal;
    Eigen::Index pool = 0;             ///< candidates of the species that has most; 0: three for each reference
    std::vector<ReferenceList> given;  ///< per channel: candidates in place of atoms from all over the data
    int folds = 5;            ///< parts for leave-out errors if there are no validation data; 1: no such errors, ≥ 1
    std::int64_t memory = 0;  ///< budget [bytes]; 0 is no limit
    Executor* executor = nullptr;  ///< who does the work; null: this process

    /// Candidates of the species that has most, if there are as many atoms; the others have theirs in proportion.
    [[nodiscard]] Eigen::Index candidates() const { return pool > 0 ? pool : 3 * max_references; }

    [[nodiscard]] Executor& workers() const { return executor != nullptr ? *executor : this_process(); }

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// The fit with the plain kernel whose gradients a learned metric comes from: a third of the candidates as references,
/// at most 3000 of the species that has most.
[[nodiscard]] FitOptions first_fit_for_metric(const FitOptions& options);

/// Local references for a fit, the most informative first, within the limits of each species.
[[nodiscard]] std::vector<LocalReferences> choose_references(const std::vector<LabeledStructure>& data,
                                                             const FitOptions& options,
                                                             const descriptors::Descriptor& descriptor,
                                                             const std::vector<int>& species, const Progress& progress);

constexpr double program_bytes = 45e6;  ///< of the program itself, libraries and tables included

/// What a fit will need at most.
struct FitForecast {
    Eigen::Index max_references = 0;                   ///< of the species that has most, after the memory budget
    std::vector<Eigen::Index> references, candidates;  ///< per channel
    Eigen::Index n_references = 0;                     ///< of all species
    int folds = 1;                                     ///< after the memory budget
    double bytes = 0.0;
    bool reduced = false;  ///< the budget allows fewer references than asked for
};
/// What the memory of a fit depends on.
struct FitSize {
    Eigen::Index n_components = 0, n_references = 0;
    std::vector<Eigen::Index> references;  ///< per channel
    Eigen::Index largest = 0;              ///< atoms of the largest structure
    int folds = 1;
};
/// Local references of all species that a fit by one rank can have: with the labels they are the columns of a matrix.
constexpr Eigen::Index most_references = bayes::lapack::largest_order - 1;

/// First the folds are given up to keep the budget, then references.
/// @param fitting  numbers (8 bytes) that the regression itself holds at most
/// @throws InputError for more references or candidates than LAPACK can hold
[[nodiscard]] FitForecast forecast_fit(const std::vector<LabeledStructure>& training, const FitOptions& options,
                                       const std::function<double(const FitSize&)>& fitting);
/// @throws InputError if one rank cannot solve it: LAPACK cannot hold so many references
void require_one_rank(const FitForecast& forecast);
/// Of a TrainingPass; of rank 0, which has the most.
[[nodiscard]] FitForecast forecast_fit(const std::vector<LabeledStructure>& training,
                                       const std::vector<LabeledStructure>& validation, const FitOptions& options);

/// One pass over labelled data: local references by pivoted Cholesky (or CUR) from a pool of atoms spread evenly over
/// the data, then design rows structure by structure, worked into triangular factors and forgotten. Memory does not
/// depend on the number of structures. From the factors follow fits of every size (the leading references of each
/// species) and with every weight, and errors on what a fit has not seen, without going through the data again.
class TrainingPass {
 public:
    /// @param validation  never trained on; if empty, the training data are predicted in `folds` parts, each by a fit
    ///                    to the others. Structure k belongs to part k mod folds
    /// @throws InputError if there are no structures, or no atoms with neighbours
    TrainingPass(const std::vector<LabeledStructure>& training, const std::vector<LabeledStructure>& validation,
                 const FitOptions& options, const Progress& progress);

    [[nodiscard]] const PartedData& data() const { return data_; }
    [[nodiscard]] const descriptors::Descriptor& descriptor() const { return *descriptor_; }
    /// All references, the most informative first.
    [[nodiscard]] const std::vector<LocalReferences>& references() const { return references_; }
    /// Of the species that has most.
    [[nodiscard]] Eigen::Index max_references() const;

    /// The same with at most m references of the species that has most, and the same shares.
    [[nodiscard]] TrainingPass with_references(Eigen::Index m) const;

    [[nodiscard]] Validated validate(const RegressionOptions& options) const;

    /// Force field of a solution to all training data.
    [[nodiscard]] ForceField force_field(Solution solution, Provenance provenance) const;

    /// Force field that has not seen a part, with the precisions of the solution to all. For errors on that part: it
    /// does not know its own on the others.
    [[nodiscard]] ForceField force_field_without(int part, const Solution& all, const RegressionOptions& options) const;

 private:
    TrainingPass(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                 std::vector<double> shares, std::vector<LocalReferences> references, PartedData data);

    std::shared_ptr<const descriptors::Descriptor> descriptor_;
    int kernel_power_;
    std::vector<double> shares_;  ///< of each species in the references
    std::vector<LocalReferences> references_;
    PartedData data_;
};

/// Goodness of a fit in one number, for choosing: geometric mean of the force error (rms), counted three times, and the
/// typical energy error, relative to the deviations of the labels; the force error alone if there are no energies.
/// Lower is better. Energies are one per structure: from settings to settings chance changes their error several times
/// as much as that of the forces, and counted the same they would decide nearly alone.
[[nodiscard]] double score(const LabelErrors& errors, const LabelScales& deviations);

/// A fit with the energy weight that gives the best score, out of 1, 3, 10, ... 300, sought from that of `options`.
struct WeightedFit {
    LabelWeights weights;
    Validated fit;
    double score = 0.0;
};
[[nodiscard]] WeightedFit choose_energy_weight(const TrainingPass& pass, RegressionOptions options);

/// A force field fitted to labelled data as `options` say.
[[nodiscard]] ForceField fit_to_data(const std::vector<LabeledStructure>& data, const FitOptions& options,
                                     const Provenance& provenance, const Progress& progress);

}  // namespace mlff
