#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/console.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/regression/reference_selection.hpp"

namespace mlff::app {

/// Labelled structures of several files, in any format that data_file.hpp reads.
struct LabeledData {
    std::vector<LabeledStructure> structures;
    std::map<int, ReferenceList> references;  ///< local references listed in ML_AB files, by atomic number
};

/// Names of the labels in extxyz files.
[[nodiscard]] ExtxyzKeys read_keys(ConfigSection& data);

/// Reads all files and prints what it left out. With several files, each is a group of its own unless its structures
/// name their groups.
/// @throws InputError, also if atoms are closer than 0.1 Å
[[nodiscard]] LabeledData load_data_files(const std::vector<std::string>& paths, const ExtxyzKeys& keys,
                                          const Console& console);

/// The structures alone, without messages.
[[nodiscard]] std::vector<LabeledStructure> load_data(const std::vector<std::string>& paths,
                                                      const ExtxyzKeys& keys = {});

}  // namespace mlff::app
