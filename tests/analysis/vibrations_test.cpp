#include "analysis/vibrations.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <cmath>
#include <numbers>
#include <random>

#include "analysis/frames.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::empty_cell;
using mlff::testing::error_of;
using mlff::testing::frame_of;
using mlff::testing::triclinic;

constexpr double cm_per_fs = 2.99792458e-5;
constexpr double pi = std::numbers::pi;

/// Independent oscillators at the temperature of 300 K: Li about 400 cm⁻¹, I about 90 cm⁻¹, a pair of each kind moving
/// against each other so that the centre of mass rests.
class Oscillators {
 public:
    Oscillators(int n_pairs, unsigned seed) {
        structure_ = empty_cell(triclinic(12.0));
        std::mt19937_64 random(seed);
        std::uniform_real_distribution<double> uniform;
        std::normal_distribution<double> normal;
        const auto n = static_cast<Eigen::Index>(4 * n_pairs);
        structure_.positions.resize(3, n);
        amplitude_.resize(3, n);
        phase_.resize(3, n);
        for (Eigen::Index i = 0; i < n; i += 2) {
            const int z = i < n / 2 ? 3 : 53;
            const double omega = 2.0 * pi * cm_per_fs * frequency(z);
            for (Eigen::Index k = i; k < i + 2; ++k) {
                structure_.species.push_back(z);
                structure_.positions.col(k) =
                    structure_.cell * Vector3(uniform(random), uniform(random), uniform(random));
            }
            for (int axis = 0; axis < 3; ++axis) {
                const double velocity = std::sqrt(units::boltzmann * 300.0 * units::acceleration / atomic_mass(z));
                // Energies drawn from the canonical distribution.
                const double a = velocity * std::hypot(normal(random), normal(random)) / omega;
                amplitude_(axis, i) = a;
                amplitude_(axis, i + 1) = -a;
                phase_(axis, i) = phase_(axis, i + 1) = 2.0 * pi * uniform(random);
            }
        }
    }
    static double frequency(int z) { return z == 3 ? 400.0 : 90.0; }  ///< [cm⁻¹]

    [[nodiscard]] Frame at(double time, bool with_velocities) const {
        Frame frame = frame_of(time, structure_);
        if (with_velocities) frame.velocities = Matrix3X::Zero(3, structure_.size());
        for (Eigen::Index i = 0; i < structure_.size(); ++i) {
            const double omega = 2.0 * pi * cm_per_fs * frequency(structure_.species[static_cast<std::size_t>(i)]);
            for (int axis = 0; axis < 3; ++axis) {
                const double angle = omega * time + phase_(axis, i);
                frame.path(axis, i) += amplitude_(axis, i) * std::sin(angle);
                if (with_velocities) (*frame.velocities)(axis, i) = amplitude_(axis, i) * omega * std::cos(angle);
            }
        }
        return frame;
    }
    [[nodiscard]] Eigen::Index size() const { return structure_.size(); }

 private:
    Structure structure_;
    Matrix3X amplitude_, phase_;
};

std::vector<VibrationalDensity> spectrum_of(const Oscillators& atoms, const VibrationOptions& options, int n_frames,
                                            double spacing, bool with_velocities) {
    VibrationalSpectrum spectrum(options);
    for (int k = 0; k < n_frames; ++k) spectrum.add(atoms.at(1000.0 + spacing * k, with_velocities));
    return spectrum.result();
}

TEST(VibrationalSpectrum, HarmonicCrystalHasItsFrequencies) {
    const Oscillators atoms(6, 1);
    for (const bool with_velocities : {true, false}) {
        const auto results = spectrum_of(atoms, {.length = 4000.0, .smoothing = 15.0}, 10000, 5.0, with_velocities);
        ASSERT_EQ(results.size(), 3u);
        EXPECT_FALSE(results[0].species);
        EXPECT_NEAR(results[0].modes, 3.0 * static_cast<double>(atoms.size()), 1e-9);
        for (std::size_t s = 1; s < 3; ++s) {
            const VibrationalDensity& v = results[s];
            const double expected = Oscillators::frequency(*v.species);
            Eigen::Index peak = 0, smooth_peak = 0;
            v.density.maxCoeff(&peak);
            v.smooth.maxCoeff(&smooth_peak);
            EXPECT_NEAR(v.frequency[peak], expected, v.frequency[1]) << with_velocities;
            EXPECT_NEAR(v.frequency[smooth_peak], expected, v.frequency[1]);
            EXPECT_NEAR(v.centre, expected, 1.0);
            EXPECT_GE(v.centre_error.value(), 0.0);
            EXPECT_LE(*v.centre_error, 0.5);
            EXPECT_TRUE(v.warnings.empty());
            // The Hann window makes a peak 1/T wide at half height.
            Eigen::Index half = peak;
            while (v.density[half] > 0.5 * v.density[peak]) ++half;
            EXPECT_NEAR(2.0 * (v.frequency[half] - v.frequency[peak]), 1.0 / (4000.0 * cm_per_fs),
                        2.0 * v.frequency[1]);
            // All of the density lies within three widths of the peak.
            const double inside = ((v.frequency - expected).abs() < 25.0).select(v.density, 0.0).sum() * v.frequency[1];
            EXPECT_NEAR(inside, v.modes, 0.01 * v.modes);
            // C(t)/C(0) = cos ωt for equal frequencies.
            for (const Eigen::Index k : {1, 7, 50})
                EXPECT_NEAR(v.autocorrelation[k], std::cos(2.0 * pi * cm_per_fs * expected * v.time[k]), 0.02) << k;
        }
        // 300 K on average: each species has 3 N_s modes within the scatter of the few energies drawn.
        EXPECT_NEAR(results[1].modes + results[2].modes, results[0].modes, 1e-9);
        EXPECT_NEAR(results[1].modes, 36.0, 14.0);
    }
}

