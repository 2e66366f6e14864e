#pragma once

#include <string>
#include <vector>

#include "app/console.hpp"
#include "app/run_directory.hpp"
#include "libmlff/learning/learner.hpp"

/// What train and select have in common: files of a run directory that follow the learner.
namespace mlff::app {

/// Numbers of status.json beside those of the learner.
struct Progress {
    long step = 0, steps = 0;
    double temperature = 0.0;
    double beef_max = 0.0;
    std::string state;        ///< running, done, failed, interrupted
    std::string reason = {};  ///< why it failed
};

/// Writes status.json, atomically.
void write_status(const RunDirectory& directory, const Learner& learner, const Progress& progress);

/// Writes model.h5 and training.xyz, atomically.
/// @param reference  what labelled the structures; kept with each of them. "" where the labels are not ours
void write_results(const RunDirectory& directory, const Learner& learner, const std::string& reference = {});

/// For the directory of a training or selection that is about to begin, before anything is written there: refuses one
/// that holds results but no settings of a run.
/// @throws InputError naming the file that would be overwritten
void require_no_foreign_results(const std::string& output);

/// Species of a training that begins with earlier data, ascending.
[[nodiscard]] std::vector<int> species_with(const std::vector<int>& species,
                                            const std::vector<LabeledStructure>& initial_data);

/// Lines that say how it ended, for people. `evaluations` counts step 0 as well.
[[nodiscard]] std::string summary(const Learner& learner, long evaluations);

}  // namespace mlff::app
