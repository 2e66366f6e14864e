#pragma once

#include <map>
#include <string>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff {

/// For each structure, the number of structures of its kind in `data`: equal composition and number of atoms, itself
/// included.
[[nodiscard]] std::vector<double> kind_sizes(const std::vector<LabeledStructure>& data);

/// One in `one_in` structures, spread over the data, more of rare kinds: each of n structures of a kind is drawn with a
/// probability ∝ n^(−1/2), so rare kinds are rarely missing. Every species of the data is in the sample: the first
/// structure with a missed species is added. Weights compensate the probabilities: errors of the sample are estimates
/// for all data.
/// @param one_in  ≥ 1
/// @returns at least one structure if there are any
[[nodiscard]] std::vector<LabeledStructure> sample_structures(const std::vector<LabeledStructure>& data, double one_in);

/// Training and validation data to try settings on.
struct DataSample {
    std::vector<LabeledStructure> training, validation;
};
/// One in `one_in` structures of both. Small validation data are thinned less: at least 1000 atoms remain, or all if
/// there are fewer. Without validation data at least two structures remain, so that each can be predicted by a fit to
/// the others. Each sample has all species of its data.
/// @param one_in  ≥ 1
[[nodiscard]] DataSample sample_data(const std::vector<LabeledStructure>& training,
                                     const std::vector<LabeledStructure>& validation, double one_in);

/// Sets the weights of the structures of a fit, of mean 1:
///
///   weight ∝ w_group · n^(−balance),   n: structures of its kind (kind_sizes)
///
/// so that n structures of a kind have a total weight ∝ n^(1 − balance). Rare structures (surfaces, small cells) are
/// often important; with balance 0 they have little influence.
/// @param balance    0: equal weight of every structure, 1: of every kind
/// @param of_groups  w_group > 0 by LabeledStructure::group; 1 for other groups
/// @throws std::invalid_argument if balance or a weight is out of range, or a named group has no structure
void weigh_structures(std::vector<LabeledStructure>& data, double balance,
                      const std::map<std::string, double>& of_groups = {});

}  // namespace mlff
