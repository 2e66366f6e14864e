#pragma once

#include <string>

#include "libmlff/model/force_field.hpp"

namespace mlff {

/// Version of the layout that is written; files up to it are read. docs/model-file.md describes it.
/// 5 with softening or a baseline, 4 with a robust covariance, 3 with a decay, 2 with a metric; else 1, as earlier
/// programs read.
inline constexpr int model_format_version = 5;

/// Writes a force field, atomically; the same force field gives the same bytes.
/// @throws std::runtime_error naming the file if the disk refuses
void write_model(const std::string& path, const ForceField& force_field);

/// The same bytes as a message to another rank, and the force field from them. Without the factor of the posterior it
/// is small, and knows no error estimates.
[[nodiscard]] std::string encode_model(const ForceField& force_field, bool with_factor = true);
[[nodiscard]] ForceField decode_model(const std::string& bytes);

/// Reads what write_model has written, bit for bit.
/// @throws InputError naming the file if it is missing, is no model, is damaged, or is of a newer version
[[nodiscard]] ForceField read_model(const std::string& path);

}  // namespace mlff
