#include "libmlff/regression/component_selection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "support/files.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using descriptors::Compression;
using descriptors::Descriptor;
using descriptors::DescriptorOptions;
using descriptors::Normalization;
using Eigen::Index;
using testing::agree;
using testing::derivative;
using testing::jittered_crystal;

const std::vector<int> three_species = {3, 15, 16};

std::vector<LabeledStructure> crystals(const std::vector<int>& species) {
    std::vector<LabeledStructure> data;
    for (unsigned seed = 0; seed < 4; ++seed)
        data.push_back({jittered_crystal(seed, 3, 2.3, species, seed % 2 == 1, 0.25), {}, "test"});
    return data;
}

/// Every feature of the data, D3 × n_atoms.
Eigen::MatrixXd angular_features(const std::vector<LabeledStructure>& data, const std::vector<int>& species,
                                 const DescriptorOptions& options) {
    const Descriptor descriptor(options, static_cast<int>(species.size()));
    Eigen::MatrixXd features(descriptor.three_size(), 0);
    for (const auto& item : data) {
        Environments environments(species, descriptor.cutoff(), 0.0);
        environments.update(item.structure);
        const Eigen::MatrixXd x = compute_features(descriptor, environments);
        features.conservativeResize(Eigen::NoChange, features.cols() + x.cols());
        features.rightCols(x.cols()) = x.bottomRows(descriptor.three_size());
    }
    return features;
}

TEST(ComponentSelection, KeepsTheShareAskedFor) {
    const auto data = crystals(three_species);
    for (const auto compression : {Compression::none, Compression::element}) {
        ForceFieldOptions options{.descriptor = testing::small_descriptor()};
        options.descriptor.compression = compression;
        const Index n_all = Descriptor(options.descriptor, 3).three_size();
        EXPECT_TRUE(resolve_components(data, three_species, options).components.empty());
        std::vector<int> larger;
        for (const double keep : {0.6, 0.3}) {
            options.keep = keep;
            const auto resolved = resolve_components(data, three_species, options);
            EXPECT_EQ(static_cast<double>(resolved.components.size()), std::ceil(keep * static_cast<double>(n_all)));
            EXPECT_EQ(Descriptor(resolved, 3).three_size(), static_cast<Index>(resolved.components.size()));
            EXPECT_EQ(resolve_components(data, three_species, options).components, resolved.components);
            if (!larger.empty()) {
                EXPECT_TRUE(std::includes(larger.begin(), larger.end(), resolved.components.begin(),
                                          resolved.components.end()));
            }
            larger = resolved.components;
            EXPECT_EQ(resolve_components({}, three_species, {.descriptor = resolved, .keep = keep}).components, larger);
        }
    }
}

// 12 of 60 components explain the others better than the first 12, or any other stretch of 12, do.
TEST(ComponentSelection, ChosenOnesExplainTheRest) {
    const auto data = crystals({47, 53});
    ForceFieldOptions options{.descriptor = testing::small_descriptor()};
    const Eigen::MatrixXd X = angular_features(data, {47, 53}, options.descriptor).transpose();
    options.keep = 12.0 / static_cast<double>(X.cols());
    const auto chosen = resolve_components(data, {47, 53}, options).components;
    ASSERT_EQ(chosen.size(), 12U);
    const auto unexplained = [&](const std::vector<int>& components) {
        const Eigen::MatrixXd basis = X(Eigen::all, components);
        const Eigen::MatrixXd Q = Eigen::HouseholderQR<Eigen::MatrixXd>(basis).householderQ() *
                                  Eigen::MatrixXd::Identity(X.rows(), basis.cols());
        return (X - Q * (Q.transpose() * X)).norm();
    };
    for (int first = 0; first + 12 <= X.cols(); first += 4) {
        std::vector<int> stretch;
        for (int k = 0; k < 12; ++k) stretch.push_back(first + k);
        EXPECT_LT(unexplained(chosen), 0.7 * unexplained(stretch)) << first;
    }
}

