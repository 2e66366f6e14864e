#include "analysis/pair_correlation.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "analysis/frames.hpp"
#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::empty_cell;
using mlff::testing::error_of;
using mlff::testing::triclinic;

Frame frame_of(const Structure& structure) { return mlff::testing::frame_of(0.0, structure, "run.xyz:1"); }

std::vector<PairCorrelation> of_one(const Structure& structure, const PairCorrelationOptions& options) {
    PairCorrelations pairs(options);
    pairs.add(frame_of(structure));
    return pairs.result();
}

/// Number of neighbours closer than r.
double within(const PairCorrelation& pair, double r) {
    const double width = pair.r[1] - pair.r[0];
    return pair.coordination[static_cast<Eigen::Index>(r / width)];
}

Structure atoms_in_cell(const Matrix3& cell, const std::vector<int>& species, const std::vector<Vector3>& fractional) {
    Structure s = empty_cell(cell);
    s.species = species;
    s.positions.resize(3, static_cast<Eigen::Index>(species.size()));
    for (std::size_t i = 0; i < species.size(); ++i)
        s.positions.col(static_cast<Eigen::Index>(i)) = cell * fractional[i];
    return s;
}

const std::vector<Vector3> fcc_sites = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};

/// Atoms up to and including the n-th shell of fcc, and the shell's distance in units of a.
struct Shells {
    double distance, total;
};
constexpr Shells fcc_shells[] = {{0.70710678, 12}, {1.0, 18},        {1.22474487, 42}, {1.41421356, 54},
                                 {1.58113883, 78}, {1.73205081, 86}, {1.87082869, 134}};

void expect_fcc(const PairCorrelation& pair, double a) {
    double inner = 0.0;
    for (const auto& [distance, total] : fcc_shells) {
        EXPECT_NEAR(within(pair, distance * a - 0.05), inner, 1e-9) << distance;
        EXPECT_NEAR(within(pair, distance * a + 0.05), total, 1e-9) << distance;
        inner = total;
    }
    ASSERT_TRUE(pair.shell);
    EXPECT_NEAR(pair.shell->peak, fcc_shells[0].distance * a, 0.01);
    ASSERT_TRUE(pair.shell->minimum);
    EXPECT_NEAR(*pair.shell->minimum, 0.5 * (fcc_shells[0].distance + fcc_shells[1].distance) * a, 0.03);
    EXPECT_NEAR(*pair.shell->coordination, 12.0, 1e-9);
}

TEST(PairCorrelations, FccShellsFarBeyondTheCell) {
    constexpr double a = 4.05;
    const Matrix3 cube = a * Matrix3::Identity();
    Matrix3 primitive, skewed;
    primitive << 0, 1, 1, 1, 0, 1, 1, 1, 0;
    skewed << 1, 2, 0, 0, 1, -1, 0, 0, 1;  // another basis of the same lattice
    const PairCorrelationOptions options{.r_max = 8.0, .width = 0.02};
    const Structure cubic = atoms_in_cell(cube, {47, 47, 47, 47}, fcc_sites);
    expect_fcc(of_one(cubic, options).at(0), a);
    // One atom: all its neighbours are its own images.
    expect_fcc(of_one(atoms_in_cell(0.5 * a * primitive, {47}, {{0.2, 0.3, 0.4}}), options).at(0), a);
    expect_fcc(of_one(atoms_in_cell(0.5 * a * primitive * skewed, {47}, {{0.2, 0.3, 0.4}}), options).at(0), a);
    Structure left_handed = cubic;
    left_handed.cell.col(0).swap(left_handed.cell.col(2));
    expect_fcc(of_one(left_handed, options).at(0), a);
    expect_fcc(of_one(make_supercell(cubic, {1, 2, 3}), options).at(0), a);
}

