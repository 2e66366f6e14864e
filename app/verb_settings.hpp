#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/console.hpp"
#include "app/labeled_data.hpp"
#include "app/reference_settings.hpp"
#include "app/run_directory.hpp"
#include "app/settings.hpp"
#include "libmlff/data/data_summary.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/regression/fit_data.hpp"
#include "libmlff/search/model_search.hpp"

/// Settings of the verbs with a settings file, separate from the verbs because `check` reads them too. Each reader
/// reads its complete file; @throws InputError file:line
namespace mlff::app {

struct RunSettings {
    StructureSettings structure;
    std::string output = "run";
    std::uint64_t seed = 1;
    std::string model;  ///< file of the force field; "": the reference drives the dynamics
    std::optional<GuardOptions> guard;
    ReferenceSettings reference;
    md::DynamicsOptions dynamics;
    md::TrajectoryOptions trajectory;
    double time_limit = 0.0;  ///< [s], 0: none
    std::string resolved;

    [[nodiscard]] std::vector<std::string> may_change() const;  ///< settings that a resumed run may change
    /// Inputs that must be unchanged when a run is resumed. @param calculator  its description
    [[nodiscard]] RunInputs inputs(const md::State& initial, const std::string& calculator) const;
};
/// @param use  as in read_reference
[[nodiscard]] RunSettings read_run_settings(const std::string& path, const Console& console, bool use = true);

struct RelaxSettings {
    StructureSettings structure;
    std::string output = "relaxation";
    std::string model;  ///< file of the force field; "": the reference gives the forces
    std::optional<GuardOptions> guard;
    ReferenceSettings reference;
    md::RelaxationOptions options;
    std::string result;  ///< file for the relaxed structure
    std::string resolved;
};
[[nodiscard]] RelaxSettings read_relax_settings(const std::string& path, const Console& console, bool use = true);

struct TrainSettings {
    StructureSettings structure;
    std::string output = "training";
    std::uint64_t seed = 1;
    ReferenceSettings reference;
    LearningSettings learning;
    md::DynamicsOptions dynamics;
    md::TrajectoryOptions trajectory;
    double time_limit = 0.0;  ///< [s], 0: none
    std::string resolved;

    [[nodiscard]] std::vector<std::string> may_change() const;
    [[nodiscard]] RunInputs inputs(const md::State& initial) const;
};
[[nodiscard]] TrainSettings read_train_settings(const std::string& path, const Console& console, bool use = true);

struct SelectSettings {
    std::string output = "selection";
    std::vector<std::string> data;
    ExtxyzKeys keys;
    LearningSettings learning;
    std::string resolved;

    [[nodiscard]] static std::vector<std::string> may_change() { return {"memory"}; }  ///< when it is repeated
};
[[nodiscard]] SelectSettings read_select_settings(const std::string& path);
struct SelectData {
    std::vector<LabeledStructure> structures, initial;
};
/// Reads the files and says what was left out; energies of free atoms go to the options of the regression.
[[nodiscard]] SelectData load_select_data(SelectSettings& settings, const Console& console);

/// Location of the triangular factors of a fit.
enum class Solver {
    automatic,  ///< on one rank, unless they are too large for it and there are others
    tsqr,       ///< with one rank
    scalapack,  ///< spread over all ranks
};

struct FitSettings {
    explicit FitSettings(const std::string& path) : config(ConfigSection::from_file(path)) {}

    ConfigSection config;  ///< prints the resolved settings
    std::vector<std::string> training, validation;
    ExtxyzKeys keys;
    double balance = 0.0;                         ///< exponent for rare kinds of structures (structure_weights.hpp)
    std::map<std::string, double> group_weights;  ///< by LabeledStructure::group
    std::string weighted_at;                      ///< place of data.weights, for error messages
    FitOptions options;
    bool automatic = false;      ///< choose the force field
    bool choose_weight = false;  ///< choose the energy weight
    std::string listed_at;       ///< place of references.candidates: listed in the settings; "": not requested
    Solver solver = Solver::automatic;
    bool memory_given = false;
    bool compare = true;  ///< compare sizes and descriptors: the cost of accuracy
    SearchOptions search;
    std::string output = "model.h5";
};
[[nodiscard]] FitSettings read_fit_settings(const std::string& path);

struct FitData {
    std::vector<LabeledStructure> training, validation;
};
/// Reads the files and prints what it left out; local references listed in them go to settings.options.given if
/// requested.
[[nodiscard]] FitData load_fit_data(FitSettings& settings, const Console& console);

/// @throws InputError if the energies say that the stress is in another unit, and the settings say nothing
void require_stress_unit(const FitSettings& settings, const DataSummary& summary);

struct AnalysisForecast {
    double seconds = 0.0;
    double bytes = 0.0;
};
/// For `check`: reads the settings of an analysis and the beginning of every trajectory, passes it to the observables,
/// and prints its findings.
[[nodiscard]] AnalysisForecast check_analysis(const std::string& path, const Console& console);

}  // namespace mlff::app
