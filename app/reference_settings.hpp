#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/console.hpp"
#include "app/run_directory.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/model/calculator.hpp"

/// The section `reference` of train.yaml and run.yaml: the reference method for uncertain structures.
namespace mlff::app {

struct ReferenceSettings {
    std::unique_ptr<Calculator> calculator;  ///< none for an external code if `use` is false
    bool allow_change = false;               ///< continue although the reference has changed
    std::string no_moving_cell;              ///< why it cannot be used with ensemble npt; "": it can
};

/// @param output   run directory; an external code works in its folder `reference`
/// @param console  prints failures and waits
/// @param use  false: the settings are read and checked, but no external code is started or awaited
[[nodiscard]] ReferenceSettings read_reference(ConfigSection& section, const std::string& output,
                                               const Console& console, bool use = true);

/// Results of different references must not be mixed: their energies are inconsistent.
///
/// The present reference is compared with the earlier one of the run directory (a line in settings.yaml) and with the
/// reference of the start data (`reference` in extended XYZ; files without it are accepted).
/// @returns the reference to record in model and data
/// @throws InputError naming both, unless allow_change
[[nodiscard]] std::string reference_of_record(const ReferenceSettings& settings, const RunDirectory& directory,
                                              bool has_answers, const std::vector<std::string>& initial_data);

/// The line of settings.yaml with the reference of a run.
[[nodiscard]] std::string reference_line(const std::string& reference);

}  // namespace mlff::app