TEST(PairCorrelations, SupercellChangesNothing) {
    std::mt19937_64 random(8);
    std::uniform_real_distribution<double> uniform;
    std::vector<Vector3> sites;
    while (sites.size() < 7) sites.emplace_back(uniform(random), uniform(random), uniform(random));
    const Structure unit = atoms_in_cell(triclinic(5.0), {47, 53, 47, 53, 53, 47, 47}, sites);
    const auto small = of_one(unit, {.r_max = 7.0, .width = 0.1});
    const auto large = of_one(make_supercell(unit, {2, 1, 3}), {.r_max = 7.0, .width = 0.1});
    ASSERT_EQ(small.size(), 3u);
    for (std::size_t p = 0; p < small.size(); ++p) {
        EXPECT_LE((small[p].g - large[p].g).abs().maxCoeff(), 1e-9 * small[p].g.maxCoeff());
        EXPECT_LE((small[p].coordination - large[p].coordination).abs().maxCoeff(), 1e-9);
        EXPECT_GT(small[p].g.maxCoeff(), 0.0);
    }
}

TEST(PairCorrelations, FluoriteCoordinationOfBothSpecies) {
    std::vector<Vector3> sites = fcc_sites;
    std::vector<int> species(4, 20);
    for (const double x : {0.25, 0.75})
        for (const double y : {0.25, 0.75})
            for (const double z : {0.25, 0.75}) {
                sites.emplace_back(x, y, z);
                species.push_back(9);
            }
    constexpr double a = 5.46;
    PairCorrelationOptions options{.r_max = 6.0, .width = 0.02};
    options.pairs = {{20, 9}, {9, 20}, {9, 9}};
    const auto pairs = of_one(atoms_in_cell(a * Matrix3::Identity(), species, sites), options);
    ASSERT_EQ(pairs.size(), 3u);
    EXPECT_NEAR(pairs[0].shell.value().coordination.value(), 8.0, 1e-9);  // F around Ca
    EXPECT_NEAR(pairs[1].shell.value().coordination.value(), 4.0, 1e-9);  // Ca around F
    EXPECT_NEAR(pairs[2].shell.value().coordination.value(), 6.0, 1e-9);
    EXPECT_NEAR(pairs[0].coordination[200] * pairs[0].ratio, pairs[1].coordination[200], 1e-9);
    EXPECT_LE((pairs[0].g - pairs[1].g).abs().maxCoeff(), 1e-9 * pairs[0].g.maxCoeff());  // g_AB = g_BA
    EXPECT_NEAR(pairs[0].shell->peak, std::sqrt(3.0) / 4.0 * a, 0.01);
    EXPECT_EQ(pairs[0].a, 20);
    EXPECT_EQ(pairs[0].b, 9);
}

TEST(PairCorrelations, IdealGasIsOneWithinItsErrors) {
    constexpr int n_frames = 100, n_atoms = 80;
    const Matrix3 cell = triclinic(24.0);
    std::mt19937_64 random(5);
    std::uniform_real_distribution<double> uniform;
    // r_max lies beyond half of every height of the cell, but within the shortest lattice vector.
    PairCorrelations pairs({.r_max = 20.0, .width = 1.0});
    std::vector<int> species;
    for (int i = 0; i < n_atoms; ++i) species.push_back(i < 30 ? 3 : 16);
    for (int k = 0; k < n_frames; ++k) {
        std::vector<Vector3> sites;
        for (int i = 0; i < n_atoms; ++i) sites.emplace_back(uniform(random), uniform(random), uniform(random));
        pairs.add(frame_of(atoms_in_cell(cell, species, sites)));
    }
    double squares = 0.0, count = 0.0;
    for (const PairCorrelation& pair : pairs.result()) {
        const double own = pair.a == 3 ? 30.0 : 50.0;
        const double expected = pair.a == pair.b ? 1.0 - 1.0 / own : 1.0;  // an atom is no neighbour of itself
        ASSERT_TRUE(pair.error);
        for (Eigen::Index k = 4; k < pair.r.size(); ++k) {  // the first bins hold too few pairs for normal statistics
            const double deviation = (pair.g[k] - expected) / (*pair.error)[k];
            EXPECT_LT(std::abs(deviation), 6.0) << "bin " << k;
            squares += deviation * deviation;
            ++count;
        }
        EXPECT_NEAR(pair.g.tail(10).mean(), expected, 0.01);
        EXPECT_FALSE(pair.g.isNaN().any());
    }
    EXPECT_NEAR(squares / count, 1.0, 0.6);  // errors are neither too small nor too large
}

