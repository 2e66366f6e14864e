#include "analysis/van_hove.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <numbers>
#include <random>

#include "analysis/frames.hpp"
#include "analysis/pair_correlation.hpp"
#include "libmlff/atoms/errors.hpp"
#include "support/allocations.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::empty_cell;
using mlff::testing::error_of;
using mlff::testing::frame_of;
using mlff::testing::RandomWalk;
using mlff::testing::triclinic;

constexpr double pi = std::numbers::pi;

/// n_a Ag, then n_b I, at random sites of a triclinic cell.
Structure gas(int n_a, int n_b, double size, unsigned seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform;
    Structure s = empty_cell(triclinic(size));
    s.positions.resize(3, n_a + n_b);
    for (Eigen::Index i = 0; i < s.size(); ++i) {
        s.species.push_back(i < n_a ? 47 : 53);
        s.positions.col(i) = s.cell * Vector3(uniform(random), uniform(random), uniform(random));
    }
    return s;
}

double shell_integral(const VanHove& g, Eigen::Index time) {
    const double half = 0.5 * (g.r[1] - g.r[0]);
    return (4.0 / 3.0 * pi * ((g.r + half).cube() - (g.r - half).cube()) * g.value.col(time)).sum();
}

TEST(VanHove, BrownianParticlesSpreadAsGaussians) {
    constexpr double diffusion = 1e-3, interval = 20.0;
    const Structure start = gas(100, 5, 14.0, 1);
    std::vector<bool> moves(105, false);
    std::fill(moves.begin(), moves.begin() + 100, true);
    RandomWalk walk(start, diffusion, interval, 2);
    VanHoveFunctions functions({.species = {47},
                                .pairs = {{47, 53}},
                                .framework = {53},
                                .r_max = 12.0,
                                .width = 0.25,
                                .longest = 0.2,
                                .times = 4,
                                .origins = 200});
    for (int k = 0; k < 300; ++k) functions.add(walk.next(moves));
    const VanHoveResult result = functions.result();
    ASSERT_EQ(result.self.size(), 1u);
    const VanHove& self = result.self[0];
    ASSERT_EQ(self.time.size(), 4);
    ASSERT_TRUE(self.error);
    for (Eigen::Index k = 0; k < 4; ++k) {
        EXPECT_NEAR(self.time[k], interval * std::round(0.2 * 299.0 * static_cast<double>(k + 1) / 4.0), 1e-9);
        EXPECT_NEAR(shell_integral(self, k), 1.0, 1e-3);
        const double spread = 4.0 * diffusion * self.time[k];  // 2 σ² of a component
        int far = 0, n = 0;
        for (Eigen::Index bin = 0; bin < self.r.size(); ++bin) {
            // Mean of the Gaussian over the bin, to third order in its width.
            const double r = self.r[bin], h = 0.25;
            double mean = 0.0, volume = 0.0;
            for (int j = 0; j < 50; ++j) {
                const double x = r + h * ((j + 0.5) / 50.0 - 0.5);
                mean += x * x * std::exp(-x * x / spread) / std::pow(pi * spread, 1.5);
                volume += x * x;
            }
            mean /= volume;
            const double error = (*self.error)(bin, k);
            if (error <= 0.0) continue;
            ++n;
            far += std::abs(self.value(bin, k) - mean) > 3.0 * error + 1e-5 ? 1 : 0;
        }
        EXPECT_GT(n, 10);
        EXPECT_LE(far, 1 + n / 10) << "time " << self.time[k];
    }
    // Independent particles have no structure: G_d = density, whatever the time.
    ASSERT_EQ(result.distinct.size(), 1u);
    const VanHove& distinct = result.distinct[0];
    EXPECT_EQ(distinct.time[0], 0.0);
    EXPECT_NEAR(distinct.density, 5.0 / start.volume(), 1e-12);
    for (Eigen::Index k = 0; k < distinct.time.size(); ++k)
        EXPECT_NEAR(shell_integral(distinct, k) / (4.0 / 3.0 * pi * std::pow(12.0, 3)), distinct.density,
                    0.15 * distinct.density);
}

