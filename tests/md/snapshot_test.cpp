#include "md/snapshot.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "libmlff/atoms/errors.hpp"
#include "support/mechanical_models.hpp"

namespace mlff::md {
namespace {

Snapshot example(bool evaluated) {
    Snapshot snapshot;
    snapshot.state = make_state(testing::SpringCrystal(2).structure);
    snapshot.state.structure.periodic = {true, false, true};
    Random random(31);
    draw_velocities(snapshot.state, 300.0, true, random);
    snapshot.state.masses[1] = std::nextafter(1.0, 2.0);
    snapshot.state.step = 123456789012;
    snapshot.state.time = 0.1;
    snapshot.bath.energy = -std::numeric_limits<double>::denorm_min();
    snapshot.bath.variables = {0.1, -0.0, 1e300};
    snapshot.bath.random = random;
    snapshot.evaluated = evaluated;
    if (evaluated) {
        snapshot.energy = -17.25;
        snapshot.forces = Matrix3X::Random(3, 8);
        snapshot.stress = Voigt::Random();
    }
    return snapshot;
}

void expect_same(const Snapshot& a, const Snapshot& b) {
    EXPECT_EQ(a.state.structure.cell, b.state.structure.cell);
    EXPECT_EQ(a.state.structure.periodic, b.state.structure.periodic);
    EXPECT_EQ(a.state.structure.species, b.state.structure.species);
    EXPECT_EQ(a.state.structure.positions, b.state.structure.positions);
    EXPECT_EQ(a.state.velocities, b.state.velocities);
    EXPECT_EQ(a.state.masses, b.state.masses);
    EXPECT_EQ(a.state.step, b.state.step);
    EXPECT_EQ(a.state.time, b.state.time);
    EXPECT_EQ(a.bath.energy, b.bath.energy);
    EXPECT_EQ(a.bath.variables, b.bath.variables);
    EXPECT_EQ(a.bath.random.state(), b.bath.random.state());
    EXPECT_EQ(a.evaluated, b.evaluated);
    EXPECT_EQ(a.energy, b.energy);
    EXPECT_EQ(a.forces.cols(), b.forces.cols());
    EXPECT_EQ(a.forces, b.forces);
    EXPECT_EQ(a.stress, b.stress);
}

TEST(Snapshot, KeepsEveryBit) {
    Snapshot snapshot = example(true);
    expect_same(decode(encode(snapshot)), snapshot);
    EXPECT_TRUE(std::signbit(decode(encode(snapshot)).bath.variables[1]));
    snapshot.stress.reset();
    expect_same(decode(encode(snapshot)), snapshot);
    expect_same(decode(encode(example(false))), example(false));
    EXPECT_EQ(encode(decode(encode(snapshot))), encode(snapshot));
}

TEST(Snapshot, RefusesEveryDamage) {
    const std::string bytes = encode(example(true));
    for (std::size_t k = 0; k < bytes.size(); ++k) {
        std::string damaged = bytes;
        damaged[k] = static_cast<char>(damaged[k] ^ 0x10);
        EXPECT_THROW((void)decode(damaged), InputError) << "byte " << k;
        EXPECT_THROW((void)decode(std::string_view(bytes).substr(0, k)), InputError) << "cut at " << k;
    }
    EXPECT_THROW((void)decode(bytes + "x"), InputError);
}

// Bytes that carry a correct checksum and yet say something impossible: a count far beyond what follows.
TEST(Snapshot, DoesNotTrustACount) {
    std::string bytes = encode(example(true));
    bytes.resize(bytes.size() - 8);
    bytes.replace(12, 8, 8, '\xff');
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
    for (int k = 0; k < 8; ++k) bytes.push_back(static_cast<char>(hash >> (8 * k)));
    try {
        (void)decode(bytes);
        FAIL();
    } catch (const InputError& error) {
        EXPECT_NE(std::string(error.what()).find("cut off"), std::string::npos) << error.what();
    }
}

TEST(Snapshot, KeepsTheMoveMaskAndCostsNothingWithoutOne) {
    Snapshot snapshot = example(true);
    const std::size_t without = encode(snapshot).size();
    snapshot.state.move_mask = MoveMask::Constant(3, 8, true);
    snapshot.state.move_mask(1, 4) = false;
    const std::string bytes = encode(snapshot);
    EXPECT_EQ(bytes.size(), without + 24);
    const Snapshot back = decode(bytes);
    ASSERT_EQ(back.state.move_mask.cols(), 8);
    EXPECT_TRUE((back.state.move_mask == snapshot.state.move_mask).all());
    EXPECT_EQ(encode(back), bytes);
    EXPECT_EQ(decode(encode(example(true))).state.move_mask.cols(), 0);
}

}  // namespace
}  // namespace mlff::md
