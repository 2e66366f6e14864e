#pragma once

#include <vector>

#include "descriptors/descriptor.hpp"
#include "libmlff/atoms/structure.hpp"
#include "libmlff/model/force_field.hpp"

namespace mlff {

/// The descriptor of options.descriptor with the share options.keep of its three-body components: those that say most
/// about the data (bayes::select_components), judged by the atoms of all species together, up to 1500 of each, spread
/// evenly. With keep 1, without a three-body part, or if components are chosen already, it is options.descriptor
/// itself. Deterministic; labels play no part.
/// @param species  atomic number of each channel
/// @throws InputError if no atom in the data has two neighbours within angular.cutoff
[[nodiscard]] descriptors::DescriptorOptions resolve_components(const std::vector<LabeledStructure>& data,
                                                                const std::vector<int>& species,
                                                                const ForceFieldOptions& options);

}  // namespace mlff