TEST(VanHove, ErrorsOfDistinctPartsAreThoseOfManyRuns) {
    // 40 runs of silver and iodine that wander independently: the scatter of G_d between the runs is the error that
    // each run must have told, for times up to half of it, when all origins share one path.
    constexpr int n_runs = 40;
    for (const std::pair<int, int>& pair : {std::pair(47, 47), std::pair(47, 53)}) {
        std::vector<Eigen::ArrayXXd> values;
        Eigen::ArrayXXd told;
        for (unsigned run = 0; run < n_runs; ++run) {
            RandomWalk walk(gas(24, 16, 12.0, 100 + run), 1e-3, 20.0, 200 + run);
            VanHoveFunctions functions({.species = {47}, .pairs = {pair}, .r_max = 6.0, .width = 1.0, .times = 4});
            for (int k = 0; k < 80; ++k) functions.add(walk.next(std::vector<bool>(40, true)));
            const VanHove g = functions.result().distinct.at(0);
            if (run == 0) told.setZero(g.value.rows(), g.value.cols());
            told += g.error->square() / n_runs;
            values.push_back(g.value);
        }
        Eigen::ArrayXXd mean = Eigen::ArrayXXd::Zero(told.rows(), told.cols()), scatter = mean;
        for (const auto& value : values) mean += value / n_runs;
        for (const auto& value : values) scatter += (value - mean).square() / (n_runs - 1);
        for (Eigen::Index time = 0; time < told.cols(); ++time) {
            // Bins of 1 Å from 1 Å on: the first holds too few.
            const double ratio = std::sqrt((told.col(time) / scatter.col(time)).tail(told.rows() - 1).mean());
            EXPECT_GT(ratio, 0.9) << pair.second << " time " << time;
            EXPECT_LT(ratio, 1.75) << pair.second << " time " << time;  // √2 in a gas
        }
    }
}

TEST(VanHove, FreeParticlesFlyStraight) {
    const Structure start = gas(6, 4, 9.0, 3);
    VanHoveFunctions functions({.species = {47}, .framework = {53}, .width = 0.1, .longest = 0.5, .times = 5});
    for (int k = 0; k < 51; ++k) {
        Frame frame = frame_of(10.0 * k, start);
        frame.path.leftCols(6).colwise() += Vector3(0.006, 0.0, 0.008) * frame.time;  // 0.01 Å/fs
        functions.add(frame);
    }
    const VanHoveResult result = functions.result();
    const VanHove& self = result.self[0];
    for (Eigen::Index k = 0; k < self.time.size(); ++k)
        for (Eigen::Index bin = 0; bin < self.r.size(); ++bin) {
            const bool there = std::abs(self.r[bin] - 0.01 * self.time[k]) <= 0.05 + 1e-9;
            if (!there) {
                EXPECT_EQ(self.value(bin, k), 0.0);
            }
        }
    EXPECT_NEAR(shell_integral(self, 2), 1.0, 1e-12);
    // All silver flies alike: at t the others are where they were, moved by u. At t = 0 it is ρ g(r).
    const VanHove& distinct = result.distinct[0];
    PairCorrelations pairs({.r_max = 8.0, .width = 0.1, .pairs = {{47, 47}}});
    pairs.add(frame_of(0.0, start));
    const PairCorrelation g = pairs.result().at(0);
    EXPECT_LE((distinct.value.col(0) - distinct.density * g.g).abs().maxCoeff(), 1e-12);
    const auto brute = [&](double time) {  // by a wide sum over images
        Eigen::ArrayXd histogram = Eigen::ArrayXd::Zero(80);
        const Vector3 moved = Vector3(0.006, 0.0, 0.008) * time;
        for (Eigen::Index i = 0; i < 6; ++i)
            for (Eigen::Index j = 0; j < 6; ++j)
                for (int a = -4; a <= 4; ++a)
                    for (int b = -4; b <= 4; ++b)
                        for (int c = -4; c <= 4; ++c) {
                            if (i == j && a == 0 && b == 0 && c == 0) continue;
                            const double r = (start.positions.col(j) - start.positions.col(i) + moved +
                                              start.cell * Vector3(a, b, c))
                                                 .norm();
                            if (r < 8.0) histogram[static_cast<Eigen::Index>(r / 0.1)] += 1.0 / 6.0;
                        }
        return histogram;
    };
    const Eigen::ArrayXd edges = Eigen::ArrayXd::LinSpaced(81, 0.0, 8.0);
    const Eigen::ArrayXd volumes = 4.0 / 3.0 * pi * (edges.tail(80).cube() - edges.head(80).cube());
    for (const Eigen::Index k : {2, 5})
        EXPECT_LE((distinct.value.col(k) - brute(distinct.time[k]) / volumes).abs().maxCoeff(), 1e-9) << k;
}

