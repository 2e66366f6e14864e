#pragma once

#include <Eigen/Dense>
#include <random>

namespace mlff::testing {

/// Independent normal numbers from a fixed seed.
inline Eigen::MatrixXd random_matrix(Eigen::Index rows, Eigen::Index columns, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal;
    return Eigen::MatrixXd::NullaryExpr(rows, columns, [&](Eigen::Index, Eigen::Index) { return normal(generator); });
}

/// Columns of length 1, as descriptors are: a common direction plus scatter, so that similarities lie near 1.
inline Eigen::MatrixXd random_features(Eigen::Index length, Eigen::Index count, double scatter, unsigned seed) {
    Eigen::MatrixXd features = scatter * random_matrix(length, count, seed);
    features.row(0).array() += 1.0;
    features.colwise().normalize();
    return features;
}

/// rows × columns with singular values that fall geometrically from 1 to 1/condition.
inline Eigen::MatrixXd ill_conditioned(Eigen::Index rows, Eigen::Index columns, double condition, unsigned seed) {
    const Eigen::MatrixXd left =
        Eigen::HouseholderQR<Eigen::MatrixXd>(random_matrix(rows, columns, seed)).householderQ() *
        Eigen::MatrixXd::Identity(rows, columns);
    const Eigen::MatrixXd right =
        Eigen::HouseholderQR<Eigen::MatrixXd>(random_matrix(columns, columns, seed + 1)).householderQ();
    const Eigen::VectorXd decades = Eigen::VectorXd::LinSpaced(columns, 0.0, -std::log10(condition));
    const Eigen::VectorXd values = Eigen::pow(10.0, decades.array());
    return left * values.asDiagonal() * right.transpose();
}

}  // namespace mlff::testing
