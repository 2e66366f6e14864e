#include "libmlff/atoms/neighbor_list.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

using Random = std::mt19937_64;

double uniform(Random& random, double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
}

struct Pair {
    Eigen::Index i, j;
    Vector3 r;
};

/// The definition, without any thought for cost. P = pseudo-inverse of the periodic lattice vectors: S = P (r_ij − d)
/// with d = r_j − r_i, so that each component lies within ‖P_a‖ cutoff of −P_a d. Loops run in canonical order.
std::vector<Pair> brute_force(const Structure& s, double cutoff) {
    Matrix3 inverse = Matrix3::Zero();  // rows of open axes stay zero: no images there
    {
        std::vector<int> axes;
        for (int a = 0; a < 3; ++a)
            if (s.periodic[static_cast<std::size_t>(a)]) axes.push_back(a);
        Eigen::MatrixXd span(3, axes.size());
        for (std::size_t k = 0; k < axes.size(); ++k) span.col(static_cast<Eigen::Index>(k)) = s.cell.col(axes[k]);
        if (!axes.empty()) {
            const Eigen::MatrixXd pseudo = (span.transpose() * span).inverse() * span.transpose();
            for (std::size_t k = 0; k < axes.size(); ++k)
                inverse.row(axes[k]) = pseudo.row(static_cast<Eigen::Index>(k));
        }
    }
    std::vector<Pair> pairs;
    for (Eigen::Index i = 0; i < s.size(); ++i)
        for (Eigen::Index j = 0; j < s.size(); ++j) {
            const Vector3 d = s.positions.col(j) - s.positions.col(i);
            const Vector3 middle = -inverse * d, width = cutoff * inverse.rowwise().norm();
            const auto low = [&](int a) { return static_cast<int>(std::floor(middle[a] - width[a])); };
            const auto high = [&](int a) { return static_cast<int>(std::ceil(middle[a] + width[a])); };
            for (int a = low(0); a <= high(0); ++a)
                for (int b = low(1); b <= high(1); ++b)
                    for (int c = low(2); c <= high(2); ++c) {
                        const auto open = [&](int axis) { return !s.periodic[static_cast<std::size_t>(axis)]; };
                        if ((open(0) && a != 0) || (open(1) && b != 0) || (open(2) && c != 0)) continue;
                        if (i == j && a == 0 && b == 0 && c == 0) continue;
                        const Vector3 r = d + s.cell * Vector3(a, b, c);
                        if (r.norm() < cutoff) pairs.push_back({i, j, r});
                    }
        }
    return pairs;
}

/// Same pairs in the same order, and distances that belong to the vectors.
::testing::AssertionResult equals_brute_force(const Structure& s, const NeighborList& list) {
    const auto expected = brute_force(s, list.cutoff());
    if (list.n_atoms() != s.size()) return ::testing::AssertionFailure() << list.n_atoms() << " atoms";
    if (list.n_pairs() != static_cast<Eigen::Index>(expected.size()))
        return ::testing::AssertionFailure() << list.n_pairs() << " pairs, expected " << expected.size();
    const double tolerance = 1e-11 * (1.0 + s.positions.cwiseAbs().sum());
    for (Eigen::Index i = 0; i < list.n_atoms(); ++i)
        for (Eigen::Index p = list.first(i); p < list.first(i + 1); ++p) {
            const Pair& e = expected[static_cast<std::size_t>(p)];
            if (e.i != i || e.j != list.neighbor(p))
                return ::testing::AssertionFailure() << "pair " << p << " is (" << i << ", " << list.neighbor(p)
                                                     << "), expected (" << e.i << ", " << e.j << ")";
            if (!((list.vectors().col(p) - e.r).norm() <= tolerance))
                return ::testing::AssertionFailure()
                       << "pair " << p << " has vector " << list.vectors().col(p).transpose() << ", expected "
                       << e.r.transpose();
            if (!(std::abs(list.distances()[static_cast<std::size_t>(p)] - e.r.norm()) <= tolerance))
                return ::testing::AssertionFailure() << "pair " << p << ": distance";
        }
    return ::testing::AssertionSuccess();
}