TEST(VanHove, DriftIsRemoved) {
    const Structure start = gas(10, 6, 10.0, 4);
    std::vector<bool> moves(16, false);
    std::fill(moves.begin(), moves.begin() + 10, true);
    std::vector<VanHoveResult> results;
    for (const double drift : {0.0, 0.02}) {
        RandomWalk walk(start, 1e-3, 5.0, 5);
        VanHoveFunctions functions({.framework = {53}, .r_max = 5.0, .times = 3});
        for (int k = 0; k < 60; ++k) {
            Frame frame = walk.next(moves);
            frame.path.colwise() += Vector3(drift, 0.0, -drift) * frame.time;
            functions.add(frame);
        }
        results.push_back(functions.result());
    }
    for (std::size_t s = 0; s < 2; ++s) {
        EXPECT_TRUE((results[0].self[s].value == results[1].self[s].value).all());
        EXPECT_LE((results[0].distinct[s].value - results[1].distinct[s].value).abs().maxCoeff(), 1e-12);
    }
}

TEST(VanHove, RefusesWhatItCannotDo) {
    const auto refuses = [](const VanHoveOptions& options) {
        return error_of<InputError>([&] { VanHoveFunctions{options}; });
    };
    EXPECT_EQ(refuses({}), "no error");
    EXPECT_NE(refuses({.r_max = 0.0}).find("r_max is 0"), std::string::npos);
    EXPECT_NE(refuses({.width = 9.0}).find("width is 9"), std::string::npos);
    EXPECT_NE(refuses({.longest = 1.0}).find("longest is 1"), std::string::npos);
    EXPECT_NE(refuses({.times = 0}).find("times"), std::string::npos);
    EXPECT_NE(refuses({.origins = 0}).find("origins"), std::string::npos);
    EXPECT_NE(refuses({.max_frames = 5}).find("max_frames"), std::string::npos);
    const Structure start = gas(2, 2, 8.0, 6);
    VanHoveFunctions brief({});
    for (int k = 0; k < 19; ++k) brief.add(frame_of(k, start));
    EXPECT_NE(error_of<InputError>([&] { (void)brief.result(); }).find("19 frames are too few"), std::string::npos);
    EXPECT_NE(error_of<InputError>([&] { VanHoveFunctions({.species = {79}}).add(frame_of(0, start)); }).find("no Au"),
              std::string::npos);
    Structure open = start;
    open.periodic[1] = false;
    EXPECT_NE(error_of<InputError>([&] { VanHoveFunctions({}).add(frame_of(0, open)); }).find("three periodic"),
              std::string::npos);
}

TEST(VanHove, AllocatesNothingInThreads) {
    if (!mlff::testing::can_fail_allocations()) GTEST_SKIP() << "malloc is not ours";
    const int n_threads = omp_get_max_threads();
    omp_set_num_threads(2);
    VanHoveFunctions functions({.pairs = {{47, 53}}, .r_max = 4.0, .times = 4, .origins = 2});
    RandomWalk walk(gas(5, 5, 8.0, 1), 1e-3, 20.0, 2);
    for (int k = 0; k < 30; ++k) functions.add(walk.next(std::vector<bool>(10, true)));
    const auto work = [&] { (void)functions.result(); };
    work();
    EXPECT_EQ(mlff::testing::allocations_in_regions(work), 0) << "one that fails there would end the program";
    omp_set_num_threads(n_threads);
}

}  // namespace
}  // namespace mlff::analysis
