#pragma once

#include <Eigen/Geometry>
#include <random>
#include <vector>

#include "descriptors/environment.hpp"

namespace mlff::testing {

/// Neighbours that own their arrays, for tests of the descriptors.
struct OwnedEnvironment {
    Eigen::Matrix3Xd vectors;
    std::vector<double> distances;
    std::vector<int> channels;

    void update_distances() {
        distances.resize(static_cast<std::size_t>(vectors.cols()));
        for (Eigen::Index j = 0; j < vectors.cols(); ++j)
            distances[static_cast<std::size_t>(j)] = vectors.col(j).norm();
    }
    [[nodiscard]] descriptors::Environment view() const {
        return {{vectors.data(), 3, vectors.cols()}, distances, channels};
    }
};

/// n neighbours at random directions, distances uniform in [nearest, farthest], channels alternating.
inline OwnedEnvironment random_environment(int n, int n_channels, double nearest, double farthest, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform(nearest, farthest);
    OwnedEnvironment out;
    out.vectors.resize(3, n);
    for (int j = 0; j < n; ++j) {
        const Eigen::Vector3d direction(normal(random), normal(random), normal(random));
        out.vectors.col(j) = uniform(random) * direction.normalized();
        out.channels.push_back(j % n_channels);
    }
    out.update_distances();
    return out;
}

inline Eigen::Matrix3d random_rotation(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    const Eigen::Quaterniond q(normal(random), normal(random), normal(random), normal(random));
    return q.normalized().toRotationMatrix();
}

}  // namespace mlff::testing
