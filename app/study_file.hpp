#pragma once

#include <map>
#include <string>
#include <vector>

namespace mlff::app {

/// Content of a study.yaml as the settings of its verbs. Sections are passed on unchanged, so every key of train.yaml,
/// run.yaml and analyze.yaml can be used in them:
///
///     structure: agi.xyz                              also supercell; of training and production
///     output: studies/agi                             with --quick "-quick" is appended
///     reference: {type: embedded, potential: agi}
///     start_from: studies/other                       another study whose training data are learned first
///     force_field_of: studies/other                   in place of train: the force field of another study
///     runs: 5                                         production runs with the force field, seeds 101, 102, …
///     skip: 2000                                      fs of each run that the analysis leaves out
///     quick: 20                                       --quick divides steps (and skip) by this, and makes 2 runs
///     compile: {max_loss: 1%}                         the runs use a production form of the force field (verb compile)
///     train: {…}                                      train.yaml without structure, reference, output
///     production: {…}                                 run.yaml without force_field, reference, output, seed; its
///                                                     structure and supercell, if given, have priority
///     analysis: {…}                                   analyze.yaml without trajectories, output
struct StudyPlan {
    std::string output;
    double skip = 0.0;              ///< [fs]
    std::string train;              ///< text of train.yaml; "" with force_field_of
    std::string model;              ///< file of the force field
    std::string max_loss;           ///< of its production form, as the verb compile takes it; "": none
    std::string production;         ///< file that the runs use: the force field, or its production form
    std::string reference;          ///< text of the run.yaml of the reference
    std::vector<std::string> runs;  ///< of the force field's
    std::string analysis;           ///< text of analyze.yaml
    std::string reference_frames;   ///< file of the trajectory of the reference
};

/// @throws InputError file:line if a key is unknown or missing
[[nodiscard]] StudyPlan read_study(const std::string& path, bool quick);

/// A YAML file cut at its keys: the text of each, with its key and comments. For block style, as in files written by
/// hand.
[[nodiscard]] std::map<std::string, std::string> top_level_blocks(const std::string& text);
/// Content under the key of a block, moved to the left margin; for a flow map {…} its entries in block style.
/// @throws InputError if it is neither
[[nodiscard]] std::string content_of_block(const std::string& block);

}  // namespace mlff::app
