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

void SphericalHarmonics::evaluate(const Eigen::Vector3d& u, double* y, double* gradient) const {
    const double x = u[0], v = u[1], z = u[2];
    // c_m + i s_m = (x + i y)^m; Q_lm = d^m P_l/dz^m, so dQ_lm/dz = Q_l,m+1.
    std::array<double, largest_l + 2> c{}, s{};
    c[0] = 1.0;
    for (std::size_t m = 1; m <= static_cast<std::size_t>(l_max_); ++m) {
        c[m] = x * c[m - 1] - v * s[m - 1];
        s[m] = x * s[m - 1] + v * c[m - 1];
    }
    std::array<double, (largest_l + 2) * (largest_l + 3) / 2> Q{};
    double diagonal = 1.0;
    for (int m = 0; m <= l_max_; ++m) {
        if (m > 0) diagonal *= 2.0 * m - 1.0;
        Q[triangle(m, m)] = diagonal;
        if (m < l_max_) Q[triangle(m + 1, m)] = (2.0 * m + 1.0) * z * diagonal;
        for (int l = m + 2; l <= l_max_; ++l)
            Q[triangle(l, m)] =
                ((2.0 * l - 1.0) * z * Q[triangle(l - 1, m)] - (l + m - 1.0) * Q[triangle(l - 2, m)]) / (l - m);
    }
    for (int l = 0; l <= l_max_; ++l)
        for (int m = 0; m <= l; ++m) {
            const auto k = static_cast<std::size_t>(m);
            const double K = factor_[triangle(l, m)], q = K * Q[triangle(l, m)];
            const double dq = m < l ? K * Q[triangle(l, m + 1)] : 0.0;
            const double before_c = m > 0 ? m * c[k - 1] : 0.0, before_s = m > 0 ? m * s[k - 1] : 0.0;
            const auto store = [&](Eigen::Index index, double angular, double d_x, double d_y) {
                const Eigen::Vector3d full(q * d_x, q * d_y, dq * angular);
                y[index] = q * angular;
                Eigen::Map<Eigen::Vector3d>(gradient + 3 * index) = full - u * u.dot(full);
            };
            store(l * l + l + m, c[k], before_c, -before_s);
            if (m > 0) store(l * l + l - m, s[k], before_s, before_c);
        }
}

}  // namespace mlff::descriptors
