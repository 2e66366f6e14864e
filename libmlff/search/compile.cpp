#include "libmlff/search/compile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/search/model_search.hpp"

namespace mlff {
namespace {

using Eigen::Index;

constexpr double close_enough = 1.05;   ///< ratio of sizes below which the search ends
constexpr double rounding_loss = 1e-4;  ///< loss by single precision that is always allowed
constexpr double energy_noise = 1e-4;   ///< [eV/atom] few reference calculations are converged better than this
constexpr double infinity = std::numeric_limits<double>::infinity();
/// Weight of the centre itself among the displacements from it, as a share of their trace: with it all directions
/// together span the local references and are exact. It is small, as local environments hardly vary along the centre.
/// Without displacements, as for a single reference, it is the only direction.
constexpr double share_of_centre = 1e-6;

}  // namespace

ProductionForms::ProductionForms(const ForceField& force_field)
    : terms_are_directions_(force_field.kernel_power() == 2) {
    const int power = force_field.kernel_power();
    const Index D = force_field.descriptor().size();
    for (int channel = 0; channel < force_field.n_channels(); ++channel) {
        Expansion<double>& exact = exact_.emplace_back();
        bayes::BalancedDirections& directions = directions_.emplace_back();
        exact.centre.setZero(D);
        exact.slope.setZero(D);
        exact.terms.resize(D, 0);
        const Eigen::MatrixXd& X = force_field.references(channel).features;  // local environments
        const Eigen::MatrixXd& B = force_field.references(channel).multipliers();
        if (X.isZero(0.0)) continue;  // no local references, or atoms without neighbours
        const Eigen::VectorXd w = force_field.posterior().weights().segment(force_field.first(channel), X.cols());

        exact.centre = X.rowwise().mean();
        const Eigen::ArrayXd c = B.transpose() * exact.centre;
        const Eigen::ArrayXd slopes_of_centre = static_cast<double>(power) * c.pow(power - 1);
        exact.constant = (w.array() * c.pow(power)).sum();
        exact.slope = B * (w.array() * slopes_of_centre).matrix();
        if (power == 1) continue;

        const Eigen::MatrixXd Y = X.colwise() - exact.centre;
        Eigen::MatrixXd S = Y * Y.transpose();
        const double length2 = exact.centre.squaredNorm();
        const double weight = share_of_centre * (S.trace() / length2 + share_of_centre);
        S += (weight * exact.centre) * exact.centre.transpose();
        if (power == 2) {
            directions = bayes::balanced_directions(S, B * w.asDiagonal() * B.transpose());
            exact.terms = directions.P;
            exact.weights = directions.values;
        } else {
            Eigen::ArrayXXd slopes = (B.transpose() * X).array();  // dR/d(similarity) at the local references
            slopes = static_cast<double>(power) * slopes.pow(power - 1);
            slopes.colwise() -= slopes_of_centre;
            const Eigen::MatrixXd gradients = B * (slopes.colwise() * w.array()).matrix();
            directions = bayes::balanced_directions(S, gradients * gradients.transpose());
            exact.terms = B;
            exact.weights = w;
        }
        exact.similarities = exact.terms.transpose() * exact.centre;
    }
}

Index ProductionForms::most() const {
    Index most = 0;
    for (std::size_t s = 0; s < exact_.size(); ++s) {
        const Index rank = directions_[s].values.size(), D = exact_[s].terms.rows(), n = exact_[s].terms.cols();
        // D' (n + D) operations with a projection, n D without
        if (rank > 0) most = std::max(most, terms_are_directions_ ? rank : std::min(rank, (n * D - 1) / (n + D)));
    }
    return most;
}

ProductionForm ProductionForms::leading(Index n, bool single_precision) const {
    ProductionForm form;
    form.single_precision = single_precision;
    form.expansions = exact_;
    if (n > most()) return form;
    for (std::size_t s = 0; s < exact_.size(); ++s) {
        Expansion<double>& part = form.expansions[s];
        const Index own = std::min(n, directions_[s].values.size());
        if (own == 0) continue;
        if (terms_are_directions_) {
            part.terms.conservativeResize(Eigen::NoChange, own);
            part.similarities.conservativeResize(own);
            part.weights.conservativeResize(own);
        } else {
            part.projection = directions_[s].P.leftCols(own);
            part.terms = directions_[s].V.leftCols(own).transpose() * exact_[s].terms;
        }
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
    const auto judge = [&](const ForceField& model, Index n_components, bool single_precision) {
        ForceFieldCalculator calculator(model);
        ProductionTrial trial{.n_components = n_components, .single_precision = single_precision, .errors = {}};
        for (const auto& item : data) trial.errors.add(item, calculator.evaluate(item.structure));
        if (!before) before = trial.errors;
        if (!(before->force.rmse() > 0.0))
            throw InputError(
                fmt::format("{}: no forces, or none that differ from the force field's; labelled "
                            "structures that it was not trained on tell what a smaller form loses",
                            data_name));
        trial.loss = trial.errors.force.rmse() / before->force.rmse() - 1.0;
        const double growth = trial.errors.energy.rmse() - before->energy.rmse();
        if (before->energy.rmse() > 0.0)
            trial.loss = std::max(trial.loss, growth / std::max(before->energy.rmse(), energy_noise));
        trial.microseconds = measure_speed(model, data);
        options.tell(trial);
        return trial.loss;
    };
    const Index all = force_field.descriptor().size();
    judge(force_field.with_production({}), all, false);

    const ProductionForms forms(force_field);
    std::optional<ProductionForm> best;
    const auto fits = [&](Index n, bool single, double allowed) {
        ProductionForm form = forms.leading(n, single);
        form.loss = judge(force_field.with_production(form), std::min(n, all), single);
        form.measured_on = data_name;
        const bool enough = form.loss <= allowed;
        if (enough) best = std::move(form);
        return enough;
    };
    // Apart from noise, the loss falls with the number of components.
    const auto search = [&](bool single) {
        Index enough = forms.most() + 1, too_few = 0;
        while (static_cast<double>(enough) > close_enough * static_cast<double>(too_few) && enough > too_few + 1) {
            const double low = std::max<double>(1.0, static_cast<double>(too_few));
            const auto n =
                std::clamp(static_cast<Index>(std::sqrt(static_cast<double>(enough) * low)), too_few + 1, enough - 1);
            (fits(n, single, options.max_loss) ? enough : too_few) = n;
        }
        return best.has_value();
    };
    const Index exact = forms.most() + 1;
    for (const bool single : {true, false}) {
        if (options.max_loss > 0.0 && search(single)) break;
        if (fits(exact, single, single ? std::max(options.max_loss, rounding_loss) : infinity)) break;
    }
    return force_field.with_production(std::move(best));
}

}  // namespace mlff
