#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libmlff/calculator.hpp"
#include "libmlff/guard.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/learning/learner.hpp"
#include "md/driver.hpp"
#include "md/trajectory.hpp"

/// From YAML sections to the options of the libraries. Every key of the contract (--help of the verbs) is read here.
namespace mlff::app {

/// `structure` and `supercell` of train.yaml and run.yaml; velocities if the file holds them.
struct StructureSettings {
    std::string path;
    std::array<int, 3> supercell = {1, 1, 1};
};
[[nodiscard]] StructureSettings read_structure_settings(ConfigSection& config);
/// The structure itself, checked: valid, no atoms closer than 0.1 Å.
[[nodiscard]] md::State load_state(const StructureSettings& settings, bool with_velocities);

[[nodiscard]] ForceFieldOptions read_force_field(ConfigSection& section);
struct RegressionSettings {
    RegressionOptions options;
    std::int64_t memory = 0;  ///< bytes
};
[[nodiscard]] RegressionSettings read_regression(ConfigSection& section);
/// Learning options; force field, regression and memory are filled in by the caller.
struct LearningSettings {
    LearnerOptions options;
    std::vector<std::string> initial_data;  ///< labelled structures of an earlier training
};
[[nodiscard]] LearningSettings read_learning(ConfigSection& section);
[[nodiscard]] std::unique_ptr<Calculator> read_reference(ConfigSection& section);
/// @param seed of the run
[[nodiscard]] md::DynamicsOptions read_dynamics(ConfigSection& section, std::uint64_t seed);
[[nodiscard]] md::TrajectoryOptions read_trajectory(ConfigSection& section);
[[nodiscard]] std::optional<GuardOptions> read_guard(ConfigSection& config);

/// Names under which labelled data files keep their labels.
[[nodiscard]] ExtxyzKeys read_keys(ConfigSection& data);

/// All labelled structures of several files, checked: no atoms closer than 0.1 Å.
[[nodiscard]] std::vector<LabeledStructure> load_data(const std::vector<std::string>& paths,
                                                      const ExtxyzKeys& keys = {});

/// @throws InputError naming the place if the calculator could not handle the structure
void require_known(const Structure& structure, const Calculator& calculator, const std::string& place);

/// Before long work: @throws InputError if no file of this name can be written
void require_writable(const std::string& path);

/// Bytes of memory that the program may use by default: 70 % of the machine's.
[[nodiscard]] std::int64_t default_memory();

}  // namespace mlff::app
