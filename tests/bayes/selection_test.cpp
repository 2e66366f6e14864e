#include "bayes/selection.hpp"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "bayes/kernel.hpp"
#include "bayes/lapack.hpp"
#include "bayes/random_matrix.hpp"

namespace mlff::bayes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::random_features;
using Indices = std::vector<Index>;

MatrixXd part(const MatrixXd& K, const Indices& rows) { return K(rows, rows); }

double condition(const MatrixXd& K) {
    const VectorXd values = lapack::symmetric_eigen(K).values;
    return values[values.size() - 1] / values[0];
}

// Largest residual of all columns of K with respect to those kept, in extended precision: 0 where they are spanned.
double worst_residual(const MatrixXd& K, const Indices& kept) {
    using Extended = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
    const Extended K_bb = part(K, kept).cast<long double>();
    const Extended K_bx = K(kept, Eigen::all).cast<long double>();
    const Extended explained = K_bb.ldlt().solve(K_bx);
    double worst = 0.0;
    for (Index i = 0; i < K.cols(); ++i) {
        const long double residual = static_cast<long double>(K(i, i)) - K_bx.col(i).dot(explained.col(i));
        worst = std::max(worst, static_cast<double>(std::abs(residual)));
    }
    return worst;
}

// Groups of identical vectors of very different sizes, shuffled: 1 × 10 copies, 1 × 3, 4 × 2, 5 × 1.
struct Duplicates {
    MatrixXd features;
    Indices group;
    Duplicates() : features(12, 26) {
        const MatrixXd originals = random_features(12, 11, 0.8, 1);
        const Indices copies = {10, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1};
        Indices order;
        for (std::size_t g = 0; g < copies.size(); ++g)
            for (Index c = 0; c < copies[g]; ++c) order.push_back(static_cast<Index>(g));
        std::shuffle(order.begin(), order.end(), std::mt19937(2));
        group = order;
        for (std::size_t i = 0; i < order.size(); ++i) features.col(static_cast<Index>(i)) = originals.col(order[i]);
    }
    // The first copy of each group, ascending.
    [[nodiscard]] Indices first_copies() const {
        std::set<Index> seen;
        Indices first;
        for (std::size_t i = 0; i < group.size(); ++i)
            if (seen.insert(group[i]).second) first.push_back(static_cast<Index>(i));
        return first;
    }
};

TEST(Cur, KeepsTheFirstOfEachGroupOfDuplicates) {
    const Duplicates data;
    EXPECT_EQ(select_by_cur(kernel_matrix(data.features, 4)), data.first_copies());
}

TEST(Cur, FirstColumnDroppedHasTheLargestLeverageOnTheLowSpace) {
    const MatrixXd K = kernel_matrix(random_features(9, 30, 0.5, 3), 2);
    const lapack::SymmetricEigen eigen = lapack::symmetric_eigen(K);
    CurOptions options;
    options.eps_low = 1e-15;
    options.max_size = 29;
    Index largest = 0;
    eigen.vectors.col(0).cwiseAbs2().maxCoeff(&largest);
    const Indices kept = select_by_cur(K, options);
    ASSERT_EQ(kept.size(), 29U);
    EXPECT_EQ(std::count(kept.begin(), kept.end(), largest), 0);
}

TEST(Cur, DropsOneColumnPerLowEigenvalueAndLeavesAWellConditionedMatrix) {
    // Scatter 1e-3 about a common vector: eigenvalues fall by 1e-6 with each order of the polynomial.
    const MatrixXd K = kernel_matrix(random_features(8, 120, 1e-3, 4), 4);
    CurOptions options;
    options.eps_low = 1e-9;
    const VectorXd values = lapack::symmetric_eigen(K).values;
    const auto n_low = static_cast<std::size_t>((values.array() < 1e-9 * values[119]).count());
    ASSERT_GT(n_low, 80U);
    ASSERT_LT(n_low, 119U);
    const Indices kept = select_by_cur(K, options);
    EXPECT_EQ(kept.size(), 120 - n_low);
    EXPECT_LE(condition(part(K, kept)), 1e11);
    EXPECT_LE(worst_residual(K, kept), 1e-9 * values[119]);
}

TEST(Cur, KeepsEverythingThatIsIndependentAndNothingThatIsZero) {
    const MatrixXd independent = MatrixXd::Identity(4, 4);
    EXPECT_EQ(select_by_cur(independent), (Indices{0, 1, 2, 3}));
    MatrixXd with_zero = independent;
    with_zero(2, 2) = 0.0;
    EXPECT_EQ(select_by_cur(with_zero), (Indices{0, 1, 3}));
    EXPECT_EQ(select_by_cur(MatrixXd::Zero(3, 3)), Indices{});
    EXPECT_EQ(select_by_cur(MatrixXd::Ones(3, 3)), Indices{0});
}

