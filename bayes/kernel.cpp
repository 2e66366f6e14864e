#include "bayes/kernel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "bayes/lapack.hpp"

namespace mlff::bayes {

namespace {

using Eigen::Index;

// Powers are taken in pieces that stay in the first-level cache.
constexpr Index piece_length = 512;
using Piece = Eigen::Array<double, Eigen::Dynamic, 1, Eigen::ColMajor, piece_length, 1>;

void require_power(int power) {
    if (power < 1) throw std::invalid_argument(fmt::format("kernel: power is {}; must be at least 1", power));
}

// base^exponent by repeated squaring, exponent ≥ 0.
Piece integer_power(Piece base, int exponent) {
    Piece result = Piece::Ones(base.size());
    while (exponent > 0) {
        if (exponent % 2 == 1) result *= base;
        exponent /= 2;
        if (exponent > 0) base *= base;
    }
    return result;
}

template <typename Visit>
void for_each_piece(Index rows, Index columns, Visit visit) {
    for (Index column = 0; column < columns; ++column)
        for (Index first = 0; first < rows; first += piece_length)
            visit(column, first, std::min(piece_length, rows - first));
}

}  // namespace

void kernel_value(Eigen::Ref<Eigen::MatrixXd> s, int power) {
    require_power(power);
    for_each_piece(s.rows(), s.cols(), [&](Index column, Index first, Index length) {
        auto piece = s.col(column).segment(first, length).array();
        piece = integer_power(piece, power);
    });
}

void kernel_value_and_derivative(Eigen::Ref<Eigen::MatrixXd> s, Eigen::Ref<Eigen::MatrixXd> derivative, int power) {
    require_power(power);
    if (derivative.rows() != s.rows() || derivative.cols() != s.cols())
        throw std::invalid_argument(fmt::format("kernel: derivative is {} x {}; similarities are {} x {}",
                                                derivative.rows(), derivative.cols(), s.rows(), s.cols()));
    for_each_piece(s.rows(), s.cols(), [&](Index column, Index first, Index length) {
        auto value = s.col(column).segment(first, length).array();
        const Piece lower = integer_power(value, power - 1);
        derivative.col(column).segment(first, length) = static_cast<double>(power) * lower;
        value *= lower;
    });
}

Eigen::MatrixXd kernel_matrix(const Eigen::Ref<const Eigen::MatrixXd>& X, const Eigen::Ref<const Eigen::MatrixXd>& Y,
                              int power) {
    if (X.rows() != Y.rows())
        throw std::invalid_argument(fmt::format("kernel: features of length {} and {}", X.rows(), Y.rows()));
    Eigen::MatrixXd K(X.cols(), Y.cols());
    K.noalias() = X.transpose() * Y;
    kernel_value(K, power);
    return K;
}

Eigen::MatrixXd kernel_matrix(const Eigen::Ref<const Eigen::MatrixXd>& X, int power) {
    Eigen::MatrixXd K = Eigen::MatrixXd::Zero(X.cols(), X.cols());
    K.selfadjointView<Eigen::Lower>().rankUpdate(X.transpose());
    K.triangularView<Eigen::StrictlyUpper>() = K.transpose();  // in place: what is read is not written
    kernel_value(K, power);
    return K;
}

CholeskyFactor factor_kernel(const Eigen::Ref<const Eigen::MatrixXd>& K) {
    if (K.rows() != K.cols() || K.rows() == 0)
        throw std::invalid_argument(fmt::format("kernel: {} x {} matrix to factor is not square", K.rows(), K.cols()));
    if (!K.allFinite()) throw std::invalid_argument("kernel: matrix to factor is not finite");
    const double scale = K.diagonal().maxCoeff();
    CholeskyFactor factor{K, 0.0};
    if (lapack::cholesky_in_place(factor.L)) return factor;
    for (double jitter = 1e-14; jitter < 2e-6; jitter *= 10.0) {
        factor = {K, jitter};
        factor.L.diagonal().array() += jitter * scale;
        if (lapack::cholesky_in_place(factor.L)) return factor;
    }
    throw NumericalError("Cholesky factorisation", K.rows(), K.cols(), std::numeric_limits<double>::infinity());
}

}  // namespace mlff::bayes
