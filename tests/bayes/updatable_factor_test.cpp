#include "bayes/updatable_factor.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bayes/posterior.hpp"
#include "bayes/random_matrix.hpp"
#include "bayes/triangular_factor.hpp"
#include "support/allocations.hpp"

namespace mlff::bayes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::ill_conditioned;
using testing::random_matrix;

/// Rows and columns of one large matrix, some of them in the factor: by its own order of columns.
struct Followed {
    MatrixXd Phi;
    VectorXd y;
    UpdatableFactor factor;
    std::vector<Index> groups = {0};  ///< first row of each group, and the end
    std::vector<Index> columns;       ///< of Phi

    void rows(Index n) {
        const Index first = groups.back();
        factor.add_rows(Phi.middleRows(first, n)(Eigen::all, columns), y.segment(first, n));
        groups.push_back(first + n);
    }
    void add(const std::vector<Index>& fresh) {
        std::vector<MatrixXd> parts;
        for (std::size_t g = 0; g + 1 < groups.size(); ++g)
            parts.emplace_back(Phi.middleRows(groups[g], groups[g + 1] - groups[g])(Eigen::all, fresh));
        factor.add_columns(std::move(parts));
        columns.insert(columns.end(), fresh.begin(), fresh.end());
    }
    void leave_out(const std::vector<Index>& positions) {
        std::vector<Index> kept, remaining;
        for (Index k = 0; k < factor.n_columns(); ++k)
            if (std::find(positions.begin(), positions.end(), k) == positions.end()) {
                kept.push_back(k);
                remaining.push_back(columns[static_cast<std::size_t>(k)]);
            }
        factor.keep_columns(kept);
        columns = remaining;
    }
    [[nodiscard]] std::vector<Index> order() const {  ///< columns of Phi ascending
        std::vector<Index> order(columns.size());
        std::iota(order.begin(), order.end(), Index{0});
        std::sort(order.begin(), order.end(), [&](Index a, Index b) {
            return columns[static_cast<std::size_t>(a)] < columns[static_cast<std::size_t>(b)];
        });
        return order;
    }
    [[nodiscard]] MatrixXd present() const {  ///< [Φ y] with the columns ascending
        std::vector<Index> ascending = columns;
        std::sort(ascending.begin(), ascending.end());
        MatrixXd all(groups.back(), static_cast<Index>(columns.size()) + 1);
        all << Phi.topRows(groups.back())(Eigen::all, ascending), y.head(groups.back());
        return all;
    }
    [[nodiscard]] MatrixXd refit() const {
        TriangularFactor afresh(static_cast<Index>(columns.size()) + 1);
        afresh.add_rows(present());
        return afresh.R();
    }
};

std::vector<Index> range(Index first, Index end) {
    std::vector<Index> list(static_cast<std::size_t>(end - first));
    std::iota(list.begin(), list.end(), first);
    return list;
}

/// A life of rows and columns that come and go; `visit` after each event.
template <class Visit>
void live(Followed& f, const Visit& visit) {
    f.columns = range(0, 20);
    f.factor = UpdatableFactor(20);
    f.rows(50);
    visit();
    f.rows(7);  // fewer than columns
    visit();
    f.add(range(30, 55));  // more than are worked on at once
    visit();
    f.rows(90);
    f.leave_out({0, 3, 19, 30});
    visit();
    f.add({25, 28});
    visit();
    f.rows(40);
    f.leave_out({5, 41});
    f.add({0});
    f.rows(113);
    visit();
}

