#pragma once

#include <Eigen/Core>
#include <cmath>
#include <utility>

#include "bayes/dense_reference.hpp"

/// Bayesian linear regression of many rows, to the maximum of its evidence, in quadruple precision. It uses the normal
/// equations: ΦᵀΦ + ρ P with ρ = s_w/s_v ≥ 1e-15 S_max² has a condition below 1e15, and 34 digits leave 19. Shares no
/// step with the code under test, which factors Φ and never squares it.
namespace mlff::testing::extended {

using dense::Matrix;
using dense::Real;

/// False where the compiler has no type of 34 digits: Real is then unfit as a reference.
inline bool available() {
    const volatile Real one = 1;
    const Real sum = one + static_cast<Real>(1e-33);
    return sum > one;
}

inline Real dot(const Matrix& a, const Matrix& b) {
    Real sum = 0;
    for (int i = 0; i < a.rows(); ++i) sum += a(i, 0) * b(i, 0);
    return sum;
}

/// L⁻¹ b for lower triangular L; `first` counts the leading zeros of b.
inline Matrix forward(const Matrix& lower, Matrix b, int first = 0) {
    for (int i = first; i < b.rows(); ++i) {
        for (int k = first; k < i; ++k) b(i, 0) -= lower(i, k) * b(k, 0);
        b(i, 0) /= lower(i, i);
    }
    return b;
}

/// Prior precision s_w P of the weights.
struct Prior {
    explicit Prior(Matrix P) : precision(std::move(P)), lower(cholesky(precision)) {}
    Matrix precision, lower;  ///< P = L Lᵀ
};

/// Result of the regression at one ratio ρ = s_w/s_v.
struct Point {
    Real ratio, gamma, residual, weight_norm;  ///< ρ, γ, |y − Φw̄|², w̄ᵀPw̄
    long double log_evidence;  ///< at the best s_v for this ρ, M/(|y − Φw̄|² + ρ w̄ᵀPw̄); up to a constant
    Matrix weights;            ///< w̄, n × 1
    Matrix lower;              ///< L Lᵀ = ΦᵀΦ + ρ P
    Real weight_precision, noise_precision;  ///< next step of the fixed-point iteration: γ/w̄ᵀPw̄, (M − γ)/|y − Φw̄|²

    /// φ Σ φᵀ of a row φ (as a column, n × 1).
    [[nodiscard]] Real variance(const Matrix& row) const {
        const Matrix x = forward(lower, row);
        return dot(x, x) / noise_precision;
    }
};

/// y = Φ w + ε as the Gram matrix of its rows [Φ y].
class Problem {
 public:
    explicit Problem(Eigen::Index n_columns)
        : n_(static_cast<int>(n_columns)), square_(n_, n_), projected_(n_, 1), labels_(0) {}

    /// Rows [Φ y], divided by `scale`. Cost M n²/2.
    void add(const Eigen::MatrixXd& rows, double scale) {
        const Matrix values(rows);
        const Real factor = 1 / (static_cast<Real>(scale) * static_cast<Real>(scale));
        const auto product = [&](int i, int j) {
            Real sum = 0;
            for (int k = 0; k < values.rows(); ++k) sum += values(k, i) * values(k, j);
            return factor * sum;
        };
        for (int j = 0; j < n_; ++j) {
            for (int i = 0; i <= j; ++i) square_(j, i) = square_(i, j) += product(i, j);
            projected_(j, 0) += product(j, n_);
        }
        labels_ += product(n_, n_);
        n_rows_ += values.rows();
    }

    [[nodiscard]] int n_rows() const { return n_rows_; }

    /// Condition number S_max/S_min of Φ, to a few digits and from below: Rayleigh quotients of power iterations on ΦᵀΦ
    /// and on its inverse.
    [[nodiscard]] double condition() const {
        const Matrix lower = cholesky(square_);
        Matrix large = start(), small = start();
        for (int step = 0; step < 30; ++step) {
            large = product(square_, normalised(large));
            small = solved(lower, normalised(small));
        }
        const Real largest = dot(large, product(square_, large)) / dot(large, large);
        const Real inverse = dot(small, solved(lower, small)) / dot(small, small);
        return static_cast<double>(dense::square_root(largest * inverse));
    }

