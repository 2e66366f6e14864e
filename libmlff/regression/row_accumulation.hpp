#pragma once

#include <memory>
#include <span>
#include <vector>

#include "libmlff/regression/cross_validation.hpp"
#include "libmlff/regression/progress.hpp"

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

struct PartedStructure {
    const LabeledStructure* structure;
    int part;
};

/// Design rows structure by structure, worked into triangular factors and forgotten.
[[nodiscard]] PartedData accumulate_rows(const RowModel& model, std::span<const PartedStructure> items,
                                         const Progress& progress);

}  // namespace mlff