/// Bit for bit.
::testing::AssertionResult identical(const NeighborList& a, const NeighborList& b) {
    if (a.n_atoms() != b.n_atoms() || a.n_pairs() != b.n_pairs())
        return ::testing::AssertionFailure() << a.n_pairs() << " and " << b.n_pairs() << " pairs";
    for (Eigen::Index i = 0; i <= a.n_atoms(); ++i)
        if (a.first(i) != b.first(i)) return ::testing::AssertionFailure() << "first pair of atom " << i;
    for (Eigen::Index p = 0; p < a.n_pairs(); ++p)
        if (a.neighbor(p) != b.neighbor(p)) return ::testing::AssertionFailure() << "neighbour of pair " << p;
    if (a.vectors().leftCols(a.n_pairs()) != b.vectors().leftCols(b.n_pairs()))
        return ::testing::AssertionFailure() << "vectors";
    if (a.distances() != b.distances()) return ::testing::AssertionFailure() << "distances";
    return ::testing::AssertionSuccess();
}

/// A triclinic cell of either handedness with atoms inside and, where `spread` is above zero, that many cells outside.
Structure random_structure(Random& random, Eigen::Index n_atoms, double length, std::array<bool, 3> periodic,
                           double spread = 0.0) {
    Structure s;
    do {
        s.cell = Matrix3::Identity() * length;
        for (auto& x : s.cell.reshaped()) x += uniform(random, -0.45, 0.45) * length;
        if (uniform(random, 0.0, 1.0) < 0.5) s.cell.col(0).swap(s.cell.col(1));
    } while (std::abs(s.cell.determinant()) < 0.2 * length * length * length);
    s.periodic = periodic;
    s.positions.resize(3, n_atoms);
    for (Eigen::Index i = 0; i < n_atoms; ++i)
        for (bool crowded = true; crowded;) {
            const Vector3 u(uniform(random, 0.0, 1.0), uniform(random, 0.0, 1.0), uniform(random, 0.0, 1.0));
            s.positions.col(i) = s.cell * u;
            crowded = false;
            for (Eigen::Index j = 0; j < i; ++j) {  // also across the border, where the neighbour list would complain
                Vector3 d = s.cell.inverse() * (s.positions.col(j) - s.positions.col(i));
                for (auto& x : d) x -= std::round(x);
                crowded = crowded || (s.cell * d).norm() < 0.3;
            }
        }
    for (Eigen::Index i = 0; i < n_atoms; ++i)
        for (int axis = 0; axis < 3; ++axis)
            if (periodic[static_cast<std::size_t>(axis)])
                s.positions.col(i) += s.cell.col(axis) * std::round(uniform(random, -spread, spread));
    for (Eigen::Index i = 0; i < n_atoms; ++i) s.species.push_back(i % 3 == 0 ? 47 : 53);
    for (int axis = 0; axis < 3; ++axis)  // an open axis needs no lattice vector
        if (!periodic[static_cast<std::size_t>(axis)] && uniform(random, 0.0, 1.0) < 0.5) s.cell.col(axis).setZero();
    return s;
}

TEST(NeighborList, EqualsBruteForce) {
    Random random(1);
    long pairs = 0;
    for (int seed = 0; seed < 160; ++seed) {
        const std::array<bool, 3> periodic = {(seed & 1) == 0, (seed & 2) == 0, (seed & 4) == 0};
        const auto n = static_cast<Eigen::Index>(1 + random() % 24);
        const double spread = seed % 3 == 0 ? 40.0 : 0.0;
        const Structure s = random_structure(random, n, uniform(random, 2.0, 12.0), periodic, spread);
        NeighborList list(uniform(random, 1.0, 6.0), seed % 2 == 0 ? 0.0 : 0.7);
        list.update(s);
        ASSERT_TRUE(equals_brute_force(s, list)) << "seed " << seed;
        pairs += list.n_pairs();
    }
    EXPECT_GT(pairs, 50000);  // the comparison was not one of empty lists
}

TEST(NeighborList, ManyBinsEqualBruteForce) {  // cells of many cutoffs, where bins and not images do the work
    Random random(2);
    for (int seed = 0; seed < 8; ++seed) {
        const std::array<bool, 3> periodic = {(seed & 1) == 0, (seed & 2) == 0, (seed & 4) == 0};
        const Structure s = random_structure(random, 300, 20.0, periodic, 3.0);
        NeighborList list(3.1);
        list.update(s);
        ASSERT_TRUE(equals_brute_force(s, list)) << "seed " << seed;
    }
}

