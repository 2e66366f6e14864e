#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mlff::app {

/// Which program of a portable build (cmake/Portable.cmake) goes on. PROGRAM itself runs on any x86-64; beside it stand
/// the same built for newer CPUs: PROGRAM-x86-64-v3 (AVX2) and PROGRAM-x86-64-v4 (AVX-512).
/// @param levels  those that this CPU has, best first, "x86-64" last
/// @param forced  the level that the user asks for; empty: the best one whose program is there
/// @returns `program` where nothing better is there
/// @throws InputError if the CPU has not the forced level, or its program is not there
[[nodiscard]] std::filesystem::path choose_variant(const std::filesystem::path& program,
                                                   const std::vector<std::string>& levels, const std::string& forced);

}  // namespace mlff::app
