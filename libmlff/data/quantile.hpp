#pragma once

#include <algorithm>
#include <vector>

namespace mlff {

/// Quantile for a share from 0 to 1: an element of `values` (at least one), the lower one if it falls between two.
[[nodiscard]] inline double quantile(std::vector<double> values, double share) {
    const auto place = values.begin() + static_cast<long>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), place, values.end());
    return *place;
}

[[nodiscard]] inline double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

}  // namespace mlff
