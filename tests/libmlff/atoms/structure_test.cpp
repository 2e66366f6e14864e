#include "libmlff/atoms/structure.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>
#include <limits>
#include <string>

#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

Structure triclinic() {
    Structure structure;
    structure.cell << 4.0, 1.0, -0.5, 0.0, 5.0, 0.7, 0.3, 0.0, 6.0;
    structure.periodic = {true, true, true};
    structure.species = {47, 53, 16};
    structure.positions.resize(3, 3);
    structure.positions << 0.1, 2.0, -7.0, 0.2, 2.5, 9.0, 0.3, 3.0, 11.0;
    return structure;
}

std::string message_of(const Structure& structure) {
    try {
        structure.validate();
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

TEST(Structure, VolumeIsTheDeterminantWhateverTheHandedness) {
    Structure structure = triclinic();
    EXPECT_TRUE(structure.has_volume());
    // a · (b × c) written out
    const Vector3 a = structure.cell.col(0), b = structure.cell.col(1), c = structure.cell.col(2);
    const double volume =
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
    EXPECT_NEAR(structure.volume(), volume, 1e-12);
    structure.cell.col(0).swap(structure.cell.col(1));
    EXPECT_TRUE(structure.has_volume());
    EXPECT_NEAR(structure.volume(), volume, 1e-12);
    EXPECT_NO_THROW(structure.validate());
    structure.cell.col(2) = structure.cell.col(0) + structure.cell.col(1);
    EXPECT_FALSE(structure.has_volume());
}

TEST(Structure, ValidateNamesWhatIsWrong) {
    EXPECT_EQ(message_of(triclinic()), "");
    Structure s = triclinic();
    s.species.pop_back();
    EXPECT_NE(message_of(s).find("2 species for 3 positions"), std::string::npos);
    s = triclinic();
    s.species[1] = 119;
    EXPECT_NE(message_of(s).find("119"), std::string::npos);
    s = triclinic();
    s.positions(1, 2) = std::numeric_limits<double>::quiet_NaN();
    EXPECT_NE(message_of(s).find("atom 3"), std::string::npos);
    s = triclinic();
    s.cell(0, 0) = std::numeric_limits<double>::infinity();
    EXPECT_NE(message_of(s).find("cell"), std::string::npos);
    s = triclinic();
    s.cell.col(1).setZero();
    EXPECT_NE(message_of(s).find("lattice vectors"), std::string::npos);
    s.periodic[1] = false;  // a zero vector is fine where nothing repeats
    EXPECT_EQ(message_of(s), "");
    s.cell.col(2) = 2.0 * s.cell.col(0);
    EXPECT_NE(message_of(s).find("lattice vectors"), std::string::npos);
}

TEST(Structure, SmallAndLargeCellsAreJudgedByShapeNotBySize) {
    for (const double scale : {1e-3, 1.0, 1e4}) {
        Structure structure = triclinic();
        structure.cell *= scale;
        EXPECT_TRUE(structure.has_volume()) << scale;
        EXPECT_EQ(message_of(structure), "") << scale;
    }
}

TEST(Structure, SupercellHoldsEveryTranslatedAtomOnce) {
    const Structure unit = triclinic();
    const Structure super = make_supercell(unit, {2, 1, 3});
    ASSERT_EQ(super.size(), 18);
    EXPECT_NEAR(super.volume(), 6.0 * unit.volume(), 1e-9);
    EXPECT_EQ(super.periodic, unit.periodic);
    Eigen::Index atom = 0;
    for (int a = 0; a < 2; ++a)
        for (int c = 0; c < 3; ++c)
            for (Eigen::Index i = 0; i < unit.size(); ++i, ++atom) {
                const Vector3 expected = unit.positions.col(i) + a * unit.cell.col(0) + c * unit.cell.col(2);
                EXPECT_LT((super.positions.col(atom) - expected).norm(), 1e-12);
                EXPECT_EQ(super.species[static_cast<std::size_t>(atom)], unit.species[static_cast<std::size_t>(i)]);
            }
    EXPECT_THROW((void)make_supercell(unit, {1, 0, 1}), InputError);
}

TEST(Structure, SpeciesAndFormula) {
    Structure structure = triclinic();
    EXPECT_EQ(species_present(structure), (std::vector<int>{16, 47, 53}));
    EXPECT_EQ(formula(structure), "AgIS");
    EXPECT_EQ(formula(make_supercell(structure, {2, 2, 1})), "Ag4I4S4");
}

TEST(Structure, VoigtOrderIsXxYyZzYzXzXy) {
    Matrix3 tensor;
    tensor << 1, 6, 5, 6, 2, 4, 5, 4, 3;
    const Voigt voigt = to_voigt(tensor);
    for (int k = 0; k < 6; ++k) EXPECT_EQ(voigt[k], k + 1);
    EXPECT_EQ(from_voigt(voigt), tensor);
    tensor(0, 1) += 2.0;  // of what is not symmetric the symmetric part counts
    EXPECT_EQ(to_voigt(tensor)[5], 7.0);
}

}  // namespace
}  // namespace mlff
