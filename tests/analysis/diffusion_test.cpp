#include "analysis/diffusion.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <Eigen/LU>
#include <cmath>
#include <random>

#include "analysis/frames.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::empty_cell;
using mlff::testing::error_of;
using mlff::testing::frame_of;
using mlff::testing::RandomWalk;
using mlff::testing::triclinic;

constexpr double to_cm2_per_s = 0.1;  ///< 1 Å²/fs

/// n_mobile Ag and n_host I at random sites.
Structure salt(int n_mobile, int n_host, unsigned seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform;
    Structure s = empty_cell(triclinic(12.0));
    s.positions.resize(3, n_mobile + n_host);
    for (Eigen::Index i = 0; i < s.size(); ++i) {
        s.species.push_back(i < n_mobile ? 47 : 53);
        s.positions.col(i) = s.cell * Vector3(uniform(random), uniform(random), uniform(random));
    }
    return s;
}

std::vector<bool> only_silver(const Structure& s) {
    std::vector<bool> moves;
    for (const int z : s.species) moves.push_back(z == 47);
    return moves;
}

bool warns(const Diffusion& diffusion, const std::string& of) {
    for (const std::string& warning : diffusion.warnings)
        if (warning.find(of) != std::string::npos) return true;
    return false;
}

TEST(MeanSquareDisplacement, FreeFlightIsExact) {
    // MSD(t) = <|v − v_cm|²> t², whatever the common velocity.
    const Structure start = salt(5, 4, 1);
    std::mt19937_64 random(2);
    std::normal_distribution<double> normal(0.003, 0.002);
    Matrix3X velocities(3, start.size());
    for (double& v : velocities.reshaped()) v = normal(random);
    Vector3 momentum = Vector3::Zero();
    double mass = 0.0;
    for (Eigen::Index i = 0; i < start.size(); ++i) {
        const double m = atomic_mass(start.species[static_cast<std::size_t>(i)]);
        momentum += m * velocities.col(i);
        mass += m;
    }
    const Matrix3X relative = velocities.colwise() - momentum / mass;

    MeanSquareDisplacement msd({});
    for (int k = 0; k <= 60; ++k) {
        Frame frame = frame_of(100.0 + 4.0 * k, start);
        frame.path += 4.0 * k * velocities;
        msd.add(frame);
    }
    const auto results = msd.result();
    ASSERT_EQ(results.size(), 2u);
    // The line through t² with weights (61 − k)/k³ at k = 12 … 30, from its normal equations.
    Eigen::Matrix2d normal_matrix = Eigen::Matrix2d::Zero();
    Eigen::Vector2d right = Eigen::Vector2d::Zero();
    for (int k = 12; k <= 30; ++k) {
        const double t = 4.0 * k, weight = (61.0 - k) / std::pow(k, 3);
        const Eigen::Vector2d row(1.0, t);
        normal_matrix += weight * row * row.transpose();
        right += weight * t * t * row;
    }
    const Eigen::Vector2d line = normal_matrix.inverse() * right;
    const double squares[] = {relative.leftCols(5).squaredNorm() / 5.0, relative.rightCols(4).squaredNorm() / 4.0};
    for (std::size_t s = 0; s < 2; ++s) {
        const Diffusion& d = results[s];
        EXPECT_EQ(d.species, s == 0 ? 47 : 53);
        ASSERT_EQ(d.time.size(), 31);  // 50 % of 60 intervals
        EXPECT_LE((d.msd - squares[s] * d.time.square()).abs().maxCoeff(), 1e-10);
        EXPECT_NEAR(d.window_start, 48.0, 1e-9);
        EXPECT_NEAR(d.window_end, 120.0, 1e-9);
        EXPECT_NEAR(d.end_point, squares[s] * 120.0 / 6.0 * to_cm2_per_s, 1e-12);
        EXPECT_NEAR(d.fit, squares[s] * line[1] / 6.0 * to_cm2_per_s, 1e-12);
        EXPECT_NEAR(d.intercept, squares[s] * line[0], 1e-9);
        EXPECT_NEAR(d.exponent, 2.0, 1e-6);
        EXPECT_TRUE(warns(d, "flight or drift"));
    }
}

