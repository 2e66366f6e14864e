#include "libmlff/io/outcar.hpp"

#include <gtest/gtest.h>

#include "support/truncation.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;
using testing::with;

const std::string head = R"( vasp.6.4.2 20Jul23 complex
 executed on             LinuxGNU date 2024.01.01  00:00:00
 POTCAR:    PAW_PBE Ag_pv 02Apr2005
 POTCAR:    PAW_PBE I 08Apr2002
   VRHFIN =Ag: 4p5s4d
   TITEL  = PAW_PBE Ag_pv 02Apr2005
   VRHFIN =I : s2p5
   TITEL  = PAW_PBE I 08Apr2002
  positions in direct lattice
  direct lattice vectors                    reciprocal lattice vectors
     1.000000000  0.000000000  0.000000000     1.000000000  0.000000000  0.000000000
     0.000000000  1.000000000  0.000000000     0.000000000  1.000000000  0.000000000
     0.000000000  0.000000000  1.000000000     0.000000000  0.000000000  1.000000000
   number of dos      NEDOS =    301   number of ions     NIONS =      3
   ions per type =               1   2
   NELM   =      4;   NELMIN=  2; NELMDL=  0     # of ELM steps
)";

const std::string cell = R"(      direct lattice vectors                 reciprocal lattice vectors
     6.000000000 -0.500000000-10.000000000     0.100000000  0.000000000  0.000000000
     0.000000000  7.000000000  1.000000000     0.000000000  0.100000000  0.000000000
     0.250000000  0.000000000  8.000000000     0.000000000  0.000000000  0.100000000

)";

std::string loops(int ionic, int n) {
    std::string text;
    for (int k = 1; k <= n; ++k)
        text += "--------------------------------------- Iteration      " + std::to_string(ionic) + "(   " +
                std::to_string(k) + ")  ---------------------------------------\n" +
                "  free energy    TOTEN  =       -99.00000000 eV\n" +
                "  energy without entropy =      -99.00000000  energy(sigma->0) =      -99.00000000\n";
    return text;
}

const std::string pressure =
    "  in kB      16.02177    32.04353   -48.06530     1.60218     3.20435     8.01088\n"
    "  external pressure =        4.44 kB  Pullay stress =        0.00 kB\n";

std::string forces(const std::string& title) {
    return title + R"(
 -----------------------------------------------------------------------------------
      0.10000      0.20000      0.30000         0.100000      0.200000     -0.300000
     -1.00000     -2.00000     -3.00000        -0.100000      0.000000      0.100000
      4.00000      5.00000      6.00000         0.000000     -0.200000      0.200000
 -----------------------------------------------------------------------------------
    total drift:                                0.001368     -0.000338      0.000047

)";
}

std::string step_text(int ionic, const std::string& energy, int n_loops = 3) {
    return loops(ionic, n_loops) + pressure + " VOLUME and BASIS-vectors are now :\n" + cell +
           forces(" POSITION                                       TOTAL-FORCE (eV/Angst)") +
           "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n"
           "  ---------------------------------------------------\n"
           "  free  energy   TOTEN  =       " +
           energy + " eV\n\n  energy  without entropy=      -6.97000000  energy(sigma->0) =       -6.99000000\n\n" +
           "% ion-electron   TOTEN  =       -24.127098  see above\n";
}

const std::string learned = "  in kB       9.00000     9.00000     9.00000     9.00000     9.00000     9.00000\n" +
                            cell +
                            forces("  POSITION                                       TOTAL-FORCE (eV/Angst) (ML)") +
                            "  ML FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n"
                            "  free  energy ML TOTEN  =        -6.00000000 eV\n\n"
                            "  ML energy  without entropy=        0.00000000  ML energy(sigma->0) =        0.0\n";

DataFile read(const std::string& text) {
    const TemporaryDirectory folder;
    return read_outcar(folder.file("OUTCAR", text));
}

std::string error(const std::string& text) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("OUTCAR", text);
    const std::string message = error_of<InputError>([&] { (void)read_outcar(path); });
    return message.find("OUTCAR") == std::string::npos ? message : message.substr(message.find("OUTCAR"));
}

std::string notes_of(const DataFile& file) {
    std::string notes;
    for (const std::string& note : file.notes) notes += note + "\n";
    return notes;
}

