#pragma once

#include <map>
#include <string>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff {

/// Of each structure, how many in `data` are of its kind: of the same composition and number of atoms, itself included.
[[nodiscard]] std::vector<double> kind_sizes(const std::vector<LabeledStructure>& data);

/// One in `one_in` structures, all over the data; of rare kinds more: n of a kind have a chance like n^(−1/2) each, so
/// that the few rarely lack one. Every species of the data is in the sample: the first structure with one that the draw
/// missed is added. Weights make up for the chances: errors of the sample are estimates of those of all.
/// @param one_in  ≥ 1
/// @returns at least one structure if there are any
[[nodiscard]] std::vector<LabeledStructure> sample_structures(const std::vector<LabeledStructure>& data, double one_in);

/// Training and validation data to try settings on.
struct DataSample {
    std::vector<LabeledStructure> training, validation;
};
/// One in `one_in` structures of both. Validation data are thinned less where few would be left: 1000 atoms stay, or
/// all if there are fewer. Without validation data at least two structures stay, so that each can be predicted by a fit
/// to the others. The species of either sample are those of all its data.
/// @param one_in  ≥ 1
[[nodiscard]] DataSample sample_data(const std::vector<LabeledStructure>& training,
                                     const std::vector<LabeledStructure>& validation, double one_in);

/// Sets the weights of the structures of a fit, of mean 1:
///
///   weight ∝ w_group · n^(−balance),   n: structures of its kind (kind_sizes)
///
/// so that n structures of a kind count like n^(1 − balance) of them. What is rare in training data (surfaces, small
/// cells) is often what is asked for; with balance 0 a few of them drown among the many.
/// @param balance    0: every structure counts the same, 1: every kind does
/// @param of_groups  w_group > 0 by LabeledStructure::group; 1 for those that are not named
/// @throws std::invalid_argument if balance or a weight is out of range, or no structure belongs to a group named
void weigh_structures(std::vector<LabeledStructure>& data, double balance,
                      const std::map<std::string, double>& of_groups = {});

}  // namespace mlff
