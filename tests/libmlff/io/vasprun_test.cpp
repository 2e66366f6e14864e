#include "libmlff/io/vasprun.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>

#include "support/truncation.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;
using testing::with;

const std::string head = R"(<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <incar>
  <i type="int" name="NELM">     4</i>
  <v type="int" name="RANDOM_SEED">******     0     0</v>
 </incar>
 <parameters>
  <separator name="electronic" >
   <separator name="electronic convergence" >
    <i type="int" name="NELM">     4</i>
   </separator>
  </separator>
  <separator name="response functions" >
   <i type="int" name="NELM">     1</i>
  </separator>
 </parameters>
 <atominfo>
  <atoms>       3 </atoms>
  <array name="atoms" >
   <set>
    <rc><c>Ag</c><c>   1</c></rc>
    <rc><c>r </c><c>   2</c></rc>
    <rc><c>r </c><c>   2</c></rc>
   </set>
  </array>
  <array name="atomtypes" >
   <set>
    <rc><c>   1</c><c>Ag</c><c>    107.868</c><c>     11.0</c><c>  PAW_PBE Ag_pv 02Apr2005     </c></rc>
    <rc><c>   2</c><c>r </c><c>     91.224</c><c>     12.0</c><c>  PAW_PBE Zr_sv 04Jan2005     </c></rc>
   </set>
  </array>
 </atominfo>
 <structure name="initialpos" >
  <crystal></crystal>
 </structure>
)";

/// An ionic step, of a left-handed triclinic cell.
std::string step_text(double energy, int electronic_steps = 2) {
    std::string text = " <calculation>\n";
    for (int k = 0; k < electronic_steps; ++k)
        text += R"(  <scstep><energy>
    <i name="e_fr_energy">    -7.50000000 </i>
    <i name="e_wo_entrp">    -7.44000000 </i>
    <i name="e_0_energy">    -7.48000000 </i>
  </energy></scstep>
)";
    return text + R"(  <structure>
   <crystal>
    <varray name="basis" >
     <v>       0.50000000       6.00000000       0.00000000 </v>
     <v>       5.00000000       0.00000000       0.25000000 </v>
     <v>       0.00000000      -1.00000000       7.00000000 </v>
    </varray>
    <varray name="rec_basis" ><v> 9 9 9 </v></varray>
   </crystal>
   <varray name="positions" >
    <v>       0.00000000       0.00000000       0.00000000 </v>
    <v>       0.50000000       0.25000000       0.00000000 </v>
    <v>       0.00000000      -0.50000000       0.50000000 </v>
   </varray>
   <varray name="selective" ><v type="logical" > T  F  T </v></varray>
  </structure>
  <varray name="forces" >
   <v>       0.10000000       0.20000000      -0.30000000 </v>
   <v>      -0.10000000       0.00000000       0.10000000 </v>
   <v>       0.00000000      -0.20000000       0.20000000 </v>
  </varray>
  <varray name="stress" >
   <v>      16.02176634       1.00000000       5.00000000 </v>
   <v>       2.00000000      32.04353268       3.20435327 </v>
   <v>       5.00000000       3.20435327     -48.06529902 </v>
  </varray>
  <energy>
   <i name="e_fr_energy">  )" +
           std::to_string(energy) + R"( </i>
   <i name="e_wo_entrp">    -7.44000000 </i>
   <i name="e_0_energy">     0.00000000 </i>
  </energy>
 </calculation>
)";
}

const std::string learned = R"( <structure>
  <crystal><varray name="basis" ><v> 1 0 0 </v></varray></crystal>
 </structure>
 <varray name="forces" ><v> 1 2 3 </v></varray>
 <energy><i name="e_fr_energy"> -7.0 </i></energy>
)";
const std::string tail = " <structure name=\"finalpos\" ></structure>\n</modeling>\n";

DataFile read(const std::string& text) {
    const TemporaryDirectory folder;
    return read_vasprun(folder.file("vasprun.xml", text));
}

std::string error(const std::string& text) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("vasprun.xml", text);
    const std::string message = error_of<InputError>([&] { (void)read_vasprun(path); });
    return message.find("vasprun.xml") == std::string::npos ? message : message.substr(message.find("vasprun.xml"));
}

TEST(Vasprun, OneStep) {
    const DataFile file = read(head + step_text(-7.6) + tail);
    ASSERT_EQ(file.structures.size(), 1u);
    EXPECT_TRUE(file.notes.empty());
    EXPECT_NEAR(file.electronic_entropy.value(), 0.02, 1e-12);
    const auto& [structure, labels] = std::pair(file.structures[0].structure, file.structures[0].labels);
    EXPECT_EQ(structure.species, (std::vector<int>{47, 40, 40}));
    EXPECT_EQ(structure.periodic, (std::array{true, true, true}));
    EXPECT_LT(structure.cell.determinant(), 0.0);
    EXPECT_EQ(structure.cell.col(1), Vector3(5, 0, 0.25));
    EXPECT_TRUE(structure.positions.col(1).isApprox(Vector3(1.5, 3, 0.0625), 1e-14)) << structure.positions;
    EXPECT_TRUE(structure.positions.col(2).isApprox(Vector3(-2.5, -0.5, 3.375), 1e-14)) << structure.positions;
    EXPECT_EQ(labels.energy, -7.6);  // not that of the electronic loop, nor e_0_energy
    EXPECT_EQ(labels.forces->col(2), Vector3(0, -0.2, 0.2));
    Voigt stress;  // kbar wanting to expand is negative
    stress << -0.01, -0.02, 0.03, -0.002, -5.0 / 1602.176634, -1.5 / 1602.176634;
    EXPECT_TRUE(labels.stress->isApprox(stress, 1e-8)) << *labels.stress;
    EXPECT_NE(file.structures[0].origin.find("vasprun.xml:36"), std::string::npos) << file.structures[0].origin;
}

