#include "descriptors/two_body.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace mlff::descriptors {
namespace {

using Eigen::Index;

const double y00 = 0.5 * std::numbers::inv_sqrtpi;

RadialBasisOptions only_s_functions(RadialBasisOptions options) {
    options.l_max = 0;
    options.filter = 0.0;
    return options;
}

}  // namespace

TwoBody::TwoBody(const RadialBasisOptions& options, int n_channels)
    : basis_(only_s_functions(options)), n_channels_(n_channels) {
    if (n_channels < 1) throw std::invalid_argument("a descriptor needs at least one species channel");
}

template <class Real>
void TwoBody::select(const Environment& environment, BasicWorkspace<Real>& work) const {
    const auto n_neighbors = static_cast<std::size_t>(environment.size());
    work.neighbor.clear();
    work.r.clear();
    for (std::size_t j = 0; j < n_neighbors; ++j) {
        if (!(environment.distances[j] < basis_.cutoff())) continue;
        work.neighbor.push_back(static_cast<Index>(j));
        work.r.push_back(environment.distances[j]);
    }
}

template <class Real>
void TwoBody::value(const Environment& environment, BasicWorkspace<Real>& work,
                    std::type_identity_t<Eigen::Ref<Eigen::VectorX<Real>>> x) const {
    select(environment, work);
    constexpr auto at_once = static_cast<std::size_t>(n_lanes<Real>);
    const auto width = static_cast<std::size_t>(stride());
    if (work.h.size() < work.r.size() * width) work.h.resize(work.r.size() * width);
    basis_.values(work.r, work.h.data());
    work.sums.assign(static_cast<std::size_t>(n_channels_) * width, Real(0));
    for (std::size_t k = 0; k < work.neighbor.size(); ++k) {
        const auto j = static_cast<std::size_t>(work.neighbor[k]);
        Real* sums = work.sums.data() + static_cast<std::size_t>(environment.channels[j]) * width;
        for (std::size_t n = 0; n < width; n += at_once)
            store(sums + n, load(sums + n) + load(work.h.data() + k * width + n));
    }
    for (Index channel = 0; channel < n_channels_; ++channel)
        x.segment(channel * functions(), functions()) =
            static_cast<Real>(y00) *
            Eigen::Map<const Eigen::VectorX<Real>>(work.sums.data() + channel * stride(), functions());
}

template <class Real>
void TwoBody::slopes(const Environment& environment, BasicWorkspace<Real>& work) const {
    select(environment, work);
    const auto size = work.r.size() * static_cast<std::size_t>(stride());
    if (work.dh.size() < size) work.dh.resize(size);
    basis_.slopes(work.r, work.dh.data());
    for (std::size_t n = 0; n < size; n += n_lanes<Real>)
        store(work.dh.data() + n, static_cast<Real>(y00) * load(work.dh.data() + n));
}

template <class Real>
void TwoBody::adjoint(const Environment& environment, BasicWorkspace<Real>& work,
                      const std::type_identity_t<Eigen::Ref<const Eigen::VectorX<Real>>>& g,
                      std::type_identity_t<Eigen::Ref<Eigen::Matrix3X<Real>>> pairs) const {
    slopes(environment, work);
    work.sums.assign(static_cast<std::size_t>(n_channels_ * stride()), Real(0));
    for (Index channel = 0; channel < n_channels_; ++channel)
        std::copy_n(g.data() + channel * functions(), functions(), work.sums.data() + channel * stride());
    for (std::size_t k = 0; k < work.neighbor.size(); ++k) {
        const Index j = work.neighbor[k];
        const Real* dh = work.dh.data() + static_cast<Index>(k) * stride();
        const Real* g_channel = work.sums.data() + environment.channels[static_cast<std::size_t>(j)] * stride();
        Lanes<Real> slope{};
        for (Index n = 0; n < stride(); n += n_lanes<Real>) slope += load(g_channel + n) * load(dh + n);
        const double* vector = environment.vectors.data() + 3 * j;
        const double scale = static_cast<double>(sum<Real>(slope)) / work.r[k];
        for (Index x = 0; x < 3; ++x) pairs(x, j) += static_cast<Real>(scale * vector[x]);
    }
}

template void TwoBody::value(const Environment&, BasicWorkspace<double>&, Eigen::Ref<Eigen::VectorXd>) const;
template void TwoBody::value(const Environment&, BasicWorkspace<float>&, Eigen::Ref<Eigen::VectorXf>) const;
template void TwoBody::slopes(const Environment&, BasicWorkspace<double>&) const;
template void TwoBody::slopes(const Environment&, BasicWorkspace<float>&) const;
template void TwoBody::adjoint(const Environment&, BasicWorkspace<double>&, const Eigen::Ref<const Eigen::VectorXd>&,
                               Eigen::Ref<Eigen::Matrix3Xd>) const;
template void TwoBody::adjoint(const Environment&, BasicWorkspace<float>&, const Eigen::Ref<const Eigen::VectorXf>&,
                               Eigen::Ref<Eigen::Matrix3Xf>) const;

}  // namespace mlff::descriptors
