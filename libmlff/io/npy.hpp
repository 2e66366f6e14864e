#pragma once

#include <string>
#include <vector>

namespace mlff {

/// An array of NumPy: values in C order (the last index runs fastest).
struct NpyArray {
    std::vector<std::size_t> shape;
    std::vector<double> values;
};

/// Reads a .npy file of real or whole numbers (little-endian f4, f8, i4, i8, either order).
/// @throws InputError naming the file if it is not such a file, or is cut off
/// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
[[nodiscard]] NpyArray read_npy(const std::string& path);

}  // namespace mlff