TEST(VibrationalSpectrum, CoupledCrystalHasItsNormalModes) {
    // A ring of alternating Ag and I, every neighbour bound by springs that differ along x, y and z. All modes but the
    // three translations carry the same energy, so that each has 3N/(3N − 3) of the integral, shared between the
    // species as in its eigenvector.
    constexpr Eigen::Index n = 6;
    Structure start = empty_cell(triclinic(14.0));
    start.positions = Matrix3X::Random(3, n);
    Eigen::VectorXd mass(n);
    for (Eigen::Index i = 0; i < n; ++i) {
        start.species.push_back(i % 2 == 0 ? 47 : 53);
        mass[i] = atomic_mass(start.species.back());
    }
    Eigen::MatrixXd springs = Eigen::MatrixXd::Zero(n, n);
    for (Eigen::Index i = 0; i < n; ++i) {
        const Eigen::Index j = (i + 1) % n;
        springs(i, i) += 1.0;
        springs(j, j) += 1.0;
        springs(i, j) -= 1.0;
        springs(j, i) -= 1.0;
    }
    const Eigen::MatrixXd scaled =
        mass.cwiseSqrt().cwiseInverse().asDiagonal() * springs * mass.cwiseSqrt().cwiseInverse().asDiagonal();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> modes(scaled);
    const double stiffness[] = {0.6, 1.7, 4.0};  // eV/Å²
    std::vector<double> frequencies, silver;     // of each mode: cm⁻¹, share of Ag
    VibrationalSpectrum spectrum({.length = 8000.0});
    std::vector<Frame> frames;
    for (int k = 0; k < 24000; ++k) {
        frames.push_back(frame_of(5.0 * k, start));
        frames.back().velocities = Matrix3X::Zero(3, n);
    }
    for (int axis = 0; axis < 3; ++axis)
        for (Eigen::Index mode = 1; mode < n; ++mode) {
            const double omega = std::sqrt(stiffness[axis] * modes.eigenvalues()[mode] * units::acceleration);
            const Eigen::VectorXd vector = modes.eigenvectors().col(mode);
            frequencies.push_back(omega / (2.0 * pi * cm_per_fs));
            silver.push_back(vector(Eigen::seq(0, n - 1, 2)).squaredNorm());
            const double phase = 1.3 * static_cast<double>(axis) + 2.1 * static_cast<double>(mode);
            for (Frame& frame : frames)
                frame.velocities->row(axis) +=
                    0.01 * std::cos(omega * frame.time + phase) * vector.cwiseQuotient(mass.cwiseSqrt()).transpose();
        }
    for (const Frame& frame : frames) spectrum.add(frame);
    const auto results = spectrum.result();
    // A mode's share within its peak; peaks that overlap are counted together.
    int n_peaks = 0;
    for (std::size_t k = 0; k < frequencies.size(); ++k) {
        double expected = 0.0, expected_silver = 0.0;
        bool overlapping = false;
        for (std::size_t other = 0; other < frequencies.size(); ++other) {
            const double distance = std::abs(frequencies[other] - frequencies[k]);
            overlapping = overlapping || (distance > 1.0 && distance < 25.0);
            if (distance > 1.0) continue;
            expected += 3.0 * n / (3.0 * n - 3.0);
            expected_silver += silver[other] * 3.0 * n / (3.0 * n - 3.0);
        }
        if (overlapping) continue;
        ++n_peaks;
        const auto inside = [&](const VibrationalDensity& v) {
            return ((v.frequency - frequencies[k]).abs() < 12.5).select(v.density, 0.0).sum() * v.frequency[1];
        };
        EXPECT_NEAR(inside(results[0]), expected, 0.03 * expected) << frequencies[k];
        EXPECT_NEAR(inside(results[1]), expected_silver, 0.05 * expected) << frequencies[k];
        EXPECT_NEAR(inside(results[1]) + inside(results[2]), inside(results[0]), 1e-9);
    }
    EXPECT_GE(n_peaks, 5);
}

