#include "reference/cp2k_input.hpp"

#include <gtest/gtest.h>

#include "libmlff/atoms/errors.hpp"
#include "reference/cp2k.hpp"
#include "reference/embedded/structures.hpp"
#include "reference/input_files.hpp"
#include "support/files.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::error_of;

Structure of(const std::vector<std::string>& symbols) {
    std::vector<Vector3> positions;
    for (std::size_t k = 0; k < symbols.size(); ++k) positions.emplace_back(static_cast<double>(k) / 7.0, 0.1, 0.2);
    return mlff::testing::cubic(12.0, symbols, positions);
}

bool holds(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

TEST(Cp2kInput, HasBasisPotentialAndCutoffOfTheSpecies) {
    const std::string demo = cp2k_input(of({"I", "Ag"}), {});
    EXPECT_TRUE(holds(demo, "&KIND Ag\n      BASIS_SET SZV-MOLOPT-SR-GTH-q11\n      POTENTIAL GTH-PBE-q11\n"));
    EXPECT_TRUE(holds(demo, "&KIND I\n      BASIS_SET SZV-MOLOPT-SR-GTH-q7\n      POTENTIAL GTH-PBE-q7\n"));
    EXPECT_EQ(cp2k_method(demo), "PBE, SZV-MOLOPT-SR-GTH, cutoff 240 Ry");
    const auto good = [](const std::vector<std::string>& symbols) {
        return cp2k_method(cp2k_input(of(symbols), {.quality = Cp2kQuality::good}));
    };
    EXPECT_EQ(good({"I", "Ag"}), "PBE, DZVP-MOLOPT-SR-GTH, cutoff 300 Ry");
    EXPECT_EQ(good({"Si", "Si"}), "PBE, DZVP-MOLOPT-SR-GTH, cutoff 280 Ry");
    EXPECT_EQ(good({"Li", "S", "P"}), "PBE, DZVP-MOLOPT-SR-GTH, cutoff 500 Ry");
    EXPECT_EQ(good({"Na", "Cl"}), "PBE, DZVP-MOLOPT-SR-GTH, cutoff 880 Ry");
}

TEST(Cp2kInput, FollowsTheFunctional) {
    EXPECT_EQ(cp2k_method(cp2k_input(of({"Ag"}), {.functional = Cp2kFunctional::pbe_d3})),
              "PBE, SZV-MOLOPT-SR-GTH, cutoff 240 Ry, dispersion for PBE");
    EXPECT_TRUE(holds(cp2k_input(of({"Ag"}), {.functional = Cp2kFunctional::pbesol}), "PARAMETRIZATION PBESOL"));
    const std::string xtb = cp2k_input(of({"Ag", "I"}), {.functional = Cp2kFunctional::xtb});
    EXPECT_EQ(cp2k_method(xtb), "GFN1-xTB");
    EXPECT_FALSE(holds(xtb, "&KIND"));
}

TEST(Cp2kInput, OnlyKnowsWordsThatAreFilledIn) {
    const Structure s = of({"Ag", "I"});
    auto values = structure_values(s);
    for (const char* word : {"socket", "port", "unix"}) values.emplace(word, "somewhere");
    for (const bool robust : {false, true}) {
        const std::string text = fill_in(cp2k_input(s, {.robust = robust}), values, "input");
        EXPECT_FALSE(holds(text, "{{"));
        EXPECT_TRUE(holds(text, values["coordinates"]));
    }
}

TEST(Cp2kInput, OddElectronsAndMissingElements) {
    EXPECT_TRUE(holds(cp2k_input(of({"Ag"}), {}), "MULTIPLICITY 2"));
    EXPECT_FALSE(holds(cp2k_input(of({"Ag", "I"}), {}), "MULTIPLICITY"));
    EXPECT_TRUE(holds(error_of<InputError>([] { (void)cp2k_input(of({"U"}), {}); }), "potential for U"));
}

TEST(Cp2kAdvice, NamesWhatIsCheap) {
    const auto advice = cp2k_advice(mlff::testing::cubic(5.0, {"Ag"}, {{0, 0, 0}}), {});
    EXPECT_EQ(advice.size(), 4u);
    EXPECT_EQ(cp2k_advice(of({"Ag", "I"}), {.quality = Cp2kQuality::good}).size(), 1u);
}

}  // namespace
}  // namespace mlff::reference
