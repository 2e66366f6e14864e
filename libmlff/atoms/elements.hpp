#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mlff {

/// Atomic number of a chemical symbol ("Ag" -> 47), case as usual in chemistry.
/// @throws InputError if there is no such element
[[nodiscard]] int atomic_number(std::string_view symbol);

/// True if `symbol` names an element.
[[nodiscard]] bool is_element(std::string_view symbol);

/// Chemical symbol of atomic number z, 1 ≤ z ≤ 118.
[[nodiscard]] const std::string& element_symbol(int z);

/// Standard atomic weight [amu] (IUPAC 2021, abridged; the longest-lived isotope where there is none).
[[nodiscard]] double atomic_mass(int z);

/// Index of element z among the species of a model.
/// @throws std::invalid_argument naming it if it is missing
[[nodiscard]] std::size_t channel_of(const std::vector<int>& species, int z);

}  // namespace mlff
