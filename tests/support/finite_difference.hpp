#pragma once
#include <gtest/gtest.h>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <functional>
namespace mlff::testing {
/// Central difference of f at x, compared with `analytic`, element by element.
/// Error model for step h: O(h²) truncation + O(eps |f| / h) rounding. Fails on NaN.
inline ::testing::AssertionResult gradient_matches(const std::function<double(const Eigen::VectorXd&)>& f,
                                                   const Eigen::VectorXd& x, const Eigen::VectorXd& analytic,
                                                   double h = 1e-5, double tol = 1e-7) {
    if (analytic.size() != x.size()) return ::testing::AssertionFailure() << "size mismatch";
    for (Eigen::Index i = 0; i < x.size(); ++i) {
        Eigen::VectorXd plus = x, minus = x;
        plus[i] += h;
        minus[i] -= h;
        const double numeric = (f(plus) - f(minus)) / (plus[i] - minus[i]);
        const double error = std::abs(numeric - analytic[i]);
        if (!(error <= tol * std::max(1.0, std::abs(numeric))))
            return ::testing::AssertionFailure()
                   << "d/dx[" << i << "]: analytic " << analytic[i] << ", numeric " << numeric;
    }
    return ::testing::AssertionSuccess();
}
}  // namespace mlff::testing