    /// |y − Φw|² = yᵀy − 2 wᵀΦᵀy + wᵀΦᵀΦw, whose terms are of the size of yᵀy unless w is very large.
    [[nodiscard]] Real residual(const Matrix& w) const {
        return labels_ - 2 * dot(w, projected_) + dot(w, product(square_, w));
    }

    [[nodiscard]] Point at(Real ratio, const Prior& prior) const {
        Matrix a(n_, n_);
        for (int i = 0; i < n_; ++i)
            for (int j = 0; j < n_; ++j) a(i, j) = square_(i, j) + ratio * prior.precision(i, j);
        Matrix lower = cholesky(a), weights = solved(lower, projected_);
        Point point{ratio, static_cast<Real>(n_), residual(weights), 0, 0, std::move(weights), std::move(lower), 0, 0};
        point.weight_norm = dot(point.weights, product(prior.precision, point.weights));
        // γ = n − ρ tr[(ΦᵀΦ + ρP)⁻¹ P] = n − ρ |L⁻¹ L_P|²
        for (int column = 0; column < n_; ++column) {
            Matrix x(n_, 1);
            for (int i = column; i < n_; ++i) x(i, 0) = prior.lower(i, column);
            x = forward(point.lower, std::move(x), column);
            point.gamma -= ratio * dot(x, x);
        }
        const auto m = static_cast<Real>(n_rows_);
        point.weight_precision = point.gamma / point.weight_norm;
        point.noise_precision = (m - point.gamma) / point.residual;
        const Real left = (point.residual + ratio * point.weight_norm) / m;
        const auto log = [](Real x) { return std::log(static_cast<long double>(x)); };
        point.log_evidence =
            (static_cast<long double>(n_) * log(ratio) - static_cast<long double>(n_rows_) * log(left)) / 2;
        for (int i = 0; i < n_; ++i) point.log_evidence += log(prior.lower(i, i) / point.lower(i, i));
        return point;
    }

    /// The highest maximum of the evidence with ρ in [1e-15, 1e5] S_max² (S of Φ L_P⁻ᵀ): a scan by decades, and from
    /// its best point the secant method on  ln [γ |y − Φw̄|² / ((M − γ) w̄ᵀPw̄)] − ln ρ,  zero where both derivatives are.
    [[nodiscard]] Point maximum(const Prior& prior) const {
        Matrix v = start();
        for (int step = 0; step < 30; ++step) v = solved(prior.lower, product(square_, normalised(v)));
        Real ratio = static_cast<Real>(1e-15) * dot(v, product(square_, v)) / dot(v, product(prior.precision, v));
        Point best = at(ratio, prior);
        for (int decade = 0; decade < 20; ++decade) {
            Point trial = at(ratio *= 10, prior);
            if (trial.log_evidence > best.log_evidence) best = std::move(trial);
        }
        const auto off = [](const Point& p) {
            return std::log(static_cast<long double>(p.weight_precision / (p.noise_precision * p.ratio)));
        };
        long double move = off(best), value = move;
        for (int step = 0; step < 40 && std::abs(value) > 1e-16L; ++step) {
            best = at(best.ratio * static_cast<Real>(std::exp(move)), prior);
            const long double before = std::exchange(value, off(best));
            move *= value / (before - value);
        }
        return best;
    }

 private:
    [[nodiscard]] Matrix start() const {
        Matrix v(n_, 1);
        for (int i = 0; i < n_; ++i) v(i, 0) = i * i % 7 - static_cast<Real>(2.9);
        return v;
    }
    [[nodiscard]] static Matrix normalised(Matrix v) {
        const Real norm = dense::square_root(dot(v, v));
        for (int i = 0; i < v.rows(); ++i) v(i, 0) /= norm;
        return v;
    }

    int n_, n_rows_ = 0;
    Matrix square_, projected_;  ///< ΦᵀΦ, Φᵀy
    Real labels_;                ///< yᵀy
};

}  // namespace mlff::testing::extended
