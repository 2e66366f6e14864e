#include "analysis/fourier.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace mlff::analysis {
namespace {

constexpr double pi = std::numbers::pi;

Eigen::ArrayXd noise(Eigen::Index n, unsigned seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    Eigen::ArrayXd values(n);
    for (double& v : values) v = normal(random);
    return values;
}

TEST(RealTransform, AgreesWithTheSum) {
    for (const Eigen::Index n : {4, 12, 60, 100}) {
        RealTransform transform(n);
        const Eigen::ArrayXd x = noise(n - 3, 1);
        const Eigen::ArrayXcd spectrum = transform.forward(x);
        ASSERT_EQ(spectrum.size(), n / 2 + 1);
        for (Eigen::Index k = 0; k <= n / 2; ++k) {
            std::complex<double> sum = 0.0;
            for (Eigen::Index j = 0; j < x.size(); ++j)
                sum += x[j] * std::polar(1.0, -2.0 * pi * static_cast<double>(j * k) / static_cast<double>(n));
            EXPECT_LE(std::abs(spectrum[k] - sum), 1e-12) << n << ' ' << k;
        }
        const Eigen::ArrayXd back = transform.backward(spectrum);
        EXPECT_LE((back.head(n - 3) - x).abs().maxCoeff(), 1e-13);
        EXPECT_LE(back.tail(3).abs().maxCoeff(), 1e-13);
    }
    EXPECT_THROW(RealTransform(6), std::invalid_argument);
    EXPECT_THROW(RealTransform(0), std::invalid_argument);
    EXPECT_THROW((void)RealTransform(8).forward(noise(9, 2)), std::invalid_argument);
}

TEST(FastLength, HasOnlySmallFactors) {
    EXPECT_EQ(fast_length(1), 4);
    EXPECT_EQ(fast_length(4), 4);
    EXPECT_EQ(fast_length(5), 8);
    EXPECT_EQ(fast_length(97), 100);
    EXPECT_EQ(fast_length(1001), 1024);
}

TEST(LowPass, KeepsWhatIsSlowAndDropsWhatIsFast) {
    // Cosines of the mirrored series are its eigenfunctions: frequencies k/(2 n spacing).
    constexpr Eigen::Index n = 200;
    constexpr double spacing = 2.5;
    const Eigen::ArrayXd j = Eigen::ArrayXd::LinSpaced(n, 0.5, n - 0.5);
    const auto wave = [&](double k) -> Eigen::ArrayXd { return (pi * k * j / static_cast<double>(n)).cos(); };
    const Eigen::ArrayXd slow = 3.0 + wave(4) - 0.5 * wave(10), fast = wave(11) + 2.0 * wave(150);
    const double cutoff = 10.0 / (2.0 * n * spacing);
    EXPECT_LE((low_pass(slow + fast, spacing, cutoff) - slow).abs().maxCoeff(), 1e-12);
    EXPECT_LE((low_pass(slow + fast, spacing, 1.0) - slow - fast).abs().maxCoeff(), 1e-12);
    // A ramp does not ring at its ends.
    EXPECT_LE((low_pass(j, spacing, cutoff) - j).abs().maxCoeff(), 5.0);
    // A series of odd length.
    const Eigen::ArrayXd odd = noise(37, 3);
    EXPECT_LE((low_pass(odd, 1.0, 1.0) - odd).abs().maxCoeff(), 1e-12);
}

TEST(SavitzkyGolay, LeavesParabolasAloneAndIsTheKnownFilter) {
    const Eigen::ArrayXd x = Eigen::ArrayXd::LinSpaced(30, 0.0, 29.0);
    const Eigen::ArrayXd parabola = 2.0 - x + 0.3 * x.square();
    const Eigen::ArrayXd smooth = savitzky_golay(parabola, 4);
    EXPECT_LE((smooth - parabola).segment(4, 22).abs().maxCoeff(), 1e-10);
    Eigen::ArrayXd spike = Eigen::ArrayXd::Zero(11);
    spike[5] = 35.0;  // five points: (−3 12 17 12 −3)/35
    const Eigen::ArrayXd five = savitzky_golay(spike, 2);
    for (const auto& [k, value] : {std::pair{2, 0.0}, {3, -3.0}, {4, 12.0}, {5, 17.0}, {6, 12.0}, {7, -3.0}})
        EXPECT_NEAR(five[k], value, 1e-12) << k;
    EXPECT_TRUE((savitzky_golay(spike, 0) == spike).all());
}

}  // namespace
}  // namespace mlff::analysis
