#include <benchmark/benchmark.h>
#include <omp.h>

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "benchmarks/crystals.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/search/compile.hpp"
#include "reference/embedded/catalogue.hpp"

// Two systems, atoms displaced at random: AgI, bcc iodine with a = 5.06 Å as in the demo, default descriptors; and
// silicon carbide (zincblende, a = 4.36 Å; 46 neighbours within 5 Å), n 8, l 3, two-body part to 5 Å as well. Weights
// do not matter here: they are random. Rates are per atom and step.
namespace {

using namespace mlff;

Structure rattled(const Structure& unit, int n, unsigned seed) {
    Structure out = make_supercell(unit, {n, n, n});
    std::mt19937 random(seed);
    rattle(out, random);
    return out;
}

Structure agi(int n, unsigned seed) { return rattled(agi_unit(), n, seed); }

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

std::vector<int> species_of(System system) { return system == carbide ? std::vector{14, 6} : std::vector{47, 53}; }

descriptors::DescriptorOptions descriptor_options(System system) {
    descriptors::DescriptorOptions options = vasp_force_field().descriptor;
    if (system == carbide) {
        options.radial = {.cutoff = 5.0, .width = 0.5, .functions = 8, .l_max = 0, .filter = 0.0};
        options.angular.filter = 0.0;
    }
    return options;
}

/// As many references per species, surroundings of displaced atoms with random weights.
ForceField force_field(System system, Eigen::Index n_references, int power) {
    const std::vector<int> species = species_of(system);
    auto descriptor = std::make_shared<descriptors::Descriptor>(descriptor_options(system), 2);
    std::vector<LocalReferences> references(2);
    for (auto& set : references) set.features.resize(descriptor->size(), n_references);
    for (int seed = 2; references.back().structure.size() < static_cast<std::size_t>(n_references); ++seed) {
        const Structure structure = structure_of(system, 5, static_cast<unsigned>(seed));
        Environments environments(species, descriptor->cutoff(), 0.0);
        environments.update(structure);
        const Eigen::MatrixXd features = compute_features(*descriptor, environments);
        for (int channel = 0; channel < 2; ++channel)
            for (const Eigen::Index atom : environments.atoms(channel)) {
                LocalReferences& set = references[static_cast<std::size_t>(channel)];
                const auto k = static_cast<Eigen::Index>(set.structure.size());
                if (k == n_references) break;
                set.features.col(k) = features.col(atom);
                set.structure.push_back(seed);
                set.atom.push_back(static_cast<int>(atom));
            }
    }
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    Eigen::VectorXd weights(2 * n_references);
    for (double& w : weights) w = normal(random);
    return {std::move(descriptor),
            power,
            species,
            std::move(references),
            Eigen::VectorXd::Zero(2),
            bayes::Posterior(std::move(weights), Eigen::MatrixXd::Identity(2 * n_references, 2 * n_references), {}),
            {},
            {}};
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

/// Where the time of an evaluation goes: pairs of every atom (from the neighbour list, 1 Å skin, no search), descriptor
/// values, and the adjoint, of a batch of atoms. The two products are timed below; the rest of `force_path` is the
/// powers of the similarities and the sums of the forces. Argument: system.
template <class Real>
struct Batch {
    static constexpr Eigen::Index n_atoms = 128;
    Structure structure;
    descriptors::Descriptor descriptor;
    Environments environments;
    std::vector<LocalPairs> pairs{static_cast<std::size_t>(n_atoms)};
    std::vector<descriptors::Environment> views;
    descriptors::Descriptor::BasicWorkspace<Real> work;
    std::vector<descriptors::Descriptor::Coefficients<Real>> coefficients{static_cast<std::size_t>(n_atoms)};
    Eigen::MatrixX<Real> x, g;
    Eigen::Matrix3X<Real> slopes{3, 1000};

    explicit Batch(System system)
        : structure(structure_of(system, system == silver_iodide ? 8 : 6, 1)),
          descriptor(descriptor_options(system), 2),
          environments(species_of(system), descriptor.cutoff(), 1.0),
          x(descriptor.size(), n_atoms),
          g(Eigen::MatrixX<Real>::Random(descriptor.size(), n_atoms)) {
        environments.prepare(structure);
        for (Eigen::Index k = 0; k < n_atoms; ++k)
            views.push_back(environments.environment(k, pairs[static_cast<std::size_t>(k)]));
    }
    void values() {
        for (Eigen::Index k = 0; k < n_atoms; ++k) {
            descriptor.value(views[static_cast<std::size_t>(k)], work, x.col(k));
            work.swap(coefficients[static_cast<std::size_t>(k)]);
        }
    }
    void adjoint() {
        for (Eigen::Index k = 0; k < n_atoms; ++k) {
            const auto& view = views[static_cast<std::size_t>(k)];
            work.swap(coefficients[static_cast<std::size_t>(k)]);
            descriptor.adjoint(view, work, x.col(k), g.col(k), slopes.leftCols(view.size()));
            work.swap(coefficients[static_cast<std::size_t>(k)]);
        }
    }
};

void stage_pairs(benchmark::State& state) {
    Batch<double> batch(static_cast<System>(state.range(0)));
    for (auto _ : state) {
        batch.environments.prepare(batch.structure);
        for (Eigen::Index i = 0; i < batch.structure.size(); ++i)
            benchmark::DoNotOptimize(batch.environments.environment(i, batch.pairs[0]));
    }
    per_atom(state, batch.structure.size());
}
BENCHMARK(stage_pairs)->Arg(silver_iodide)->Arg(carbide)->UseRealTime();

template <class Real>
void stage_values(benchmark::State& state) {
    Batch<Real> batch(static_cast<System>(state.range(0)));
    for (auto _ : state) batch.values();
    per_atom(state, batch.n_atoms);
}
BENCHMARK(stage_values<double>)->Arg(silver_iodide)->Arg(carbide)->UseRealTime();
BENCHMARK(stage_values<float>)->Arg(silver_iodide)->Arg(carbide)->UseRealTime();

template <class Real>
void stage_adjoint(benchmark::State& state) {
    Batch<Real> batch(static_cast<System>(state.range(0)));
    batch.values();
    for (auto _ : state) batch.adjoint();
    per_atom(state, batch.n_atoms);
}
BENCHMARK(stage_adjoint<double>)->Arg(silver_iodide)->Arg(carbide)->UseRealTime();
BENCHMARK(stage_adjoint<float>)->Arg(silver_iodide)->Arg(carbide)->UseRealTime();

/// What is evaluated, with 1,000 references per species: only descriptors and their adjoint (power 1: the energy is
/// linear in the descriptor); power 4 as fitted, in double; all components in single precision; projected on 40
/// components, in double and in single; power 2, 50 terms.
enum Form { descriptors_only, in_double, in_single, projected_double, projected, quadratic };

/// Energy, forces and stress. Arguments: system, form, local references per species, threads.
void force_path(benchmark::State& state) {
    const auto system = static_cast<System>(state.range(0));
    const auto form = static_cast<Form>(state.range(1));
    omp_set_num_threads(static_cast<int>(state.range(3)));
    ForceField model = force_field(system, state.range(2), form == quadratic ? 2 : (form == descriptors_only ? 1 : 4));
    state.SetLabel(std::string(system == carbide ? "SiC" : "AgI") + ", " +
                   std::array{"descriptors only", "double", "single", "40 components, double", "40 components, single",
                              "quadratic form, single"}[form] +
                   ", " + std::to_string(model.references(0).size()) + " references");
    if (form != in_double) {
        const ProductionForms forms(model);
        const Eigen::Index n = form == quadratic ? 50 : (form == in_single ? forms.most() + 1 : 40);
        model = model.with_production(forms.leading(n, form != projected_double));
    }
    ForceFieldCalculator calculator(std::move(model));
    const Structure structure = structure_of(system, system == silver_iodide ? 8 : 6, 1);
    for (auto _ : state) benchmark::DoNotOptimize(calculator.evaluate(structure));
    per_atom(state, structure.size());
}
BENCHMARK(force_path)
    ->ArgsProduct({{silver_iodide, carbide},
                   {descriptors_only, in_double, in_single, projected_double, projected, quadratic},
                   {1000},
                   {1}})
    ->Args({silver_iodide, in_single, 1000, 2})
    ->UseRealTime();

/// The ceiling of the products on one core: both of them, 1,000 terms, 440 components, 128 atoms at once. Items are
/// operations.
template <class Real>
void products(benchmark::State& state) {
    omp_set_num_threads(1);
    const Eigen::Index n_components = 440, n_terms = 1000, n_atoms = 128;
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