TEST(NeighborList, OneAtomSeesItsImages) {
    Structure s;
    s.cell = 2.0 * Matrix3::Identity();
    s.periodic = {true, true, true};
    s.species = {14};
    s.positions = Matrix3X::Constant(3, 1, 0.3);
    NeighborList list(2.0 * std::sqrt(3.0) + 1e-9);
    list.update(s);
    EXPECT_EQ(list.n_pairs(), 6 + 12 + 8);
    NeighborList nearest(2.0);  // the cutoff itself is excluded
    nearest.update(s);
    EXPECT_EQ(nearest.n_pairs(), 0);
    s.periodic = {false, false, false};
    list.update(s);
    EXPECT_EQ(list.n_pairs(), 0);
}

TEST(NeighborList, SkewedCellsDescribeTheSameLattice) {
    Random random(3);
    const Structure s = random_structure(random, 12, 7.0, {true, true, true});
    // Unimodular changes of basis leave the crystal as it is. The last is skewed so far that, taken as it stands, its
    // heights would ask for a hundred thousand images.
    for (const auto& change : {std::array<int, 3>{1, 0, 0}, {3, -2, 5}, {-40, 17, 60}, {900, -800, 700}}) {
        Matrix3 unimodular;
        unimodular << 1, change[0], change[1], 0, 1, change[2], 0, 0, 1;
        Structure skewed = s;
        skewed.cell = s.cell * unimodular;
        NeighborList plain(5.0), other(5.0);
        plain.update(s);
        other.update(skewed);
        ASSERT_EQ(plain.n_pairs(), other.n_pairs());
        ASSERT_TRUE(equals_brute_force(s, plain));
        // Shifts, hence the order of a pair's images, differ; the multiset of vectors may not.
        const auto sorted = [](const NeighborList& list) {
            std::vector<std::array<double, 5>> rows;
            for (Eigen::Index i = 0; i < list.n_atoms(); ++i)
                for (Eigen::Index p = list.first(i); p < list.first(i + 1); ++p) {
                    const Vector3 r = list.vectors().col(p);
                    rows.push_back({static_cast<double>(i), static_cast<double>(list.neighbor(p)),
                                    std::round(r[0] * 1e6), std::round(r[1] * 1e6), std::round(r[2] * 1e6)});
                }
            std::sort(rows.begin(), rows.end());
            return rows;
        };
        EXPECT_EQ(sorted(plain), sorted(other));
    }
    // Three vectors that are short and pairwise reduced, yet nearly add up to zero.
    Structure flat = s;
    flat.cell << 8.0, -4.0, -4.0, 0.0, 6.9, -6.9, 0.0, 0.0, 3.0;
    NeighborList list(4.0);
    list.update(flat);
    EXPECT_TRUE(equals_brute_force(flat, list));
}

TEST(NeighborList, SupercellHasTheSameEnvironments) {
    Random random(4);
    const Structure unit = random_structure(random, 7, 5.0, {true, true, true}, 2.0);
    const Structure super = make_supercell(unit, {3, 1, 2});
    NeighborList a(4.5), b(4.5);
    a.update(unit);
    b.update(super);
    ASSERT_EQ(b.n_pairs(), 6 * a.n_pairs());
    for (Eigen::Index copy = 0; copy < 6; ++copy)
        for (Eigen::Index i = 0; i < unit.size(); ++i) {
            std::vector<double> in_unit, in_super;
            for (Eigen::Index p = a.first(i); p < a.first(i + 1); ++p)
                in_unit.push_back(a.distances()[static_cast<std::size_t>(p)]);
            const Eigen::Index same = copy * unit.size() + i;
            for (Eigen::Index p = b.first(same); p < b.first(same + 1); ++p)
                in_super.push_back(b.distances()[static_cast<std::size_t>(p)]);
            std::sort(in_unit.begin(), in_unit.end());
            std::sort(in_super.begin(), in_super.end());
            ASSERT_EQ(in_unit.size(), in_super.size());
            for (std::size_t k = 0; k < in_unit.size(); ++k) EXPECT_NEAR(in_unit[k], in_super[k], 1e-10);
        }
}

