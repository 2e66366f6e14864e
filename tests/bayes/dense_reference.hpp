#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

/// Bayesian linear regression from its dense formulas, normal equations and all, in quadruple precision: with 34 digits
/// they hold at condition numbers where the code under test must take care. Shares nothing with that code.
namespace mlff::testing::dense {

#ifdef __SIZEOF_FLOAT128__
using Real = __float128;
#else
using Real = long double;
#endif

inline Real square_root(Real x) {
    Real root = static_cast<Real>(std::sqrt(static_cast<long double>(x)));
    for (int step = 0; step < 2 && root > 0; ++step) root = (root + x / root) / 2;
    return root;
}

class Matrix {
 public:
    Matrix(int rows, int columns)
        : rows_(rows), columns_(columns), data_(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns)) {}
    explicit Matrix(const Eigen::MatrixXd& values)
        : Matrix(static_cast<int>(values.rows()), static_cast<int>(values.cols())) {
        for (int j = 0; j < columns_; ++j)
            for (int i = 0; i < rows_; ++i) (*this)(i, j) = static_cast<Real>(values(i, j));
    }
    Real& operator()(int i, int j) { return data_[static_cast<std::size_t>(i + j * rows_)]; }
    Real operator()(int i, int j) const { return data_[static_cast<std::size_t>(i + j * rows_)]; }
    [[nodiscard]] int rows() const { return rows_; }
    [[nodiscard]] int columns() const { return columns_; }
    [[nodiscard]] Eigen::MatrixXd rounded() const {
        Eigen::MatrixXd result(rows_, columns_);
        for (int j = 0; j < columns_; ++j)
            for (int i = 0; i < rows_; ++i) result(i, j) = static_cast<double>((*this)(i, j));
        return result;
    }

 private:
    int rows_, columns_;
    std::vector<Real> data_;
};

inline Matrix product(const Matrix& a, const Matrix& b) {
    Matrix c(a.rows(), b.columns());
    for (int i = 0; i < a.rows(); ++i)
        for (int j = 0; j < b.columns(); ++j) {
            Real sum = 0;
            for (int k = 0; k < a.columns(); ++k) sum += a(i, k) * b(k, j);
            c(i, j) = sum;
        }
    return c;
}

inline Matrix transposed(const Matrix& a) {
    Matrix t(a.columns(), a.rows());
    for (int i = 0; i < a.rows(); ++i)
        for (int j = 0; j < a.columns(); ++j) t(j, i) = a(i, j);
    return t;
}

inline Matrix cholesky(const Matrix& a) {
    Matrix l(a.rows(), a.rows());
    for (int j = 0; j < a.rows(); ++j)
        for (int i = j; i < a.rows(); ++i) {
            Real sum = a(i, j);
            for (int k = 0; k < j; ++k) sum -= l(i, k) * l(j, k);
            l(i, j) = i == j ? square_root(sum) : sum / l(j, j);
        }
    return l;
}

/// A⁻¹ B from the Cholesky factor of A.
inline Matrix solved(const Matrix& l, Matrix b) {
    for (int c = 0; c < b.columns(); ++c) {
        for (int i = 0; i < l.rows(); ++i) {
            for (int k = 0; k < i; ++k) b(i, c) -= l(i, k) * b(k, c);
            b(i, c) /= l(i, i);
        }
        for (int i = l.rows() - 1; i >= 0; --i) {
            for (int k = i + 1; k < l.rows(); ++k) b(i, c) -= l(k, i) * b(k, c);
            b(i, c) /= l(i, i);
        }
    }
    return b;
}

struct Fit {
    Matrix weights, covariance;  ///< w̄ (n × 1), Σ (n × n)
    Real gamma, residual, weight_norm;
};

/// Σ⁻¹ = s_w P + s_v ΦᵀΦ; weight_norm is w̄ᵀ P w̄, gamma is n − s_w tr(Σ P).
inline Fit fit(const Matrix& phi, const Matrix& y, const Matrix& prior, Real s_w, Real s_v) {
    const int n = phi.columns();
    const Matrix phi_t = transposed(phi);
    Matrix precision = product(phi_t, phi);
    Matrix identity(n, n);
    for (int i = 0; i < n; ++i) {
        identity(i, i) = 1;
        for (int j = 0; j < n; ++j) precision(i, j) = s_v * precision(i, j) + s_w * prior(i, j);
    }
    const Matrix l = cholesky(precision);
    Matrix right = product(phi_t, y);
    for (int i = 0; i < n; ++i) right(i, 0) *= s_v;
    Fit result{solved(l, right), solved(l, identity), static_cast<Real>(n), 0, 0};
    const Matrix predicted = product(phi, result.weights);
    for (int i = 0; i < y.rows(); ++i) result.residual += (y(i, 0) - predicted(i, 0)) * (y(i, 0) - predicted(i, 0));
    const Matrix prior_weights = product(prior, result.weights);
    const Matrix shrunk = product(result.covariance, prior);
    for (int i = 0; i < n; ++i) {
        result.weight_norm += result.weights(i, 0) * prior_weights(i, 0);
        result.gamma -= s_w * shrunk(i, i);
    }
    return result;
}

/// ln N(y | 0, I/s_v + Φ P⁻¹ Φᵀ/s_w), the density of the labels themselves.
inline long double log_evidence(const Matrix& phi, const Matrix& y, const Matrix& prior, Real s_w, Real s_v) {
    Matrix c = product(phi, solved(cholesky(prior), transposed(phi)));
    for (int i = 0; i < c.rows(); ++i)
        for (int j = 0; j < c.columns(); ++j) c(i, j) = c(i, j) / s_w + (i == j ? 1 / s_v : Real(0));
    const Matrix l = cholesky(c);
    const Matrix x = solved(l, y);
    long double sum = -0.5L * static_cast<long double>(y.rows()) * std::log(2.0L * std::numbers::pi_v<long double>);
    for (int i = 0; i < y.rows(); ++i)
        sum -= std::log(static_cast<long double>(l(i, i))) + 0.5L * static_cast<long double>(y(i, 0) * x(i, 0));
    return sum;
}

}  // namespace mlff::testing::dense
