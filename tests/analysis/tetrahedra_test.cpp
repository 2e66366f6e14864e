#include "analysis/tetrahedra.hpp"

#include <gtest/gtest.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
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

/// Corners of a regular tetrahedron at distance d from its centre, 3 × 4.
Matrix3X corners(double d) {
    Matrix3X out(3, 4);
    out << 1, 1, -1, -1, 1, -1, 1, -1, 1, -1, -1, 1;
    return out * (d / std::sqrt(3.0));
}

Structure wrapped(Structure s) {
    const Matrix3X fractional = s.cell.inverse() * s.positions;
    s.positions -= s.cell * fractional.array().floor().matrix();
    return s;
}

/// PS4 units across the faces of the cell, and lone S.
Structure units(double scale = 1.0) {
    Structure s = empty_cell(triclinic(11.0));
    const Matrix3X sites = s.cell * (Matrix3X(3, 3) << 0.0, 0.5, 0.5, 0.02, 0.0, 0.5, 0.98, 0.5, 0.0).finished();
    s.positions.resize(3, 17);
    for (Eigen::Index u = 0; u < 3; ++u) {
        s.species.push_back(u == 2 ? 32 : 15);
        s.positions.col(5 * u) = sites.col(u);
        const Matrix3 rotation =
            Eigen::AngleAxisd(0.7 * static_cast<double>(u), Vector3(1, 2, -1).normalized()).matrix();
        for (Eigen::Index k = 0; k < 4; ++k) {
            s.species.push_back(16);
            s.positions.col(5 * u + 1 + k) = sites.col(u) + scale * (rotation * corners(2.05).col(k));
        }
    }
    s.species.insert(s.species.end(), {16, 3});
    s.positions.col(15) = s.cell * Vector3(0.25, 0.25, 0.25);
    s.positions.col(16) = s.cell * Vector3(0.25, 0.25, 0.6);
    return wrapped(s);
}

TEST(Tetrahedra, AreFoundByCentresAcrossTheCell) {
    const Frame frame = frame_of(0.0, units());
    const auto found = find_tetrahedra(frame, {15, 32}, 16, 2.5);
    ASSERT_EQ(found.size(), 3u);
    for (std::size_t u = 0; u < 3; ++u) {
        for (const Eigen::Index corner : found[u].corners) EXPECT_EQ(corner / 5, static_cast<Eigen::Index>(u));
        EXPECT_LE((corner_angles(found[u].edges) - 60.0).abs().maxCoeff(), 1e-9);
    }
    EXPECT_EQ(find_tetrahedra(frame, {32}, 16, 2.5).size(), 1u);
    EXPECT_TRUE(find_tetrahedra(frame, {15, 32}, 16, 1.5).empty());
    EXPECT_TRUE(find_tetrahedra(frame, {3}, 16, 2.5).empty());
}

TEST(Tetrahedra, AreFoundByCornersAlone) {
    // S-S within a unit: 2.05 · √(8/3) = 3.35 Å.
    const auto found = find_tetrahedra(frame_of(0.0, units()), {}, 16, 3.4);
    ASSERT_EQ(found.size(), 3u);
    for (const Tetrahedron& unit : found) EXPECT_LE((corner_angles(unit.edges) - 60.0).abs().maxCoeff(), 1e-9);

    // A bcc lattice: six tetrahedra per atom, of four edges √3/2 a and two edges a.
    Structure bcc = empty_cell(15.0 * Matrix3::Identity());
    bcc.positions.resize(3, 54);
    for (Eigen::Index n = 0; n < 27; ++n) {
        const Vector3 corner(static_cast<double>(n / 9), static_cast<double>(n / 3 % 3), static_cast<double>(n % 3));
        bcc.positions.col(2 * n) = 5.0 * corner;
        bcc.positions.col(2 * n + 1) = 5.0 * (corner + Vector3::Constant(0.5));
        bcc.species.insert(bcc.species.end(), {53, 53});
    }
    const auto interstices = find_tetrahedra(frame_of(0.0, bcc), {}, 53, 5.5);
    EXPECT_EQ(interstices.size(), 324u);
    // Triangles (a, √3/2 a, √3/2 a): one angle of 70.53° and two of 54.74° each.
    Eigen::ArrayXd angles = corner_angles(interstices[17].edges);
    std::sort(angles.begin(), angles.end());
    EXPECT_NEAR(angles[0], 180.0 / pi * std::atan(std::sqrt(2.0)), 1e-9);
    EXPECT_NEAR(angles[7], 180.0 / pi * std::atan(std::sqrt(2.0)), 1e-9);
    EXPECT_NEAR(angles[8], 180.0 / pi * std::acos(1.0 / 3.0), 1e-9);
    EXPECT_NEAR(angles.sum(), 4.0 * 180.0, 1e-9);
}

