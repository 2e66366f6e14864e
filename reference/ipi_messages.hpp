#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libmlff/atoms/structure.hpp"

/// Messages of i-PI's protocol, the same for both sides: a word of twelve letters, then numbers as they are in memory.
namespace mlff::reference {

inline constexpr std::size_t header_size = 12;

/// The word, padded with blanks.
[[nodiscard]] inline std::string header(std::string_view word) {
    std::string padded(word);
    padded.resize(header_size, ' ');
    return padded;
}

/// The word without its padding.
[[nodiscard]] inline std::string word_of(std::string padded) {
    padded.resize(padded.find_last_not_of(std::string_view("\0 ", 2)) + 1);
    return padded;
}

template <class T>
void append(std::string& bytes, const T& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// A matrix row by row.
inline void append_matrix(std::string& bytes, const Matrix3& matrix) {
    for (Eigen::Index row = 0; row < 3; ++row)
        for (Eigen::Index column = 0; column < 3; ++column) append(bytes, matrix(row, column));
}

}  // namespace mlff::reference
