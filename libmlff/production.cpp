#include "libmlff/production.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "bayes/kernel.hpp"
#include "bayes/lapack.hpp"
#include "bayes/selection.hpp"
#include "libmlff/errors.hpp"
#include "libmlff/learning/model_search.hpp"

namespace mlff {
namespace {

using Eigen::Index;

constexpr double negligible = 1e-13;   ///< eigenvalue, as a share of the largest
constexpr double close_enough = 1.05;  ///< sizes that are not told apart any more

struct Eigenvectors {
    Eigen::MatrixXd vectors;
    Eigen::VectorXd values;
};
/// Of Σ_b w_b x_b x_bᵀ, largest |λ| first, without those that are zero to rounding.
Eigenvectors quadratic_form(const Eigen::MatrixXd& X, const Eigen::VectorXd& w) {
    const auto eigen = bayes::lapack::symmetric_eigen(X * w.asDiagonal() * X.transpose());
    std::vector<Index> order(static_cast<std::size_t>(eigen.values.size()));
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Index a, Index b) { return std::abs(eigen.values[a]) > std::abs(eigen.values[b]); });
    const double least = negligible * std::abs(eigen.values[order.front()]);
    while (!order.empty() && !(std::abs(eigen.values[order.back()]) > least)) order.pop_back();
    return {eigen.vectors(Eigen::all, order), eigen.values(order)};
}

}  // namespace

ProductionTerms::ProductionTerms(const ForceField& force_field) {
    for (int channel = 0; channel < force_field.n_channels(); ++channel) {
        const Eigen::MatrixXd& X = force_field.references(channel).features;
        const Eigen::VectorXd w = force_field.posterior().weights().segment(force_field.first(channel), X.cols());
        Ranked ranked;
        if (X.cols() > 0 && force_field.kernel_power() == 2) {
            Eigenvectors form = quadratic_form(X, w);
            ranked = {std::move(form.vectors), {}, std::move(form.values)};
        } else if (X.cols() > 0) {
            bayes::NestedProjection nested =
                bayes::project_greedily(bayes::kernel_matrix(X, force_field.kernel_power()), w);
            ranked = {X(Eigen::all, nested.order), std::move(nested.L), std::move(nested.coefficients)};
        } else {
            ranked.terms.resize(force_field.descriptor().size(), 0);
        }
        channels_.push_back(std::move(ranked));
    }
}

Index ProductionTerms::most() const {
    Index n = 0;
    for (const auto& channel : channels_) n = std::max(n, channel.coefficients.size());
    return n;
}

ProductionForm ProductionTerms::leading(Index n, bool single_precision) const {
    ProductionForm form;
    form.single_precision = single_precision;
    for (const Ranked& channel : channels_) {
        const Index own = std::min(n, channel.coefficients.size());
        Eigen::VectorXd weights = channel.coefficients.head(own);
        if (channel.L.size() > 0)
            channel.L.topLeftCorner(own, own).triangularView<Eigen::Lower>().transpose().solveInPlace(weights);
        form.terms.emplace_back(channel.terms.leftCols(own));
        form.weights.push_back(std::move(weights));
    }
    return form;
}

void CompileOptions::validate() const {
    if (!(max_loss >= 0.0 && std::isfinite(max_loss)))
        throw std::invalid_argument(fmt::format("max_loss must be 0 or positive, got {}", max_loss));
}

ForceField compile(const ForceField& force_field, const std::vector<LabeledStructure>& data,
                   const std::string& data_name, const CompileOptions& options) {
    options.validate();
    std::optional<ErrorReport> before;
    ProductionTrial last;
    const auto judge = [&](const ForceField& model, Index n_terms, bool single_precision) {
        ForceFieldCalculator calculator(model);
        last = {.n_terms = n_terms, .single_precision = single_precision, .errors = {}};
        for (const auto& item : data) last.errors.add(item, calculator.evaluate(item.structure));
        if (!before) before = last.errors;
        if (!(before->force.rmse() > 0.0))
            throw InputError(
                fmt::format("{}: no forces, or none that differ from the force field's; labelled "
                            "structures that it was not trained on tell what a smaller form loses",
                            data_name));
        last.loss = last.errors.force.rmse() / before->force.rmse() - 1.0;
        if (before->energy.rmse() > 0.0)
            last.loss = std::max(last.loss, last.errors.energy.rmse() / before->energy.rmse() - 1.0);
        last.microseconds = measure_speed(model, data);
        options.tell(last);
        return last.loss;
    };
    Index largest = 0;
    for (const auto& set : force_field.references()) largest = std::max(largest, set.size());
    judge(force_field.with_production({}), largest, false);

    const ProductionTerms terms(force_field);
    const auto with = [&](Index n, bool single) {
        ForceField model = force_field.with_production(terms.leading(n, single));
        return std::pair(judge(model, n, single), std::move(model));
    };
    bool single = true;
    auto best = with(terms.most(), single);
    if (best.first > std::max(options.max_loss, 1e-4)) {
        single = false;
        best = with(terms.most(), single);
    }
    // The loss falls with the size, but for noise.
    Index enough = terms.most(), too_few = 0;
    if (options.max_loss > 0.0)
        while (static_cast<double>(enough) > close_enough * static_cast<double>(too_few) && enough > too_few + 1) {
            const Index middle =
                std::clamp(static_cast<Index>(std::sqrt(static_cast<double>(enough) *
                                                        std::max<double>(1.0, static_cast<double>(too_few)))),
                           too_few + 1, enough - 1);
            auto trial = with(middle, single);
            if (trial.first <= options.max_loss) {
                enough = middle;
                best = std::move(trial);
            } else {
                too_few = middle;
            }
        }
    ProductionForm form = *best.second.production();
    form.loss = best.first;
    form.measured_on = data_name;
    return force_field.with_production(std::move(form));
}

}  // namespace mlff
