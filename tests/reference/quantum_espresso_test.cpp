#include "reference/quantum_espresso.hpp"

#include <gtest/gtest.h>

#include "libmlff/atoms/errors.hpp"
#include "reference/atomic_units.hpp"
#include "reference/embedded/structures.hpp"
#include "reference/external_code.hpp"
#include "support/files.hpp"

namespace mlff::reference {
namespace {

using mlff::testing::error_of;

/// As pw.x 6.7 writes it; tests/app/quantum_espresso_test.py reads what the program itself has written.
const std::string output = R"(
     number of atoms/cell      =            2
     number of atomic types    =            2

     site n.     atom                  positions (alat units)
         1           Ag1 tau(   1) = (   0.0000000   0.0000000   0.0000000  )
         2           I   tau(   2) = (   0.5148970   0.2924415   0.1992602  )

     total energy              =     -14.41812026 Ry
     estimated scf accuracy    <       1.14699692 Ry

!    total energy              =     -14.47145519 Ry
     estimated scf accuracy    <          2.1E-12 Ry
     smearing contrib. (-TS)   =      -0.00010000 Ry
     internal energy E=F+TS    =     -14.47135519 Ry

     convergence has been achieved in  12 iterations

     Forces acting on atoms (cartesian axes, Ry/au):

     atom    1 type  1   force =     0.07497892   -0.01366229   -0.04142945
     atom    2 type  2   force =    -0.07497892    0.01366229    0.04142940

     Total force =     0.122678     Total SCF correction =     0.000001

     Computing stress (Cartesian axis) and pressure

          total   stress  (Ry/bohr**3)                   (kbar)     P=      418.76
   0.00293726  -0.00003690   0.00000412          432.09       -5.43        0.61
  -0.00003690   0.00280083   0.00004702           -5.43      412.02        6.92
   0.00000412   0.00004702  -0.00280187            0.61        6.92     -412.17
)";

Structure pair() { return mlff::testing::cubic(5.0, {"Ag", "I"}, {{0, 0, 0}, {0.5, 0.5, 0.5}}); }

/// The output with `what` replaced.
std::string changed(const std::string& what, const std::string& by) {
    std::string text = output;
    text.replace(text.find(what), what.size(), by);
    return text;
}

TEST(QuantumEspressoOutput, IsReadInOurUnitsAndSign) {
    const Evaluation e = read_quantum_espresso_output(output, pair());
    EXPECT_NEAR(e.energy, -14.47145519 * 0.5 * 27.211386245988, 1e-10);
    EXPECT_NEAR(e.forces(1, 0), -0.01366229 * 0.5 * hartree / bohr, 1e-12);
    EXPECT_NEAR(e.forces(2, 1), 0.04142940 * 0.5 * hartree / bohr, 1e-12);
    const Voigt pressure = (Voigt() << 0.00293726, 0.00280083, -0.00280187, 4.702e-5, 4.12e-6, -3.69e-5).finished();
    EXPECT_LT((*e.stress + pressure * (0.5 * hartree / (bohr * bohr * bohr))).norm(), 1e-12);
}

TEST(QuantumEspressoOutput, WithoutStressThereIsNone) {
    EXPECT_FALSE(read_quantum_espresso_output(output.substr(0, output.find("     Computing")), pair()).stress);
}

TEST(QuantumEspressoOutput, IsRefusedWhereItIsCutOff) {
    for (std::size_t length = 0; length < output.find("     Total force"); length += 7) {
        try {
            (void)read_quantum_espresso_output(output.substr(0, length), pair());
            EXPECT_GT(length, output.find("0.04142940"));  // within the last number: the exit status tells
        } catch (const CallFailure&) {
        } catch (const InputError&) {
        }
    }
    EXPECT_THROW(
        (void)read_quantum_espresso_output(output.substr(0, output.find("   0.00000412   0.00004702")), pair()),
        CallFailure);
    EXPECT_THROW((void)read_quantum_espresso_output(changed("-0.01366229", "***********"), pair()), CallFailure);
}

TEST(QuantumEspressoOutput, UnconvergedIsWorthNothing) {
    EXPECT_NE(error_of<CallFailure>([] {
                  (void)read_quantum_espresso_output(
                      changed("convergence has been achieved in  12", "convergence NOT achieved after  12"), pair());
              }).find("convergence"),
              std::string::npos);
    EXPECT_NE(error_of<CallFailure>([] {
                  (void)read_quantum_espresso_output(changed("!    total", "     total"), pair());
              }).find("no energy of a converged"),
              std::string::npos);
}

TEST(QuantumEspressoOutput, OtherAtomsAndOtherCalculationsAreRefused) {
    Structure other = pair();
    std::swap(other.species[0], other.species[1]);
    EXPECT_NE(error_of<InputError>([&] {
                  (void)read_quantum_espresso_output(output, other);
              }).find("atom 1 is I here, its output says Ag1"),
              std::string::npos);
    Structure fewer = mlff::testing::cubic(5.0, {"Ag"}, {{0, 0, 0}});
    EXPECT_NE(error_of<InputError>([&] { (void)read_quantum_espresso_output(output, fewer); }).find("computed 2 atoms"),
              std::string::npos);
    EXPECT_NE(error_of<InputError>([&] {
                  (void)read_quantum_espresso_output(output + output, pair());
              }).find("more than one structure"),
              std::string::npos);
    const std::string silent =
        output.substr(0, output.find("     Forces")) + output.substr(output.find("     Computing"));
    EXPECT_NE(error_of<InputError>([&] { (void)read_quantum_espresso_output(silent, pair()); }).find("tprnfor"),
              std::string::npos);
}

TEST(QuantumEspressoMethod, SaysWhatIsComputed) {
    EXPECT_EQ(quantum_espresso_method("&SYSTEM\n ecutwfc = 40.0 ! ecutwfc = 10\n ntyp=2, ecutrho=320\n/\n"
                                      "ATOMIC_SPECIES\n Ag 107.87 Ag.upf\n I 126.9 I.upf\nK_POINTS {automatic}\n"
                                      " 2 2 1 0 0 0\nATOMIC_POSITIONS angstrom\n Ag 0 0 0\n"),
              "Ag.upf, I.upf, ecutwfc 40.0 Ry, ecutrho 320 Ry, k-points 2 2 1 0 0 0");
    EXPECT_EQ(quantum_espresso_method("input_dft='pbesol'\nvdw_corr = \"d3\",\nK_POINTS gamma\n"),
              "pbesol, k-points gamma, dispersion d3");
    EXPECT_EQ(quantum_espresso_method(""), "method not recognised");
}

}  // namespace
}  // namespace mlff::reference
