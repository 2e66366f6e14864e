#include "libmlff/model/force_field.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace mlff {
namespace {

using Eigen::Index;

void require_consistent(const Expansion<double>& expansion, Index n_components) {
    const auto& [constant, centre, slope, projection, terms, similarities, weights] = expansion;
    const Index n_rows = projection.cols() > 0 ? projection.cols() : n_components;
    if (centre.size() != n_components || slope.size() != n_components ||
        (projection.cols() > 0 && projection.rows() != n_components) || terms.rows() != n_rows ||
        terms.cols() != weights.size() || similarities.size() != weights.size())
        throw std::invalid_argument(fmt::format(
            "production form: {} x {} terms, {} weights and a projection of {} x {}; the descriptor has {} components",
            terms.rows(), terms.cols(), weights.size(), projection.rows(), projection.cols(), n_components));
    if (!(std::isfinite(constant) && centre.allFinite() && slope.allFinite() && projection.allFinite() &&
          terms.allFinite() && similarities.allFinite() && weights.allFinite()))
        throw std::invalid_argument("the production form is not finite");
}

}  // namespace

LocalReferences LocalReferences::subset(const std::vector<Index>& which) const {
    LocalReferences part;
    part.features.resize(features.rows(), static_cast<Index>(which.size()));
    for (std::size_t k = 0; k < which.size(); ++k) {
        const auto old = static_cast<std::size_t>(which[k]);
        part.features.col(static_cast<Index>(k)) = features.col(which[k]);
        part.structure.push_back(structure[old]);
        part.atom.push_back(atom[old]);
    }
    part.metric = metric;
    if (metric.size() > 0) part.images = images(Eigen::all, which);
    return part;
}

LocalReferences LocalReferences::with_metric(Eigen::MatrixXd W) const {
    if (W.rows() != features.rows() || !W.allFinite())
        throw std::invalid_argument(fmt::format("a metric of {} x {} for features of {} components, or not finite",
                                                W.rows(), W.cols(), features.rows()));
    LocalReferences set = *this;
    set.images = W * (W.transpose() * features);
    set.metric = std::move(W);
    return set;
}

Eigen::MatrixXd LocalReferences::in_metric(const Eigen::Ref<const Eigen::MatrixXd>& x) const {
    if (metric.size() == 0) return x;
    return metric.transpose() * x;
}

Index count_references(const std::vector<LocalReferences>& references) {
    Index n = 0;
    for (const auto& set : references) n += set.size();
    return n;
}

ForceFieldOptions vasp_force_field() {
    return {.descriptor = {.radial = {.cutoff = 8.0, .width = 0.5, .functions = 12},
                           .angular = {.cutoff = 5.0, .width = 0.5, .functions = 8, .l_max = 3, .filter = 0.002},
                           .radial_weight = 0.1,
                           .softening = 0.0},
            .kernel_power = 4};
}

void ForceFieldOptions::validate() const {
    descriptor.validate();
    if (kernel_power < 1 || kernel_power > 16)
        throw std::invalid_argument(fmt::format("kernel_power must be 1 to 16, got {}", kernel_power));
    if (!(keep > 0.0 && keep <= 1.0))
        throw std::invalid_argument(fmt::format("angular.keep must be above 0 and at most 1, got {}", keep));
}

