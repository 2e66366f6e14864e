#include "analysis/cell_average.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "frames.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::analysis {
namespace {

// A monoclinic cell of one silicon atom whose c follows a sine: all numbers in closed form.
TEST(CellAverage, MeansErrorsAndBulkModulus) {
    CellAverage cells({});
    Structure structure;
    structure.periodic = {true, true, true};
    structure.species = {14};
    structure.positions = Matrix3X::Zero(3, 1);
    const int n = 1600, periods = 200;
    for (int k = 0; k < n; ++k) {
        const double c = 5.0 + 0.1 * std::sin(2.0 * M_PI * periods * k / n);
        structure.cell << 3.0, 0.0, -0.5 * c, 0.0, 4.0, 0.0, 0.0, 0.0, std::sqrt(0.75) * c;  // β = 120°
        Frame frame = testing::frame_of(2.0 * k, structure);
        frame.temperature = 300.0;
        cells.add(frame);
    }
    const CellMeans means = cells.result();
    const double volume = 12.0 * std::sqrt(0.75) * 5.0, deviation = 12.0 * std::sqrt(0.75) * 0.1 / std::sqrt(2.0);
    EXPECT_NEAR(means.mean[0], volume, 1e-9);
    EXPECT_NEAR(means.mean[1], 28.085 * 1.66053906660 / volume, 0.002);
    EXPECT_NEAR(means.mean[2], 3.0, 1e-12);
    EXPECT_NEAR(means.mean[3], 4.0, 1e-12);
    EXPECT_NEAR(means.mean[4], 5.0, 1e-12);
    EXPECT_NEAR(means.mean[5], 90.0, 1e-9);
    EXPECT_NEAR(means.mean[6], 120.0, 1e-9);
    EXPECT_NEAR(means.volume_deviation, deviation, 1e-9);
    ASSERT_TRUE(means.bulk_modulus.has_value());
    EXPECT_NEAR(*means.bulk_modulus, 8.617333262e-5 * 300.0 * volume / (deviation * deviation) * 160.2176634, 1e-6);
    ASSERT_TRUE(means.error.has_value());
    EXPECT_LT((*means.error)[0], 1e-9);  // whole periods in each block
    EXPECT_EQ(means.time[3], 6.0);
}

TEST(CellAverage, FixedCellHasNoBulkModulus) {
    CellAverage cells({.temperature = 300.0});
    EXPECT_THROW((void)cells.result(), InputError);
    for (int k = 0; k < 10; ++k) cells.add(testing::frame_of(k, testing::empty_cell(testing::triclinic(5.0))));
    EXPECT_EQ(cells.result().volume_deviation, 0.0);
    EXPECT_FALSE(cells.result().bulk_modulus.has_value());
    Structure open = testing::empty_cell(Matrix3::Zero());
    open.periodic = {false, false, false};
    EXPECT_THROW(cells.add(testing::frame_of(0.0, open)), InputError);
}

}  // namespace
}  // namespace mlff::analysis
