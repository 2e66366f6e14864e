#include "reference/cp2k.hpp"

#include <gtest/gtest.h>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "reference/atomic_units.hpp"
#include "reference/embedded/structures.hpp"
#include "reference/external_code.hpp"
#include "support/files.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::error_of;

/// As CP2K 2023.1 writes it; tests/app/cp2k_test.py reads what the program itself has written.
const std::string output = R"(
 ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]:              -14.448204820545341

 ATOMIC FORCES in [a.u.]

 # Atom   Kind   Element          X              Y              Z
      1      1      Ag         -0.03294054    0.02479791   -0.02121976
      2      2      I           0.03294054   -0.02479791    0.02121976
 SUM OF ATOMIC FORCES           0.00000000     0.00000000     0.00000000     0.00000000

 STRESS| Analytical stress tensor [GPa]
 STRESS|                        x                   y                   z
 STRESS|      x        1.00000000000E+00   2.00000000000E+00  -3.00000000000E-01
 STRESS|      y        2.00000000000E+00   4.00000000000E+00   5.00000000000E+00
 STRESS|      z       -3.00000000000E-01   5.00000000000E+00  -6.00000000000E+00
)";

Structure pair() { return mlff::testing::cubic(5.0, {"Ag", "I"}, {{0, 0, 0}, {0.5, 0.5, 0.5}}); }

TEST(Cp2kOutput, IsReadInOurUnitsAndSign) {
    const Evaluation e = read_cp2k_output(output, pair());
    EXPECT_NEAR(e.energy, -14.448204820545341 * 27.211386245988, 1e-10);
    EXPECT_NEAR(e.forces(1, 0), 0.02479791 * hartree / bohr, 1e-12);
    EXPECT_NEAR(e.forces(2, 1), 0.02121976 * hartree / bohr, 1e-12);
    const Voigt gpa = (Voigt() << 1, 4, -6, 5, -0.3, 2).finished();
    EXPECT_LT((*e.stress + gpa / units::ev_per_cubic_angstrom_in_gpa).norm(), 1e-12);
}

TEST(Cp2kOutput, WithoutStressThereIsNone) {
    EXPECT_FALSE(read_cp2k_output(output.substr(0, output.find(" STRESS|")), pair()).stress);
}

TEST(Cp2kOutput, IsRefusedWhereItIsCutOff) {
    for (std::size_t length = 0; length < output.find("SUM OF"); length += 7) {
        try {
            const Evaluation e = read_cp2k_output(output.substr(0, length), pair());
            // Cut within the last number of the last atom: nothing can tell. The program's exit status does.
            EXPECT_GT(length, output.find("0.02121976", output.find("I  ")));
        } catch (const CallFailure&) {
        } catch (const InputError&) {
        }
    }
    const std::string in_stress = output.substr(0, output.find("STRESS|      z"));
    EXPECT_THROW((void)read_cp2k_output(in_stress, pair()), CallFailure);
    std::string overflow = output;
    overflow.replace(overflow.find("-0.03294054"), 11, "***********");
    EXPECT_THROW((void)read_cp2k_output(overflow, pair()), CallFailure);
}

TEST(Cp2kOutput, OtherAtomsAreRefused) {
    Structure other = pair();
    std::swap(other.species[0], other.species[1]);
    EXPECT_NE(error_of<InputError>([&] {
                  (void)read_cp2k_output(output, other);
              }).find("atom 1 is I here, its output says Ag"),
              std::string::npos);
    Structure fewer = mlff::testing::cubic(5.0, {"Ag"}, {{0, 0, 0}});
    EXPECT_NE(error_of<InputError>([&] { (void)read_cp2k_output(output, fewer); }).find("more atoms than the 1"),
              std::string::npos);
}

TEST(Cp2kMethod, SaysWhatIsComputed) {
    EXPECT_EQ(
        cp2k_method("&MGRID\n CUTOFF [Ry] 280 # fine\n&END\n&XC\n &XC_FUNCTIONAL PBE\n &END\n&KIND Ag\n BASIS_SET "
                    "DZVP-MOLOPT-SR-GTH\n&END\n&KIND I\n basis_set ORB DZVP-MOLOPT-SR-GTH\n&END\n! CUTOFF 500\n"),
        "PBE, DZVP-MOLOPT-SR-GTH, cutoff 280 Ry");
    EXPECT_EQ(cp2k_method("&QS\n METHOD XTB\n"), "GFN1-xTB");
    EXPECT_EQ(cp2k_method(""), "method not recognised");
}

}  // namespace
}  // namespace mlff::reference