TEST(TetrahedronAngles, RotationAndABreathingCellChangeNothing) {
    TetrahedronAngles motion({.centres = {15, 32}, .corner = 16, .cutoff = 2.5, .width = 2.0});
    for (int k = 0; k < 400; ++k) {  // units turn as a whole and cross faces; the file is wrapped
        Structure s = units();
        const Matrix3 rotation = Eigen::AngleAxisd(0.01 * k, Vector3(0.3, 1, 0.2).normalized()).matrix();
        s.cell = rotation * s.cell;
        s.positions = rotation * s.positions;
        s.positions.colwise() += Vector3(0.05, -0.03, 0.02) * k;
        motion.add(frame_of(10.0 * k, wrapped(s)));
    }
    const TetrahedronMotion result = motion.result();
    EXPECT_EQ(result.n_units, 3u);
    EXPECT_NEAR(result.theta_deviation, 0.0, 1e-6);
    EXPECT_NEAR(result.omega_rms, 0.0, 1e-12);
    for (const Distribution* d : {&result.theta, &result.slow_theta, &result.omega}) {
        EXPECT_NEAR(d->density.sum() * (d->x[1] - d->x[0]), 1.0, 1e-9);
        ASSERT_TRUE(d->error);
        EXPECT_TRUE(d->error->isFinite().all());
    }
    EXPECT_GT(result.theta.density.segment(29, 2).sum(), 0.499);  // 60° within rounding of an edge
}

