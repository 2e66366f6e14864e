#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/console.hpp"
#include "app/run_directory.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/model/calculator.hpp"

/// The section `reference` of train.yaml and run.yaml: who answers when the model is unsure.
namespace mlff::app {

struct ReferenceSettings {
    std::unique_ptr<Calculator> calculator;  ///< none for an external code that is not to be used
    bool allow_change = false;               ///< go on though the reference is not the one that answered before
};

/// @param output   run directory; what an external code works on stands in its folder `reference`
/// @param console  hears of failures and waits
/// @param use  false: the settings are read and checked, but no external code is started or awaited
[[nodiscard]] ReferenceSettings read_reference(ConfigSection& section, const std::string& output,
                                               const Console& console, bool use = true);

/// Results of one reference must not be continued with those of another: energies would not fit together.
///
/// What answers now is compared with what answered before in the run directory (a line in settings.yaml) and with what
/// labelled the structures that training starts from (`reference` in extended XYZ; files without it are taken on
/// trust).
/// @returns what is to be recorded as reference of model and data
/// @throws InputError with both, unless allow_change
[[nodiscard]] std::string reference_of_record(const ReferenceSettings& settings, const RunDirectory& directory,
                                              bool has_answers, const std::vector<std::string>& initial_data);

/// The line of settings.yaml that keeps the reference of a run.
[[nodiscard]] std::string reference_line(const std::string& reference);

}  // namespace mlff::app
