#include "descriptors/descriptor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "support/environments.hpp"
#include "support/finite_difference.hpp"

using namespace mlff;
using namespace mlff::descriptors;
using mlff::testing::gradient_matches;
using mlff::testing::OwnedEnvironment;
using mlff::testing::random_environment;

namespace {

DescriptorOptions small_options(Normalization normalization, Compression compression) {
    DescriptorOptions options;
    options.radial = {.cutoff = 6.0, .width = 0.5, .functions = 6, .l_max = 0, .decay = 2.5};
    options.angular = {.cutoff = 4.5, .width = 0.5, .functions = 4, .l_max = 3, .filter = 0.002, .decay = 3.5};
    options.radial_weight = 0.3;
    options.normalization = normalization;
    options.compression = compression;
    return options;
}

Eigen::VectorXd value(const Descriptor& descriptor, const OwnedEnvironment& environment) {
    Descriptor::Workspace work;
    Eigen::VectorXd x(descriptor.size());
    descriptor.value(environment.view(), work, x);
    return x;
}

/// Three-body supervector by its definition as a sum over pairs of different neighbours, Legendre polynomials and the
/// quadrature h_nl: no spherical harmonics, no table, no packing shared with the code under test.
Eigen::VectorXd three_body_by_triplets(const OwnedEnvironment& env, const RadialBasisOptions& options, int n_channels,
                                       Compression compression) {
    const RadialBasis basis(options);
    const Eigen::Index n_neighbors = env.vectors.cols();
    std::vector<double> out;
    for (int l = 0; l <= options.l_max; ++l) {
        const Eigen::Index n = basis.count(l), all = n * n_channels;
        Eigen::MatrixXd p = Eigen::MatrixXd::Zero(all, all);
        for (Eigen::Index j = 0; j < n_neighbors; ++j)
            for (Eigen::Index k = 0; k < n_neighbors; ++k) {
                const double rj = env.vectors.col(j).norm(), rk = env.vectors.col(k).norm();
                const bool same_channel =
                    env.channels[static_cast<std::size_t>(j)] == env.channels[static_cast<std::size_t>(k)];
                if (rj >= options.cutoff || rk >= options.cutoff || (j == k && same_channel)) continue;
                const double cosine = std::clamp(env.vectors.col(j).dot(env.vectors.col(k)) / (rj * rk), -1.0, 1.0);
                const double angular =
                    (2 * l + 1) / (4 * std::numbers::pi) * std::legendre(static_cast<unsigned>(l), cosine);
                const Eigen::VectorXd hj = basis.integrate(rj).col(0).segment(basis.offset(l), n);
                const Eigen::VectorXd hk = basis.integrate(rk).col(0).segment(basis.offset(l), n);
                p.block(env.channels[static_cast<std::size_t>(j)] * n, env.channels[static_cast<std::size_t>(k)] * n, n,
                        n) += angular * hj * hk.transpose();
            }
        p *= std::sqrt(8.0 * std::numbers::pi * std::numbers::pi / (2 * l + 1));
        for (Eigen::Index a = 0; a < all; ++a) {
            if (compression == Compression::none) {
                for (Eigen::Index b = a; b < all; ++b) out.push_back(a == b ? p(a, b) : std::numbers::sqrt2 * p(a, b));
            } else {
                for (Eigen::Index b = 0; b < n; ++b) {
                    double sum = 0.0;
                    for (int channel = 0; channel < n_channels; ++channel) sum += p(a, channel * n + b);
                    out.push_back(sum);
                }
            }
        }
    }
    return Eigen::Map<Eigen::VectorXd>(out.data(), static_cast<Eigen::Index>(out.size()));
}

/// About 40 % of the three-body components, in no regular pattern.
std::vector<int> some_components(const RadialBasisOptions& options, int n_channels, Compression compression) {
    const auto size = static_cast<int>(ThreeBody(options, n_channels, compression).full_size());
    std::vector<int> components;
    for (int k = 0; k < size; ++k)
        if (k * k % 11 > 4) components.push_back(k);
    return components;
}

enum class Kept { all, some };

class EveryVariant : public ::testing::TestWithParam<std::tuple<Normalization, Compression, int, Kept, double>> {
 protected:
    [[nodiscard]] DescriptorOptions options() const {
        auto options = small_options(std::get<0>(GetParam()), std::get<1>(GetParam()));
        if (std::get<3>(GetParam()) == Kept::some)
            options.components = some_components(options.angular, n_channels(), options.compression);
        options.softening = std::get<4>(GetParam());
        return options;
    }
    [[nodiscard]] int n_channels() const { return std::get<2>(GetParam()); }
    [[nodiscard]] OwnedEnvironment environment(unsigned seed) const {
        return random_environment(9, n_channels(), 1.8, 6.5, seed);
    }
};

}  // namespace