TEST(UpdatableFactor, FollowsRowsAndColumnsAsIfFactorisedAfresh) {
    Followed f{random_matrix(300, 60, 1), random_matrix(300, 1, 2), UpdatableFactor(0), {0}, {}};
    int n_visits = 0;
    live(f, [&] {
        ++n_visits;
        const MatrixXd expected = f.refit(), R = f.factor.R(f.order());
        EXPECT_LE((R.transpose() * R - f.present().transpose() * f.present()).norm(),
                  1e-12 * f.present().squaredNorm());
        if (f.groups.back() > R.cols()) {
            EXPECT_LE((R - expected).norm(), 1e-12 * expected.norm());
        }
        EXPECT_EQ(f.factor.n_rows(), f.groups.back());
        EXPECT_EQ(f.factor.n_columns(), static_cast<Index>(f.columns.size()));
        const VectorXd w = random_matrix(f.factor.n_columns(), 1, 3);
        const VectorXd product = f.Phi.topRows(f.groups.back())(Eigen::all, f.columns) * w;
        const auto parts = f.factor.times(w);
        ASSERT_EQ(parts.size() + 1, f.groups.size());
        for (std::size_t g = 0; g < parts.size(); ++g)
            EXPECT_LE((parts[g] - product.segment(f.groups[g], parts[g].size())).norm(), 1e-12 * product.norm());
    });
    EXPECT_EQ(n_visits, 6);
    EXPECT_GT(f.factor.excess(), 1.1);
    EXPECT_LT(f.factor.excess(), 2.0);
}

TEST(UpdatableFactor, PredictsAsARefitAtConditionTenToTheTen) {
    const MatrixXd Phi = ill_conditioned(300, 60, 1e10, 4);
    Followed f{Phi, Phi * random_matrix(60, 1, 5) + 1e-6 * random_matrix(300, 1, 6), UpdatableFactor(0), {0}, {}};
    live(f, [] {});
    EvidenceOptions fixed{.mode = EvidenceMode::fixed, .weight_precision = 1e-16, .noise_precision = 1.0};
    const auto predict = [&](const MatrixXd& R) -> VectorXd {
        return f.present().leftCols(R.cols() - 1) * fit(R, f.groups.back(), fixed).weights();
    };
    const VectorXd expected = predict(f.refit());
    const double difference = (predict(f.factor.R(f.order())) - expected).norm();
    EXPECT_LE(difference, 1e-8 * expected.norm());
}

TEST(UpdatableFactor, ColumnsMayAllGo) {
    Followed f{random_matrix(80, 20, 7), random_matrix(80, 1, 8), UpdatableFactor(5), {0}, range(0, 5)};
    f.rows(30);
    f.leave_out(range(0, 5));
    EXPECT_NEAR(f.factor.R({})(0, 0), f.y.head(30).norm(), 1e-13);
    f.rows(10);
    f.add(range(2, 12));
    f.rows(40);
    const MatrixXd expected = f.refit();
    EXPECT_LE((f.factor.R(f.order()) - expected).norm(), 1e-12 * expected.norm());
}

TEST(UpdatableFactor, RefusesWhatDoesNotFit) {
    UpdatableFactor factor(2);
    EXPECT_THROW(factor.add_rows(MatrixXd::Zero(3, 3), VectorXd::Zero(3)), std::invalid_argument);
    EXPECT_THROW(factor.add_rows(MatrixXd::Constant(3, 2, std::nan("")), VectorXd::Zero(3)), std::invalid_argument);
    factor.add_rows(MatrixXd::Ones(3, 2), VectorXd::Ones(3));
    EXPECT_THROW(factor.add_columns({}), std::invalid_argument);
    EXPECT_THROW(factor.add_columns({MatrixXd::Ones(2, 1)}), std::invalid_argument);
    EXPECT_THROW(factor.keep_columns({1, 0}), std::invalid_argument);
    EXPECT_THROW(factor.keep_columns({2}), std::invalid_argument);
    EXPECT_THROW((void)factor.R({0}), std::invalid_argument);
}

TEST(UpdatableFactor, AnAllocationThatFailsInAThreadIsAnException) {
    if (!mlff::testing::can_fail_allocations()) GTEST_SKIP() << "malloc is not ours";
    const int n_threads = omp_get_max_threads();
    omp_set_num_threads(2);
    const MatrixXd rows = random_matrix(30, 4, 1), columns = random_matrix(30, 40, 2);
    UpdatableFactor filled(4);
    filled.add_rows(rows, VectorXd::Ones(30));
    const auto work = [&] {
        UpdatableFactor factor = filled;
        factor.add_columns({columns});
    };
    work();  // starts the threads
    EXPECT_GT(mlff::testing::fail_each_allocation(mlff::testing::Where::parallel_regions, 1, work), 5);
    omp_set_num_threads(n_threads);
}

}  // namespace
}  // namespace mlff::bayes