/// All origins, from the definition.
std::vector<double> brute_force(const std::vector<Frame>& frames, std::size_t stride, std::size_t n_lags,
                                Eigen::Index n_silver) {
    std::vector<Matrix3X> paths;
    for (std::size_t k = 0; k < frames.size(); k += stride) {
        const Structure& s = frames[k].structure;
        Vector3 centre = Vector3::Zero();
        double mass = 0.0;
        for (Eigen::Index i = 0; i < s.size(); ++i) {
            const double m = atomic_mass(s.species[static_cast<std::size_t>(i)]);
            centre += m * s.positions.col(i);
            mass += m;
        }
        paths.push_back((s.positions.colwise() - centre / mass).leftCols(n_silver));
    }
    std::vector<double> msd;
    for (std::size_t lag = 0; lag <= n_lags; ++lag) {
        double sum = 0.0;
        for (std::size_t k = 0; k + lag < paths.size(); ++k) sum += (paths[k + lag] - paths[k]).squaredNorm();
        msd.push_back(sum / static_cast<double>(n_silver) / static_cast<double>(paths.size() - lag));
    }
    return msd;
}

TEST(MeanSquareDisplacement, AgreesWithTheDefinitionAndKeepsToItsMemory) {
    const Structure start = salt(6, 3, 3);
    RandomWalk walk(start, 1e-3, 2.0, 4);
    std::vector<Frame> frames;
    for (int k = 0; k < 330; ++k) frames.push_back(walk.next(std::vector<bool>(9, true)));
    struct Case {
        int max_frames;
        std::size_t stride, n_kept;
    };
    // 330 frames in room for 1000, 100, 51: every frame, every 4th, every 8th is kept.
    for (const auto& [max_frames, stride, n_kept] : {Case{1000, 1, 330}, Case{100, 4, 83}, Case{51, 8, 42}}) {
        MeanSquareDisplacement msd({.species = {47}, .max_frames = max_frames});
        for (const Frame& frame : frames) msd.add(frame);
        const Diffusion d = msd.result().at(0);
        const std::size_t n_lags = (n_kept - 1) / 2;
        ASSERT_EQ(d.time.size(), static_cast<Eigen::Index>(n_lags) + 1);
        const auto expected = brute_force(frames, stride, n_lags, 6);
        for (std::size_t lag = 0; lag <= n_lags; ++lag) {
            EXPECT_NEAR(d.time[static_cast<Eigen::Index>(lag)], 2.0 * static_cast<double>(stride * lag), 1e-9);
            EXPECT_NEAR(d.msd[static_cast<Eigen::Index>(lag)], expected[lag], 1e-9);
        }
    }
}

TEST(MeanSquareDisplacement, BrownianParticlesDiffuseAsTold) {
    constexpr double diffusion = 2e-4;  // [Å²/fs] = 2e-5 cm²/s
    const Structure start = salt(60, 20, 5);
    RandomWalk walk(start, diffusion, 10.0, 6);
    MeanSquareDisplacement msd({.species = {47}, .framework = {53}});
    for (int k = 0; k < 1500; ++k) msd.add(walk.next(only_silver(start)));
    const Diffusion d = msd.result().at(0);
    ASSERT_TRUE(d.fit_error && d.end_point_error && d.error);
    EXPECT_NEAR(d.fit, diffusion * to_cm2_per_s, 4.0 * *d.fit_error);
    EXPECT_NEAR(d.end_point, diffusion * to_cm2_per_s, 4.0 * *d.end_point_error);
    EXPECT_LT(*d.fit_error, 0.3 * d.fit);
    EXPECT_LT(*d.end_point_error, 0.3 * d.fit);
    EXPECT_NEAR(d.exponent, 1.0, 0.3);
    EXPECT_TRUE(d.warnings.empty()) << d.warnings.front();
    // At short times the statistics are good: MSD = 6 D t.
    EXPECT_NEAR(d.msd[1], 6.0 * diffusion * 10.0, 5.0 * (*d.error)[1]);
    EXPECT_NEAR((*d.error)[1] / d.msd[1], std::sqrt(2.0 / 3.0 / (60.0 * 1499.0)), 0.002);
}

