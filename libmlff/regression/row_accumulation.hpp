#pragma once

#include <memory>
#include <span>
#include <vector>

#include "libmlff/regression/cross_validation.hpp"
#include "libmlff/regression/reference_selection.hpp"

namespace mlff {

/// What the design rows of a data set are made with.
struct RowModel {
    std::shared_ptr<const descriptors::Descriptor> descriptor;
    int kernel_power;
    std::vector<int> species;
    std::vector<LocalReferences> references;
    int n_parts;  ///< as in PartedData
    bool held_out;
};

[[nodiscard]] Message encode(const RowModel& model);  ///< for another rank
[[nodiscard]] RowModel decode_row_model(Message& message);

struct PartedStructure {
    const LabeledStructure* structure;
    int part;
};

/// Design rows structure by structure, worked into triangular factors and forgotten. Ranks take consecutive structures
/// of about equally many atoms, and their factors are merged by a binary tree (TSQR).
[[nodiscard]] PartedData accumulate_rows(const RowModel& model, std::span<const PartedStructure> items,
                                         Communicator* world, const Progress& progress);
void help_accumulate_rows(Communicator& world, Message message);  ///< what the other ranks do meanwhile

}  // namespace mlff