TEST(VibrationalSpectrum, AgreesWithTheDefinition) {
    // Random velocities: the autocorrelation by brute force, all origins of each segment.
    const Oscillators atoms(2, 2);
    std::mt19937_64 random(3);
    std::normal_distribution<double> normal;
    constexpr Eigen::Index n_lags = 20, n_segments = 3;
    VibrationalSpectrum spectrum({.species = {53}, .length = 2.0 * n_lags});
    std::vector<Matrix3X> velocities;
    for (int k = 0; k < 2 * n_lags * n_segments + 5; ++k) {  // five frames that fill no segment
        Frame frame = atoms.at(2.0 * k, true);
        for (double& v : frame.velocities->reshaped()) v = normal(random);
        spectrum.add(frame);
        Vector3 momentum = Vector3::Zero();
        double mass = 0.0;
        for (Eigen::Index i = 0; i < 8; ++i) {
            const double m = atomic_mass(frame.structure.species[static_cast<std::size_t>(i)]);
            momentum += m * frame.velocities->col(i);
            mass += m;
        }
        velocities.emplace_back(frame.velocities->colwise() - momentum / mass);
    }
    const auto results = spectrum.result();
    ASSERT_EQ(results.size(), 2u);
    Eigen::ArrayXd expected = Eigen::ArrayXd::Zero(n_lags + 1);
    for (Eigen::Index segment = 0; segment < n_segments; ++segment)
        for (Eigen::Index lag = 0; lag <= n_lags; ++lag)
            for (Eigen::Index k = 0; k + lag < 2 * n_lags; ++k) {
                const auto first = static_cast<std::size_t>(segment * 2 * n_lags + k);
                const auto second = first + static_cast<std::size_t>(lag);
                expected[lag] += velocities[first].rightCols(4).cwiseProduct(velocities[second].rightCols(4)).sum() /
                                 static_cast<double>(2 * n_lags - lag);
            }
    EXPECT_LE((results[1].autocorrelation - expected / expected[0]).abs().maxCoeff(), 1e-10);
    EXPECT_FALSE(results[1].error);  // three segments
    EXPECT_FALSE(results[1].centre_error);
    EXPECT_FALSE(results[1].warnings.empty());  // white noise reaches the end
}

TEST(VibrationalSpectrum, ARunShorterThanASegmentIsUsedByHalves) {
    const Oscillators atoms(4, 4);
    const auto results = spectrum_of(atoms, {.length = 1e6}, 801, 5.0, true);
    EXPECT_EQ(results[0].time.size(), 401);
    EXPECT_NEAR(results[2].centre, 90.0, 2.0);
    EXPECT_FALSE(results[2].error);
}

TEST(VibrationalSpectrum, UpperBoundOfTheBandCentre) {
    const Oscillators atoms(6, 5);
    const auto results = spectrum_of(atoms, {.upper = 200.0}, 8000, 5.0, true);
    EXPECT_NEAR(results[0].centre, 90.0, 3.0);  // lithium is left out
}

TEST(VibrationalSpectrum, RefusesWhatItCannotDo) {
    const Oscillators atoms(1, 6);
    EXPECT_NE(error_of<InputError>([] { VibrationalSpectrum({.length = 0.0}); }).find("length is 0"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([] { VibrationalSpectrum({.smoothing = -1.0}); }).find("smoothing"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([] { VibrationalSpectrum({.upper = std::nan("")}); }).find("upper"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([&] { (void)spectrum_of(atoms, {}, 19, 5.0, true); }).find("19 frames are too few"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([&] { (void)spectrum_of(atoms, {.species = {47}}, 30, 5.0, true); }).find("no Ag"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([&] {
                  VibrationalSpectrum mixed({});
                  mixed.add(atoms.at(0.0, true));
                  mixed.add(atoms.at(5.0, false));
              }).find("has no velocities"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([&] {
                  VibrationalSpectrum frozen({});
                  for (int k = 0; k < 30; ++k) {
                      Frame frame = atoms.at(0.0, false);
                      frame.time = 5.0 * k;
                      frozen.add(frame);
                  }
                  (void)frozen.result();
              }).find("nothing moves"),
              std::string::npos);
}

}  // namespace
}  // namespace mlff::analysis
