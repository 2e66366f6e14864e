#include "analysis/conductivity.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "analysis/frames.hpp"
#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"

namespace mlff::analysis {
namespace {

using mlff::testing::empty_cell;
using mlff::testing::error_of;
using mlff::testing::frame_of;
using mlff::testing::RandomWalk;
using mlff::testing::triclinic;

constexpr double boltzmann = 8.617333262e-5;  ///< [eV/K]

Structure salt(int n, double size) {
    Structure s = empty_cell(triclinic(size));
    s.positions = Matrix3X::Random(3, 2 * n);
    for (int i = 0; i < 2 * n; ++i) s.species.push_back(i < n ? 47 : 53);
    return s;
}

TEST(Conductivity, IndependentIonsHaveBothAlike) {
    // σ = e²/(V k T) Σ N q² D; e²/(eV Å fs) = 1.602176634e4 S/cm.
    constexpr double diffusion = 2e-4, temperature = 500.0;
    const Structure start = salt(30, 14.0);
    RandomWalk walk(start, diffusion, 10.0, 1);
    ConductivityMeter meter({.charges = {{47, 1.0}, {53, -1.0}}, .diffusion = {.max_frames = 4000}});
    for (int k = 0; k < 3000; ++k) {
        Frame frame = walk.next(std::vector<bool>(60, true));
        frame.temperature = temperature;
        meter.add(frame);
    }
    const Conductivity c = meter.result();
    const double expected = 1.602176634e4 * 60.0 * diffusion / (start.volume() * boltzmann * temperature);
    EXPECT_NEAR(c.temperature, temperature, 1e-9);
    EXPECT_NEAR(c.volume, start.volume(), 1e-9);
    ASSERT_TRUE(c.nernst_einstein_error && c.collective_error && c.haven_ratio);
    EXPECT_NEAR(c.nernst_einstein, expected, 4.0 * *c.nernst_einstein_error);
    EXPECT_LT(*c.nernst_einstein_error, 0.15 * expected);
    EXPECT_NEAR(c.collective, expected, 4.0 * *c.collective_error);
    EXPECT_NEAR(*c.haven_ratio, c.nernst_einstein / c.collective, 1e-12);
    EXPECT_EQ(c.tracers.size(), 2u);
    // At short times the charge has good statistics: <|ΔP|²> = 6 N q² D t.
    EXPECT_NEAR(c.charge.msd[1], 6.0 * 60.0 * diffusion * 10.0, 0.15 * 6.0 * 60.0 * diffusion * 10.0);
}

TEST(Conductivity, PairsThatMoveTogetherCarryNoCharge) {
    const Structure start = salt(10, 12.0);
    RandomWalk walk(start, 1e-3, 10.0, 2);
    ConductivityMeter meter({.charges = {{47, 1.0}, {53, -1.0}}, .temperature = 300.0});
    for (int k = 0; k < 300; ++k) {
        Frame frame = walk.next(std::vector<bool>(20, true));
        frame.path.rightCols(10) = frame.path.leftCols(10);
        meter.add(frame);
    }
    const Conductivity c = meter.result();
    EXPECT_GT(c.nernst_einstein, 0.0);
    EXPECT_LT(std::abs(c.collective), 1e-12);
}

TEST(Conductivity, RefusesWhatItCannotDo) {
    EXPECT_NE(error_of<InputError>([] { ConductivityMeter{{}}; }).find("charges is empty"), std::string::npos);
    EXPECT_NE(error_of<InputError>([] {
                  ConductivityMeter{{.charges = {{47, 0.0}}}};
              }).find("0 of Ag"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([] {
                  ConductivityMeter{{.charges = {{47, 1.0}}, .temperature = 0.0}};
              }).find("temperature is 0"),
              std::string::npos);
    const Structure start = salt(3, 10.0);
    RandomWalk walk(start, 1e-3, 10.0, 3);
    ConductivityMeter meter({.charges = {{47, 1.0}}});
    for (int k = 0; k < 30; ++k) meter.add(walk.next(std::vector<bool>(6, true)));
    EXPECT_NE(error_of<InputError>([&] { (void)meter.result(); }).find("tell no temperature"), std::string::npos);
    Structure open = start;
    open.periodic[2] = false;
    EXPECT_NE(error_of<InputError>([&] {
                  ConductivityMeter{{.charges = {{47, 1.0}}}}.add(frame_of(0, open));
              }).find("three periodic axes"),
              std::string::npos);
}

}  // namespace
}  // namespace mlff::analysis