TEST(ThreeBody, DescriptorCountsOfVasp) {
    const std::vector<std::pair<int, std::vector<Eigen::Index>>> expected = {{8, {36, 64, 92, 113, 134, 149, 164}},
                                                                             {10, {55, 100, 145, 181, 217, 245, 273}},
                                                                             {12, {78, 144, 210, 265, 320, 365, 410}}};
    for (const auto& [functions, sizes] : expected)
        for (int l = 0; l <= 6; ++l)
            EXPECT_EQ(ThreeBody({.cutoff = 5.0, .width = 0.5, .functions = functions, .l_max = l, .filter = 0.0}, 1,
                                Compression::none)
                          .size(),
                      sizes[static_cast<std::size_t>(l)]);
}

TEST(ThreeBody, CompressionGrowsLinearlyWithSpecies) {
    const RadialBasisOptions options{.cutoff = 5.0, .width = 0.5, .functions = 8, .l_max = 3, .filter = 0.0};
    const auto size = [&](int n, Compression c) { return ThreeBody(options, n, c).size(); };
    EXPECT_EQ(size(4, Compression::element), 4 * size(1, Compression::element));
    EXPECT_GT(size(4, Compression::none), 14 * size(1, Compression::none));
}

TEST(ThreeBody, EqualsSumOverTriplets) {
    for (const auto compression : {Compression::none, Compression::element})
        for (const int n_channels : {1, 3}) {
            const auto options = small_options(Normalization::joint, compression);
            const auto env = random_environment(7, n_channels, 1.8, 5.0, 11);
            const ThreeBody three(options.angular, n_channels, compression);
            ThreeBody::Workspace work;
            AlignedVector<double> c;
            Eigen::VectorXd p(three.size());
            three.value(env.view(), work, c, p);
            const Eigen::VectorXd expected = three_body_by_triplets(env, options.angular, n_channels, compression);
            ASSERT_EQ(p.size(), expected.size());
            EXPECT_LT((p - expected).cwiseAbs().maxCoeff(), 1e-9 * expected.cwiseAbs().maxCoeff()) << n_channels;
        }
}

TEST(ThreeBody, KeptComponentsAreThoseOfAll) {
    for (const auto compression : {Compression::none, Compression::element})
        for (const int n_channels : {1, 3}) {
            const auto options = small_options(Normalization::joint, compression).angular;
            const auto env = random_environment(9, n_channels, 1.8, 5.0, 12);
            const auto components = some_components(options, n_channels, compression);
            const ThreeBody all(options, n_channels, compression), some(options, n_channels, compression, components);
            ASSERT_EQ(some.size(), static_cast<Eigen::Index>(components.size()));
            ASSERT_LT(2 * some.size(), some.full_size());
            EXPECT_EQ(some.full_size(), all.size());
            ThreeBody::Workspace work;
            AlignedVector<double> c;
            Eigen::VectorXd p(all.size()), kept(some.size());
            all.value(env.view(), work, c, p);
            Eigen::MatrixXd J, J_kept;
            all.jacobian(env.view(), work, c, J);
            some.value(env.view(), work, c, kept);
            some.jacobian(env.view(), work, c, J_kept);
            EXPECT_EQ(kept, p(components));
            EXPECT_LT((J_kept - J(components, Eigen::all)).cwiseAbs().maxCoeff(), 1e-14 * J.cwiseAbs().maxCoeff());
        }
}

