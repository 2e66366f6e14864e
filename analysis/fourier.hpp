#pragma once

#include <Eigen/Core>
#include <complex>
#include <memory>

namespace mlff::analysis {

/// Discrete Fourier transform of real series of one length n, with FFTW where the build found it, else with Eigen's
/// transform:
///
///     X_k = Σ_j x_j exp(−2πi jk/n),   k = 0 … n/2.
///
/// Not to be shared between threads; made in one thread at a time.
class RealTransform {
 public:
    /// @param n  length, a positive multiple of 4 (fast_length gives good ones)
    /// @throws std::invalid_argument if it is not
    explicit RealTransform(Eigen::Index n);
    RealTransform(const RealTransform&) = delete;
    RealTransform& operator=(const RealTransform&) = delete;
    ~RealTransform();

    [[nodiscard]] Eigen::Index length() const { return n_; }
    /// X_0 … X_{n/2} of n values; a shorter series is continued with zeros.
    /// @throws std::invalid_argument if there are more than n values
    [[nodiscard]] const Eigen::ArrayXcd& forward(const Eigen::Ref<const Eigen::ArrayXd>& values);
    /// The n values of X_0 … X_{n/2}: backward(forward(x)) = x.
    /// @throws std::invalid_argument if their number is not n/2 + 1
    [[nodiscard]] const Eigen::ArrayXd& backward(const Eigen::Ref<const Eigen::ArrayXcd>& spectrum);

 private:
    struct Plan;
    Eigen::Index n_;
    Eigen::VectorXd values_;
    Eigen::VectorXcd spectrum_;
    Eigen::ArrayXd values_out_;
    Eigen::ArrayXcd spectrum_out_;
    std::unique_ptr<Plan> plan_;
};

/// The smallest number ≥ n of the form 4 · 2^a 3^b 5^c, for which a transform is fast.
[[nodiscard]] Eigen::Index fast_length(Eigen::Index n);

/// Sharp Fourier filter: removes the components above a frequency and keeps cos(πk(j+½)/n) for
/// k/(2 n spacing) ≤ cutoff. The series is continued by its mirror image to avoid ringing at its ends.
/// @param spacing  of the values, @param cutoff  > 0, in cycles per unit of spacing
[[nodiscard]] Eigen::ArrayXd low_pass(const Eigen::ArrayXd& values, double spacing, double cutoff);

/// Replaces each value by a parabola fitted to it and its `reach` neighbours on either side (Savitzky & Golay, Anal.
/// Chem. 36, 1627 (1964)); at both ends the values are continued by their mirror image. reach 0 changes nothing.
[[nodiscard]] Eigen::ArrayXd savitzky_golay(const Eigen::ArrayXd& values, Eigen::Index reach);

}  // namespace mlff::analysis
