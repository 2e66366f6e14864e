#pragma once

#include <Eigen/Core>
#include <vector>

#include "descriptors/lanes.hpp"

namespace mlff::descriptors {

/// Real, orthonormal spherical harmonics Y_lm on the unit sphere, m = -l..l, index l² + l + m:
///
///   Y_lm = K_lm · { √2 sin(|m|φ) (m < 0),  1 (m = 0),  √2 cos(mφ) (m > 0) } · sin^|m|θ · d^|m|P_l/dz^|m|
///   K_lm = sqrt[(2l+1)/(4π) · (l-|m|)!/(l+|m|)!]          (no Condon-Shortley sign)
///
/// so that ∫ Y_lm Y_l'm' dΩ = δδ and Σ_m Y_lm(a) Y_lm(b) = (2l+1)/(4π) P_l(a·b).
class SphericalHarmonics {
 public:
    explicit SphericalHarmonics(int l_max);  ///< 0 ≤ l_max ≤ 20
    [[nodiscard]] int l_max() const { return l_max_; }
    [[nodiscard]] Eigen::Index size() const { return (l_max_ + 1) * (l_max_ + 1); }

    /// Y at the direction of the unit vector (x, y, z) (unchecked): `value` holds size() numbers.
    /// Vector: double, or Lanes for several directions at once.
    template <class Vector>
    void evaluate(const Vector& x, const Vector& y, const Vector& z, Vector* value) const;

    /// Also the gradient g of Y continued off the sphere as a polynomial: 3 × size() numbers, column-major. Its
    /// tangential part g − r̂ (r̂·g), divided by r, is the derivative of Y_lm(r̂) with respect to r.
    template <class Vector>
    void evaluate(const Vector& x, const Vector& y, const Vector& z, Vector* value, Vector* gradient) const;

 private:
    template <bool with_gradient, class Vector>
    void compute(const Vector& x, const Vector& y, const Vector& z, Vector* value, Vector* gradient) const;

    int l_max_;
    std::vector<double> factor_;  ///< K_lm · (√2 if m > 0), index l(l+1)/2 + m
};

}  // namespace mlff::descriptors