ForceField::ForceField(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                       std::vector<int> species, std::vector<LocalReferences> references, Eigen::VectorXd e0,
                       bayes::Posterior posterior, LabelScales scales, Provenance provenance, Calibration calibration,
                       Eigen::MatrixXd shortest_distances)
    : descriptor_(std::move(descriptor)),
      kernel_power_(kernel_power),
      species_(std::move(species)),
      references_(std::move(references)),
      first_{0},
      e0_(std::move(e0)),
      posterior_(std::move(posterior)),
      scales_(scales),
      provenance_(std::move(provenance)),
      calibration_(std::move(calibration)),
      shortest_distances_(std::move(shortest_distances)) {
    if (references_.size() != species_.size() || e0_.size() != n_channels())
        throw std::invalid_argument("a force field needs references and e0 for each of its species");
    if (kernel_power_ < 1) throw std::invalid_argument(fmt::format("kernel power {} of a force field", kernel_power_));
    if (!e0_.allFinite()) throw std::invalid_argument("e0 of a force field is not finite");
    for (const double scale : {scales_.energy, scales_.force, scales_.stress})
        if (!(scale > 0.0 && std::isfinite(scale)))
            throw std::invalid_argument(fmt::format("label scale {} of a force field is not positive", scale));
    for (const double factor : {calibration_.energy, calibration_.force, calibration_.stress})
        if (!(factor > 0.0 && std::isfinite(factor)))
            throw std::invalid_argument(fmt::format("calibration factor {} of a force field is not positive", factor));
    for (const auto& [z, factor] : calibration_.force_of_species)
        if (!(factor > 0.0 && std::isfinite(factor)))
            throw std::invalid_argument(fmt::format("calibration factor {} of a species is not positive", factor));
    for (const double floor : {calibration_.force_floor, calibration_.stress_floor})
        if (!(floor >= 0.0 && std::isfinite(floor)))
            throw std::invalid_argument(fmt::format("calibration floor {} of a force field is negative", floor));
    if (shortest_distances_.size() > 0) {
        if (shortest_distances_.rows() != n_channels() || shortest_distances_.cols() != n_channels() ||
            shortest_distances_ != shortest_distances_.transpose() || !(shortest_distances_.array() > 0.0).all())
            throw std::invalid_argument(
                "shortest distances of a force field must be positive, symmetric, and one for each pair of species");
    }
    for (const auto& set : references_) {
        if (!set.features.allFinite()) throw std::invalid_argument("local references are not finite");
        if (static_cast<Index>(set.structure.size()) != set.size() || set.atom.size() != set.structure.size())
            throw std::invalid_argument(fmt::format("{} local references come from {} structures and {} atoms",
                                                    set.size(), set.structure.size(), set.atom.size()));
        if (set.metric.size() > 0 && (set.images.rows() != set.features.rows() || set.images.cols() != set.size()))
            throw std::invalid_argument("local references lack their images under the metric");
        if (set.size() > 0 && set.features.rows() != descriptor_->size())
            throw std::invalid_argument(fmt::format("local references have {} components, the descriptor has {}",
                                                    set.features.rows(), descriptor_->size()));
        first_.push_back(first_.back() + set.size());
    }
    if (posterior_.size() != n_references())
        throw std::invalid_argument(
            fmt::format("{} weights for {} local references", posterior_.size(), n_references()));
}

Metric ForceField::metric() const {
    const bool learned = std::any_of(references_.begin(), references_.end(),
                                     [](const LocalReferences& set) { return set.metric.size() > 0; });
    return learned ? Metric::learned : Metric::plain;
}

ForceField ForceField::with_calibration(const Calibration& calibration) const {
    ForceField result(descriptor_, kernel_power_, species_, references_, e0_, posterior_, scales_, provenance_,
                      calibration, shortest_distances_);
    result.production_ = production_;
    result.repulsion_ = repulsion_;
    return result;
}

ForceField ForceField::with_repulsion(Repulsion repulsion) const {
    ForceField result = *this;
    result.repulsion_ = shortest_distances_.size() > 0 ? repulsion : Repulsion::none;
    return result;
}

ForceField ForceField::with_production(std::optional<ProductionForm> form) const {
    if (form) {
        if (form->expansions.size() != species_.size())
            throw std::invalid_argument("a production form needs an expansion for each species");
        for (const auto& expansion : form->expansions) require_consistent(expansion, descriptor_->size());
    }
    ForceField result = *this;
    result.production_ = std::move(form);
    return result;
}

ForceField ForceField::with_posterior_factor(Eigen::MatrixXd factor) const {
    ForceField result = *this;
    result.posterior_ = bayes::Posterior(posterior_.weights(), std::move(factor), posterior_.evidence());
    return result;
}

ForceField ForceField::with_covariance(Eigen::MatrixXd F) const {
    ForceField result = *this;
    result.posterior_ = posterior_.with_covariance(std::move(F));
    return result;
}

}  // namespace mlff
