#include "descriptors/radial_basis.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <span>

#include "support/finite_difference.hpp"

using namespace mlff;
using descriptors::RadialBasis;
using descriptors::RadialBasisOptions;

TEST(RadialBasis, QCutoffKeepsTheFunctionsOfVasp) {
    // vasp-compat.md section 12: functions per l = 0..6.
    const std::vector<std::pair<int, std::vector<Eigen::Index>>> expected = {
        {8, {8, 7, 7, 6, 6, 5, 5}}, {10, {10, 9, 9, 8, 8, 7, 7}}, {12, {12, 11, 11, 10, 10, 9, 9}}};
    for (const auto& [functions, counts] : expected) {
        const RadialBasis basis({.cutoff = 5.0, .width = 0.5, .functions = functions, .l_max = 6, .filter = 0.0});
        for (int l = 0; l <= 6; ++l)
            EXPECT_EQ(basis.count(l), counts[static_cast<std::size_t>(l)]) << functions << " " << l;
    }
}

TEST(RadialBasis, DimerDescriptorsOfARealForceField) {
    // vasp-compat.md section 12: R = 5 Å, σ = 0.5 Å, N = 8, one neighbour, normalised to 1.
    const std::vector<std::pair<double, std::array<double, 8>>> vectors = {
        {0.7482420281,
         {0.384150959754, 0.590693471186, 0.564072440567, 0.385256014061, 0.184463521318, 0.047537352032,
          -0.011810415086, -0.021983452906}},
        {0.8004148545,
         {0.402162941609, 0.607758711284, 0.561153888652, 0.359956288915, 0.149779353811, 0.018362070167,
          -0.028883281173, -0.028754759537}},
        {0.8703890305,
         {0.427285282994, 0.629488107659, 0.552306163837, 0.319734197784, 0.099553978501, -0.020340438586,
          -0.048752194425, -0.034618620261}},
        {0.9349687826,
         {0.451137977598, 0.647666995260, 0.538436264164, 0.276288392328, 0.050523626001, -0.054100127579,
          -0.062873412419, -0.036339723993}},
        {0.9564740955,
         {0.459167850743, 0.653203813625, 0.532505462228, 0.260533230583, 0.033866335967, -0.064639462585,
          -0.066499506976, -0.036092352452}}};
    const RadialBasis basis({.cutoff = 5.0, .width = 0.5, .functions = 8, .l_max = 0, .filter = 0.0});
    Eigen::VectorXd h(basis.padded_size()), dh(basis.padded_size());
    for (const auto& [r, expected] : vectors) {
        basis.evaluate(std::span(&r, 1), h.data(), dh.data());
        const Eigen::VectorXd unit = h.head(8).normalized();
        EXPECT_LT((unit - Eigen::Map<const Eigen::VectorXd>(expected.data(), 8)).norm(), 1e-9) << "r = " << r;
    }
}

TEST(RadialBasis, TableReproducesTheQuadratureTo1em10) {
    for (const auto& options :
         {RadialBasisOptions{.cutoff = 8.0, .width = 0.5, .functions = 12, .l_max = 0, .filter = 0.0},
          RadialBasisOptions{.cutoff = 5.0, .width = 0.5, .functions = 8, .l_max = 3, .filter = 0.002},
          RadialBasisOptions{.cutoff = 4.3, .width = 0.25, .functions = 10, .l_max = 6, .filter = 0.0},
          RadialBasisOptions{.cutoff = 9.0, .width = 0.9, .functions = 12, .l_max = 0, .decay = 2.5},
          RadialBasisOptions{.cutoff = 9.0, .width = 2.0, .functions = 3, .l_max = 2, .decay = 0.2}}) {
        const RadialBasis basis(options);
        EXPECT_LT(basis.interpolation_error<double>(), 1e-10);
        EXPECT_LT(basis.interpolation_error<float>(), 2e-7);
    }
}

TEST(RadialBasis, SlopeAndCurvatureAreDerivatives) {
    for (const double decay : {0.0, 1.5}) {
        const RadialBasis basis(
            {.cutoff = 5.0, .width = 0.45, .functions = 8, .l_max = 5, .filter = 0.002, .decay = decay});
        const double step = 1e-4;
        for (const double r : {0.001, 0.3, 1.7, 3.2, 4.9}) {
            const auto plus = basis.integrate(r + step), minus = basis.integrate(r - step), here = basis.integrate(r);
            const double scale = here.cwiseAbs().maxCoeff();
            EXPECT_LT(((plus.col(0) - minus.col(0)) / (2.0 * step) - here.col(1)).cwiseAbs().maxCoeff(), 1e-7 * scale)
                << r;
            EXPECT_LT(((plus.col(1) - minus.col(1)) / (2.0 * step) - here.col(2)).cwiseAbs().maxCoeff(), 1e-6 * scale)
                << r;
        }
    }
}