TEST(Vasprun, LeavesOutWhatIsNoDataAndSaysSo) {
    const DataFile file = read(head + step_text(-1) + learned + learned + step_text(-2, 4) + step_text(-3, 3) +
                               with(step_text(-4), "-0.30000000", "***********") +
                               with(step_text(-5), "0.20000000", "NaN") + step_text(-6, 0) + tail);
    ASSERT_EQ(file.structures.size(), 2u);
    EXPECT_EQ(file.structures[0].labels.energy, -1);
    EXPECT_EQ(file.structures[1].labels.energy, -3);
    std::string notes;
    for (const std::string& note : file.notes) notes += note + "\n";
    EXPECT_NE(notes.find("3 steps left out: made by the machine-learned force field"), std::string::npos) << notes;
    EXPECT_NE(notes.find("1 step left out: electronic loop not converged"), std::string::npos) << notes;
    EXPECT_NE(notes.find("2 steps left out: a number is *****"), std::string::npos) << notes;
}

TEST(Vasprun, NothingLeftIsRefusedWithTheReason) {
    EXPECT_NE(
        error(head + learned + tail).find("every complete step is the machine-learned force field's own (1 step)"),
        std::string::npos);
    EXPECT_NE(error(head + step_text(-1, 4) + tail).find("no electronically converged step"), std::string::npos);
    EXPECT_NE(error(head + tail).find("no ionic step"), std::string::npos);
    EXPECT_NE(error(head).find("ends before its first step"), std::string::npos);
    EXPECT_NE(error("").find("ends before its first step"), std::string::npos);
}

TEST(Vasprun, StressAndForcesMayBeAbsent) {
    std::string text = step_text(-1);
    text.erase(text.find("  <varray name=\"stress\""),
               text.find("  <energy>\n   <i") - text.find("  <varray name=\"stress\""));
    EXPECT_FALSE(read(head + text + tail).structures[0].labels.stress);
}

TEST(Vasprun, NamesOfElements) {
    const auto species = [](const std::string& element, const std::string& potential) {
        std::string text = head;
        for (int k = 0; k < 2; ++k) text = with(text, "<c>r </c><c>   2", "<c>" + element + "</c><c>   2");
        return read(with(text, "PAW_PBE Zr_sv 04Jan2005", potential) + step_text(-1) + tail)
            .structures[0]
            .structure.species[1];
    };
    EXPECT_EQ(species("H ", "PAW_PBE H1.25 07Sep2000"), 1);
    EXPECT_EQ(species("Ge", "PAW_PBE Ge_d/3f 03Jul2007"), 32);
    EXPECT_EQ(species("r ", "?"), 40);
    EXPECT_EQ(species("X ", ""), 54);
    EXPECT_EQ(species("Xe", "PAW_PBE Xe 07Sep2000"), 54);
}

TEST(Vasprun, MalformedFilesAreRefusedInOneLine) {
    const std::string good = head + step_text(-1) + step_text(-2) + tail;
    const auto refuses = [&](const std::string& part, const std::string& replacement, const std::string& why) {
        const std::string message = error(with(good, part, replacement));
        EXPECT_NE(message.find(why), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    };
    refuses("0.10000000 ", "0.1000x000 ", ":64: three numbers are needed here, got ");
    refuses("   <v>       0.10000000       0.20000000      -0.30000000 </v>\n", "", "has 2 forces where 3 are needed");
    refuses("     <v>       0.50000000       6.00000000       0.00000000 </v>\n", "", "has 2 lattice vectors");
    refuses("   <i name=\"e_fr_energy\">  -1.000000 </i>\n", "", "no e_fr_energy");
    refuses("-1.000000 </i>", "minus one </i>", "a number is needed here, got ");
    refuses("</structure>\n  <varray", "</strukture>\n  <varray", "not the XML of VASP (mismatched tag)");
    refuses("       5.00000000       0.00000000       0.25000000", " 1.0 12.0 0.0", "linearly dependent");
    refuses("<c>r </c><c>   2</c>", "<c>Qq</c><c>   7</c>", "atom 2 has the unknown element 'Qq'");
}

TEST(Vasprun, CutOffFileGivesItsCompleteSteps) {
    const std::string text = head + step_text(-1) + step_text(-2) + learned + step_text(-3) + tail;
    EXPECT_GT(testing::read_truncated("vasprun.xml", text, 200, read_vasprun), 10);
    const DataFile file = read(text.substr(0, text.size() - tail.size() - 20));
    EXPECT_EQ(file.structures.size(), 2u);
    ASSERT_EQ(file.notes.size(), 2u);
    EXPECT_NE(file.notes[1].find("cut off"), std::string::npos);
}

}  // namespace
}  // namespace mlff
