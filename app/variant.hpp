#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mlff::app {

/// Chooses the program of a portable build (cmake/Portable.cmake) that continues. PROGRAM itself runs on any x86-64;
/// next to it are builds for newer CPUs: PROGRAM-x86-64-v3 (AVX2) and PROGRAM-x86-64-v4 (AVX-512).
/// @param levels  levels of this CPU, best first, "x86-64" last
/// @param forced  the level that the user requests; empty: the best one whose program exists
/// @returns `program` where there is none better
/// @throws InputError if the CPU lacks the forced level, or its program is missing
[[nodiscard]] std::filesystem::path choose_variant(const std::filesystem::path& program,
                                                   const std::vector<std::string>& levels, const std::string& forced);

}  // namespace mlff::app