// Six tight clusters of very different sizes: six places are best spent on one member of each.
TEST(Selection, AtCapacityEachClusterKeepsAMember) {
    const MatrixXd centres = random_features(12, 6, 1.0, 5);
    const Indices sizes = {20, 9, 1, 4, 2, 1};
    MatrixXd X(12, 37);
    Indices cluster;
    for (Index c = 0; c < 6; ++c)
        for (Index k = 0; k < sizes[static_cast<std::size_t>(c)]; ++k) {
            X.col(static_cast<Index>(cluster.size())) = centres.col(c);
            cluster.push_back(c);
        }
    X += 1e-3 * testing::random_matrix(12, 37, 6);
    const MatrixXd K = kernel_matrix(X, 2);
    const auto clusters = [&](const Indices& kept) {
        std::multiset<Index> found;
        for (const Index i : kept) found.insert(cluster[static_cast<std::size_t>(i)]);
        return found;
    };
    const std::multiset<Index> each = {0, 1, 2, 3, 4, 5};
    const Indices by_cur = select_by_cur(K, {.eps_low = 1e-15, .max_size = 6});
    EXPECT_TRUE(std::is_sorted(by_cur.begin(), by_cur.end()));
    EXPECT_EQ(clusters(by_cur), each);
    EXPECT_EQ(clusters(select_by_cholesky(K, {.tolerance = 1e-13, .max_size = 6})), each);
}

TEST(CholeskySelection, KeepsTheFirstOfEachGroupOfDuplicates) {
    const Duplicates data;
    Indices accepted = select_by_cholesky(kernel_matrix(data.features, 4));
    std::sort(accepted.begin(), accepted.end());
    EXPECT_EQ(accepted, data.first_copies());
}

TEST(CholeskySelection, IsGreedy) {
    // Each accepted column is the one with the largest residual K_ii − k K_BB⁻¹ k, from the dense formula.
    const MatrixXd K = kernel_matrix(random_features(10, 25, 0.5, 6), 3);
    const Indices accepted = select_by_cholesky(K, {.tolerance = 1e-6});
    ASSERT_GE(accepted.size(), 10U);
    for (std::size_t n = 1; n < accepted.size(); ++n) {
        const Indices before(accepted.begin(), accepted.begin() + static_cast<std::ptrdiff_t>(n));
        const MatrixXd K_bx = K(before, Eigen::all);
        const VectorXd residual =
            K.diagonal() -
            (K_bx.array() * part(K, before).ldlt().solve(K_bx).array()).colwise().sum().matrix().transpose();
        EXPECT_GE(residual[accepted[n]], residual.maxCoeff() * (1.0 - 1e-6)) << n;
        EXPECT_GE(residual[accepted[n]], 0.999e-6) << n;
    }
    EXPECT_LE(worst_residual(K, accepted), 1.001e-6);
}

TEST(CholeskySelection, StopsAtTheTolerance) {
    const VectorXd diagonal = (VectorXd(5) << 0.9e-6, 1.1e-6, 1.0, 0.0, 3e-6).finished();
    EXPECT_EQ(select_by_cholesky(diagonal.asDiagonal().toDenseMatrix(), {.tolerance = 1e-6}), (Indices{2, 4, 1}));
}

TEST(CholeskySelection, IsNested) {
    const MatrixXd K = kernel_matrix(random_features(10, 60, 0.05, 7), 4);
    const Indices all = select_by_cholesky(K, {.tolerance = 1e-10});
    for (const Index size : {1, 5, 40}) {
        const Indices some = select_by_cholesky(K, {.tolerance = 1e-10, .max_size = size});
        EXPECT_EQ(some, Indices(all.begin(), all.begin() + size));
    }
    const Indices loose = select_by_cholesky(K, {.tolerance = 1e-4});
    ASSERT_LT(loose.size(), all.size());
    EXPECT_EQ(loose, Indices(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(loose.size())));
}

TEST(CholeskySelection, EqualCandidatesAreTakenInOrder) {
    EXPECT_EQ(select_by_cholesky(MatrixXd::Identity(4, 4)), (Indices{0, 1, 2, 3}));
    MatrixXd nearly = MatrixXd::Identity(4, 4);
    nearly(3, 3) += 4e-16;  // rounding must not decide
    nearly(1, 1) -= 4e-16;
    EXPECT_EQ(select_by_cholesky(nearly), (Indices{0, 1, 2, 3}));
    EXPECT_EQ(select_by_cholesky(MatrixXd::Zero(3, 3)), Indices{});
    EXPECT_EQ(select_by_cholesky(MatrixXd(0, 0)), Indices{});
}

TEST(Selection, RefusesWhatItCannotMean) {
    const MatrixXd K = MatrixXd::Identity(3, 3);
    EXPECT_THROW((void)select_by_cur(K, {.eps_low = 0.0}), std::invalid_argument);
    EXPECT_THROW((void)select_by_cur(K, {.eps_low = NAN}), std::invalid_argument);
    EXPECT_THROW((void)select_by_cur(K, {.max_size = 0}), std::invalid_argument);
    EXPECT_THROW((void)select_by_cholesky(K, {.tolerance = 0.0}), std::invalid_argument);
    EXPECT_THROW((void)select_by_cholesky(K, {.max_size = 0}), std::invalid_argument);
    EXPECT_THROW((void)select_by_cur(MatrixXd::Ones(2, 3)), std::invalid_argument);
    EXPECT_THROW((void)select_by_cholesky(MatrixXd::Constant(2, 2, NAN)), std::invalid_argument);
}