TEST(Outcar, OneStep) {
    const DataFile file = read(head + step_text(1, "-7.00000000"));
    ASSERT_EQ(file.structures.size(), 1u);
    EXPECT_TRUE(file.notes.empty());
    EXPECT_NEAR(file.electronic_entropy.value(), 0.01, 1e-12);
    const LabeledStructure& item = file.structures[0];
    EXPECT_EQ(item.structure.species, (std::vector<int>{47, 53, 53}));
    EXPECT_EQ(item.structure.cell.col(0), Vector3(6, -0.5, -10));  // columns that touch
    EXPECT_EQ(item.structure.cell.col(2), Vector3(0.25, 0, 8));
    EXPECT_EQ(item.structure.positions.col(1), Vector3(-1, -2, -3));
    EXPECT_EQ(item.labels.energy, -7.0);
    EXPECT_EQ(item.labels.forces->col(0), Vector3(0.1, 0.2, -0.3));
    Voigt stress;  // xx yy zz yz xz xy, from XX YY ZZ XY YZ ZX
    stress << -0.01, -0.02, 0.03, -0.002, -0.005, -0.001;
    EXPECT_TRUE(item.labels.stress->isApprox(stress, 1e-5)) << *item.labels.stress;
    EXPECT_NE(item.origin.find("OUTCAR:"), std::string::npos);
}

TEST(Outcar, LeavesOutWhatIsNoDataAndSaysSo) {
    const std::string reached = "----- aborting loop because EDIFF is reached -----\n";
    const DataFile file =
        read(head + learned + step_text(1, "-1.0") + learned + step_text(2, "-2.0", 4) +
             with(step_text(3, "-3.0"), pressure, "----- aborting loop EDIFF was not reached (unconverged) -----\n") +
             with(step_text(4, "-4.0"), "-0.300000", "*********") + step_text(5, "**********") +
             with(step_text(6, "-6.0"), "    16.02177", "************") + reached + step_text(7, "-7.0") + learned);
    ASSERT_EQ(file.structures.size(), 2u);
    EXPECT_EQ(file.structures[0].labels.energy, -1.0);
    EXPECT_EQ(file.structures[1].labels.energy, -7.0);
    EXPECT_NEAR(file.structures[0].labels.stress->operator[](0), -0.01, 1e-6);  // not that of the force field
    const std::string notes = notes_of(file);
    EXPECT_NE(notes.find("3 steps left out: made by the machine-learned force field"), std::string::npos) << notes;
    EXPECT_NE(notes.find("2 steps left out: electronic loop not converged"), std::string::npos) << notes;
    EXPECT_NE(notes.find("3 steps left out: a number is *****"), std::string::npos) << notes;
}

TEST(Outcar, NothingLeftIsRefusedWithTheReason) {
    EXPECT_NE(error(head + learned + learned).find("force field's own (2 steps); first-principles steps are needed"),
              std::string::npos);
    EXPECT_NE(error(head + step_text(1, "-1.0", 4)).find("no electronically converged step"), std::string::npos);
    EXPECT_NE(error(head).find("no ionic step"), std::string::npos);
    EXPECT_NE(error("").find("no ionic step"), std::string::npos);
}

TEST(Outcar, StressMayBeAbsent) {
    // That of the force field must not take its place.
    const DataFile file = read(head + learned + with(step_text(1, "-1.0"), pressure, "") + step_text(2, "-2.0"));
    EXPECT_FALSE(file.structures.at(0).labels.stress);
    EXPECT_TRUE(file.structures.at(1).labels.stress);
}

TEST(Outcar, VanDerWaalsColumnsAreNotRead) {
    std::string text = step_text(1, "-7.00000000 eV    w/o vdW =       -6.5");
    text = with(text, "TOTAL-FORCE (eV/Angst)", "TOTAL-FORCE (eV/Angst),             FORCE-w/o vdW (eV/Angst)");
    text = with(text, "0.200000     -0.300000", "0.200000     -0.300000        9.9          NaN       9.9");
    const DataFile file = read(head + text);
    EXPECT_EQ(file.structures.at(0).labels.energy, -7.0);
    EXPECT_EQ(file.structures.at(0).labels.forces->col(0), Vector3(0.1, 0.2, -0.3));
}

TEST(Outcar, NamesOfElements) {
    const auto species = [](const std::string& title, const std::string& name) {
        const std::string text = with(with(head, "TITEL  = PAW_PBE I 08Apr2002", title), "VRHFIN =I : s2p5", name);
        return read(text + step_text(1, "-1.0")).structures.at(0).structure.species[2];
    };
    EXPECT_EQ(species("TITEL  = PAW_PBE Zr_sv 04Jan2005", ""), 40);
    EXPECT_EQ(species("TITEL  = US 7", "VRHFIN =Cs: 5s6s5p"), 55);
    EXPECT_EQ(species("TITEL  = Si", ""), 14);
}

