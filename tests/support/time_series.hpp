#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace mlff::testing {

/// Mean of a correlated series, with the standard error from the scatter of its block means.
struct BlockedMean {
    double mean = 0.0;
    double error = 0.0;
};

inline BlockedMean blocked_mean(const std::vector<double>& series, std::size_t n_blocks = 40) {
    const std::size_t length = series.size() / n_blocks;
    std::vector<double> blocks(n_blocks, 0.0);
    for (std::size_t b = 0; b < n_blocks; ++b)
        for (std::size_t k = 0; k < length; ++k) blocks[b] += series[b * length + k] / static_cast<double>(length);
    BlockedMean out;
    const auto n = static_cast<double>(n_blocks);
    for (const double block : blocks) out.mean += block / n;
    double squares = 0.0;
    for (const double block : blocks) squares += (block - out.mean) * (block - out.mean);
    out.error = std::sqrt(squares / (n * (n - 1.0)));
    return out;
}

/// Root mean square deviation from the mean.
inline double scatter(const std::vector<double>& series) {
    double mean = 0.0, squares = 0.0;
    for (const double value : series) mean += value / static_cast<double>(series.size());
    for (const double value : series) squares += (value - mean) * (value - mean);
    return std::sqrt(squares / static_cast<double>(series.size()));
}

/// Kolmogorov-Smirnov distance between a series and a cumulative distribution function.
template <typename Distribution>
double kolmogorov_distance(std::vector<double> series, Distribution&& cumulative) {
    std::sort(series.begin(), series.end());
    const auto n = static_cast<double>(series.size());
    double distance = 0.0;
    for (std::size_t k = 0; k < series.size(); ++k) {
        const double expected = cumulative(series[k]);
        distance =
            std::max({distance, expected - static_cast<double>(k) / n, static_cast<double>(k + 1) / n - expected});
    }
    return distance;
}

/// Cumulative gamma distribution of whole-numbered shape and unit scale: 1 − e^(−x) Σ_{k<shape} x^k/k!.
inline double erlang_cumulative(int shape, double x) {
    double term = std::exp(-x), sum = 0.0;
    for (int k = 0; k < shape; ++k) {
        sum += term;
        term *= x / (k + 1);
    }
    return 1.0 - sum;
}

}  // namespace mlff::testing
