#pragma once

#include <gtest/gtest.h>
#include <omp.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "libmlff/model/design_rows.hpp"
#include "libmlff/model/force_field.hpp"
#include "libmlff/model/force_field_calculator.hpp"

namespace mlff::testing {

/// Small enough for a test, with different cutoffs and bases in both parts.
inline descriptors::DescriptorOptions small_descriptor() {
    return {.radial = {.cutoff = 4.6, .width = 0.5, .functions = 5, .l_max = 0, .filter = 0.0},
            .angular = {.cutoff = 3.7, .width = 0.6, .functions = 4, .l_max = 2, .filter = 0.002},
            .radial_weight = 0.3,
            .softening = 0.0};  // the softening has tests of its own
}

/// n³ atoms on a jittered grid of a triclinic cell, about `spacing` [Å] apart, species alternating.
inline Structure jittered_crystal(unsigned seed, int n, double spacing, const std::vector<int>& species,
                                  bool left_handed = false, double jitter = 0.12) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> shift(-jitter, jitter);
    Structure s;
    s.cell << 1.0, 0.15, 0.05,  //
        0.1, 0.95, -0.2,        //
        -0.05, 0.1, 1.05;
    if (left_handed) s.cell.col(0).swap(s.cell.col(1));
    s.cell *= spacing * n;
    s.periodic = {true, true, true};
    s.positions.resize(3, Eigen::Index{n} * n * n);
    for (int i = 0; i < n * n * n; ++i) {
        const Vector3 site(i / (n * n) + shift(random), i / n % n + shift(random), i % n + shift(random));
        s.positions.col(i) = s.cell * site / n;
        s.species.push_back(species[static_cast<std::size_t>(i) % species.size()]);
    }
    return s;
}

/// Two atoms of different species in a triclinic cell that is smaller than both cutoffs of small_descriptor.
inline Structure small_cell(const std::vector<int>& species, bool left_handed) {
    Structure s = jittered_crystal(2, 1, 3.3, species, left_handed);
    s.species = {species[0], species[1]};
    s.positions.conservativeResize(Eigen::NoChange, 2);
    s.positions.col(1) = s.positions.col(0) + s.cell * Vector3(0.5, 0.43, 0.55);
    return s;
}

/// A cluster in empty space: no cell, no stress.
inline Structure cluster(const std::vector<int>& species, const Matrix3X& positions) {
    Structure s;
    s.species = species;
    s.positions = positions;
    return s;
}

/// A force field with random weights and covariance whose local references are local environments of jittered crystals.
inline ForceField random_force_field(const descriptors::DescriptorOptions& options, const std::vector<int>& species,
                                     int n_references = 7, int kernel_power = 4) {
    auto descriptor = std::make_shared<descriptors::Descriptor>(options, static_cast<int>(species.size()));
    std::mt19937 random(7);
    std::normal_distribution<double> normal;
    std::vector<LocalReferences> references(species.size());
    for (std::size_t channel = 0; channel < species.size(); ++channel)
        references[channel].features.resize(descriptor->size(), 0);
    for (int k = 0; k < n_references; ++k) {
        const Structure structure = jittered_crystal(100 + static_cast<unsigned>(k), 2, 2.4, species, k % 2 == 1, 0.2);
        Environments environments(species, descriptor->cutoff(), 0.0);
        environments.update(structure);
        const Eigen::MatrixXd features = compute_features(*descriptor, environments);
        for (std::size_t channel = 0; channel < species.size(); ++channel) {
            LocalReferences& set = references[channel];
            set.features.conservativeResize(Eigen::NoChange, set.size() + 1);
            set.features.rightCols(1) = features.col(environments.atoms(static_cast<int>(channel)).front());
            set.structure.push_back(k);
            set.atom.push_back(static_cast<int>(environments.atoms(static_cast<int>(channel)).front()));
        }
    }
    const auto n = static_cast<Eigen::Index>(species.size()) * n_references;
    Eigen::VectorXd weights(n), e0(static_cast<Eigen::Index>(species.size()));
    Eigen::MatrixXd factor = Eigen::MatrixXd::Zero(n, n);
    for (Eigen::Index c = 0; c < n; ++c) {
        weights[c] = normal(random);
        for (Eigen::Index r = 0; r < c; ++r) factor(r, c) = 0.3 * normal(random);
        factor(c, c) = 1.0 + std::abs(normal(random));
    }
    for (Eigen::Index s = 0; s < e0.size(); ++s) e0[s] = normal(random);
    bayes::Evidence evidence;
    evidence.noise_precision = 40.0;
    return {std::move(descriptor),
            kernel_power,
            species,
            std::move(references),
            std::move(e0),
            bayes::Posterior(std::move(weights), std::move(factor), evidence),
            {.energy = 0.02, .force = 0.4, .stress = 0.003},
            {.version = "test", .reference = "random numbers", .settings = "a: 1\n"}};
}