TEST(ComponentSelection, WhatNeverOccursIsNotKept) {
    const auto data = crystals({3, 15});  // no sulfur
    ForceFieldOptions options{.descriptor = testing::small_descriptor()};
    const Eigen::MatrixXd X = angular_features(data, three_species, options.descriptor);
    const Index n_occurring = (X.rowwise().norm().array() > 0.0).count();
    ASSERT_LT(n_occurring, 0.6 * static_cast<double>(X.rows()));
    options.keep = 0.9;
    const auto components = resolve_components(data, three_species, options).components;
    EXPECT_EQ(static_cast<Index>(components.size()), n_occurring);
    for (const int k : components) EXPECT_GT(X.row(k).norm(), 0.0);
}

TEST(ComponentSelection, NeedsAnglesInTheData) {
    ForceFieldOptions options{.descriptor = testing::small_descriptor(), .keep = 0.5};
    Matrix3X positions(3, 2);
    positions << 0.0, 1.0, 0.0, 1.5, 0.0, 0.7;
    const std::vector<LabeledStructure> dimer = {{testing::cluster({47, 47}, positions), {}, "test"}};
    const std::string message = testing::error_of<InputError>([&] { (void)resolve_components(dimer, {47}, options); });
    EXPECT_NE(message.find("3.7"), std::string::npos) << message;
    options.keep = 1.0;
    EXPECT_TRUE(resolve_components(dimer, {47}, options).components.empty());
    options.keep = 0.5;
    options.descriptor.radial_weight = 1.0;  // no angular part: nothing to choose
    EXPECT_TRUE(resolve_components(dimer, {47}, options).components.empty());
}

TEST(ComponentSelection, RefusesSharesThatAreNone) {
    for (const double keep : {0.0, -0.5, 1.5, std::nan("")}) {
        const ForceFieldOptions options{.descriptor = testing::small_descriptor(), .keep = keep};
        EXPECT_THROW(options.validate(), std::invalid_argument) << keep;
    }
}

// Energy, adjoint and design rows of a force field on some components agree with each other.
TEST(ComponentSelection, ForcesStressAndDesignRowsAreDerivatives) {
    const auto data = crystals(three_species);
    for (const auto normalization : {Normalization::joint, Normalization::separate})
        for (const auto compression : {Compression::none, Compression::element}) {
            ForceFieldOptions options{.descriptor = testing::small_descriptor(), .keep = 0.35};
            options.descriptor.normalization = normalization;
            options.descriptor.compression = compression;
            const auto force_field =
                testing::random_force_field(resolve_components(data, three_species, options), three_species, 4);
            const Structure structure = jittered_crystal(21, 2, 2.3, three_species, true);
            ForceFieldCalculator calculator(force_field);
            const auto energy = [&](const Structure& s) {
                return Eigen::VectorXd::Constant(1, calculator.evaluate(s).energy);
            };
            const Evaluation result = calculator.evaluate(structure);
            Vector3 force;
            for (int c = 0; c < 3; ++c)
                force[c] = -derivative([&](double h) { return energy(testing::moved(structure, 1, c, h)); })[0];
            EXPECT_TRUE(agree(result.forces.col(1), force, 1e-8));
            Eigen::VectorXd stress(6);
            for (int k = 0; k < 6; ++k)
                stress[k] = derivative([&](double h) { return energy(testing::strained(structure, k, h)); })[0] /
                            structure.volume();
            EXPECT_TRUE(agree(*result.stress, stress, 1e-8));

            const DesignRows rows = testing::rows_of(force_field, structure);
            const Eigen::VectorXd& w = force_field.posterior().weights();
            EXPECT_TRUE(agree(rows.forces.transpose() * w,
                              Eigen::Map<const Eigen::VectorXd>(result.forces.data(), result.forces.size()), 1e-12));
            EXPECT_TRUE(agree(rows.stress.transpose() * w, *result.stress, 1e-12));
        }
}

}  // namespace
}  // namespace mlff