TEST(NeighborList, EveryPairHasItsExactOpposite) {
    Random random(5);
    const Structure s = random_structure(random, 9, 4.0, {true, true, false}, 20.0);
    NeighborList list(5.0);
    list.update(s);
    for (Eigen::Index i = 0; i < s.size(); ++i)
        for (Eigen::Index p = list.first(i); p < list.first(i + 1); ++p) {
            const Eigen::Index j = list.neighbor(p);
            int opposite = 0;
            for (Eigen::Index q = list.first(j); q < list.first(j + 1); ++q)
                opposite += list.neighbor(q) == i && list.vectors().col(q) == -list.vectors().col(p);
            ASSERT_EQ(opposite, 1);
        }
}

TEST(NeighborList, SkinChangesNoBit) {
    Random random(6);
    for (const double step : {0.02, 0.11, 0.4}) {  // many refreshes, some, hardly any
        Structure s = random_structure(random, 60, 9.0, {true, true, true});
        NeighborList with_skin(4.0, 1.0);
        int compared = 0;
        for (int t = 0; t < 60; ++t) {
            for (auto& x : s.positions.reshaped()) x += uniform(random, -step, step);
            NeighborList fresh(4.0);
            try {
                fresh.update(s);
            } catch (const InputError&) {  // a random walk lets atoms meet
                EXPECT_THROW(with_skin.update(s), InputError);
                continue;
            }
            with_skin.update(s);
            ASSERT_TRUE(identical(with_skin, fresh)) << "step " << t;
            ++compared;
        }
        EXPECT_GT(compared, 20);
        if (step < 0.1) {
            EXPECT_LT(with_skin.n_searches(), 30);
        }
        if (step > 0.3) {
            EXPECT_GT(with_skin.n_searches(), 30);
        }
    }
}

// A cell that moves away, and a hexagonal one that trembles at the border between two reduced forms.
TEST(NeighborList, SkinFollowsTheCell) {
    for (const bool trembling : {false, true}) {
        Random random(16);
        Structure s = random_structure(random, 40, 9.0, {true, true, true});
        Matrix3 hexagonal;
        hexagonal << 9.0, -4.5, 0.0, 0.0, 4.5 * std::sqrt(3.0), 0.0, 0.0, 0.0, 10.0;
        s.positions = hexagonal * s.cell.inverse() * s.positions;
        s.cell = hexagonal;
        s.positions.col(7) += 3.0 * s.cell.col(0);  // far outside the cell
        NeighborList with_skin(4.0, 1.0);
        int compared = 0;
        for (int t = 0; t < 200; ++t) {
            Matrix3 strain;
            for (auto& x : strain.reshaped()) x = uniform(random, -3e-3, 3e-3);
            const Matrix3 before = s.cell;
            s.cell = (Matrix3::Identity() + strain) * (trembling ? hexagonal : before);
            s.positions = s.cell * before.inverse() * s.positions;
            const double step = trembling ? 0.02 : 0.08;
            for (auto& x : s.positions.reshaped()) x += uniform(random, -step, step);
            NeighborList fresh(4.0);
            try {
                fresh.update(s);
            } catch (const InputError&) {
                EXPECT_THROW(with_skin.update(s), InputError);
                continue;
            }
            with_skin.update(s);
            ASSERT_TRUE(identical(with_skin, fresh)) << "step " << t;
            ++compared;
        }
        EXPECT_GT(compared, 100);
        EXPECT_LT(with_skin.n_searches(), 180);
    }
}

