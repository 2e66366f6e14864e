#include "libmlff/regression/cross_validation.hpp"

#include <cmath>
#include <optional>
#include <stdexcept>

namespace mlff {
namespace {

using Eigen::Index;

/// Sums over several parts of what the errors are means of, and how many labels they are of.
struct ErrorSums {
    LabelErrors sum;
    LabelCounts n;

    void add(const LabelErrors& rms, const RegressionData& part) {
        const auto gather = [](double& total, double& labels, double value, double count) {
            total += value * value * count;
            labels += count;
        };
        gather(sum.energy, n.energy, rms.energy, part.counts().energy);
        gather(sum.force, n.force, rms.force, part.counts().force);
        gather(sum.stress, n.stress, rms.stress, part.counts().stress);
        sum.energy_typical += rms.energy_typical * part.counts().energy;
    }
    [[nodiscard]] LabelErrors errors() const {
        const auto root = [](double total, double count) { return count > 0.0 ? std::sqrt(total / count) : 0.0; };
        return {root(sum.energy, n.energy), root(sum.force, n.force), root(sum.stress, n.stress),
                n.energy > 0.0 ? sum.energy_typical / n.energy : 0.0};
    }
};

}  // namespace

PartedData::PartedData(Index n_references, const std::vector<int>& species, int n_parts, bool held_out)
    : held_out_(held_out) {
    if (n_parts < 1) throw std::invalid_argument("regression data need at least one part to train on");
    parts_.assign(static_cast<std::size_t>(n_parts + (held_out ? 1 : 0)), RegressionData(n_references, species));
}

void PartedData::add(int part, const DesignRows& rows, const LabeledStructure& structure) {
    parts_.at(static_cast<std::size_t>(part)).add(rows, structure);
}

PartedData PartedData::restricted_to(const std::vector<Index>& references) const {
    std::vector<RegressionData> parts;
    for (const auto& part : parts_) parts.push_back(part.restricted_to(references));
    return {std::move(parts), held_out_};
}

RegressionData PartedData::training_without(int left_out) const {
    std::optional<RegressionData> data;
    for (int k = 0; k < n_parts(); ++k) {
        if (k == left_out) continue;
        if (data)
            data->merge(part(k));
        else
            data = part(k);
    }
    if (!data) throw std::invalid_argument("there is no part left to train on");
    return std::move(*data);
}

LabelStatistics PartedData::training_labels() const {
    LabelStatistics labels;
    for (int k = 0; k < n_parts(); ++k) labels.merge(part(k).labels());
    return labels;
}

Eigen::MatrixXd PartedData::training_distances() const {
    Eigen::MatrixXd distances = part(0).distances();
    for (int k = 1; k < n_parts(); ++k) distances = distances.cwiseMin(part(k).distances());
    return distances;
}

LabelErrors PartedData::training_errors(const Eigen::VectorXd& weights, const Eigen::VectorXd& e0) const {
    ErrorSums errors;
    for (int k = 0; k < n_parts(); ++k) errors.add(part(k).errors(weights, e0), part(k));
    return errors.errors();
}

Validated validate(const PartedData& data, const std::vector<bayes::CholeskyFactor>& prior,
                   const RegressionOptions& options) {
    Solution all = solve(data.training(), prior, options);
    ErrorSums errors;
    const auto predict = [&](int part, const Solution& solution) {
        errors.add(data.part(part).errors(solution.posterior.weights(), solution.e0), data.part(part));
    };
    if (data.held_out()) {
        predict(data.n_parts(), all);
    } else if (data.n_parts() > 1) {
        for (int part = 0; part < data.n_parts(); ++part)
            predict(part, solve_with_precisions(data.training_without(part), prior, options, all));
    }
    return {std::move(all), errors.errors()};
}

}  // namespace mlff
