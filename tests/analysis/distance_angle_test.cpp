#include "analysis/distance_angle.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "analysis/frames.hpp"
#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::empty_cell;
using mlff::testing::error_of;
using mlff::testing::frame_of;
using mlff::testing::triclinic;

constexpr double pi = std::numbers::pi;

TEST(DistanceAngleMap, IndependentCationsHaveTheirDensity) {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform;
    DistanceAngleMap map(
        {.centres = {15}, .anion = 16, .cation = 3, .bond = 2.5, .r_max = 6.0, .r_width = 0.5, .angle_width = 10.0});
    Structure s = empty_cell(triclinic(9.0));
    constexpr Eigen::Index n_cations = 60;
    s.positions.resize(3, 2 + n_cations);
    s.species = {15, 16};
    s.species.resize(2 + n_cations, 3);
    for (int k = 0; k < 400; ++k) {
        s.positions.col(0) = Vector3(1.0, 2.0, 3.0);
        s.positions.col(1) = Vector3(1.0, 2.0, 5.1);
        for (Eigen::Index i = 2; i < s.size(); ++i)
            s.positions.col(i) = s.cell * Vector3(uniform(random), uniform(random), uniform(random));
        try {
            map.add(frame_of(k, s));
        } catch (const InputError&) {
            continue;  // two atoms on top of each other: the gas knows no repulsion
        }
    }
    const DistanceAngleDensity result = map.result();
    EXPECT_NEAR(result.bonds, 1.0, 1e-12);
    const double density = static_cast<double>(n_cations) / s.volume();
    ASSERT_TRUE(result.error);
    int far = 0;
    for (Eigen::Index k = 1; k < result.r.size(); ++k)
        for (Eigen::Index a = 0; a < result.angle.size(); ++a) {
            const double r = result.r[k], r3 = (std::pow(r + 0.25, 3) - std::pow(r - 0.25, 3)) / 3.0;
            const double low = pi / 180.0 * (result.angle[a] - 5.0), high = pi / 180.0 * (result.angle[a] + 5.0);
            const double expected = 2.0 * pi * density * r3 * (std::cos(low) - std::cos(high)) / (0.5 * 10.0);
            far += std::abs(result.density(k, a) - expected) > 3.5 * (*result.error)(k, a) + 0.1 * expected ? 1 : 0;
        }
    EXPECT_LE(far, 4);
    // ∬ ρ is the number of cations within r_max.
    EXPECT_NEAR(result.density.sum() * 0.5 * 10.0, 4.0 / 3.0 * pi * 216.0 * density,
                0.03 * 4.0 / 3.0 * pi * 216.0 * density);
}

TEST(DistanceAngleMap, KnowsWhereACationIs) {
    // P-S along x across a face, Li at 2.45 Å from S, 105° from the bond.
    Structure s = empty_cell(triclinic(15.0));
    s.species = {15, 16, 3};
    s.positions.resize(3, 3);
    s.positions.col(1) = s.cell * Vector3(0.0, 0.3, 0.3);
    s.positions.col(0) = s.positions.col(1) + Vector3(2.05, 0, 0) + s.cell.col(2);
    s.positions.col(2) = s.positions.col(1) +
                         2.45 * Vector3(std::cos(pi * 105.0 / 180.0), std::sin(pi * 105.0 / 180.0), 0) - s.cell.col(0);
    DistanceAngleMap map({.centres = {15}, .anion = 16, .cation = 3, .bond = 2.5});
    map.add(frame_of(0.0, s));
    const DistanceAngleDensity result = map.result();
    for (Eigen::Index k = 0; k < result.r.size(); ++k)
        for (Eigen::Index a = 0; a < result.angle.size(); ++a) {
            const bool there = std::abs(result.r[k] - 2.45) < 0.05 && std::abs(result.angle[a] - 105.0) < 1.0 + 1e-9;
            EXPECT_EQ(result.density(k, a) > 0.0, there) << result.r[k] << ' ' << result.angle[a];
        }
    EXPECT_NEAR(result.density.sum() * 0.1 * 2.0, 1.0, 1e-12);
    EXPECT_FALSE(result.error);
    // Where cations are centres too, a bond does not see its own.
    s.species = {3, 16, 3};
    DistanceAngleMap same({.centres = {3}, .anion = 16, .cation = 3, .bond = 2.5});
    same.add(frame_of(0.0, s));
    const DistanceAngleDensity both = same.result();
    EXPECT_EQ(both.bonds, 2.0);
    EXPECT_NEAR(both.density.sum() * 0.1 * 2.0, 1.0, 1e-12);
    EXPECT_EQ(both.density.leftCols(50).maxCoeff(), 0.0);
}

TEST(DistanceAngleMap, RefusesWhatItCannotDo) {
    const DistanceAngleOptions good{.centres = {15}, .anion = 16, .cation = 3, .bond = 2.5};
    const auto refuses = [&](const auto& change) {
        DistanceAngleOptions options = good;
        change(options);
        return error_of<InputError>([&] { DistanceAngleMap{options}; });
    };
    EXPECT_EQ(refuses([](auto&) {}), "no error");
    EXPECT_NE(refuses([](auto& o) { o.centres.clear(); }).find("centres is missing"), std::string::npos);
    EXPECT_NE(refuses([](auto& o) { o.anion = 0; }).find("anion is missing"), std::string::npos);
    EXPECT_NE(refuses([](auto& o) { o.cation = 0; }).find("cation is missing"), std::string::npos);
    EXPECT_NE(refuses([](auto& o) { o.bond = std::nan(""); }).find("bond is nan"), std::string::npos);
    EXPECT_NE(refuses([](auto& o) { o.angle_width = 0; }).find("angle_width"), std::string::npos);
    Structure s = empty_cell(triclinic(12.0));
    s.species = {15, 16, 3};
    s.positions = (Matrix3X(3, 3) << 0, 4, 0, 0, 0, 4, 0, 0, 0).finished();
    DistanceAngleMap map(good);
    EXPECT_NE(error_of<InputError>([&] { (void)map.result(); }).find("at least one frame"), std::string::npos);
    map.add(frame_of(0, s));
    EXPECT_NE(error_of<InputError>([&] { (void)map.result(); }).find("no S has a bond shorter than 2.5"),
              std::string::npos);
    s.species[2] = 11;
    EXPECT_NE(error_of<InputError>([&] { DistanceAngleMap(good).add(frame_of(0, s)); }).find("there is no Li"),
              std::string::npos);
}

}  // namespace
}  // namespace mlff::analysis
