#include "libmlff/learning/training_set.hpp"

#include <gtest/gtest.h>

#include <new>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "support/allocations.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::VectorXd;
using testing::agree;
using testing::jittered_crystal;

const std::vector<int> species = {47, 53};

Candidate candidate(unsigned seed, int n = 2, bool all_atoms = true) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    Candidate out;
    const double jitter = 0.05 + 0.02 * static_cast<double>(seed % 10);
    out.structure.structure = jittered_crystal(seed, n, 2.3, species, seed % 2 == 1, jitter);
    const Index size = out.structure.structure.size();
    out.structure.labels.energy = normal(random);
    out.structure.labels.forces = Matrix3X(3, size);
    for (double& f : out.structure.labels.forces->reshaped()) f = normal(random);
    out.structure.labels.stress = Voigt::Constant(0.01 * normal(random));
    for (Index i = 0; i < size; i += all_atoms ? 1 : 3) out.atoms.push_back(i);
    return out;
}

std::set<std::pair<int, int>> origins(const LocalReferences& set) {
    std::set<std::pair<int, int>> out;
    for (std::size_t k = 0; k < set.structure.size(); ++k) out.emplace(set.structure[k], set.atom[k]);
    return out;
}

/// Features and design rows as they would be made afresh, with the same structures and references.
void expect_consistent(const TrainingSet& set) {
    RegressionData regression(set.n_references(), set.species());
    std::vector<Eigen::MatrixXd> features;
    VectorXd w(set.n_references());
    for (Index k = 0; k < w.size(); ++k) w[k] = std::sin(1.7 * static_cast<double>(k));
    VectorXd squared = VectorXd::Zero(2), count = squared;
    for (const auto& item : set.structures()) {
        Environments environments(set.species(), set.descriptor().cutoff(), 0.0);
        environments.update(item.structure);
        features.push_back(compute_features(set.descriptor(), environments));
        const DesignRows rows = design_rows(set.descriptor(), 4, set.references(), environments, item.structure);
        regression.add(rows, item);
        const VectorXd forces = rows.forces.transpose() * w;
        for (Index i = 0; i < item.structure.size(); ++i) {
            squared[environments.channel(i)] += (forces.segment(3 * i, 3) - item.labels.forces->col(i)).squaredNorm();
            count[environments.channel(i)] += 3.0;
        }
    }
    for (std::size_t s = 0; s < set.references().size(); ++s) {
        const LocalReferences& references = set.references()[s];
        ASSERT_EQ(static_cast<Index>(references.structure.size()), references.size());
        for (Index b = 0; b < references.size(); ++b) {
            const auto structure = static_cast<std::size_t>(references.structure[static_cast<std::size_t>(b)]);
            const int atom = references.atom[static_cast<std::size_t>(b)];
            EXPECT_EQ(set.structures()[structure].structure.species[static_cast<std::size_t>(atom)], species[s]);
            EXPECT_TRUE(agree(references.features.col(b), features[structure].col(atom), 1e-14));
        }
    }
    EXPECT_TRUE(agree(set.force_errors(w), (squared.array() / count.array()).sqrt().matrix(), 1e-12));

    RegressionOptions options;  // well conditioned, so that rounding is not amplified
    options.evidence = {.mode = bayes::EvidenceMode::fixed, .weight_precision = 1.0, .noise_precision = 1.0};
    const ForceField kept = set.fit(options, {});
    const auto descriptor = std::make_shared<descriptors::Descriptor>(set.descriptor().options(), 2);
    const ForceField afresh = fit(std::move(regression), descriptor, 4, set.references(), options, {});
    EXPECT_TRUE(agree(kept.posterior().weights(), afresh.posterior().weights(), 1e-10));
    EXPECT_TRUE(agree(kept.posterior().factor(), afresh.posterior().factor(), 1e-10));
}

TEST(TrainingSet, KeepsTheRowsOfReferencesThatComeAndGo) {
    for (const auto method : {SelectionMethod::cur, SelectionMethod::cholesky}) {
        const SelectionOptions options{.method = method, .tolerance = 1e-6};
        TrainingSet set(std::make_shared<descriptors::Descriptor>(testing::small_descriptor(), 2), 4, species);
        const std::vector<Index> capacities = {6, 30, 30, 9, 12};
        bool dropped = false, added = false, stayed = false;
        unsigned seed = 0;
        for (std::size_t round = 0; round < capacities.size(); ++round) {
            const auto before = set.references();
            std::vector<Candidate> candidates;
            for (std::size_t k = 0; k < 1 + round % 3; ++k) {
                ++seed;
                candidates.push_back(candidate(seed, seed == 3 ? 3 : 2, round % 2 == 0));
            }
            const auto changes = set.learn(std::move(candidates), options, capacities[round]);
            ASSERT_EQ(changes.size(), 2u);
            for (std::size_t s = 0; s < 2; ++s) {
                const auto old = origins(before[s]), now = origins(set.references()[s]);
                EXPECT_EQ(changes[s].before, before[s].size());
                EXPECT_EQ(changes[s].after, set.references()[s].size());
                EXPECT_GT(changes[s].candidates, 0);
                EXPECT_LE(changes[s].after, capacities[round]);
                EXPECT_EQ(static_cast<Index>(now.size()), changes[s].after);  // none twice
                for (const auto& origin : old) (now.count(origin) > 0 ? stayed : dropped) = true;
                for (const auto& origin : now) added |= round > 0 && old.count(origin) == 0;
            }
            expect_consistent(set);
        }
        EXPECT_EQ(set.structures().size(), seed);
        EXPECT_TRUE(dropped && added && stayed);
        std::size_t n_rows = 0;
        for (const auto& item : set.structures()) n_rows += 7 + 3 * static_cast<std::size_t>(item.structure.size());
        // Reflections of references that are gone may take half of it in addition.
        const std::size_t needed = 8 * n_rows * static_cast<std::size_t>(set.n_references());
        EXPECT_GE(set.bytes(), needed);
        EXPECT_LE(2 * set.bytes(), 3 * needed);
    }
}