TEST(RadialBasis, DecayIsAWeightOfTheNeighbour) {
    RadialBasisOptions options{.cutoff = 9.0, .width = 0.9, .functions = 12, .l_max = 2};
    const RadialBasis plain(options);
    options.decay = 3.0;
    const RadialBasis decaying(options);
    for (const double r : {0.0, 1.0, 3.0, 6.0, 8.9})
        EXPECT_LE((decaying.integrate(r).col(0) - plain.integrate(r).col(0) / (1.0 + r * r * r / 27.0)).norm(),
                  1e-14 * plain.integrate(r).col(0).norm())
            << r;
}

TEST(RadialBasis, InterpolantIsSmoothAcrossKnotsAndCutoff) {
    const RadialBasis basis({.cutoff = 5.0, .width = 0.5, .functions = 8, .l_max = 3, .filter = 0.002});
    Eigen::MatrixXd h(basis.padded_size(), 2), dh(basis.padded_size(), 2);
    const double eps = 1e-9;
    for (const double r : {0.5, 1.0, 2.5, 5.0}) {  // among them knots (5/302·n up to rounding) and the cutoff
        basis.evaluate(std::array{r - eps, r + eps}, h.data(), dh.data());
        EXPECT_LT((h.col(1) - h.col(0)).cwiseAbs().maxCoeff(), 1e-7);
        EXPECT_LT((dh.col(1) - dh.col(0)).cwiseAbs().maxCoeff(), 1e-6);
    }
    basis.evaluate(std::array{5.0}, h.data(), dh.data());
    EXPECT_EQ(h.col(0).norm(), 0.0);
    EXPECT_EQ(dh.col(0).norm(), 0.0);
}

TEST(RadialBasis, RefusesImpossibleOptions) {
    RadialBasisOptions options;
    options.cutoff = -1.0;
    EXPECT_THROW(RadialBasis{options}, std::invalid_argument);
    options = {};
    options.width = std::nan("");
    EXPECT_THROW(RadialBasis{options}, std::invalid_argument);
    options = {};
    options.functions = 0;
    EXPECT_THROW(RadialBasis{options}, std::invalid_argument);
    for (const double decay : {-1.0, 0.01, std::nan("")}) {
        options = {};
        options.decay = decay;
        EXPECT_THROW(RadialBasis{options}, std::invalid_argument) << decay;
    }
}

TEST(ModifiedBessel, ClosedFormsAndBesselsEquation) {
    for (const double x : {1e-9, 0.3, 0.999, 1.001, 4.0, 30.0, 51.9, 52.1, 400.0, 2000.0}) {
        const auto iota = descriptors::scaled_modified_bessel(6, x);
        const double i0 = -std::expm1(-2.0 * x) / (2.0 * x);
        EXPECT_NEAR(iota(0, 0), i0, 1e-14);
        if (x > 0.1) {
            const double c = 0.5 * (1.0 + std::exp(-2.0 * x));
            EXPECT_NEAR(iota(1, 0), (c - i0) / x, 1e-13);
            for (int l = 1; l < 6; ++l)  // ι_(l-1) − ι_(l+1) = (2l+1)/x ι_l ties all orders to the first two
                EXPECT_NEAR(iota(l - 1, 0) - iota(l + 1, 0), (2 * l + 1) / x * iota(l, 0), 1e-13) << x << " " << l;
        }
        for (int l = 1; l <= 6; ++l) {
            EXPECT_NEAR(iota(l, 1), iota(l - 1, 0) - (l + 1) / x * iota(l, 0), 1e-13) << x << " " << l;
        }
    }
}

TEST(SphericalBessel, ZerosAreZerosAndInterlace) {
    const auto zeros = descriptors::spherical_bessel_zeros(6, 40.0);
    for (int l = 0; l <= 6; ++l) {
        const auto& z = zeros[static_cast<std::size_t>(l)];
        for (std::size_t n = 0; n < z.size(); ++n) {
            EXPECT_NEAR(std::sph_bessel(static_cast<unsigned>(l), z[n]), 0.0, 1e-14);
            if (l > 0) {
                EXPECT_GT(z[n], zeros[static_cast<std::size_t>(l - 1)][n]);
            }
        }
    }
    EXPECT_NEAR(zeros[1][0], 4.493409457909064, 1e-13);
    EXPECT_NEAR(zeros[2][0], 5.763459196894550, 1e-13);
}
