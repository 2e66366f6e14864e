#include "bayes/metric.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "bayes/kernel.hpp"
#include "bayes/lapack.hpp"

namespace mlff::bayes {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double least_relevance = 1e-5;  // ε

}  // namespace

MatrixXd learned_metric(const Eigen::Ref<const MatrixXd>& B, const Eigen::Ref<const VectorXd>& w, int power,
                        const Eigen::Ref<const MatrixXd>& X) {
    const Index D = X.rows();
    if (B.rows() != D || B.cols() != w.size())
        throw std::invalid_argument(fmt::format("metric: {} weights for references of {} x {}, points of {} x {}",
                                                w.size(), B.rows(), B.cols(), D, X.cols()));
    if (!B.allFinite() || !w.allFinite() || !X.allFinite())
        throw NumericalError("metric", D, X.cols(), std::numeric_limits<double>::infinity());
    MatrixXd similarity = B.transpose() * X, slope(B.cols(), X.cols());
    kernel_value_and_derivative(similarity, slope, power);
    MatrixXd gradients = B * (w.asDiagonal() * slope);
    for (Index k = 0; k < X.cols(); ++k) gradients.col(k) -= gradients.col(k).dot(X.col(k)) * X.col(k);
    lapack::SymmetricEigen G = lapack::symmetric_eigen(gradients * gradients.transpose());
    const double largest = G.values[D - 1];
    if (!(largest > 0.0)) return MatrixXd::Identity(D, D);
    const VectorXd relevance = (G.values.array().max(0.0) / largest + least_relevance).sqrt();
    MatrixXd W = G.vectors * relevance.asDiagonal();
    const double mean = (W.transpose() * X).squaredNorm() / static_cast<double>(X.cols());
    if (!(mean > 0.0)) return MatrixXd::Identity(D, D);
    return W / std::sqrt(mean);
}

}  // namespace mlff::bayes