TEST(ThreeBody, RefusesComponentsThatDoNotExistOrAreNotAscending) {
    const auto options = small_options(Normalization::joint, Compression::none).angular;
    const int size = static_cast<int>(ThreeBody(options, 2, Compression::none).size());
    const auto make = [&](std::vector<int> components) {
        return ThreeBody(options, 2, Compression::none, std::move(components)).size();
    };
    EXPECT_EQ(make({0, 3, size - 1}), 3);
    for (const std::vector<int>& wrong : {std::vector<int>{-1, 3}, {0, size}, {3, 2}, {2, 2}})
        EXPECT_THROW((void)make(wrong), std::invalid_argument);
}

TEST(ThreeBody, DimerHasNoAngularDescriptor) {
    const auto env = random_environment(1, 2, 2.0, 2.0, 5);
    const ThreeBody three(small_options(Normalization::joint, Compression::none).angular, 2, Compression::none);
    ThreeBody::Workspace work;
    AlignedVector<double> c;
    Eigen::VectorXd p(three.size());
    three.value(env.view(), work, c, p);
    EXPECT_LT(p.cwiseAbs().maxCoeff(), 1e-15);
}

TEST_P(EveryVariant, UnitLength) {
    const Descriptor descriptor(options(), n_channels());
    const double length = value(descriptor, environment(1)).norm();
    if (options().softening == 0.0)
        EXPECT_NEAR(length, 1.0, 1e-14);
    else
        EXPECT_TRUE(length > 0.0 && length < 1.0) << length;
}

TEST_P(EveryVariant, InvariantUnderRotationReflectionAndPermutation) {
    const Descriptor descriptor(options(), n_channels());
    const auto env = environment(2);
    const Eigen::VectorXd x = value(descriptor, env);
    auto turned = env;
    turned.vectors = -mlff::testing::random_rotation(7) * env.vectors;
    turned.update_distances();
    EXPECT_LT((value(descriptor, turned) - x).norm(), 1e-12);
    auto permuted = env;
    for (Eigen::Index j = 0; j < env.vectors.cols(); ++j) {
        const Eigen::Index other = env.vectors.cols() - 1 - j;
        permuted.vectors.col(j) = env.vectors.col(other);
        permuted.channels[static_cast<std::size_t>(j)] = env.channels[static_cast<std::size_t>(other)];
    }
    permuted.update_distances();
    EXPECT_LT((value(descriptor, permuted) - x).norm(), 1e-12);
}

TEST_P(EveryVariant, AdjointIsTheDerivative) {
    const Descriptor descriptor(options(), n_channels());
    auto env = environment(3);
    Descriptor::Workspace work;
    Eigen::VectorXd x(descriptor.size());
    descriptor.value(env.view(), work, x);
    const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(descriptor.size(), -1.0, 2.0).array().sin();
    Eigen::Matrix3Xd pairs(3, env.vectors.cols());
    descriptor.adjoint(env.view(), work, x, g, pairs);
    const auto energy = [&](const Eigen::VectorXd& r) {
        auto moved = env;
        moved.vectors = Eigen::Map<const Eigen::Matrix3Xd>(r.data(), 3, env.vectors.cols());
        moved.update_distances();
        return g.dot(value(descriptor, moved));
    };
    const Eigen::VectorXd r = Eigen::Map<const Eigen::VectorXd>(env.vectors.data(), env.vectors.size());
    EXPECT_TRUE(gradient_matches(energy, r, Eigen::Map<const Eigen::VectorXd>(pairs.data(), pairs.size()), 1e-5, 1e-8));
}