TEST(NeighborList, SearchesAgainWhenItMust) {
    Random random(7);
    Structure s = random_structure(random, 30, 8.0, {true, true, true});
    const double cutoff = 4.0, skin = 1.0;
    NeighborList list(cutoff, skin);
    const auto searched = [&] {
        const long before = list.n_searches();
        list.update(s);
        EXPECT_TRUE(equals_brute_force(s, list));
        return list.n_searches() - before;
    };
    EXPECT_EQ(searched(), 1);
    EXPECT_EQ(searched(), 0);
    s.positions(1, 5) += 0.4;
    EXPECT_EQ(searched(), 0);
    s.positions(1, 5) += 0.2;  // more than skin/2 from where it was searched
    EXPECT_EQ(searched(), 1);
    s.cell(0, 1) += 1e-9;
    EXPECT_EQ(searched(), 0);
    s.cell *= 1.02;
    s.positions *= 1.02;  // atoms that go with the cell are not nearer to another pair
    EXPECT_EQ(searched(), 0);
    s.cell *= 1.3;
    EXPECT_EQ(searched(), 1);
    s.species[3] = 14;
    EXPECT_EQ(searched(), 1);
    s.periodic[2] = false;
    EXPECT_EQ(searched(), 1);
    s.positions.conservativeResize(3, 29);
    s.species.resize(29);
    EXPECT_EQ(searched(), 1);
    s.positions.col(3) += s.cell.col(0) * 7.0 + s.cell.col(1);  // wrapped by somebody
    EXPECT_EQ(searched(), 1);
}

TEST(NeighborList, ResultDoesNotDependOnTheThreads) {
    Random random(8);
    Structure s = random_structure(random, 400, 22.0, {true, true, true});
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    NeighborList one(5.0, 0.5);
    one.update(s);
    for (const int n : {2, 5}) {
        omp_set_num_threads(n);
        NeighborList several(5.0, 0.5);
        several.update(s);
        EXPECT_TRUE(identical(one, several));
    }
    omp_set_num_threads(threads);
}

/// Pairs of one atom after the other are those of the list, bit for bit, also long after the search.
TEST(NeighborList, PairsOnDemandAreThoseOfTheList) {
    Random random(11);
    Structure s = random_structure(random, 60, 9.0, {true, true, false});
    NeighborList on_demand(4.0, 1.0);
    NeighborList::Pairs pairs;
    for (int step = 0; step < 4; ++step) {
        on_demand.prepare(s);
        NeighborList stored(4.0, 0.0);
        stored.update(s);
        ASSERT_GT(stored.n_pairs(), 500);
        for (Eigen::Index i = 0; i < s.size(); ++i) {
            on_demand.pairs(i, pairs);
            EXPECT_FALSE(pairs.too_close);
            ASSERT_EQ(pairs.size, stored.count(i));
            for (Eigen::Index k = 0; k < pairs.size; ++k) {
                const auto place = static_cast<std::size_t>(k), p = static_cast<std::size_t>(stored.first(i) + k);
                EXPECT_EQ(pairs.neighbor[place], stored.neighbor(stored.first(i) + k));
                EXPECT_EQ(pairs.distances[place], stored.distances()[p]);
                for (std::size_t c = 0; c < 3; ++c)
                    EXPECT_EQ(pairs.vectors[3 * place + c], stored.vectors().data()[3 * p + c]);
            }
        }
        s.positions.array() += 0.05 * (s.positions.array() * 2.0).sin();
    }
    EXPECT_EQ(on_demand.n_searches(), 1);
    s.positions.col(1) = s.positions.col(0) + Vector3(0.05, 0.0, 0.0);
    on_demand.prepare(s);
    on_demand.pairs(0, pairs);
    EXPECT_TRUE(pairs.too_close);
}

TEST(NeighborList, NothingIsReallocatedWhenNothingGrows) {
    Random random(9);
    Structure s = random_structure(random, 200, 16.0, {true, true, true});
    NeighborList list(4.0, 0.2);
    list.update(s);
    const double* const vectors = list.vectors().data();
    const double* const distances = list.distances().data();
    const auto n_pairs = list.n_pairs(), columns = list.vectors().cols();
    for (int t = 0; t < 5; ++t) {  // as the crystal expands, pairs leave
        s.cell *= 1.01;
        s.positions *= 1.01;
        list.update(s);
        EXPECT_EQ(list.vectors().data(), vectors);
        EXPECT_EQ(list.distances().data(), distances);
        EXPECT_EQ(list.vectors().cols(), columns);
    }
    EXPECT_LT(list.n_pairs(), n_pairs);
    EXPECT_GT(list.n_searches(), 1);
}

