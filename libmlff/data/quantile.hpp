#pragma once

#include <algorithm>
#include <vector>

namespace mlff {

/// The value that a share (0 to 1) of the values, of which there is one at least, lies below: one of them, the lower
/// where it falls between two.
[[nodiscard]] inline double quantile(std::vector<double> values, double share) {
    const auto place = values.begin() + static_cast<long>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), place, values.end());
    return *place;
}

[[nodiscard]] inline double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

}  // namespace mlff
