#include "analysis/series.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>

namespace mlff::analysis {

void BlockAverage::add(const Eigen::ArrayXd& sample) {
    if (n_samples_ == 0) {
        sum_ = Eigen::ArrayXd::Zero(sample.size());
        open_ = sum_;
    }
    if (sample.size() != sum_.size()) throw std::invalid_argument("samples of a block average must have one size");
    ++n_samples_;
    sum_ += sample;
    open_ += sample;
    if (++n_open_ < block_length_) return;

    blocks_.push_back(open_);
    open_.setZero();
    n_open_ = 0;
    if (blocks_.size() < most_blocks) return;
    for (std::size_t b = 0; b < most_blocks / 2; ++b) blocks_[b] = blocks_[2 * b] + blocks_[2 * b + 1];
    blocks_.resize(most_blocks / 2);
    block_length_ *= 2;
}

Eigen::ArrayXd BlockAverage::mean() const {
    if (n_samples_ == 0) throw std::logic_error("the mean of no samples");
    return sum_ / static_cast<double>(n_samples_);
}

std::optional<Eigen::ArrayXd> BlockAverage::error() const {
    if (n_blocks() < least_blocks) return std::nullopt;
    const auto n = static_cast<double>(n_blocks()), length = static_cast<double>(block_length_);
    Eigen::ArrayXd mean = Eigen::ArrayXd::Zero(sum_.size()), squares = mean;
    for (const Eigen::ArrayXd& block : blocks_) mean += block / (n * length);
    for (const Eigen::ArrayXd& block : blocks_) squares += (block / length - mean).square();
    return (squares / (n * (n - 1.0))).sqrt();
}

Line fit_line(const Eigen::ArrayXd& x, const Eigen::ArrayXd& y, const Eigen::ArrayXd& weights) {
    if (x.size() != y.size() || x.size() != weights.size()) throw std::invalid_argument("fit_line: sizes differ");
    const double total = weights.sum();
    if (!(total > 0.0)) throw std::invalid_argument("fit_line: no point has a positive weight");
    const double x_mean = (weights * x).sum() / total, y_mean = (weights * y).sum() / total;
    const double spread = (weights * (x - x_mean).square()).sum();
    if (!(spread > 0.0)) throw std::invalid_argument("fit_line: a line needs two different x");
    const double slope = (weights * (x - x_mean) * (y - y_mean)).sum() / spread;
    return {y_mean - slope * x_mean, slope};
}

}  // namespace mlff::analysis
