#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

namespace mlff::analysis {

/// Mean of a correlated series of vectors, with the standard error from the scatter of block means, in constant memory:
/// when a 16th block is full, neighbouring blocks are joined and become twice as long. The error is right once a block
/// (at least 1/16 of the series) is longer than the correlation time. Source: Flyvbjerg & Petersen, J. Chem. Phys. 91,
/// 461 (1989).
class BlockAverage {
 public:
    /// @throws std::invalid_argument if the size differs from that of the samples before
    void add(const Eigen::ArrayXd& sample);

    [[nodiscard]] long n_samples() const { return n_samples_; }
    [[nodiscard]] int n_blocks() const { return static_cast<int>(blocks_.size()); }  ///< that are full

    /// Mean of all samples. @throws std::logic_error if there are none
    [[nodiscard]] Eigen::ArrayXd mean() const;
    /// Standard error of the mean; none with fewer than 5 blocks, whose scatter is too uncertain.
    [[nodiscard]] std::optional<Eigen::ArrayXd> error() const;

    static constexpr int least_blocks = 5;

 private:
    static constexpr std::size_t most_blocks = 16;

    long n_samples_ = 0;
    long block_length_ = 1;               ///< samples in a full block
    long n_open_ = 0;                     ///< samples in the block that is being filled
    Eigen::ArrayXd sum_, open_;           ///< of all samples; of the open block
    std::vector<Eigen::ArrayXd> blocks_;  ///< sums of the full blocks
};

/// y = intercept + slope · x
struct Line {
    double intercept = 0.0, slope = 0.0;
};

/// The line that minimises Σ w_k (y_k − intercept − slope x_k)².
/// @throws std::invalid_argument if sizes differ, or fewer than two different x have a positive weight
[[nodiscard]] Line fit_line(const Eigen::ArrayXd& x, const Eigen::ArrayXd& y, const Eigen::ArrayXd& weights);

}  // namespace mlff::analysis
