#include "libmlff/atoms/elements.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

TEST(Elements, EverySymbolLeadsBackToItsNumber) {
    for (int z = 1; z <= 118; ++z) {
        EXPECT_EQ(atomic_number(element_symbol(z)), z);
        EXPECT_TRUE(is_element(element_symbol(z)));
    }
    EXPECT_EQ(atomic_number("Ag"), 47);
    EXPECT_EQ(atomic_number("I"), 53);
    EXPECT_EQ(atomic_number("W"), 74);
    EXPECT_EQ(element_symbol(118), "Og");
}

TEST(Elements, MassesAreStandardWeights) {
    EXPECT_DOUBLE_EQ(atomic_mass(1), 1.008);
    EXPECT_DOUBLE_EQ(atomic_mass(47), 107.8682);
    EXPECT_DOUBLE_EQ(atomic_mass(53), 126.90447);
    EXPECT_DOUBLE_EQ(atomic_mass(16), 32.06);
    // Weights grow with the number but for the famous inversions, and where only one isotope's number is known.
    for (int z = 2; z <= 92; ++z) {
        const bool inverted = z == 19 || z == 28 || z == 53 || z == 91;  // K, Ni, I, Pa
        EXPECT_EQ(atomic_mass(z) < atomic_mass(z - 1), inverted) << element_symbol(z);
    }
    for (int z = 1; z <= 118; ++z) {
        EXPECT_GE(atomic_mass(z), 1.0 * z) << element_symbol(z);
        EXPECT_LE(atomic_mass(z), 2.7 * z + 1.0) << element_symbol(z);
    }
}

TEST(Elements, WhatIsNoElementIsRefused) {
    for (const char* symbol : {"", "X", "ag", "AG", "Qq", "Ag ", "47"}) {
        EXPECT_FALSE(is_element(symbol)) << symbol;
        EXPECT_THROW((void)atomic_number(symbol), InputError) << symbol;
    }
    EXPECT_THROW((void)element_symbol(0), std::invalid_argument);
    EXPECT_THROW((void)element_symbol(119), std::invalid_argument);
    EXPECT_THROW((void)atomic_mass(-1), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
