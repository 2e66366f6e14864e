#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/console.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/regression/reference_selection.hpp"
#include "libmlff/regression/regression.hpp"

namespace mlff::app {

/// Labelled structures of several files, in any format that data_file.hpp reads.
struct LabeledData {
    std::vector<LabeledStructure> structures;
    std::map<int, ReferenceList> references;  ///< local references listed in ML_AB files, by atomic number
};

/// One of eV/A^3, GPa, kbar, bar in eV/Å³.
/// @throws InputError for another word
[[nodiscard]] double stress_unit_named(std::string_view name);
/// Names under which extxyz files keep their labels, and the unit of the stress.
[[nodiscard]] ExtxyzKeys read_keys(ConfigSection& data);

/// Reads them all and says what was left out. With several files, one is a group of configurations unless its
/// structures name theirs.
/// @throws InputError, also if atoms are closer than 0.1 Å, or if the unit of the stress is not told and cannot be
///         eV/Å³: the virial per atom would be above 25 eV in half of the structures
[[nodiscard]] LabeledData load_data_files(const std::vector<std::string>& paths, const ExtxyzKeys& keys,
                                          const Console& console);

/// Of the descriptors [Å].
[[nodiscard]] double cutoff_of(const ForceFieldOptions& options);

/// Takes the free atoms out of training data (free_atoms.hpp), says so, and sets their energies in the options.
/// @param cutoff   of the descriptors [Å]
/// @param species     of the force field besides those of the data
/// @param needs_more  there must be other structures
/// @throws InputError if nothing else is left and something is needed
void use_free_atoms(LabeledData& data, double cutoff, const std::vector<int>& species, RegressionOptions& options,
                    const Console& console, bool needs_more);
/// Takes them out of validation data, and says so: a force field knows them by heart or not at all.
void leave_out_free_atoms(std::vector<LabeledStructure>& data, double cutoff, const Console& console);

/// The structures alone, without a word.
[[nodiscard]] std::vector<LabeledStructure> load_data(const std::vector<std::string>& paths,
                                                      const ExtxyzKeys& keys = {});

}  // namespace mlff::app