TEST(PairCorrelations, SelfPairsAreLeftOutAndImagesCounted) {
    // One atom in a cube: g integrates to exactly its images, and tends to 1 far away.
    const Structure one = atoms_in_cell(3.0 * Matrix3::Identity(), {47}, {{0.1, 0.2, 0.3}});
    const PairCorrelation pair = of_one(one, {.r_max = 30.0, .width = 1.0}).at(0);
    EXPECT_NEAR(within(pair, 2.5), 0.0, 1e-12);
    EXPECT_NEAR(within(pair, 4.01), 6.0 + 0.5 * 12.0, 1e-12);  // middle of the bin that holds the second shell
    EXPECT_NEAR(pair.g.tail(15).mean(), 1.0, 0.02);
}

TEST(PairCorrelations, DensityIsAveragedOverFramesOfDifferentVolume) {
    PairCorrelations pairs({.r_max = 6.0, .width = 0.5});
    const std::vector<Vector3> site = {{0, 0, 0}};
    pairs.add(frame_of(atoms_in_cell(3.0 * Matrix3::Identity(), {47}, site)));
    pairs.add(frame_of(atoms_in_cell(4.0 * Matrix3::Identity(), {47}, site)));
    const PairCorrelation pair = pairs.result().at(0);
    // Bin from 4 to 4.5 Å: 12 images at 3√2 of the small cell, 6 at 4 of the large one.
    const double shell = 4.0 / 3.0 * M_PI * (4.5 * 4.5 * 4.5 - 64.0), density = 0.5 * (1.0 / 27.0 + 1.0 / 64.0);
    EXPECT_NEAR(pair.g[8], 0.5 * (12.0 + 6.0) / (density * shell), 1e-9);
    EXPECT_FALSE(pair.error);
}

TEST(PairCorrelations, TakesEveryNthFrame) {
    PairCorrelations thinned({.r_max = 6.0, .width = 0.5, .every = 3});
    for (int k = 0; k < 7; ++k) {  // only frames 0, 3 and 6 have the short lattice vector
        const double a = k % 3 == 0 ? 3.0 : 5.0;
        thinned.add(frame_of(atoms_in_cell(a * Matrix3::Identity(), {47}, {{0, 0, 0}})));
    }
    const PairCorrelation pair = thinned.result().at(0);
    EXPECT_NEAR(pair.coordination[9] - pair.coordination[7], 12.0, 1e-12);  // the second shell, in bin 8
    EXPECT_NEAR(within(pair, 5.9),
                of_one(atoms_in_cell(3.0 * Matrix3::Identity(), {47}, {{0, 0, 0}}), {.r_max = 6.0, .width = 0.5})
                    .at(0)
                    .coordination[11],
                1e-12);
}

TEST(PairCorrelations, RefusesWhatItCannotDo) {
    const Structure good = atoms_in_cell(4.0 * Matrix3::Identity(), {47, 53}, {{0, 0, 0}, {0.5, 0.5, 0.5}});
    Structure slab = good;
    slab.periodic[2] = false;
    const auto complaint = [](const Structure& s, const PairCorrelationOptions& options) {
        return error_of<InputError>([&] { of_one(s, options); });
    };
    EXPECT_EQ(complaint(good, {}), "no error");
    EXPECT_NE(complaint(slab, {}).find("run.xyz:1: a pair correlation function needs a density"), std::string::npos);
    PairCorrelationOptions strange;
    strange.pairs = {{47, 79}};
    EXPECT_NE(complaint(good, strange).find("there is no Au in AgI"), std::string::npos);
    Structure close = good;
    close.positions.col(1) = close.positions.col(0) + Vector3(0.01, 0, 0);
    EXPECT_EQ(complaint(close, {}).rfind("run.xyz:1: ", 0), 0u);
    EXPECT_NE(complaint(good, {.r_max = -1.0}).find("r_max is -1"), std::string::npos);
    EXPECT_NE(complaint(good, {.width = 0.0}).find("width is 0"), std::string::npos);
    EXPECT_NE(complaint(good, {.r_max = 1.0, .width = 2.0}).find("at most r_max"), std::string::npos);
    EXPECT_NE(complaint(good, {.width = 1e-9}).find("width"), std::string::npos);
    EXPECT_NE(complaint(good, {.every = 0}).find("every is 0"), std::string::npos);
    EXPECT_THROW((void)PairCorrelations({}).result(), InputError);
}

