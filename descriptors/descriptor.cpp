#include "descriptors/descriptor.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace mlff::descriptors {
namespace {

void validate_part(const RadialBasisOptions& options, const char* name) {
    try {
        options.validate();
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(std::string(name) + "." + error.what());
    }
}

int functions(double cutoff, double width, double per_width, int least, int most) {
    return std::clamp(static_cast<int>(std::lround(per_width * cutoff / width)), least, most);
}

}  // namespace

int radial_functions(double cutoff, double width) { return functions(cutoff, width, 1.0, 5, 20); }
int angular_functions(double cutoff, double width) { return functions(cutoff, width, 0.9, 4, 12); }

void DescriptorOptions::validate() const {
    if (!(radial_weight >= 0.0 && radial_weight <= 1.0))
        throw std::invalid_argument("radial_weight must lie in [0, 1], got " + std::to_string(radial_weight));
    if (!(softening >= 0.0 && softening < 1.0))
        throw std::invalid_argument("softening must lie in [0, 1), got " + std::to_string(softening));
    validate_part(radial, "radial");
    validate_part(angular, "angular");
    if (radial_weight == 1.0 && !components.empty())
        throw std::invalid_argument("components of the three-body part are given, but radial_weight is 1");
}

Descriptor::Descriptor(const DescriptorOptions& options, int n_channels) : options_(options) {
    options_.validate();
    if (options_.radial_weight > 0.0) two_.emplace(options_.radial, n_channels);
    if (options_.radial_weight < 1.0)
        three_.emplace(options_.angular, n_channels, options_.compression, options_.components);
    if (options_.softening == 0.0) return;
    const auto squared_length = [this](double distance, Eigen::Index first, Eigen::Index n) {
        const Eigen::Matrix3Xd vectors = distance * Eigen::Matrix3Xd::Identity(3, 2);
        const std::array<double, 2> distances{distance, distance};
        const std::array<int, 2> channels{0, 0};
        BasicWorkspace<double> work;
        Eigen::VectorXd x(size());
        supervectors<double>({Eigen::Map<const Eigen::Matrix3Xd>(vectors.data(), 3, 2), distances, channels}, work, x);
        return x.segment(first, n).squaredNorm();
    };
    softening2_ = {squared_length(options_.softening * options_.radial.cutoff, 0, two_size()),
                   squared_length(options_.softening * options_.angular.cutoff, two_size(), three_size())};
}

double Descriptor::cutoff() const {
    return std::max(two_ ? options_.radial.cutoff : 0.0, three_ ? options_.angular.cutoff : 0.0);
}

template <class Real>
void Descriptor::supervectors(const Environment& environment, BasicWorkspace<Real>& work,
                              Eigen::Ref<Eigen::VectorX<Real>> x) const {
    if (two_) two_->value(environment, work.two, x.head(two_size()));
    if (three_) three_->value(environment, work.three, work.c, x.tail(three_size()));
    // One neighbour has no angle: what is left of the difference is rounding, which must not be normalised.
    if (three_ && work.three.neighbor.size() < 2) x.tail(three_size()).setZero();
}

template <class Real>
void Descriptor::value(const Environment& environment, BasicWorkspace<Real>& work,
                       std::type_identity_t<Eigen::Ref<Eigen::VectorX<Real>>> x) const {
    supervectors<Real>(environment, work, x);
    const Real norm2 = x.head(two_size()).norm(), norm3 = x.tail(three_size()).norm();
    const auto beta2 = static_cast<Real>(options_.radial_weight),
               beta3 = static_cast<Real>(1.0 - options_.radial_weight);
    const Real zero = 0;
    work.factor = {zero, zero};
    work.part_weight = {zero, zero};
    const auto soft2 = static_cast<Real>(softening2_[0]), soft3 = static_cast<Real>(softening2_[1]);
    if (options_.normalization == Normalization::joint) {
        const Real norm = std::sqrt(beta2 * (norm2 * norm2 + soft2) + beta3 * (norm3 * norm3 + soft3));
        if (norm > zero) work.factor = {std::sqrt(beta2) / norm, std::sqrt(beta3) / norm};
    } else if (options_.softening > 0.0) {
        work.part_weight = {beta2, beta3};
        const Real length2 = std::sqrt(norm2 * norm2 + soft2), length3 = std::sqrt(norm3 * norm3 + soft3);
        if (length2 > zero) work.factor[0] = std::sqrt(beta2) / length2;
        if (length3 > zero) work.factor[1] = std::sqrt(beta3) / length3;
    } else {
        const Real present = (norm2 > zero ? beta2 : zero) + (norm3 > zero ? beta3 : zero);
        if (norm2 > zero) work.part_weight[0] = beta2 / present;
        if (norm3 > zero) work.part_weight[1] = beta3 / present;
        if (norm2 > zero) work.factor[0] = std::sqrt(work.part_weight[0]) / norm2;
        if (norm3 > zero) work.factor[1] = std::sqrt(work.part_weight[1]) / norm3;
    }
    x.head(two_size()) *= work.factor[0];
    x.tail(three_size()) *= work.factor[1];
}

template <class Real>
void Descriptor::adjoint(const Environment& environment, BasicWorkspace<Real>& work,
                         const std::type_identity_t<Eigen::Ref<const Eigen::VectorX<Real>>>& x,
                         const std::type_identity_t<Eigen::Ref<const Eigen::VectorX<Real>>>& g,
                         std::type_identity_t<Eigen::Ref<Eigen::Matrix3X<Real>>> pairs) const {
    pairs.setZero();
    const Real zero = 0;
    const auto x2 = x.head(two_size()), g2 = g.head(two_size());
    const auto x3 = x.tail(three_size()), g3 = g.tail(three_size());
    Real along2 = x2.dot(g2), along3 = x3.dot(g3);
    pull_back(work, along2, along3);
    work.raw_gradient.resize(static_cast<std::size_t>(size()));
    Eigen::Map<Eigen::VectorX<Real>> raw(work.raw_gradient.data(), size());
    if (two_ && work.factor[0] > zero) {
        raw.head(two_size()) = work.factor[0] * (g2 - along2 * x2);
        two_->adjoint(environment, work.two, raw.head(two_size()), pairs);
    }
    if (three_ && work.factor[1] > zero) {
        raw.tail(three_size()) = work.factor[1] * (g3 - along3 * x3);
        three_->adjoint(environment, work.three, work.c, raw.tail(three_size()), pairs);
    }
}

template void Descriptor::value(const Environment&, BasicWorkspace<double>&, Eigen::Ref<Eigen::VectorXd>) const;
template void Descriptor::value(const Environment&, BasicWorkspace<float>&, Eigen::Ref<Eigen::VectorXf>) const;
template void Descriptor::adjoint(const Environment&, BasicWorkspace<double>&, const Eigen::Ref<const Eigen::VectorXd>&,
                                  const Eigen::Ref<const Eigen::VectorXd>&, Eigen::Ref<Eigen::Matrix3Xd>) const;
template void Descriptor::adjoint(const Environment&, BasicWorkspace<float>&, const Eigen::Ref<const Eigen::VectorXf>&,
                                  const Eigen::Ref<const Eigen::VectorXf>&, Eigen::Ref<Eigen::Matrix3Xf>) const;

}  // namespace mlff::descriptors