/// VASP up to 5.2.2 prints energy and stress of a step before its positions and forces.
TEST(Outcar, EnergyBeforeTheForces) {
    const auto old_step = [](int ionic, const std::string& energy, const std::string& pressure_xx) {
        return loops(ionic, 3) +
               "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n"
               "  ---------------------------------------------------\n"
               "  free  energy   TOTEN  =       " +
               energy + " eV\n\n  energy  without entropy=      -6.97000000  energy(sigma->0) =       -6.99000000\n\n" +
               with(pressure, "16.02177", pressure_xx) + " VOLUME and BASIS-vectors are now :\n" + cell +
               with(forces(" POSITION                                       TOTAL-FORCE (eV/Angst)"),
                    "0.10000      0.2", std::to_string(ionic) + ".10000      0.2");
    };
    const DataFile file = read(head + old_step(1, "-1.0", "16.02177") + old_step(2, "-2.0", "32.04353") +
                               old_step(3, "-3.0", "48.06530"));
    ASSERT_EQ(file.structures.size(), 3u);
    for (int k = 0; k < 3; ++k) {
        const LabeledStructure& item = file.structures[static_cast<std::size_t>(k)];
        EXPECT_NEAR(item.structure.positions(0, 0), k + 1.1, 1e-12);
        EXPECT_EQ(item.labels.energy, -(k + 1.0));
        EXPECT_NEAR((*item.labels.stress)[0], -0.01 * (k + 1), 1e-7);
    }
    // An energy without forces, as of a step that was not printed, is not that of the next step.
    const std::string silent = loops(1, 3) + "  free  energy   TOTEN  =       -9.0 eV\n";
    const DataFile skipped = read(head + silent + step_text(2, "-2.0"));
    ASSERT_EQ(skipped.structures.size(), 1u);
    EXPECT_EQ(skipped.structures[0].labels.energy, -2.0);
}

TEST(Outcar, WithNwriteZeroThePotentialsAreOnlyListed) {
    std::string text = head;
    for (const char* line : {"   VRHFIN =Ag: 4p5s4d\n", "   TITEL  = PAW_PBE Ag_pv 02Apr2005\n",
                             "   VRHFIN =I : s2p5\n", "   TITEL  = PAW_PBE I 08Apr2002\n"})
        text = with(text, line, "");
    const auto species = [](const std::string& begin) {
        return read(begin + step_text(1, "-1.0")).structures.at(0).structure.species;
    };
    EXPECT_EQ(species(text), (std::vector<int>{47, 53, 53}));
    const std::string twice = with(text, " POTCAR:    PAW_PBE I 08Apr2002\n",
                                   " POTCAR:    PAW_PBE I 08Apr2002\n POTCAR:    PAW_PBE Ag_pv 02Apr2005\n"
                                   " POTCAR:    PAW_PBE I 08Apr2002\n");
    EXPECT_EQ(species(twice), (std::vector<int>{47, 53, 53}));
    EXPECT_NE(error(with(text, " POTCAR:    PAW_PBE I 08Apr2002\n", "") + step_text(1, "-1.0")).find("for 2 types"),
              std::string::npos);
}

TEST(Outcar, MalformedFilesAreRefusedInOneLine) {
    const std::string good = head + step_text(1, "-1.0") + step_text(2, "-2.0");
    const auto refuses = [&](const std::string& part, const std::string& replacement, const std::string& why) {
        const std::string message = error(with(good, part, replacement));
        EXPECT_NE(message.find(why), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    };
    refuses("0.100000      0.200000     -0.300000", "0.100000      0.20x000     -0.300000", "must be 6 numbers");
    refuses("0.100000      0.200000     -0.300000", "0.100000      0.200000", "must be 6 numbers");
    refuses("      4.00000      5.00000      6.00000         0.000000     -0.200000      0.200000\n", "", "6 numbers");
    refuses("-1.0 eV", "? eV", "TOTEN must be a number");
    refuses("ions per type =               1   2", "", "no line 'ions per type'");
    refuses("ions per type =               1   2", "ions per type =               1   x", "positive counts");
    refuses("ions per type =               1   2", "ions per type =   1   1   1", "2 potentials (TITEL) for 3 types");
    refuses("ions per type =               1   2", "ions per type =   1   1", "line of dashes is needed after the 2");
    refuses("     6.000000000 -0.500000000-10.000000000", "     0.000000000  7.000000000  1.000000000", "linearly");
    refuses("     6.000000000 -0.500000000-10.000000000", "     6.000000000 ************ 0.0", "too long");
    const std::string unknown = with(with(good, "TITEL  = PAW_PBE I 08", "TITEL  = PAW_PBE Qq 08"), "=I :", "=Qq:");
    EXPECT_NE(error(unknown).find("type 2 name no element"), std::string::npos) << error(unknown);
}

TEST(Outcar, CutOffFileGivesItsCompleteSteps) {
    const std::string text = head + step_text(1, "-1.0") + learned + step_text(2, "-2.0") + step_text(3, "-3.0");
    EXPECT_GT(testing::read_truncated("OUTCAR", text, 200, read_outcar), 10);
    // Within a number of the last line that counts, the position of an atom, and the title.
    const auto energy = text.find("-3.0 eV");
    for (const std::size_t length : {energy + 3, text.rfind("4.00000") + 3, text.rfind("TOTAL-FORCE") + 11}) {
        const DataFile file = read(text.substr(0, length));
        EXPECT_EQ(file.structures.size(), 2u);
        EXPECT_NE(notes_of(file).find("cut off"), std::string::npos);
    }
}

}  // namespace
}  // namespace mlff
