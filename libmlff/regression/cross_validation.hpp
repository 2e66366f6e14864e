#pragma once

#include <span>
#include <utility>
#include <vector>

#include "libmlff/regression/regression.hpp"

namespace mlff {

/// Regression data of a training set in parts, so that each part can be predicted by a fit that has not seen it.
/// Because a part is known by its triangular factors, this needs no second pass over the structures.
class PartedData {
 public:
    /// @param n_parts     parts to train on and to predict in turn; with `held_out` one more, number n_parts, that is
    ///                    only predicted, never trained on
    /// @throws std::invalid_argument if n_parts < 1
    PartedData(Eigen::Index n_references, const std::vector<int>& species, int n_parts, bool held_out);

    void add(int part, const DesignRows& rows, const LabeledStructure& structure);

    /// The same structures with some of the references only (ascending indices).
    [[nodiscard]] PartedData restricted_to(const std::vector<Eigen::Index>& references) const;

    /// All parts to train on, or all of them but one.
    [[nodiscard]] RegressionData training() const { return training_without(-1); }
    [[nodiscard]] RegressionData training_without(int part) const;

    /// What these say without merging the factors.
    [[nodiscard]] LabelStatistics training_labels() const;
    [[nodiscard]] Eigen::MatrixXd training_distances() const;
    [[nodiscard]] LabelErrors training_errors(const Eigen::VectorXd& weights, const Eigen::VectorXd& e0) const;

    [[nodiscard]] int n_parts() const { return static_cast<int>(parts_.size()) - (held_out_ ? 1 : 0); }
    [[nodiscard]] bool held_out() const { return held_out_; }
    /// Whether there is anything that a fit has not seen: a held-out part, or at least two parts.
    [[nodiscard]] bool can_validate() const { return held_out_ || parts_.size() > 1; }
    [[nodiscard]] const RegressionData& part(int part) const { return parts_[static_cast<std::size_t>(part)]; }
    [[nodiscard]] std::span<RegressionData> parts() { return parts_; }  ///< the held-out one last

 private:
    PartedData(std::vector<RegressionData> parts, bool held_out) : parts_(std::move(parts)), held_out_(held_out) {}

    std::vector<RegressionData> parts_;
    bool held_out_;
};

/// A fit to all that may be trained on, and its errors on what a fit has not seen.
struct Validated {
    Solution solution;
    LabelErrors errors;
};

/// Fits, and predicts what was not seen: the held-out part, else each part by a fit to the others, with the precisions
/// (s_w, s_v) of the fit to all. Errors are 0 if there is nothing to predict (PartedData::can_validate).
/// Cost: one solution, and for each part 2 N_B³ per other part.
[[nodiscard]] Validated validate(const PartedData& data, const std::vector<bayes::CholeskyFactor>& prior,
                                 const RegressionOptions& options);

}  // namespace mlff
