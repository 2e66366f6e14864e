#pragma once

#include <string>
#include <vector>

#include "app/console.hpp"
#include "app/run_directory.hpp"
#include "libmlff/learning/learner.hpp"

/// Common to train and select: files of a run directory with the state of the learner.
namespace mlff::app {

/// Content of status.json in addition to the learner's.
struct Progress {
    long step = 0, steps = 0;
    double temperature = 0.0;
    double beef_max = 0.0;
    std::string state;        ///< running, done, failed, interrupted
    std::string reason = {};  ///< reason of the failure
};

/// Writes status.json, atomically.
void write_status(const RunDirectory& directory, const Learner& learner, const Progress& progress);

/// Writes model.h5 and training.xyz, atomically.
/// @param reference  method of the labels, stored with each structure. "" where the labels are not ours
void write_results(const RunDirectory& directory, const Learner& learner, const std::string& reference = {});

/// To be called before a training or selection writes to its directory: refuses one with results but without settings
/// of a run.
/// @throws InputError naming the file that would be overwritten
void require_no_foreign_results(const std::string& output);

/// Species of a training that begins with earlier data, ascending.
[[nodiscard]] std::vector<int> species_with(const std::vector<int>& species,
                                            const std::vector<LabeledStructure>& initial_data);

/// Summary of the result as text. `evaluations` includes step 0.
[[nodiscard]] std::string summary(const Learner& learner, long evaluations);

}  // namespace mlff::app
