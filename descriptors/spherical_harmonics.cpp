#include "descriptors/spherical_harmonics.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

namespace mlff::descriptors {
namespace {

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

template <class Real>
void SphericalHarmonics::evaluate(const Real& x, const Real& y, const Real& z, Real* value, Real* gradient) const {
    // c_m + i s_m = (x + i y)^m; Q_lm = d^m P_l/dz^m, so dQ_lm/dz = Q_l,m+1.
    std::array<Real, largest_l + 1> c, s;
    const Real zero = 0.0 * x, one = zero + 1.0;
    c[0] = one;
    s[0] = zero;
    for (std::size_t m = 1; m <= static_cast<std::size_t>(l_max_); ++m) {
        c[m] = x * c[m - 1] - y * s[m - 1];
        s[m] = x * s[m - 1] + y * c[m - 1];
    }
    std::array<Real, (largest_l + 1) * (largest_l + 2) / 2> Q;
    double diagonal = 1.0;
    for (int m = 0; m <= l_max_; ++m) {
        if (m > 0) diagonal *= 2.0 * m - 1.0;
        Q[triangle(m, m)] = diagonal * one;
        if (m < l_max_) Q[triangle(m + 1, m)] = (2.0 * m + 1.0) * diagonal * z;
        for (int l = m + 2; l <= l_max_; ++l)
            Q[triangle(l, m)] =
                (2.0 * l - 1.0) / (l - m) * z * Q[triangle(l - 1, m)] - (l + m - 1.0) / (l - m) * Q[triangle(l - 2, m)];
    }
    for (int l = 0; l <= l_max_; ++l)
        for (int m = 0; m <= l; ++m) {
            const auto k = static_cast<std::size_t>(m);
            const double K = factor_[triangle(l, m)];
            const Real q = K * Q[triangle(l, m)];
            const Real dq = m < l ? Real(K * Q[triangle(l, m + 1)]) : zero;
            const Real before_c = m > 0 ? Real(static_cast<double>(m) * c[k - 1]) : zero;
            const Real before_s = m > 0 ? Real(static_cast<double>(m) * s[k - 1]) : zero;
            const auto write = [&](Eigen::Index index, const Real& angular, const Real& d_x, const Real& d_y) {
                const Real g_x = q * d_x, g_y = q * d_y, g_z = dq * angular;
                const Real along = x * g_x + y * g_y + z * g_z;
                value[index] = q * angular;
                gradient[3 * index] = g_x - x * along;
                gradient[3 * index + 1] = g_y - y * along;
                gradient[3 * index + 2] = g_z - z * along;
            };
            write(l * l + l + m, c[k], before_c, -before_s);
            if (m > 0) write(l * l + l - m, s[k], before_s, before_c);
        }
}

template void SphericalHarmonics::evaluate(const double&, const double&, const double&, double*, double*) const;
template void SphericalHarmonics::evaluate(const Lanes&, const Lanes&, const Lanes&, Lanes*, Lanes*) const;

}  // namespace mlff::descriptors