TEST(TrainingSet, AStructureWithoutCandidatesAddsRowsOnly) {
    TrainingSet set(std::make_shared<descriptors::Descriptor>(testing::small_descriptor(), 2), 4, species);
    (void)set.learn({candidate(1)}, {}, 100);
    const auto before = set.references();
    Candidate bare = candidate(2);
    bare.atoms.clear();
    (void)set.learn({bare}, {.method = SelectionMethod::cholesky, .tolerance = 1e-12}, 100);
    EXPECT_EQ(set.structures().size(), 2u);
    EXPECT_EQ(origins(set.references()[0]), origins(before[0]));
    expect_consistent(set);
}

TEST(TrainingSet, ALonelyAtomIsNoReference) {
    TrainingSet set(std::make_shared<descriptors::Descriptor>(testing::small_descriptor(), 2), 4, species);
    Matrix3X positions = Matrix3X::Zero(3, 3);
    positions(0, 1) = 2.0;
    positions(1, 2) = 20.0;
    Candidate lonely;
    lonely.structure.structure = testing::cluster({47, 53, 53}, positions);
    lonely.structure.labels.energy = 1.0;
    lonely.atoms = {0, 1, 2};
    (void)set.learn({lonely}, {}, 100);
    EXPECT_EQ(set.references()[0].atom, std::vector<int>{0});
    EXPECT_EQ(set.references()[1].atom, std::vector<int>{1});
}

TEST(TrainingSet, ThreadsAgreeAndTheSameNumberGivesTheSameBits) {
    RegressionOptions options;
    options.evidence = {.mode = bayes::EvidenceMode::fixed, .weight_precision = 1.0, .noise_precision = 1.0};
    const auto weights = [&](int n_threads) -> VectorXd {
        const testing::Threads threads(n_threads);
        TrainingSet set(std::make_shared<descriptors::Descriptor>(testing::small_descriptor(), 2), 4, species);
        for (unsigned k = 0; k < 3; ++k)
            (void)set.learn({candidate(2 * k + 1), candidate(2 * k + 2)},
                            {.method = SelectionMethod::cholesky, .tolerance = 1e-4}, 12);
        return set.fit(options, {}).posterior().weights();
    };
    const VectorXd one = weights(1), two = weights(2);
    EXPECT_TRUE(agree(two, one, 1e-12));
    EXPECT_EQ(weights(1), one);
    EXPECT_EQ(weights(2), two);
}

/// A structure of weight 3 is as good as three of it: energy, forces and stress, as columns and as rows.
TEST(TrainingSet, AWeightIsANumberOfStructures) {
    const SelectionOptions selection{.method = SelectionMethod::cholesky, .tolerance = 1e-6};
    RegressionOptions options;
    options.evidence = {.mode = bayes::EvidenceMode::fixed, .weight_precision = 1.0, .noise_precision = 1.0};
    options.atom_energies = {{47, 0.0}, {53, 0.0}};
    const auto learned = [&](double weight, bool repeated) {
        TrainingSet set(std::make_shared<descriptors::Descriptor>(testing::small_descriptor(), 2), 4, species);
        for (const unsigned seed : {1u, 2u}) {
            Candidate first = candidate(seed), again = first;
            first.structure.weight = weight;
            again.atoms.clear();
            (void)set.learn({first}, selection, 6);
            if (repeated) (void)set.learn({again, again}, selection, 6);
        }
        return set;
    };
    const TrainingSet weighted = learned(3.0, false), repeated = learned(1.0, true), once = learned(1.0, false);
    ASSERT_EQ(origins(weighted.references()[1]).size(), origins(repeated.references()[1]).size());
    const ForceField a = weighted.fit(options, {}), b = repeated.fit(options, {}), c = once.fit(options, {});
    EXPECT_TRUE(agree(a.posterior().weights(), b.posterior().weights(), 1e-8));
    EXPECT_FALSE(agree(a.posterior().weights(), c.posterior().weights(), 1e-3));
    EXPECT_NEAR(a.provenance().rmse_force, b.provenance().rmse_force, 1e-9);
    EXPECT_TRUE(
        agree(weighted.force_errors(c.posterior().weights()), repeated.force_errors(c.posterior().weights()), 1e-9));
    expect_consistent(weighted);
}

