#pragma once

#include <Eigen/Core>

namespace mlff::descriptors {

/// Four doubles that are treated at once: one register where the processor has wide ones.
using Lanes = Eigen::Array4d;

constexpr Eigen::Index n_lanes = 4;

/// n rounded up to whole lanes.
constexpr Eigen::Index padded(Eigen::Index n) { return (n + n_lanes - 1) / n_lanes * n_lanes; }

/// Four doubles from any place, and to any place.
inline Eigen::Map<const Lanes> lanes(const double* p) { return Eigen::Map<const Lanes>(p); }
inline Eigen::Map<Lanes> lanes(double* p) { return Eigen::Map<Lanes>(p); }

}  // namespace mlff::descriptors
