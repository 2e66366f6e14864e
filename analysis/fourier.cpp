#include "analysis/fourier.hpp"

#include <algorithm>
#include <stdexcept>
#include <unsupported/Eigen/FFT>

namespace mlff::analysis {
namespace {

/// Index into a series of n values that is continued by its mirror images, … 1 0 | 0 1 … n−1 | n−1 n−2 …
Eigen::Index mirrored(Eigen::Index k, Eigen::Index n) {
    const Eigen::Index period = 2 * n;
    k = ((k % period) + period) % period;
    return k < n ? k : period - 1 - k;
}

}  // namespace

struct RealTransform::Plan {
    Eigen::FFT<double> fft;
};

RealTransform::RealTransform(Eigen::Index n) : n_(n), plan_(std::make_unique<Plan>()) {
    if (n <= 0 || n % 4 != 0) throw std::invalid_argument("the length of a transform must be a multiple of 4");
    plan_->fft.SetFlag(Eigen::FFT<double>::HalfSpectrum);
    values_.resize(n);
    spectrum_.resize(n / 2 + 1);
}

RealTransform::~RealTransform() = default;

const Eigen::ArrayXcd& RealTransform::forward(const Eigen::Ref<const Eigen::ArrayXd>& values) {
    if (values.size() > n_) throw std::invalid_argument("more values than the transform is long");
    values_.head(values.size()) = values.matrix();
    values_.tail(n_ - values.size()).setZero();
    plan_->fft.fwd(spectrum_, values_, n_);
    spectrum_out_ = spectrum_.array();
    return spectrum_out_;
}

const Eigen::ArrayXd& RealTransform::backward(const Eigen::Ref<const Eigen::ArrayXcd>& spectrum) {
    if (spectrum.size() != n_ / 2 + 1) throw std::invalid_argument("a spectrum of n/2 + 1 values is needed");
    spectrum_ = spectrum.matrix();
    plan_->fft.inv(values_, spectrum_, n_);
    values_out_ = values_.array();
    return values_out_;
}

Eigen::Index fast_length(Eigen::Index n) {
    for (Eigen::Index length = 4 * std::max<Eigen::Index>(1, (n + 3) / 4);; length += 4) {
        Eigen::Index rest = length;
        for (const Eigen::Index factor : {2, 3, 5})
            while (rest % factor == 0) rest /= factor;
        if (rest == 1) return length;
    }
}

Eigen::ArrayXd low_pass(const Eigen::ArrayXd& values, double spacing, double cutoff) {
    if (!(spacing > 0.0 && cutoff > 0.0)) throw std::invalid_argument("low_pass: spacing and cutoff must be positive");
    const Eigen::Index n = values.size();
    if (n == 0) return values;
    // Twice the period 2n of the mirrored series is a multiple of 4, and its components are the even ones.
    Eigen::ArrayXd periodic(4 * n);
    for (Eigen::Index k = 0; k < 4 * n; ++k) periodic[k] = values[mirrored(k, n)];
    RealTransform transform(4 * n);
    Eigen::ArrayXcd spectrum = transform.forward(periodic);
    const auto last = static_cast<Eigen::Index>(4.0 * static_cast<double>(n) * spacing * cutoff * (1.0 + 1e-12));
    if (last + 1 < spectrum.size()) spectrum.tail(spectrum.size() - last - 1).setZero();
    return transform.backward(spectrum).head(n);
}

Eigen::ArrayXd savitzky_golay(const Eigen::ArrayXd& values, Eigen::Index reach) {
    if (reach <= 0 || values.size() == 0) return values;
    // The value at 0 of the parabola through k = −m … m has weights (A − B k²) with Σ w = 1 and Σ w k² = 0.
    double n = 0.0, squares = 0.0, fourths = 0.0;
    for (Eigen::Index k = -reach; k <= reach; ++k) {
        const auto x = static_cast<double>(k);
        n += 1.0;
        squares += x * x;
        fourths += x * x * x * x;
    }
    const double scale = n * fourths - squares * squares;
    Eigen::ArrayXd weights(2 * reach + 1);
    for (Eigen::Index k = -reach; k <= reach; ++k)
        weights[k + reach] = (fourths - squares * static_cast<double>(k * k)) / scale;
    Eigen::ArrayXd smooth(values.size());
    for (Eigen::Index j = 0; j < values.size(); ++j) {
        double sum = 0.0;
        for (Eigen::Index k = -reach; k <= reach; ++k)
            sum += weights[k + reach] * values[mirrored(j + k, values.size())];
        smooth[j] = sum;
    }
    return smooth;
}

}  // namespace mlff::analysis
