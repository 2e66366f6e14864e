#include <benchmark/benchmark.h>
#include <omp.h>

#include <random>

#include "libmlff/force_field.hpp"
#include "libmlff/learning/design_matrix.hpp"
#include "libmlff/learning/fit_data.hpp"
#include "reference/embedded/catalogue.hpp"

// AgI, bcc iodine with a = 5.06 Å as in the demo, atoms displaced at random. Rates are per atom and step.
namespace {

using namespace mlff;

Structure agi(int n, unsigned seed) {
    Structure unit;
    unit.cell = 5.06 * Matrix3::Identity();
    unit.periodic = {true, true, true};
    unit.species = {47, 47, 53, 53};
    unit.positions.resize(3, 4);
    unit.positions << 0.25, 0.5, 0.0, 0.5, 0.5, 0.0, 0.0, 0.5, 0.0, 0.75, 0.0, 0.5;
    unit.positions *= 5.06;
    Structure out = make_supercell(unit, {n, n, n});
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0.0, 0.15);
    for (Eigen::Index i = 0; i < out.size(); ++i)
        for (int c = 0; c < 3; ++c) out.positions(c, i) += normal(random);
    return out;
}

/// Default descriptors, power 4, references per species as given.
ForceField force_field(Eigen::Index n_references) {
    const auto reference = reference::make_embedded("agi");
    std::vector<LabeledStructure> data;
    for (unsigned seed = 0; seed < 12; ++seed) {
        const Structure structure = agi(3, seed);
        const Evaluation truth = reference->evaluate(structure);
        data.push_back({structure, {truth.energy, truth.forces, truth.stress}, "benchmark"});
    }
    FitOptions options;
    options.max_references = n_references;
    options.selection.tolerance = 1e-12;
    return fit_to_data(data, options, {}, [](long, long, const std::string&) {});
}

void per_atom(benchmark::State& state, Eigen::Index n_atoms) {
    state.counters["atom_steps"] = benchmark::Counter(
        static_cast<double>(state.iterations()) * static_cast<double>(n_atoms), benchmark::Counter::kIsRate);
}

/// The neighbour list's refresh, 8 Å with 1 Å skin.
void neighbor_list(benchmark::State& state) {
    const Structure structure = agi(6, 1);
    NeighborList list(8.0, 1.0);
    for (auto _ : state) list.update(structure);
    per_atom(state, structure.size());
}
BENCHMARK(neighbor_list)->UseRealTime();

/// Descriptor values of every atom.
void features(benchmark::State& state) {
    const Structure structure = agi(6, 1);
    const descriptors::Descriptor descriptor({}, 2);
    Environments environments({47, 53}, descriptor.cutoff(), 1.0);
    environments.update(structure);
    for (auto _ : state) benchmark::DoNotOptimize(compute_features(descriptor, environments));
    per_atom(state, structure.size());
}
BENCHMARK(features)->UseRealTime();

/// Energy, forces and stress: two matrix products and the adjoint. Arguments: local references per species, threads.
void force_path(benchmark::State& state) {
    omp_set_num_threads(static_cast<int>(state.range(1)));
    ForceFieldCalculator calculator(force_field(state.range(0)));
    const Structure structure = agi(6, 1);
    for (auto _ : state) benchmark::DoNotOptimize(calculator.evaluate(structure));
    per_atom(state, structure.size());
}
BENCHMARK(force_path)->ArgsProduct({{300, 1000}, {1, 2}})->UseRealTime();

/// The same with Bayesian error estimates: design rows and one triangular solve. Arguments as above.
void force_path_with_beef(benchmark::State& state) {
    omp_set_num_threads(static_cast<int>(state.range(1)));
    ForceFieldCalculator calculator(force_field(state.range(0)));
    const Structure structure = agi(3, 1);
    for (auto _ : state)
        benchmark::DoNotOptimize(calculator.evaluate(structure, {.uncertainty = true, .spilling = true}));
    per_atom(state, structure.size());
}
BENCHMARK(force_path_with_beef)->ArgsProduct({{300}, {1, 2}})->UseRealTime();

/// The embedded reference, for comparison. Argument: threads.
void embedded_reference(benchmark::State& state) {
    omp_set_num_threads(static_cast<int>(state.range(0)));
    const auto calculator = reference::make_embedded("agi");
    const Structure structure = agi(6, 1);
    for (auto _ : state) benchmark::DoNotOptimize(calculator->evaluate(structure));
    per_atom(state, structure.size());
}
BENCHMARK(embedded_reference)->Arg(1)->Arg(2)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
