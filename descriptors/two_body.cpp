#include "descriptors/two_body.hpp"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace mlff::descriptors {
namespace {

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

void TwoBody::value(const Environment& environment, Workspace& work, Eigen::Ref<Eigen::VectorXd> x) const {
    const auto n_neighbors = static_cast<std::size_t>(environment.size());
    const auto width = static_cast<std::size_t>(stride());
    work.neighbor.clear();
    if (work.h.size() < n_neighbors * width) {
        work.h.resize(n_neighbors * width);
        work.dh.resize(n_neighbors * width);
    }
    x.setZero();
    for (std::size_t j = 0; j < n_neighbors; ++j) {
        if (!(environment.distances[j] < basis_.cutoff())) continue;
        double* h = work.h.data() + work.neighbor.size() * width;
        double* dh = work.dh.data() + work.neighbor.size() * width;
        work.neighbor.push_back(static_cast<Eigen::Index>(j));
        basis_.evaluate(environment.distances[j], h, dh);
#pragma omp simd
        for (std::size_t n = 0; n < width; ++n) {
            h[n] *= y00;
            dh[n] *= y00;
        }
        x.segment(environment.channels[j] * functions(), functions()) +=
            Eigen::Map<const Eigen::VectorXd>(h, functions());
    }
}

void TwoBody::adjoint(const Environment& environment, const Workspace& work, const Eigen::Ref<const Eigen::VectorXd>& g,
                      Eigen::Ref<Eigen::Matrix3Xd> pairs) const {
    for (std::size_t k = 0; k < work.neighbor.size(); ++k) {
        const Eigen::Index j = work.neighbor[k];
        const double* dh = work.dh.data() + static_cast<Eigen::Index>(k) * stride();
        const double* g_channel = g.data() + environment.channels[static_cast<std::size_t>(j)] * functions();
        double slope = 0.0;
        for (Eigen::Index n = 0; n < functions(); ++n) slope += g_channel[n] * dh[n];
        pairs.col(j) += slope / environment.distances[static_cast<std::size_t>(j)] * environment.vectors.col(j);
    }
}

}  // namespace mlff::descriptors
