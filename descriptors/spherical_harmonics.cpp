#include "descriptors/spherical_harmonics.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

namespace mlff::descriptors {
namespace {

using Eigen::Index;

constexpr int largest_l = 20;

std::size_t triangle(int l, int m) { return static_cast<std::size_t>(l * (l + 1) / 2 + m); }

}  // namespace

SphericalHarmonics::SphericalHarmonics(int l_max) : l_max_(l_max) {
    if (l_max < 0 || l_max > largest_l)
        throw std::invalid_argument("l_max must be 0 to 20, got " + std::to_string(l_max));
    for (int l = 0; l <= l_max; ++l)
        for (int m = 0; m <= l; ++m) {
            double ratio = 1.0;  // (l-m)!/(l+m)!
            for (int k = l - m + 1; k <= l + m; ++k) ratio /= k;
            factor_.push_back(std::sqrt((2.0 * l + 1.0) / (4.0 * std::numbers::pi) * ratio) *
                              (m > 0 ? std::numbers::sqrt2 : 1.0));
        }
}

template <bool with_gradient, class Vector>
void SphericalHarmonics::compute(const Vector& x, const Vector& y, const Vector& z, Vector* value,
                                 Vector* gradient) const {
    // c_m + i s_m = (x + i y)^m; Q_lm = d^m P_l/dz^m, so dQ_lm/dz = Q_l,m+1.
    using Real = typename ScalarOf<Vector>::type;
    std::array<Vector, largest_l + 1> c, s;
    const Vector zero{}, one = zero + Real(1);
    c[0] = one;
    s[0] = zero;
    for (std::size_t m = 1; m <= static_cast<std::size_t>(l_max_); ++m) {
        c[m] = x * c[m - 1] - y * s[m - 1];
        s[m] = x * s[m - 1] + y * c[m - 1];
    }
    std::array<Vector, (largest_l + 1) * (largest_l + 2) / 2> Q;
    double diagonal = 1.0;
    for (int m = 0; m <= l_max_; ++m) {
        if (m > 0) diagonal *= 2.0 * m - 1.0;
        Q[triangle(m, m)] = static_cast<Real>(diagonal) * one;
        if (m < l_max_) Q[triangle(m + 1, m)] = static_cast<Real>((2.0 * m + 1.0) * diagonal) * z;
        for (int l = m + 2; l <= l_max_; ++l)
            Q[triangle(l, m)] = static_cast<Real>((2.0 * l - 1.0) / (l - m)) * z * Q[triangle(l - 1, m)] -
                                static_cast<Real>((l + m - 1.0) / (l - m)) * Q[triangle(l - 2, m)];
    }
    for (int l = 0; l <= l_max_; ++l)
        for (int m = 0; m <= l; ++m) {
            const auto k = static_cast<std::size_t>(m);
            const auto K = static_cast<Real>(factor_[triangle(l, m)]);
            const Vector q = K * Q[triangle(l, m)];
            const Index cosine = l * l + l + m, sine = l * l + l - m;
            value[cosine] = q * c[k];
            if (m > 0) value[sine] = q * s[k];
            if constexpr (with_gradient) {
                const Vector dq = m < l ? Vector(K * Q[triangle(l, m + 1)]) : zero;
                gradient[3 * cosine + 2] = dq * c[k];
                if (m == 0) {
                    gradient[3 * cosine] = gradient[3 * cosine + 1] = zero;
                    continue;
                }
                const Vector slope = static_cast<Real>(m) * q;
                gradient[3 * cosine] = gradient[3 * sine + 1] = slope * c[k - 1];
                gradient[3 * sine] = slope * s[k - 1];
                gradient[3 * cosine + 1] = -gradient[3 * sine];
                gradient[3 * sine + 2] = dq * s[k];
            }
        }
}

template <class Vector>
void SphericalHarmonics::evaluate(const Vector& x, const Vector& y, const Vector& z, Vector* value) const {
    compute<false>(x, y, z, value, static_cast<Vector*>(nullptr));
}

template <class Vector>
void SphericalHarmonics::evaluate(const Vector& x, const Vector& y, const Vector& z, Vector* value,
                                  Vector* gradient) const {
    compute<true>(x, y, z, value, gradient);
}

template void SphericalHarmonics::evaluate(const double&, const double&, const double&, double*) const;
template void SphericalHarmonics::evaluate(const double&, const double&, const double&, double*, double*) const;
template void SphericalHarmonics::evaluate(const Lanes<double>&, const Lanes<double>&, const Lanes<double>&,
                                           Lanes<double>*) const;
template void SphericalHarmonics::evaluate(const Lanes<double>&, const Lanes<double>&, const Lanes<double>&,
                                           Lanes<double>*, Lanes<double>*) const;
template void SphericalHarmonics::evaluate(const Lanes<float>&, const Lanes<float>&, const Lanes<float>&,
                                           Lanes<float>*) const;
template void SphericalHarmonics::evaluate(const Lanes<float>&, const Lanes<float>&, const Lanes<float>&, Lanes<float>*,
                                           Lanes<float>*) const;

}  // namespace mlff::descriptors