TEST(TetrahedronAngles, SlowMotionPassesAndVibrationDoesNot) {
    // One corner swings in the plane of its triangle: slowly by 6°, and fast by 10°.
    Structure start = empty_cell(20.0 * Matrix3::Identity());
    start.species = {15, 16, 16, 16, 16};
    start.positions.resize(3, 5);
    start.positions.col(0) = Vector3::Constant(10.0);
    start.positions.rightCols(4) = corners(2.0).colwise() + Vector3::Constant(10.0);
    constexpr int n = 4000;
    constexpr double spacing = 10.0, cm_per_fs = 2.99792458e-5;
    const double length = n * spacing;
    // Frequencies that are eigenfunctions of the filter: k/(2 length); 3 cm⁻¹ and 150 cm⁻¹ about.
    const auto frequency = [&](double wavenumber) {
        return std::round(wavenumber * cm_per_fs * 2.0 * length) / (2.0 * length);
    };
    const double slow = 2.0 * pi * frequency(3.0), fast = 2.0 * pi * frequency(150.0);
    const Vector3 a = start.positions.col(1), b = start.positions.col(2), c = start.positions.col(3);
    const Vector3 axis = (b - a).cross(c - a).normalized();
    TetrahedronAngles motion({.centres = {15}, .corner = 16, .cutoff = 2.5, .omega_max = 0.01, .max_samples = 1000});
    for (int k = 0; k < n; ++k) {
        const double t = (k + 0.5) * spacing;
        const double turn = pi / 180.0 * (6.0 * std::cos(slow * t) + 10.0 * std::cos(fast * t));
        Structure s = start;
        s.positions.col(3) = a + Eigen::AngleAxisd(turn, axis) * (c - a);  // b-a-c opens by `turn`
        motion.add(frame_of(k * spacing, s));
    }
    const TetrahedronMotion result = motion.result();
    // Of the filtered angle b-a-c alone: amplitude 6°, velocity 6° · slow. Other angles of corner c move as well, so
    // compare with the same run without the vibration.
    TetrahedronAngles quiet({.centres = {15}, .corner = 16, .cutoff = 2.5, .omega_max = 0.01, .max_samples = 1000});
    double squares = 0.0;
    for (int k = 0; k < n; ++k) {
        const double t = (k + 0.5) * spacing;
        Structure s = start;
        s.positions.col(3) = a + Eigen::AngleAxisd(pi / 180.0 * 6.0 * std::cos(slow * t), axis) * (c - a);
        quiet.add(frame_of(k * spacing, s));
        Structure later = start;
        later.positions.col(3) = a + Eigen::AngleAxisd(pi / 180.0 * 6.0 * std::cos(slow * (t + 1.0)), axis) * (c - a);
        const auto edges = [](const Structure& of) -> Matrix3 {
            return of.positions.rightCols(3).colwise() - of.positions.col(1);
        };
        squares += (corner_angles(edges(later)) - corner_angles(edges(s))).square().mean() / n;  // per fs²
    }
    const TetrahedronMotion still = quiet.result();
    EXPECT_NEAR(still.omega_rms, std::sqrt(squares), 0.02 * std::sqrt(squares));
    // The swing is not quite linear in the turn, so a little of the vibration becomes slow motion.
    EXPECT_NEAR(result.omega_rms, still.omega_rms, 0.05 * still.omega_rms);
    const auto variance = [](const Distribution& d) {
        const double width = d.x[1] - d.x[0], mean = (d.x * d.density).sum() * width;
        return ((d.x - mean).square() * d.density).sum() * width;
    };
    EXPECT_GT(variance(result.theta), 2.0 * variance(still.theta));
    EXPECT_NEAR(result.theta_deviation, std::sqrt(variance(result.theta)), 0.1);
    EXPECT_NEAR(variance(result.slow_theta), variance(still.slow_theta), 0.1 * variance(still.slow_theta));
    EXPECT_TRUE(result.warnings.empty());
}

TEST(TetrahedronAngles, RefusesAndWarns) {
    const auto refuses = [](const TetrahedraOptions& options) {
        return error_of<InputError>([&] { TetrahedronAngles{options}; });
    };
    EXPECT_EQ(refuses({.corner = 16, .cutoff = 2.5}), "no error");
    EXPECT_NE(refuses({.cutoff = 2.5}).find("corner is missing"), std::string::npos);
    EXPECT_NE(refuses({.corner = 16}).find("cutoff is 0"), std::string::npos);
    EXPECT_NE(refuses({.corner = 16, .cutoff = 2.5, .filter = 0.0}).find("filter"), std::string::npos);
    EXPECT_NE(refuses({.corner = 16, .cutoff = 2.5, .omega_max = -1.0}).find("omega_max"), std::string::npos);
    TetrahedronAngles none({.centres = {15}, .corner = 16, .cutoff = 1.0});
    EXPECT_NE(error_of<InputError>([&] { none.add(frame_of(0, units())); }).find("no tetrahedron of S within 1"),
              std::string::npos);
    TetrahedronAngles brief({.centres = {15, 3}, .corner = 16, .cutoff = 2.5});
    for (int k = 0; k < 10; ++k) brief.add(frame_of(10.0 * k, units()));
    EXPECT_NE(error_of<InputError>([&] { (void)brief.result(); }).find("10 frames are too few"), std::string::npos);
    for (int k = 10; k < 30; ++k) brief.add(frame_of(10.0 * k, units()));
    const auto warnings = brief.result().warnings;
    ASSERT_EQ(warnings.size(), 2u);
    EXPECT_NE(warnings[0].find("1 centres do not have exactly four S"), std::string::npos);
    EXPECT_NE(warnings[1].find("shorter than a period"), std::string::npos);
}

}  // namespace
}  // namespace mlff::analysis