TEST(MeanSquareDisplacement, ErrorsAreHonest) {
    // Many runs of the same walk: the scatter of their D must be what each of them claims.
    constexpr double diffusion = 1e-3;
    constexpr int n_runs = 80;
    double claimed = 0.0, found = 0.0, claimed_end = 0.0, found_end = 0.0;
    double sum = 0.0;
    const int n_threads = omp_get_max_threads();
    omp_set_num_threads(1);  // these runs are too short to share
    for (int run = 0; run < n_runs; ++run) {
        const Structure start = salt(12, 1, 7);
        RandomWalk walk(start, diffusion, 5.0, 100 + static_cast<unsigned>(run));
        MeanSquareDisplacement msd({.species = {47}, .framework = {53}});
        for (int k = 0; k < 300; ++k) msd.add(walk.next(only_silver(start)));
        const Diffusion d = msd.result().at(0);
        claimed += d.fit_error.value() * d.fit_error.value() / n_runs;
        claimed_end += d.end_point_error.value() * d.end_point_error.value() / n_runs;
        found += std::pow(d.fit - diffusion * to_cm2_per_s, 2) / n_runs;
        found_end += std::pow(d.end_point - diffusion * to_cm2_per_s, 2) / n_runs;
        sum += d.fit / n_runs;
    }
    omp_set_num_threads(n_threads);
    EXPECT_NEAR(std::sqrt(claimed / found), 1.0, 0.25);
    EXPECT_NEAR(std::sqrt(claimed_end / found_end), 1.0, 0.25);
    EXPECT_NEAR(sum, diffusion * to_cm2_per_s, 4.0 * std::sqrt(found / n_runs));
}

TEST(MeanSquareDisplacement, ThreadsChangeNothing) {
    const Structure start = salt(67, 63, 19);
    RandomWalk walk(start, 1e-3, 2.0, 20);
    MeanSquareDisplacement msd({});
    for (int k = 0; k < 1000; ++k) msd.add(walk.next(std::vector<bool>(130, true)));
    const int n_threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const auto alone = msd.result();
    omp_set_num_threads(3);
    const auto shared = msd.result();
    omp_set_num_threads(n_threads);
    for (std::size_t s = 0; s < 2; ++s) {
        EXPECT_TRUE((alone[s].msd == shared[s].msd).all());
        EXPECT_EQ(alone[s].fit, shared[s].fit);
        EXPECT_EQ(alone[s].fit_error, shared[s].fit_error);
    }
}

TEST(MeanSquareDisplacement, DriftIsRemoved) {
    const Structure start = salt(20, 10, 8);
    const auto measure = [&](const Vector3& velocity, const std::vector<int>& framework) {
        RandomWalk walk(start, 1e-3, 2.0, 9);
        MeanSquareDisplacement msd({.framework = framework});
        for (int k = 0; k < 100; ++k) {
            Frame frame = walk.next(only_silver(start));
            frame.path.colwise() += velocity * frame.time;
            msd.add(frame);
        }
        return msd.result();
    };
    for (const std::vector<int>& framework : {std::vector<int>{}, std::vector<int>{53}}) {
        const auto still = measure(Vector3::Zero(), framework), moving = measure({0.02, -0.01, 0.03}, framework);
        for (std::size_t s = 0; s < 2; ++s) EXPECT_LE((still[s].msd - moving[s].msd).abs().maxCoeff(), 1e-9);
    }
    // Iodine never moves: at rest by itself, but not in the frame of the centre of mass, which silver shakes.
    EXPECT_LT(measure({0, 0, 0.1}, {53})[1].msd.maxCoeff(), 1e-12);
    EXPECT_GT(measure({0, 0, 0.1}, {})[1].msd.maxCoeff(), 1e-3);
}

TEST(MeanSquareDisplacement, BoundAtomsGiveAPlateauAndAWarning) {
    // Independent thermal positions about fixed sites: MSD = 2 <u²> = 6 σ² at once, D = 0.
    const Structure start = salt(40, 1, 10);
    constexpr double sigma = 0.15;
    std::mt19937_64 random(11);
    std::normal_distribution<double> normal(0.0, sigma);
    MeanSquareDisplacement msd({.species = {47}, .framework = {53}});
    for (int k = 0; k < 400; ++k) {
        Frame frame = frame_of(5.0 * k, start);
        for (double& x : frame.path.leftCols(40).reshaped()) x += normal(random);
        msd.add(frame);
    }
    const Diffusion d = msd.result().at(0);
    EXPECT_NEAR(d.intercept, 6.0 * sigma * sigma, 0.05 * 6.0 * sigma * sigma);
    EXPECT_NEAR(d.msd[50], 6.0 * sigma * sigma, 0.05 * 6.0 * sigma * sigma);
    EXPECT_NEAR(d.exponent, 0.0, 0.05);
    EXPECT_TRUE(warns(d, "vibration about fixed sites"));
    EXPECT_LT(std::abs(d.fit), 0.05 * d.end_point);  // the end point takes vibration for diffusion, the fit does not
}

