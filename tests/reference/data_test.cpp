#include "reference/data.hpp"

#include <gtest/gtest.h>

#include "libmlff/atoms/errors.hpp"
#include "reference/embedded/structures.hpp"
#include "support/files.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::error_of;

std::vector<LabeledStructure> frames() {
    std::vector<LabeledStructure> data;
    for (int k = 0; k < 3; ++k) {
        Structure s = mlff::testing::jittered_grid(5, 2, 3.1, {47, 53});
        s.positions.col(1) += 0.05 * k * Vector3(1, -1, 0);
        data.push_back(
            {s, {1.0 + k, Matrix3X::Constant(3, s.size(), 0.1 * k), Voigt::Constant(k)}, "frame " + std::to_string(k)});
    }
    return data;
}

TEST(StoredData, RepeatsWhatItHoldsInAnyOrder) {
    const auto data = frames();
    StoredData reference(data, "test");
    for (const std::size_t k : {2u, 0u, 1u, 1u}) {
        const Evaluation e = reference.evaluate(data[k].structure);
        EXPECT_EQ(e.energy, *data[k].labels.energy);
        EXPECT_EQ(e.forces, *data[k].labels.forces);
        EXPECT_EQ(*e.stress, *data[k].labels.stress);
    }
    Structure moved = data[1].structure;  // by lattice vectors, and a little
    moved.positions.col(3) += moved.cell.col(0) - 2.0 * moved.cell.col(2);
    moved.positions(0, 0) += 5e-6;
    EXPECT_EQ(reference.evaluate(moved).energy, 2.0);
}

TEST(StoredData, RefusesWhatItDoesNotHold) {
    const auto data = frames();
    StoredData reference(data, "test");
    Structure other = data[1].structure;
    other.positions(2, 4) += 0.01;
    const std::string error = error_of<InputError>([&] { (void)reference.evaluate(other); });
    EXPECT_NE(error.find("the nearest, frame 1, is 0.01 Å away"), std::string::npos) << error;
    Structure strained = data[1].structure;
    strained.cell *= 1.0001;
    EXPECT_THROW((void)reference.evaluate(strained), InputError);
    Structure swapped = data[1].structure;
    std::reverse(swapped.species.begin(), swapped.species.end());
    EXPECT_NE(error_of<InputError>([&] { reference.check(swapped); }).find("none of the 3 structures"),
              std::string::npos);
    auto bare = frames();
    bare[2].labels.forces.reset();
    EXPECT_NE(error_of<InputError>([&] { StoredData incomplete(bare, "test"); }).find("frame 2"), std::string::npos);
}

}  // namespace
}  // namespace mlff::reference