/// Design rows of a structure for the references of a force field.
inline DesignRows rows_of(const ForceField& force_field, const Structure& structure) {
    Environments environments(force_field.species(), force_field.descriptor().cutoff(), 0.0);
    environments.update(structure);
    return design_rows(force_field.descriptor(), force_field.kernel_power(), force_field.references(), environments,
                       structure);
}

/// The structure with atom i moved by h along axis c.
inline Structure moved(Structure s, Eigen::Index i, int c, double h) {
    s.positions(c, i) += h;
    return s;
}

/// The same references, compared by a random metric of full rank.
inline ForceField with_random_metric(const ForceField& plain) {
    std::mt19937 random(8);
    std::normal_distribution<double> normal;
    const Eigen::Index D = plain.descriptor().size();
    std::vector<LocalReferences> references;
    for (const LocalReferences& set : plain.references()) {
        Eigen::MatrixXd W = Eigen::MatrixXd::Identity(D, D);
        W += 0.5 / std::sqrt(static_cast<double>(D)) *
             Eigen::MatrixXd::NullaryExpr(D, D, [&] { return normal(random); });
        references.push_back(set.with_metric(std::move(W)));
    }
    return {std::make_shared<descriptors::Descriptor>(plain.descriptor().options(), plain.n_channels()),
            plain.kernel_power(),
            plain.species(),
            std::move(references),
            plain.e0(),
            plain.posterior(),
            plain.scales(),
            plain.provenance(),
            plain.calibration()};
}

/// The same force field with these shortest distances in its training data [Å], channels × channels.
inline ForceField with_shortest_distances(const ForceField& made, Eigen::MatrixXd shortest) {
    return {std::make_shared<descriptors::Descriptor>(made.descriptor().options(), made.n_channels()),
            made.kernel_power(),
            made.species(),
            made.references(),
            made.e0(),
            made.posterior(),
            made.scales(),
            made.provenance(),
            made.calibration(),
            std::move(shortest)};
}

/// The structure under the strain h in Voigt component k (symmetric: both off-diagonal elements are h/2).
inline Structure strained(Structure s, int k, double h) {
    Voigt voigt = Voigt::Zero();
    voigt[k] = k < 3 ? h : 0.5 * h;
    const Matrix3 deformation = Matrix3::Identity() + from_voigt(voigt);
    s.cell = deformation * s.cell;
    s.positions = deformation * s.positions;
    return s;
}

/// Derivative of a vector f(h) at h = 0 by the central formula of fourth order.
inline Eigen::VectorXd derivative(const std::function<Eigen::VectorXd(double)>& f, double h = 1e-4) {
    return (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h);
}

/// |a − b| ≤ tolerance · max|b| for every element; fails on NaN.
inline ::testing::AssertionResult agree(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b, double tolerance) {
    if (a.rows() != b.rows() || a.cols() != b.cols())
        return ::testing::AssertionFailure()
               << a.rows() << " × " << a.cols() << " and " << b.rows() << " × " << b.cols();
    if (b.size() == 0) return ::testing::AssertionFailure() << "nothing to compare";
    const double scale = b.cwiseAbs().maxCoeff();
    for (Eigen::Index c = 0; c < a.cols(); ++c)
        for (Eigen::Index r = 0; r < a.rows(); ++r)
            if (!(std::abs(a(r, c) - b(r, c)) <= tolerance * scale))
                return ::testing::AssertionFailure()
                       << "element (" << r << ", " << c << "): " << a(r, c) << " and " << b(r, c) << ", difference "
                       << std::abs(a(r, c) - b(r, c)) / scale << " of the largest";
    return ::testing::AssertionSuccess();
}

/// Sets the number of threads until the end of the scope.
class Threads {
 public:
    explicit Threads(int n) : before_(omp_get_max_threads()) { omp_set_num_threads(n); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;
    ~Threads() { omp_set_num_threads(before_); }

 private:
    int before_;
};

}  // namespace mlff::testing