TEST(MeanSquareDisplacement, WarnsOfRunsThatSayNothing) {
    const Structure start = salt(8, 2, 12);
    RandomWalk walk(start, 1e-3, 2.0, 13);
    MeanSquareDisplacement brief({.species = {47}}), frozen({});
    for (int k = 0; k < 20; ++k) {
        brief.add(walk.next(only_silver(start)));
        frozen.add(frame_of(2.0 * k, start));
    }
    const Diffusion d = brief.result().at(0);
    EXPECT_FALSE(d.fit_error);
    EXPECT_TRUE(warns(d, "too short"));
    const Diffusion still = frozen.result().at(0);
    EXPECT_TRUE(warns(still, "does not move"));
    EXPECT_NEAR(still.fit, 0.0, 1e-15);
    EXPECT_EQ(still.exponent, 0.0);
}

TEST(MeanSquareDisplacement, OneAtomHasNoScatterBetweenAtoms) {
    const Structure start = salt(1, 1, 14);
    RandomWalk walk(start, 1e-3, 2.0, 15);
    MeanSquareDisplacement msd({.species = {47}, .framework = {53}});
    for (int k = 0; k < 100; ++k) msd.add(walk.next(only_silver(start)));
    EXPECT_FALSE(msd.result().at(0).error);
}

TEST(MeanSquareDisplacement, WindowUpToTheWholeRun) {
    const Structure start = salt(20, 1, 16);
    RandomWalk walk(start, 1e-3, 2.0, 17);
    MeanSquareDisplacement msd({.species = {47}, .framework = {53}, .window_start = 0.1, .window_end = 1.0});
    for (int k = 0; k < 101; ++k) msd.add(walk.next(only_silver(start)));
    const Diffusion d = msd.result().at(0);
    EXPECT_NEAR(d.window_start, 20.0, 1e-9);
    EXPECT_NEAR(d.window_end, 200.0, 1e-9);
    EXPECT_TRUE(std::isfinite(d.fit) && std::isfinite(d.fit_error.value()));
}

TEST(MeanSquareDisplacement, RefusesWhatItCannotDo) {
    const auto refuses = [](const DiffusionOptions& options) {
        return error_of<InputError>([&] { MeanSquareDisplacement{options}; });
    };
    EXPECT_EQ(refuses({}), "no error");
    EXPECT_NE(refuses({.window_start = 0.0}).find("window is [0, 0.5]"), std::string::npos);
    EXPECT_NE(refuses({.window_start = 0.6}).find("window"), std::string::npos);
    EXPECT_NE(refuses({.window_end = 1.1}).find("window"), std::string::npos);
    EXPECT_NE(refuses({.window_end = std::nan("")}).find("window"), std::string::npos);
    EXPECT_NE(refuses({.max_frames = 3}).find("max_frames is 3"), std::string::npos);

    const Structure start = salt(2, 2, 18);
    const auto complaint = [&](const DiffusionOptions& options, int n_frames) {
        return error_of<InputError>([&] {
            MeanSquareDisplacement msd(options);
            for (int k = 0; k < n_frames; ++k) msd.add(frame_of(2.0 * k, start, "run.xyz:1"));
            (void)msd.result();
        });
    };
    EXPECT_EQ(complaint({.species = {79}}, 1), "run.xyz:1: there is no Au in Ag2I2");
    EXPECT_EQ(complaint({.framework = {79}}, 1), "run.xyz:1: there is no Au in Ag2I2");
    for (const int n_frames : {0, 1, 2, 4, 6})
        EXPECT_NE(complaint({}, n_frames).find("too few for a diffusion coefficient"), std::string::npos) << n_frames;
    EXPECT_EQ(complaint({}, 9), "no error");
}

}  // namespace
}  // namespace mlff::analysis