TEST_P(EveryVariant, JacobiansAndAdjointsOfThePartsAgree) {
    const Descriptor descriptor(options(), n_channels());
    const auto env = environment(4);
    Descriptor::Workspace work;
    Eigen::VectorXd x(descriptor.size());
    descriptor.value(env.view(), work, x);
    const auto& two = *descriptor.two_body();
    Eigen::MatrixXd J2 = Eigen::MatrixXd::Zero(two.size(), env.vectors.size()),
                    J3 = Eigen::MatrixXd::Zero(descriptor.three_size(), env.vectors.size()), inside;
    two.slopes(env.view(), work.two);
    for (std::size_t k = 0; k < work.two.neighbor.size(); ++k) {
        const Eigen::Index j = work.two.neighbor[k], n = two.functions();
        J2.block(env.channels[static_cast<std::size_t>(j)] * n, 3 * j, n, 3) =
            Eigen::Map<const Eigen::VectorXd>(work.two.dh.data() + static_cast<Eigen::Index>(k) * two.stride(), n) *
            env.vectors.col(j).normalized().transpose();
    }
    descriptor.three_body()->jacobian(env.view(), work.three, work.c, inside);
    for (std::size_t k = 0; k < work.three.neighbor.size(); ++k)
        J3.middleCols(3 * work.three.neighbor[k], 3) = inside.middleCols(3 * static_cast<Eigen::Index>(k), 3);
    const auto largest_difference = [&](const Eigen::MatrixXd& J, auto&& adjoint) {
        double largest = 0.0;
        for (Eigen::Index d = 0; d < J.rows(); ++d) {
            Eigen::Matrix3Xd pairs = Eigen::Matrix3Xd::Zero(3, env.vectors.cols());
            adjoint(Eigen::VectorXd::Unit(J.rows(), d), pairs);
            largest = std::max(largest, (J.row(d).transpose() - pairs.reshaped()).cwiseAbs().maxCoeff());
        }
        return largest;
    };
    EXPECT_LT(largest_difference(J2, [&](const auto& g, auto& pairs) { two.adjoint(env.view(), work.two, g, pairs); }),
              1e-13 * J2.cwiseAbs().maxCoeff());
    EXPECT_LT(largest_difference(J3,
                                 [&](const auto& g, auto& pairs) {
                                     descriptor.three_body()->adjoint(env.view(), work.three, work.c, g, pairs);
                                 }),
              1e-13 * J3.cwiseAbs().maxCoeff());
}

TEST_P(EveryVariant, SinglePrecisionIsThatOfDouble) {
    const Descriptor descriptor(options(), n_channels());
    const auto env = random_environment(21, n_channels(), 1.8, 6.5, 6);  // more than two groups of lanes
    Descriptor::Workspace work;
    Descriptor::BasicWorkspace<float> single_work;
    Eigen::VectorXd x(descriptor.size());
    Eigen::VectorXf single_x(descriptor.size());
    descriptor.value(env.view(), work, x);
    descriptor.value(env.view(), single_work, single_x);
    EXPECT_LT((single_x.cast<double>() - x).norm(), 1e-6);
    const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(descriptor.size(), -1.0, 2.0).array().sin();
    Eigen::Matrix3Xd pairs(3, env.vectors.cols());
    Eigen::Matrix3Xf single_pairs(3, env.vectors.cols());
    descriptor.adjoint(env.view(), work, x, g, pairs);
    descriptor.adjoint(env.view(), single_work, single_x, g.cast<float>(), single_pairs);
    EXPECT_LT((single_pairs.cast<double>() - pairs).cwiseAbs().maxCoeff(), 1e-5 * pairs.cwiseAbs().maxCoeff());
    EXPECT_NE(single_pairs.cast<double>(), pairs);
}

