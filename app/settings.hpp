#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/console.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/learning/learner.hpp"
#include "libmlff/model/calculator.hpp"
#include "libmlff/model/guard.hpp"
#include "md/driver.hpp"
#include "md/relaxation.hpp"
#include "md/trajectory.hpp"

/// From YAML sections to the options of the libraries. Every key documented in the --help of the verbs is read here.
namespace mlff::app {

/// `structure` and `supercell` of train.yaml and run.yaml; velocities if the file contains them.
struct StructureSettings {
    std::string path;  ///< of the structure, or with continue_from the directory of the earlier run
    bool continues = false;
    std::array<int, 3> supercell = {1, 1, 1};
};
[[nodiscard]] StructureSettings read_structure_settings(ConfigSection& config);
/// The structure itself, checked: valid, no atoms closer than 0.1 Å; with the masses and the move mask of its file. Of
/// an earlier run: the latest state of its checkpoint, as step 0.
[[nodiscard]] md::State load_state(const StructureSettings& settings, bool with_velocities);
/// @throws InputError naming the place if the cell cannot move so
void require_moving_cell(const Structure& structure, const std::array<bool, 3>& fixed, md::CellMotion motion,
                         const std::string& place);
/// Likewise for npt; other ensembles move none.
void require_moving_cell(const Structure& structure, const md::DynamicsOptions& dynamics, const std::string& place);
/// Says what moves the cell, and what of the state is not as one would expect: atoms held fixed, other masses than the
/// standard ones, velocities that are far from the temperature that was asked for.
void describe_state(const md::State& state, const md::DynamicsOptions& dynamics, const std::string& path,
                    const Console& console);
/// Checksum of all that a state holds: the same for the same atoms, however their file is written.
[[nodiscard]] std::uint64_t fingerprint(const md::State& state);

/// Defaults of the sections force_field and regression: ours, or VASP's if the section force_field is the word vasp.
struct ModelDefaults {
    ForceFieldOptions force_field = {};
    RegressionOptions regression = {};
};
[[nodiscard]] ModelDefaults vasp_defaults();
[[nodiscard]] ModelDefaults read_model_defaults(ConfigSection& config);

/// @param data_at_hand  the training data are known beforehand, so that angular.keep can be resolved
///                      (resolve_components); else it is refused
[[nodiscard]] ForceFieldOptions read_force_field(ConfigSection& section, const ForceFieldOptions& defaults,
                                                 bool data_at_hand = false);
/// The section as a YAML flow map, to be read back.
[[nodiscard]] std::string format_force_field(const ForceFieldOptions& options);
/// `baseline`, the potential under the kernel model.
void read_baseline(ConfigSection& config, RegressionOptions& options);
/// `regression.atom_energies` as a YAML flow map.
[[nodiscard]] std::string format_atom_energies(const std::map<int, double>& energies);
struct RegressionSettings {
    RegressionOptions options;
    std::int64_t memory = 0;  ///< bytes
    bool memory_given = false;
};
/// @param with_weights  false where `weights` is not a map of numbers
[[nodiscard]] RegressionSettings read_regression(ConfigSection& section, const RegressionOptions& defaults,
                                                 bool with_weights = true);
/// Learning options; force field, regression and memory are filled in by the caller.
struct LearningSettings {
    LearnerOptions options;
    std::vector<std::string> initial_data;  ///< labelled structures of an earlier training
};
[[nodiscard]] LearningSettings read_learning(ConfigSection& section);
/// @param seed of the run
/// @param continues  an earlier run, whose velocities are the default
[[nodiscard]] md::DynamicsOptions read_dynamics(ConfigSection& section, std::uint64_t seed, bool continues = false);
/// Key `time_limit`, real time after which a run saves and stops [s]; 0: none.
[[nodiscard]] double read_time_limit(ConfigSection& config);
/// Settings of a cell that changes are in cell_settings.cpp.
[[nodiscard]] md::BarostatOptions read_barostat(ConfigSection& section);
[[nodiscard]] md::RelaxationOptions read_relaxation(ConfigSection& section);
struct ReferenceSettings;
/// For npt: @throws InputError if the reference cannot follow a moving cell, or a force field would learn no stress
/// @param dynamics   the section
/// @param reference  null: a force field, which gives a stress at any cell
void require_stress(ConfigSection& dynamics, const md::DynamicsOptions& options, const ReferenceSettings* reference,
                    double stress_weight = 1.0);
[[nodiscard]] md::TrajectoryOptions read_trajectory(ConfigSection& section);
[[nodiscard]] std::optional<GuardOptions> read_guard(ConfigSection& config);

/// @throws InputError naming the place, and the atoms closer than 0.1 Å
void require_distances(const Structure& structure, const std::string& place);

/// @throws InputError naming the place if the calculator could not handle the structure
void require_known(const Structure& structure, const Calculator& calculator, const std::string& place);

/// Before long work: @throws InputError if no file of this name can be written
void require_writable(const std::string& path);

/// Likewise if no directory of this name can be made or written to.
void require_writable_directory(const std::string& path);

/// Bytes of memory that the program may use by default: 70 % of the machine's.
[[nodiscard]] std::int64_t default_memory();

}  // namespace mlff::app
