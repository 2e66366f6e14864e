#include "bayes/balanced_directions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "bayes/lapack.hpp"

namespace mlff::bayes {
namespace {

constexpr double negligible = 1e-14;  ///< value, as a share of the largest: what rounding leaves of zero

}  // namespace

BalancedDirections balanced_directions(const Eigen::MatrixXd& S, const Eigen::MatrixXd& A) {
    if (S.rows() != S.cols() || A.rows() != S.rows() || A.cols() != S.cols())
        throw std::invalid_argument(
            fmt::format("directions: points of {} x {}, form of {} x {}", S.rows(), S.cols(), A.rows(), A.cols()));
    const auto points = lapack::symmetric_eigen(S);
    const Eigen::MatrixXd L = points.vectors * points.values.cwiseMax(0.0).cwiseSqrt().asDiagonal();
    const Eigen::MatrixXd AL = A * L;
    const auto form = lapack::symmetric_eigen(L.transpose() * AL);

    std::vector<Eigen::Index> order(static_cast<std::size_t>(form.values.size()));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    const auto size = [&](Eigen::Index k) { return std::abs(form.values[k]); };
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return size(a) > size(b); });
    const double least = order.empty() ? 0.0 : negligible * size(order.front());
    while (!order.empty() && !(size(order.back()) > least)) order.pop_back();

    BalancedDirections result;
    result.values = form.values(order);
    const Eigen::MatrixXd Z = form.vectors(Eigen::all, order);
    result.V = L * Z;
    result.P = AL * Z * result.values.cwiseInverse().asDiagonal();
    return result;
}

}  // namespace mlff::bayes
