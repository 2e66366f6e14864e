#include <benchmark/benchmark.h>
#include <omp.h>

#include <map>
#include <numeric>
#include <random>

#include "bayes/kernel.hpp"
#include "bayes/lapack.hpp"
#include "bayes/posterior.hpp"
#include "bayes/selection.hpp"
#include "bayes/updatable_factor.hpp"
#include "benchmarks/crystals.hpp"
#include "libmlff/learning/training_set.hpp"
#include "libmlff/model/force_field_calculator.hpp"

// One retraining of on-the-fly learning, whole and by stages, on one core: AgI (bcc iodine, a = 5.06 Å, 128 atoms,
// displaced at random), default descriptors, 500 local references per species, 5 structures added to 200, of which 20
// atoms of each species are candidates. Labels are random: they cost what others cost.
namespace {

using namespace mlff;
using Eigen::Index;
using Eigen::MatrixXd;

constexpr int n_old = 200, n_new = 5;
constexpr Index per_species = 500;
const std::vector<int> species = {47, 53};

LabeledStructure labeled_agi(unsigned seed) {
    LabeledStructure item{make_supercell(agi_unit(), {4, 4, 2}), {}, "benchmark"};
    std::mt19937 random(seed);
    rattle(item.structure, random);
    std::normal_distribution<double> label;
    item.labels.energy = label(random);
    item.labels.forces = Matrix3X(3, item.structure.size());
    for (double& f : item.labels.forces->reshaped()) f = label(random);
    item.labels.stress = Voigt::Constant(0.01 * label(random));
    return item;
}

/// A structure of which some atoms of each species, four to eight, may become references.
Candidate candidate(unsigned seed, Index per_channel) {
    Candidate out{labeled_agi(seed), {}};
    std::map<int, Index> taken;
    for (Index i = 0; i < out.structure.structure.size(); ++i)
        if (Index& n = taken[out.structure.structure.species[static_cast<std::size_t>(i)]]; n < per_channel) {
            out.atoms.push_back(i);
            ++n;
        }
    return out;
}

std::vector<Candidate> candidates(int first, int n, Index per_channel) {
    std::vector<Candidate> list;
    for (int k = 0; k < n; ++k) list.push_back(candidate(static_cast<unsigned>(first + k), per_channel));
    return list;
}

const SelectionOptions selection{.method = SelectionMethod::cur, .tolerance = 1e-13};

/// The training set before the step, made once.
const TrainingSet& before() {
    static const TrainingSet set = [] {
        TrainingSet made(std::make_shared<descriptors::Descriptor>(vasp_force_field().descriptor, 2), 4, species);
        (void)made.learn(candidates(0, n_old, 3), {.method = SelectionMethod::cholesky, .tolerance = 1e-13},
                         per_species);
        (void)made.fit(vasp_regression(), {});
        return made;
    }();
    return set;
}

void one_core() { omp_set_num_threads(1); }

/// The whole: selection, design rows, fit. Argument: most references per species; 500 means that old ones make room.
void retraining(benchmark::State& state) {
    one_core();
    for (auto _ : state) {
        state.PauseTiming();
        TrainingSet set = before();
        auto fresh = candidates(1000, n_new, 4);
        state.ResumeTiming();
        const auto changes = set.learn(std::move(fresh), selection, state.range(0));
        benchmark::DoNotOptimize(set.fit(vasp_regression(), {}));
        state.counters["references"] = static_cast<double>(set.n_references());
        state.counters["candidates"] = static_cast<double>(changes[0].candidates);
    }
}
BENCHMARK(retraining)->Arg(520)->Arg(500)->Iterations(1)->Repetitions(3)->Unit(benchmark::kSecond)->UseRealTime();

/// Prediction with error estimates and spilling factors, as every training step makes it.
void prediction_with_beef(benchmark::State& state) {
    one_core();
    ForceFieldCalculator calculator(before().fit(vasp_regression(), {}));
    const Structure structure = labeled_agi(999).structure;
    for (auto _ : state)
        benchmark::DoNotOptimize(calculator.evaluate(structure, {.uncertainty = true, .spilling = true}));
}
BENCHMARK(prediction_with_beef)->Unit(benchmark::kSecond)->UseRealTime();

/// Stage: features of the atoms of the new structures.
void stage_features(benchmark::State& state) {
    one_core();
    for (auto _ : state)
        for (const auto& item : candidates(1000, n_new, 4)) {
            Environments environments(species, before().descriptor().cutoff(), 0.0);
            environments.update(item.structure.structure);
            benchmark::DoNotOptimize(compute_features(before().descriptor(), environments));
        }
}
BENCHMARK(stage_features)->Unit(benchmark::kSecond)->UseRealTime();

/// Stage: references of both species out of 520 by CUR (0) or pivoted Cholesky (1).
void stage_selection(benchmark::State& state) {
    one_core();
    const auto method = state.range(0) == 0 ? SelectionMethod::cur : SelectionMethod::cholesky;
    MatrixXd pool = MatrixXd::Random(before().descriptor().size(), per_species + 20).cwiseAbs();
    pool.colwise().normalize();
    pool.leftCols(per_species) = before().references()[0].features;
    for (auto _ : state)
        for (int channel = 0; channel < 2; ++channel)
            benchmark::DoNotOptimize(select(pool, 4, {.method = method, .tolerance = 1e-13}, per_species));
}
BENCHMARK(stage_selection)->Arg(0)->Arg(1)->Unit(benchmark::kSecond)->UseRealTime();

/// Stage: design rows. Arguments: structures, references per species.
void stage_rows(benchmark::State& state) {
    one_core();
    std::vector<LocalReferences> references = before().references();
    for (auto& set : references) set.features.conservativeResize(Eigen::NoChange, state.range(1));
    for (auto _ : state)
        for (Index k = 0; k < state.range(0); ++k) {
            const Structure& structure = before().structures()[static_cast<std::size_t>(k)].structure;
            Environments environments(species, before().descriptor().cutoff(), 0.0);
            environments.update(structure);
            benchmark::DoNotOptimize(design_rows(before().descriptor(), 4, references, environments, structure));
        }
}
BENCHMARK(stage_rows)
    ->Args({n_new, per_species})
    ->Args({n_old, 1})
    ->Args({n_old, 20})
    ->Args({50, 125})
    ->Args({50, 250})
    ->Args({50, 500})
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

/// Stage: factorisation of rows from nothing. Arguments: rows, columns. Rate: operations.
void stage_factorisation(benchmark::State& state) {
    one_core();
    const Index n_rows = state.range(0), n = state.range(1);
    const MatrixXd block = MatrixXd::Random(384, n);
    for (auto _ : state) {
        bayes::TriangularFactor factor(n);
        for (Index done = 0; done < n_rows; done += block.rows()) factor.add_rows(block);
        benchmark::DoNotOptimize(factor.R().data());
    }
    state.counters["flops"] =
        benchmark::Counter(2.0 * static_cast<double>(state.iterations() * n_rows) * static_cast<double>(n * n),
                           benchmark::Counter::kIsRate);
}
BENCHMARK(stage_factorisation)
    ->Args({n_old * 391, 1000})
    ->Args({50 * 391, 1000})
    ->Args({50 * 391, 500})
    ->Args({50 * 391, 2000})
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

/// Stage: the same by an update: 40 new columns, 5 new structures, the triangle in order. Argument: old structures.
void stage_update(benchmark::State& state) {
    one_core();
    const Index n = 2 * per_species, n_columns = 40, n_rows = 384;
    bayes::UpdatableFactor old(n);
    for (Index k = 0; k < state.range(0); ++k)
        old.add_rows(MatrixXd::Random(n_rows, n), Eigen::VectorXd::Random(n_rows));
    std::vector<Index> order(static_cast<std::size_t>(n + n_columns));
    std::iota(order.rbegin(), order.rend(), Index{0});
    for (auto _ : state) {
        state.PauseTiming();
        bayes::UpdatableFactor factor = old;
        std::vector<MatrixXd> columns(static_cast<std::size_t>(state.range(0)), MatrixXd::Random(n_rows, n_columns));
        state.ResumeTiming();
        factor.add_columns(std::move(columns));
        for (int k = 0; k < n_new; ++k)
            factor.add_rows(MatrixXd::Random(n_rows, n + n_columns), Eigen::VectorXd::Random(n_rows));
        benchmark::DoNotOptimize(factor.R(order));
    }
}
BENCHMARK(stage_update)->Arg(50)->Arg(n_old)->Iterations(3)->Unit(benchmark::kSecond)->UseRealTime();

/// The ceiling of the factorisation: a matrix product of its shape. Rate: operations.
void ceiling_dgemm(benchmark::State& state) {
    one_core();
    const Index n = 1000;
    const MatrixXd A = MatrixXd::Random(1024, n), B = MatrixXd::Random(1024, n);
    MatrixXd C(n, n);
    for (auto _ : state) {
        C.noalias() = A.transpose() * B;
        benchmark::DoNotOptimize(C.data());
    }
    state.counters["flops"] =
        benchmark::Counter(static_cast<double>(state.iterations() * 2 * 1024 * n * n), benchmark::Counter::kIsRate);
}
BENCHMARK(ceiling_dgemm)->Unit(benchmark::kSecond)->UseRealTime();

/// Stage: spectrum, evidence and posterior from the triangular factor. Argument: columns.
void stage_evidence(benchmark::State& state) {
    one_core();
    const Index n = state.range(0);
    bayes::TriangularFactor factor(n + 1);
    factor.add_rows(MatrixXd::Random(2 * n, n + 1));
    const MatrixXd R = factor.R();
    for (auto _ : state) benchmark::DoNotOptimize(bayes::fit(R, 2 * n));
}
BENCHMARK(stage_evidence)->Arg(500)->Arg(1000)->Arg(2000)->Unit(benchmark::kSecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