/// A liquid-like curve with its first maximum at `peak` and its first minimum near 1.5 peak.
struct Liquid {
    Eigen::ArrayXd r, g, coordination;
};
Liquid liquid(double peak, double noise) {
    Liquid out;
    out.r = Eigen::ArrayXd::LinSpaced(200, 0.025, 9.975);
    out.g = 1.0 + 2.0 * (-(out.r - peak) / 1.5).exp() * (2.0 * M_PI * (out.r - peak) / peak).cos();
    out.g = (out.r < 0.75 * peak).select(0.0, out.g);
    std::mt19937_64 random(6);
    std::normal_distribution<double> normal(0.0, noise);
    for (double& value : out.g) value *= 1.0 + normal(random);
    out.coordination = out.r;  // anything that grows
    return out;
}

TEST(FirstShell, MaximumAndMinimumOfASmoothCurve) {
    const Eigen::ArrayXd r = Eigen::ArrayXd::LinSpaced(200, 0.025, 9.975);
    // 1 + cos: maxima at 3.113 and later, minima half a period behind.
    Eigen::ArrayXd g = 1.0 + (2.0 * (r - 3.113)).cos();
    g = (r < 2.0).select(0.0, g);
    const FirstShell shell = find_first_shell(r, g, r).value();
    EXPECT_NEAR(shell.peak, 3.113, 1e-3);
    EXPECT_NEAR(shell.height, 2.0, 1e-4);
    EXPECT_NEAR(shell.minimum.value(), 3.113 + M_PI / 2.0, 0.05);
    EXPECT_DOUBLE_EQ(shell.coordination.value(), *shell.minimum);
}

TEST(FirstShell, NoiseMakesNoShell) {
    const Liquid exact = liquid(2.8, 0.0), noisy = liquid(2.8, 0.03);
    const FirstShell a = find_first_shell(exact.r, exact.g, exact.coordination).value();
    const FirstShell b = find_first_shell(noisy.r, noisy.g, noisy.coordination).value();
    EXPECT_NEAR(a.peak, b.peak, 0.15);
    EXPECT_NEAR(a.minimum.value(), b.minimum.value(), 0.3);
}

TEST(FirstShell, NoneWithinReach) {
    const Eigen::ArrayXd r = Eigen::ArrayXd::LinSpaced(100, 0.025, 4.975);
    EXPECT_FALSE(find_first_shell(r, Eigen::ArrayXd::Zero(100), r));             // nothing there
    EXPECT_FALSE(find_first_shell(r, Eigen::ArrayXd::LinSpaced(100, 0, 3), r));  // still rising at r_max
    const Eigen::ArrayXd g = (-(r - 4.0).square() / 2.0).exp() * 3.0;            // the minimum lies beyond
    const FirstShell shell = find_first_shell(r, g, r).value();
    EXPECT_NEAR(shell.peak, 4.0, 1e-3);
    EXPECT_FALSE(shell.minimum);
    EXPECT_FALSE(shell.coordination);
    EXPECT_FALSE(find_first_shell(r.head(2), g.head(2), r.head(2)));
}

}  // namespace
}  // namespace mlff::analysis