// Features (components × atoms) of rank 7 whose 15 components are 7 different ones and copies of them, shuffled.
struct RepeatedComponents {
    MatrixXd X{15, 40};
    Indices group = {3, 0, 0, 5, 1, 3, 6, 2, 3, 4, 0, 1, 6, 5, 2};
    RepeatedComponents() {
        const MatrixXd originals = random_features(40, 7, 1.0, 11);
        for (Index k = 0; k < 15; ++k)
            X.row(k) = (1.0 + static_cast<double>(group[static_cast<std::size_t>(k)])) *
                       originals.col(group[static_cast<std::size_t>(k)]).transpose();
    }
};

// Largest part of a row of X, relative to the longest row, that the chosen rows do not explain.
double unexplained(const MatrixXd& X, const Indices& chosen) {
    const MatrixXd basis = X(chosen, Eigen::all).transpose();
    const MatrixXd Q = basis.householderQr().householderQ() * MatrixXd::Identity(X.cols(), basis.cols());
    const MatrixXd rest = X.transpose() - Q * (Q.transpose() * X.transpose());
    return rest.colwise().norm().maxCoeff() / X.rowwise().norm().maxCoeff();
}

TEST(Components, OneOfEachGroupOfCopiesBeforeAnyCopy) {
    const RepeatedComponents data;
    const Indices chosen = select_components(data.X, 7);
    EXPECT_EQ(chosen, (Indices{0, 1, 3, 4, 6, 7, 9}));  // the first of each
    EXPECT_LT(unexplained(data.X, chosen), 1e-12);
    for (std::size_t left_out = 0; left_out < 7; ++left_out) {
        Indices fewer = chosen;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(left_out));
        EXPECT_GT(unexplained(data.X, fewer), 1e-2);
    }
}

TEST(Components, AsManyAsTheRankSpanAll) {
    const MatrixXd X = random_features(20, 6, 1.0, 12) * random_features(6, 50, 1.0, 13);
    EXPECT_LT(unexplained(X, select_components(X, 6)), 1e-7);
    EXPECT_GT(unexplained(X, select_components(X, 5)), 1e-3);
}

TEST(Components, PivotsAreThoseOfGreedyProjection) {
    const MatrixXd X = random_features(18, 60, 0.4, 14);
    MatrixXd rest = X;
    Indices expected;
    for (int k = 0; k < 8; ++k) {
        Index longest = 0;
        rest.rowwise().squaredNorm().maxCoeff(&longest);
        expected.push_back(longest);
        const Eigen::RowVectorXd direction = rest.row(longest).normalized();
        rest -= (rest * direction.transpose() * direction).eval();
        Indices sorted = expected;
        std::sort(sorted.begin(), sorted.end());
        EXPECT_EQ(select_components(X, k + 1), sorted);
    }
}

TEST(Components, PlacesBeyondTheRankAreFilledButNotWithZeros) {
    RepeatedComponents data;
    data.X.row(4).setZero();
    EXPECT_EQ(select_components(data.X, 11).size(), 11U);
    Indices all_but_zero;
    for (Index k = 0; k < 15; ++k)
        if (k != 4) all_but_zero.push_back(k);
    EXPECT_EQ(select_components(data.X, 15), all_but_zero);
    EXPECT_EQ(select_components(data.X, 99), all_but_zero);
    EXPECT_EQ(select_components(MatrixXd::Zero(3, 5), 2), Indices{});
    EXPECT_EQ(select_components(MatrixXd(3, 0), 2), Indices{});
}

TEST(Components, RefusesNonsense) {
    EXPECT_THROW((void)select_components(MatrixXd::Identity(3, 3), 0), std::invalid_argument);
    MatrixXd X = MatrixXd::Identity(3, 3);
    X(1, 2) = std::nan("");
    EXPECT_THROW((void)select_components(X, 2), std::invalid_argument);
}

/// Residuals of what is explained already are rounding, of either sign.
TEST(CholeskySelection, TakesNothingWhereNoResidualIsPositive) {
    for (unsigned seed = 1; seed < 40; ++seed)
        EXPECT_EQ(select_by_cholesky(kernel_matrix(random_features(3, 1, 1.0, seed).replicate(1, 3), 4)), Indices{0});
    EXPECT_TRUE(select_by_cholesky(-MatrixXd::Identity(4, 4)).empty());
    EXPECT_TRUE(select_by_cholesky(MatrixXd::Zero(4, 4)).empty());
}

}  // namespace
}  // namespace mlff::bayes
