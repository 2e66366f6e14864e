#include <benchmark/benchmark.h>
#include <omp.h>

#include <array>
#include <random>
#include <string>

#include "libmlff/force_field.hpp"
#include "libmlff/learning/fit_data.hpp"
#include "libmlff/production.hpp"
#include "reference/embedded/catalogue.hpp"

// Two systems, atoms displaced at random: AgI, bcc iodine with a = 5.06 Å as in the demo, default descriptors; and
// silicon carbide (zincblende, a = 4.36 Å; 46 neighbours within 5 Å), n 8, l 3, two-body part to 5 Å as well. What is
// fitted does not matter here: labels are random. Rates are per atom and step.
namespace {

using namespace mlff;

Structure rattled(const Structure& unit, int n, unsigned seed) {
    Structure out = make_supercell(unit, {n, n, n});
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0.0, 0.13);
    for (Eigen::Index i = 0; i < out.size(); ++i)
        for (int c = 0; c < 3; ++c) out.positions(c, i) += normal(random);
    return out;
}

Structure agi(int n, unsigned seed) {
    Structure unit;
    unit.cell = 5.06 * Matrix3::Identity();
    unit.periodic = {true, true, true};
    unit.species = {47, 47, 53, 53};
    unit.positions.resize(3, 4);
    unit.positions << 0.25, 0.5, 0.0, 0.5, 0.5, 0.0, 0.0, 0.5, 0.0, 0.75, 0.0, 0.5;
    unit.positions *= 5.06;
    return rattled(unit, n, seed);
}

Structure silicon_carbide(int n, unsigned seed) {
    Structure unit;
    unit.cell = 4.36 * Matrix3::Identity();
    unit.periodic = {true, true, true};
    unit.species = {14, 14, 14, 14, 6, 6, 6, 6};
    unit.positions.resize(3, 8);
    unit.positions << 0.0, 0.0, 0.5, 0.5, 0.25, 0.25, 0.75, 0.75,  //
        0.0, 0.5, 0.0, 0.5, 0.25, 0.75, 0.25, 0.75,                //
        0.0, 0.5, 0.5, 0.0, 0.25, 0.75, 0.75, 0.25;
    unit.positions *= 4.36;
    return rattled(unit, n, seed);
}

enum System { silver_iodide, carbide };

Structure structure_of(System system, int n, unsigned seed) {
    return system == silver_iodide ? agi(n, seed) : silicon_carbide(n, seed);
}

ForceField force_field(System system, Eigen::Index n_references, int power) {
    std::vector<LabeledStructure> data;
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    for (unsigned seed = 0; seed < 12; ++seed) {
        const Structure structure = structure_of(system, system == silver_iodide ? 4 : 3, seed);
        Matrix3X forces(3, structure.size());
        for (Eigen::Index k = 0; k < forces.size(); ++k) forces.data()[k] = normal(random);
        data.push_back({structure, {normal(random), forces, {}}, "benchmark"});
    }
    FitOptions options;
    options.max_references = n_references;
    options.selection.tolerance = 1e-13;
    options.folds = 1;
    options.force_field.kernel_power = power;
    if (system == carbide) {
        options.force_field.descriptor.radial = {
            .cutoff = 5.0, .width = 0.5, .functions = 8, .l_max = 0, .filter = 0.0};
        options.force_field.descriptor.angular.filter = 0.0;
    }
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

/// What an evaluation is made of: descriptors and their adjoint alone (one term per species), then with the products.
enum Form { descriptors_only, in_double, in_single, quadratic };

/// Energy, forces and stress. Arguments: system, form, local references per species, threads.
/// in_double and in_single: power 4, all references; quadratic: power 2, 90 terms.
void force_path(benchmark::State& state) {
    const auto system = static_cast<System>(state.range(0));
    const auto form = static_cast<Form>(state.range(1));
    omp_set_num_threads(static_cast<int>(state.range(3)));
    ForceField model = force_field(system, state.range(2), form == quadratic ? 2 : 4);
    const Eigen::Index most = ProductionTerms(model).most();
    state.SetLabel(std::string(system == carbide ? "SiC" : "AgI") + ", " +
                   std::array{"descriptors only", "double", "single", "quadratic form"}[form] + ", " +
                   std::to_string(model.references(0).size()) + " references");
    if (form != in_double)
        model = model.with_production(
            ProductionTerms(model).leading(form == in_single ? most : (form == quadratic ? 90 : 1), true));
    ForceFieldCalculator calculator(std::move(model));
    const Structure structure = structure_of(system, system == silver_iodide ? 8 : 6, 1);
    for (auto _ : state) benchmark::DoNotOptimize(calculator.evaluate(structure));
    per_atom(state, structure.size());
}
BENCHMARK(force_path)
    ->ArgsProduct({{silver_iodide, carbide}, {descriptors_only, in_double, in_single, quadratic}, {1000}, {1}})
    ->Args({silver_iodide, in_single, 1000, 2})
    ->UseRealTime();

/// The ceiling of the products on one core: both of them, 1,000 terms, 440 components, 64 atoms at once. Items are operations.
template <class Real>
void products(benchmark::State& state) {
    omp_set_num_threads(1);
    const Eigen::Index n_components = 440, n_terms = 1000, n_atoms = 64;
    const Eigen::MatrixX<Real> terms = Eigen::MatrixX<Real>::Random(n_components, n_terms);
    Eigen::MatrixX<Real> features = Eigen::MatrixX<Real>::Random(n_components, n_atoms), similarity(n_terms, n_atoms);
    for (auto _ : state) {
        similarity.noalias() = terms.transpose() * features;
        features.noalias() = Real(1e-3) * (terms * similarity);
        benchmark::DoNotOptimize(features.data());
    }
    state.SetItemsProcessed(state.iterations() * 4 * n_components * n_terms * n_atoms);
    per_atom(state, n_atoms);
}
BENCHMARK(products<double>)->UseRealTime();
BENCHMARK(products<float>)->UseRealTime();

/// The ceiling of memory: a = b + 3 c over 128 MB each.
void bandwidth(benchmark::State& state) {
    const Eigen::Index n = 16'000'000;
    Eigen::VectorXd a = Eigen::VectorXd::Zero(n), b = Eigen::VectorXd::Ones(n), c = Eigen::VectorXd::Ones(n);
    for (auto _ : state) {
        a = b + 3.0 * c;
        benchmark::DoNotOptimize(a.data());
    }
    state.SetBytesProcessed(state.iterations() * 3 * 8 * n);
}
BENCHMARK(bandwidth)->UseRealTime();

/// With Bayesian error estimates: design rows and one triangular solve, 128 atoms. Arguments: references per species,
/// threads.
void force_path_with_beef(benchmark::State& state) {
    omp_set_num_threads(static_cast<int>(state.range(1)));
    ForceFieldCalculator calculator(force_field(silver_iodide, state.range(0), 4));
    const Structure structure = make_supercell(agi(2, 1), {2, 2, 1});  // 128 atoms
    for (auto _ : state)
        benchmark::DoNotOptimize(calculator.evaluate(structure, {.uncertainty = true, .spilling = true}));
    per_atom(state, structure.size());
}
BENCHMARK(force_path_with_beef)->ArgsProduct({{500}, {1, 2}})->UseRealTime();

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