TEST(NeighborList, MemoryAndTimeAreBoundedForSparseClusters) {
    // Bins of half a cutoff would number 1e24 here, a thousand million in the gas.
    Structure s;
    s.species = {18, 18, 18, 18, 18};
    s.positions.resize(3, 5);
    s.positions << 0.0, 1.0, 1e8, 1e8, -1e8,  //
        0.0, 0.0, 1e8, 1e8, 3e7,              //
        0.0, 0.0, -1e8, -1e8 + 2.0, 1e8;
    NeighborList list(3.0);
    list.update(s);
    EXPECT_TRUE(equals_brute_force(s, list));
    EXPECT_EQ(list.n_pairs(), 4);

    Random random(11);
    s.positions.resize(3, 1200);
    s.species.assign(1200, 18);
    for (Eigen::Index i = 0; i < s.size(); ++i)
        for (int axis = 0; axis < 3; ++axis)
            s.positions(axis, i) = i % 3 == 0 ? uniform(random, 0.0, 1e4) : s.positions(axis, i - 1) + 0.7;
    list.update(s);
    EXPECT_TRUE(equals_brute_force(s, list));
    EXPECT_GT(list.n_pairs(), 2000);
}

TEST(NeighborList, NoAtoms) {
    NeighborList list(3.0);
    list.update(Structure{});
    EXPECT_EQ(list.n_atoms(), 0);
    EXPECT_EQ(list.n_pairs(), 0);
}

std::string message_of(NeighborList& list, const Structure& s) {
    try {
        list.update(s);
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

TEST(NeighborList, NamesAtomsThatAreTooClose) {
    Structure s;
    s.cell = 6.0 * Matrix3::Identity();
    s.periodic = {true, true, true};
    s.species = {47, 53, 14, 53};
    s.positions.resize(3, 4);
    s.positions << 3.0, 0.04, 1.0, 5.96,  //
        3.0, 0.0, 2.0, 0.0,               //
        3.0, 0.0, 3.0, 0.04;
    NeighborList list(4.0, 1.0);
    EXPECT_EQ(message_of(list, s), "atom 2 (I) and atom 4 (I) are 0.0894 Å apart; at least 0.1 Å is needed");
    s.positions.col(3) << 5.0, 0.0, 0.0;
    EXPECT_EQ(message_of(list, s), "no error");
    s.positions.col(3) << 5.0, 0.0, 0.3;  // and back within the skin
    s.positions.col(1) << 5.0, 0.0, 0.3;
    EXPECT_EQ(message_of(list, s), "atom 2 (I) and atom 4 (I) are 0 Å apart; at least 0.1 Å is needed");

    s = Structure{};
    s.periodic = {true, true, true};
    s.species = {47};
    s.positions.setZero(3, 1);
    NeighborList other(4.0);
    s.cell = Vector3(5e-10, 5e-10, 6e-10).asDiagonal();  // metres
    EXPECT_EQ(message_of(other, s),
              "atom 1 (Ag) and its own periodic image are 5e-10 Å apart; at least 0.1 Å is needed");
}

TEST(NeighborList, RefusesWhatIsNotAStructure) {
    Random random(10);
    Structure s = random_structure(random, 8, 6.0, {true, true, true});
    NeighborList list(4.0, 1.0);
    list.update(s);
    s.positions(2, 4) = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(message_of(list, s), "position of atom 5 is not a finite number");
    s.positions(2, 4) = 1e13;
    EXPECT_EQ(message_of(list, s), "atoms lie too many lattice vectors outside the cell; wrap them into it first");
    s.positions(2, 4) = 1e308;
    EXPECT_EQ(message_of(list, s), "atoms lie too many lattice vectors outside the cell; wrap them into it first");
    s.positions(2, 4) = 1.0;
    s.species.pop_back();
    EXPECT_NE(message_of(list, s), "no error");
    EXPECT_THROW(NeighborList(0.0), std::invalid_argument);
    EXPECT_THROW(NeighborList(-1.0), std::invalid_argument);
    EXPECT_THROW(NeighborList(std::numeric_limits<double>::quiet_NaN()), std::invalid_argument);
    EXPECT_THROW(NeighborList(3.0, -0.1), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