/// The scratch of a thread sees one atom after the other.
TEST_P(EveryVariant, WorkspaceKeepsNothingOfTheLastEnvironment) {
    const Descriptor descriptor(options(), n_channels());
    const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(descriptor.size(), -1.0, 2.0).array().sin();
    const auto adjoint = [&](const OwnedEnvironment& env, Descriptor::Workspace& work) {
        Eigen::VectorXd x(descriptor.size());
        descriptor.value(env.view(), work, x);
        Eigen::Matrix3Xd pairs(3, env.vectors.cols());
        descriptor.adjoint(env.view(), work, x, g, pairs);
        return pairs;
    };
    Descriptor::Workspace used;
    (void)adjoint(random_environment(30, n_channels(), 1.0, 6.0, 7), used);
    Descriptor::Workspace fresh;
    EXPECT_EQ(adjoint(environment(8), used), adjoint(environment(8), fresh));
}

TEST_P(EveryVariant, SmoothAcrossBothCutoffs) {
    const Descriptor descriptor(options(), n_channels());
    for (const double cutoff : {options().radial.cutoff, options().angular.cutoff}) {
        auto env = environment(5);
        const Eigen::VectorXd g = Eigen::VectorXd::Ones(descriptor.size());
        const auto at = [&](double r) {
            env.vectors.col(0) *= r / env.vectors.col(0).norm();
            env.update_distances();
            Descriptor::Workspace work;
            Eigen::VectorXd x(descriptor.size());
            descriptor.value(env.view(), work, x);
            Eigen::Matrix3Xd pairs(3, env.vectors.cols());
            descriptor.adjoint(env.view(), work, x, g, pairs);
            return std::make_pair(x, pairs);
        };
        const auto [x_in, f_in] = at(cutoff - 1e-7);
        const auto [x_out, f_out] = at(cutoff + 1e-7);
        EXPECT_LT((x_in - x_out).norm(), 1e-7);
        EXPECT_LT((f_in - f_out).norm(), 1e-5);
        EXPECT_GT(f_out.norm(), 1e-3);
    }
}

TEST_P(EveryVariant, NoNeighbourGivesZeroNotNaN) {
    const Descriptor descriptor(options(), n_channels());
    const OwnedEnvironment empty{Eigen::Matrix3Xd(3, 0), {}, {}};
    EXPECT_EQ(value(descriptor, empty).norm(), 0.0);
    auto single = random_environment(1, 1, 2.0, 2.0, 1);  // no angular part: the rest is renormalised
    if (options().softening == 0.0)
        EXPECT_NEAR(value(descriptor, single).norm(), 1.0, 1e-14);
    else
        EXPECT_LT(value(descriptor, single).norm(), 1.0);
    Descriptor::Workspace work;
    Eigen::VectorXd x(descriptor.size());
    descriptor.value(single.view(), work, x);
    Eigen::Matrix3Xd pairs(3, 1);
    descriptor.adjoint(single.view(), work, x, Eigen::VectorXd::Ones(descriptor.size()), pairs);
    EXPECT_TRUE(pairs.allFinite());
}

INSTANTIATE_TEST_SUITE_P(Descriptor, EveryVariant,
                         ::testing::Combine(::testing::Values(Normalization::joint, Normalization::separate),
                                            ::testing::Values(Compression::none, Compression::element),
                                            ::testing::Values(1, 2, 4), ::testing::Values(Kept::all, Kept::some),
                                            ::testing::Values(0.0, 0.5)));