/// Whatever fails, the set is as it was, and what it learns next is what it would have learned.
TEST(TrainingSet, LearnsAllOrNothing) {
    const SelectionOptions selection{.method = SelectionMethod::cholesky, .tolerance = 1e-6};
    RegressionOptions options;
    options.evidence = {.mode = bayes::EvidenceMode::fixed, .weight_precision = 1.0, .noise_precision = 1.0};
    const auto fresh = [&] {
        TrainingSet set(std::make_shared<descriptors::Descriptor>(testing::small_descriptor(), 2), 4, species);
        (void)set.learn({candidate(1)}, selection, 6);
        return set;
    };
    TrainingSet set = fresh(), undisturbed = fresh();
    const auto before = set.references();
    const VectorXd weights = set.fit(options, {}).posterior().weights();
    const auto expect_unchanged = [&] {
        ASSERT_EQ(set.structures().size(), 1u);
        for (std::size_t s = 0; s < 2; ++s) {
            EXPECT_EQ(set.references()[s].features, before[s].features);
            EXPECT_EQ(origins(set.references()[s]), origins(before[s]));
        }
        EXPECT_TRUE(agree(set.fit(options, {}).posterior().weights(), weights, 1e-10));
    };
    EXPECT_THROW(set.learn({candidate(2)}, selection, 8,
                           [](const TrainingSet::Changes&) { throw std::runtime_error("the fit failed"); }),
                 std::runtime_error);
    expect_unchanged();
    Candidate foreign = candidate(3);
    foreign.structure.structure.species[0] = 14;
    EXPECT_THROW(set.learn({candidate(2), foreign}, selection, 8), InputError);
    expect_unchanged();
    struct Learned {};
    const auto learn_and_forget = [&] {
        try {
            (void)set.learn({candidate(2)}, selection, 8, [&](const TrainingSet::Changes&) {
                (void)set.fit(options, {});
                throw Learned();
            });
        } catch (const Learned&) {
        }
    };
    if (testing::can_fail_allocations()) {
        EXPECT_GT(testing::fail_each_allocation(testing::Where::anywhere, 7, learn_and_forget, expect_unchanged), 10);
    }
    expect_unchanged();
    (void)undisturbed.learn({candidate(2), candidate(4)}, selection, 8);
    (void)set.learn({candidate(2), candidate(4)}, selection, 8);
    for (std::size_t s = 0; s < 2; ++s) EXPECT_EQ(origins(set.references()[s]), origins(undisturbed.references()[s]));
    EXPECT_TRUE(
        agree(set.fit(options, {}).posterior().weights(), undisturbed.fit(options, {}).posterior().weights(), 1e-10));
    expect_consistent(set);
}

TEST(TrainingSet, AnAllocationThatFailsInAThreadIsAnException) {
    if (!testing::can_fail_allocations()) GTEST_SKIP() << "malloc is not ours";
    const testing::Threads threads(2);
    TrainingSet set(std::make_shared<descriptors::Descriptor>(testing::small_descriptor(), 2), 4, species);
    const SelectionOptions selection{.method = SelectionMethod::cholesky, .tolerance = 1e-6};
    (void)set.learn({candidate(1), candidate(2)}, selection, 6);
    struct Learned {};
    const auto work = [&] {
        try {
            (void)set.learn({candidate(3)}, selection, 9, [](const TrainingSet::Changes&) { throw Learned(); });
        } catch (const Learned&) {
        }
    };
    work();
    EXPECT_GT(testing::fail_each_allocation(testing::Where::parallel_regions, 7, work), 10);
    expect_consistent(set);
}

/// Neighbour lists, the largest arrays of all, are not held of all structures at once.
TEST(TrainingSet, MemoryIsThatOfTheRows) {
    if (!testing::can_fail_allocations()) GTEST_SKIP() << "malloc is not ours";
    const SelectionOptions selection{.method = SelectionMethod::cholesky, .tolerance = 1e-6};
    descriptors::DescriptorOptions options = testing::small_descriptor();
    options.radial.cutoff = options.angular.cutoff = 6.0;
    const auto peak_of = [&](unsigned n) {
        TrainingSet set(std::make_shared<descriptors::Descriptor>(options, 2), 4, species);
        std::vector<Candidate> candidates;
        for (unsigned k = 0; k < n; ++k) candidates.push_back(candidate(k + 1, 3, k == 0));
        for (unsigned k = 1; k < n; ++k) candidates[k].atoms.clear();
        (void)set.learn(candidates, selection, 2);
        return testing::peak_bytes([&] { (void)set.learn({candidate(100, 3)}, selection, 3); });
    };
    Environments one(species, 6.0, 0.0);
    one.update(candidate(1, 3).structure.structure);
    const auto list = static_cast<double>(one.neighbors().n_pairs()) * (sizeof(std::int32_t) + 4 * sizeof(double));
    const double growth = (static_cast<double>(peak_of(24)) - static_cast<double>(peak_of(4))) / 20.0;
    EXPECT_LT(growth, 0.5 * list);
}

}  // namespace
}  // namespace mlff
