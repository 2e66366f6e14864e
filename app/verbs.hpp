#pragma once

#include <string>
#include <vector>

#include "app/console.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/parallel/communicator.hpp"

/// One function and one file per verb. They throw; main turns exceptions into a message and an exit status. They run on
/// rank 0; `world` are all ranks, and verbs without work for the others leave them waiting.
namespace mlff::app {

struct InitArguments {
    std::string structure;
    std::string reference = "cp2k", functional = "PBE", quality = "demo";
    int ranks = 1;       ///< MPI processes of the code
    bool force = false;  ///< replace files that exist
};
void init(const InitArguments& arguments, const Console& console);

void train(const std::string& config_path, const Console& console, Communicator& world);
void select(const std::string& config_path, const Console& console, Communicator& world);
void fit(const std::string& config_path, const Console& console, Communicator& world);
void run(const std::string& config_path, const Console& console, Communicator& world);
void analyze(const std::string& config_path, const Console& console);

struct EvaluateArguments {
    std::string model, data, json, parity, calibration;
    ExtxyzKeys keys = {};  ///< names of the labels
};
void evaluate(const EvaluateArguments& arguments, const Console& console, Communicator& world);

struct PredictArguments {
    std::string model, input, output;
    bool uncertainty = false;
};
void predict(const PredictArguments& arguments, const Console& console, Communicator& world);

struct ServeArguments {
    std::string model, structure, socket;
    double wait = 60.0;  ///< for the server to start [s]
    bool uncertainty = false;
};
void serve(const ServeArguments& arguments, const Console& console, Communicator& world);

struct VerifyArguments {
    std::string model, structures;
    std::string lammps, plugins;  ///< program and folder; "": those of python3
};
/// Hands over to the Python package, which knows the hosts; returns only by an exception.
void verify(const VerifyArguments& arguments, const Communicator& world);

struct LammpsPluginArguments {
    std::string lammps, output, mpi_include;  ///< folders; "": the LAMMPS of python3, here, that of this LAMMPS
};
/// Compiles pair_style mlff against an installed LAMMPS, by the Python package; returns only by an exception.
void lammps_plugin(const LammpsPluginArguments& arguments);

void relax(const std::string& config_path, const Console& console, Communicator& world);

struct LabelArguments {
    std::string config, input, output;
};
void label(const LabelArguments& arguments, const Console& console);

struct SimilarityArguments {
    std::string config, data, output;
};
void similarity(const SimilarityArguments& arguments, const Console& console);

struct ConvertArguments {
    std::string input, output, from, to;
    std::vector<std::string> species;  ///< of the types of LAMMPS
    long every = 1;
    long frame = 0;        ///< from 1; 0: the last
    ExtxyzKeys keys = {};  ///< names of the labels in extxyz
};
void convert(const ConvertArguments& arguments, const Console& console);

struct ReportArguments {
    std::string directory, output;
};
void report(const ReportArguments& arguments, const Console& console);

struct StudyArguments {
    std::string config;
    bool quick = false;
};
void study(const StudyArguments& arguments, const Console& console, Communicator& world);

struct CompileArguments {
    std::string model, output;
    std::vector<std::string> data;
    std::string max_loss = "1%";
};
void compile(const CompileArguments& arguments, const Console& console);

void info(const std::string& model, const Console& console);

struct CheckArguments {
    std::string config;
    std::string verb;  ///< of the file; "": found from its keys
    int ranks = 1;
    int threads = 0;  ///< of each rank; 0: the present ones divided among the ranks
};
void check(const CheckArguments& arguments, const Console& console);

}  // namespace mlff::app