/// An atom that loses its last neighbours one after the other: value and derivative stay continuous, and end at zero.
TEST(Descriptor, WithSofteningTheLastNeighbourLeavesSmoothly) {
    for (const auto normalization : {Normalization::joint, Normalization::separate})
        for (const double radial_weight : {0.3, 0.0, 1.0}) {
            auto options = small_options(normalization, Compression::none);
            options.radial_weight = radial_weight;
            options.softening = 0.4;
            const Descriptor descriptor(options, 2);
            auto env = random_environment(3, 2, 2.0, 3.0, 13);
            const auto at = [&](double r) {  // all at the distances r, r + 0.01, r + 0.02
                for (Eigen::Index j = 0; j < 3; ++j)
                    env.vectors.col(j) *= (r + 0.01 * static_cast<double>(j)) / env.vectors.col(j).norm();
                env.update_distances();
                Descriptor::Workspace work;
                Eigen::VectorXd x(descriptor.size());
                descriptor.value(env.view(), work, x);
                Eigen::Matrix3Xd pairs(3, 3);
                descriptor.adjoint(env.view(), work, x, Eigen::VectorXd::Ones(descriptor.size()), pairs);
                return std::make_pair(x, pairs);
            };
            auto [x, pairs] = at(2.0);
            EXPECT_GT(x.norm(), 0.5);
            for (double r = 2.005; r < descriptor.cutoff() + 0.01; r += 0.005) {
                const auto [next_x, next_pairs] = at(r);
                EXPECT_LT((next_x - x).norm(), 0.02) << r;
                EXPECT_LT((next_pairs - pairs).norm(), 0.2) << r;
                x = next_x;
                pairs = next_pairs;
            }
            EXPECT_EQ(x.norm(), 0.0);
            EXPECT_EQ(pairs.norm(), 0.0);
        }
}

TEST(Descriptor, SofteningIsTheLengthOfTwoNeighboursAtARightAngle) {
    for (const auto normalization : {Normalization::joint, Normalization::separate}) {
        auto options = small_options(normalization, Compression::none);
        options.angular.cutoff = options.radial.cutoff;
        options.softening = 0.5;
        OwnedEnvironment two{Eigen::Matrix3Xd::Zero(3, 2), {}, {0, 0}};
        two.vectors(1, 0) = two.vectors(2, 1) = 0.5 * options.radial.cutoff;
        two.update_distances();
        EXPECT_NEAR(value(Descriptor(options, 1), two).squaredNorm(), 0.5, 1e-12);
    }
}

TEST(Descriptor, ListingEveryComponentChangesNothing) {
    for (const auto compression : {Compression::none, Compression::element}) {
        auto options = small_options(Normalization::joint, compression);
        const Descriptor all(options, 3);
        options.components.resize(static_cast<std::size_t>(all.three_size()));
        std::iota(options.components.begin(), options.components.end(), 0);
        const Descriptor listed(options, 3);
        const auto env = random_environment(9, 3, 1.8, 6.5, 8);
        const Eigen::VectorXd x = value(all, env);
        EXPECT_EQ(value(listed, env), x);
        const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(all.size(), -1.0, 2.0).array().sin();
        const auto forces = [&](const Descriptor& descriptor) {
            Descriptor::Workspace work;
            Eigen::VectorXd again(descriptor.size());
            descriptor.value(env.view(), work, again);
            Eigen::Matrix3Xd pairs(3, env.vectors.cols());
            descriptor.adjoint(env.view(), work, again, g, pairs);
            return pairs;
        };
        EXPECT_EQ(forces(listed), forces(all));
    }
}

TEST(Descriptor, PurelyRadialAndPurelyAngular) {
    auto options = small_options(Normalization::joint, Compression::none);
    options.radial_weight = 1.0;
    EXPECT_EQ(Descriptor(options, 2).three_size(), 0);
    EXPECT_EQ(Descriptor(options, 2).cutoff(), options.radial.cutoff);
    options.radial_weight = 0.0;
    EXPECT_EQ(Descriptor(options, 2).two_size(), 0);
    EXPECT_EQ(Descriptor(options, 2).cutoff(), options.angular.cutoff);
    options.radial_weight = 1.0;
    options.components = {1, 2};
    EXPECT_THROW(Descriptor(options, 2), std::invalid_argument);
    options.components.clear();
    options.radial_weight = 1.5;
    EXPECT_THROW(Descriptor(options, 2), std::invalid_argument);
}
