#include <gtest/gtest.h>

#include <string>

#include "support/files.hpp"
#include "support/source_dir.hpp"

/// app/plot.py, which draws what `mlff analyze`, `train` and `evaluate` write.
namespace mlff {
namespace {

using mlff::testing::content_of;
using mlff::testing::python;
using mlff::testing::TemporaryDirectory;

const std::string script = source_dir() + "/app/plot.py";

const std::string log = R"(# mlff 0.1.0 train
# BEEF     step energy[eV/atom] max_force[eV/A] ...
STATUS           0 critical  4 T T      0   0      1
STATUS          10 learning  3 T T     10   0      2
BEEF            10 1.0e-04 3.0e-01 1.0e-01 2.0e-03 1.0e+00 1.0e+00
STATUS          11 accurate  1 F F      1   0      2
BEEF            11 1.0e-04 9.0e-01 1.0e-01 2.0e-03 1.0e+00 1.0e+00
STATUS          12 critical  4 T T      2   0      3
BEEF            12 1.0e-04 8.0e-01 1.0e-01 2.0e-03 1.0e+00 1.0e+00
STATUS          11 accurate  1 F F      1   0      2
BEEF            11 1.0e-04 2.5e-01 1.0e-01 4.0e-03 1.0e+00 1.0e+00
STATUS          13 acc)";

class Plot : public ::testing::Test {
 protected:
    void SetUp() override {
        if (!mlff::testing::python_has("matplotlib")) GTEST_SKIP() << "/usr/bin/python3 has no matplotlib";
    }

    /// Draws a file with this content; what the SVG says, "" if either picture is missing.
    std::string draw(const std::string& kind, const std::string& content) {
        const std::string input = folder_.file("input", content), output = folder_.file("out.v1");
        const auto done = python(folder_, "import subprocess, sys\nsys.exit(subprocess.call(sys.argv[1:]))",
                                 "/usr/bin/python3 " + script + " " + kind + " " + input + " " + output);
        message_ = done ? "" : done.message();
        const bool is_png = content_of(output + ".png").rfind("\x89PNG\r\n", 0) == 0;
        return done && is_png ? content_of(output + ".svg") : "";
    }

    TemporaryDirectory folder_;
    std::string message_;
};

/// The text occurs in the picture; matplotlib writes every text of an SVG as a comment beside its glyphs.
bool says(const std::string& svg, const std::string& text) {
    return svg.find("<!-- " + text + " -->") != std::string::npos;
}

TEST_F(Plot, PairCorrelationsOfTwoRuns) {
    const std::string svg = draw("rdf",
                                 "label,pair,r_A,g,g_error,coordination\n"
                                 "MLMD,Ag-I,0.5,0,0,0\nMLMD,Ag-I,1.5,2,0.1,4\nMLMD,I-I,0.5,0,0,0\n"
                                 "\"DFT, PBE\",Ag-I,0.5,0,,0\n\"DFT, PBE\",Ag-I,1.5,2.1,,4\n");
    for (const char* text : {"MLMD", "DFT, PBE", "Ag-I", "I-I", "g(r)"}) EXPECT_TRUE(says(svg, text)) << text;
    EXPECT_FALSE(says(svg, "Cu-I"));
}

TEST_F(Plot, MeanSquareDisplacements) {
    const std::string svg = draw("msd",
                                 "label,species,time_fs,msd_A2,msd_error_A2\n"
                                 "run,Ag,0,0,0\nrun,Ag,1000,2,0.1\nrun,I,0,0,\nrun,I,1000,0.4,\n");
    for (const char* text : {"run", "Ag", "I", "t (ps)"}) EXPECT_TRUE(says(svg, text)) << text;
}

TEST_F(Plot, LearningCurve) {
    const std::string svg = draw("learning", log);
    for (const char* text : {"2 reference calls in 11 steps", "threshold", "reference called"})
        EXPECT_TRUE(says(svg, text)) << text;
}

TEST_F(Plot, ForceParityBySpecies) {
    const std::string svg = draw("parity",
                                 "species,component,reference_eV_per_A,model_eV_per_A\n"
                                 "Ag,x,1.0,1.03\nAg,y,0.5,0.46\nI,x,-1.0,-1.0\n");
    EXPECT_TRUE(says(svg, "Ag, RMSE 35.4 meV/Å"));  // sqrt((30² + 40²)/2)
    EXPECT_TRUE(says(svg, "I, RMSE 0.0 meV/Å"));
}

TEST_F(Plot, CalibrationOfErrorEstimates) {
    const std::string header = "quantity,curve,scaling,factor,predicted,observed,labels\n";
    const std::string svg =
        draw("calibration", header +
                                "force,reliability,raw,1,0.01,0.05,20\n"
                                "force,reliability,model,4,0.04,0.05,20\n"
                                "force,reliability,data,5,0.05,0.05,20\n"
                                "force,coverage,raw,1,0.5,0.1,20\nforce,coverage,data,5,0.5,0.5,20\n"
                                "force Ag,coverage,raw,1,0.5,0.1,20\n");
    for (const char* text : {"raw", "× 4 (model)", "× 5 (these data)", "nominal confidence, force"})
        EXPECT_TRUE(says(svg, text)) << text;
    EXPECT_FALSE(says(svg, "nominal confidence, energy"));
    EXPECT_EQ(draw("calibration", header + "force Ag,coverage,raw,1,0.5,0.1,20\n"), "");
    EXPECT_NE(message_.find("no forces, energies or stresses"), std::string::npos) << message_;
}

TEST_F(Plot, SaysWhatIsWrongWithTheInput) {
    EXPECT_EQ(draw("rdf", "label,pair,r_A\n"), "");
    EXPECT_NE(message_.find("no column 'g'"), std::string::npos) << message_;
    EXPECT_EQ(draw("msd", "label,species,time_fs,msd_A2,msd_error_A2\n"), "");
    EXPECT_NE(message_.find("no data"), std::string::npos) << message_;
    EXPECT_EQ(draw("learning", "# nothing yet\n"), "");
    EXPECT_NE(message_.find("no BEEF line"), std::string::npos) << message_;
}

TEST_F(Plot, AResumedLogCountsFromWhereItWentBack) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("log", log);
    EXPECT_TRUE(python(folder, R"(
import importlib.util, sys
spec = importlib.util.spec_from_file_location("plot", sys.argv[1])
plot = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plot)
assert plot.read_learning_log(sys.argv[2]) == {
    0: {"called": True},
    10: {"called": True, "error": 0.3, "threshold": 0.002},
    11: {"called": False, "error": 0.25, "threshold": 0.004}}, plot.read_learning_log(sys.argv[2])
)",
                       script + " " + path));
}

}  // namespace
}  // namespace mlff
