#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "md/state.hpp"
#include "md/thermostat.hpp"

namespace mlff::md {

/// Everything that the remaining trajectory depends on, at the beginning of a step.
struct Snapshot {
    State state;
    Bath bath;
    bool evaluated = false;       ///< false before the very first evaluation; the fields below are empty then
    double energy = 0.0;          ///< [eV]
    Matrix3X forces;              ///< [eV/Å], 3 × n_atoms
    std::optional<Voigt> stress;  ///< [eV/Å³]
};

/// A snapshot as bytes: a magic word, a version, the fields with every double exact, a checksum. Little-endian.
[[nodiscard]] std::string encode(const Snapshot& snapshot);

/// @throws InputError if the bytes are not a snapshot of this version, or are damaged or cut off
[[nodiscard]] Snapshot decode(std::string_view bytes);

}  // namespace mlff::md
