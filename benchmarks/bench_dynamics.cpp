#include <benchmark/benchmark.h>
#include <omp.h>

#include <random>

#include "benchmarks/crystals.hpp"
#include "libmlff/atoms/neighbor_list.hpp"
#include "md/driver.hpp"

// What a step of molecular dynamics needs besides forces, and how it grows with the atoms: AgI (bcc iodine, a = 5.06 Å)
// displaced at random, 8 Å and 1 Å skin, one core. Rates are per atom.
namespace {

using namespace mlff;

Structure agi(int n) {
    Structure out = make_supercell(agi_unit(), {n, n, n});
    std::mt19937 random(1);
    rattle(out, random);
    return out;
}

void per_atom(benchmark::State& state, Eigen::Index n_atoms) {
    state.counters["atom_steps"] = benchmark::Counter(
        static_cast<double>(state.iterations()) * static_cast<double>(n_atoms), benchmark::Counter::kIsRate);
}

/// The refresh of every step: distances of the pairs that are kept. Argument: cells along each edge.
void neighbor_refresh(benchmark::State& state) {
    omp_set_num_threads(1);
    const Structure structure = agi(static_cast<int>(state.range(0)));
    NeighborList list(8.0, 1.0);
    list.update(structure);
    for (auto _ : state) list.update(structure);
    per_atom(state, structure.size());
}
BENCHMARK(neighbor_refresh)->Arg(6)->Arg(12)->Arg(18)->UseRealTime();

/// The search, some thirty steps apart in a run: without a skin every change of the positions asks for one.
void neighbor_search(benchmark::State& state) {
    omp_set_num_threads(1);
    Structure structure = agi(static_cast<int>(state.range(0)));
    NeighborList list(9.0, 0.0);
    for (auto _ : state) {
        structure.positions(0, 0) += 1e-6;
        list.update(structure);
    }
    per_atom(state, structure.size());
}
BENCHMARK(neighbor_search)->Arg(6)->Arg(12)->Arg(18)->UseRealTime();

class Still final : public Calculator {
 public:
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request&) override {
        Evaluation result;
        result.forces.setZero(3, structure.size());
        return result;
    }
    [[nodiscard]] std::string description() const override { return "no forces"; }
};

/// A step of the driver with a Nosé-Hoover thermostat and no forces: integration, checks, snapshots.
void driver_step(benchmark::State& state) {
    Still calculator;
    const Structure structure = agi(static_cast<int>(state.range(0)));
    md::DynamicsOptions options;
    options.max_displacement = options.max_temperature = 1e9;
    md::Driver driver(calculator, md::make_state(structure), options);
    for (auto _ : state) driver.advance();
    per_atom(state, structure.size());
}
BENCHMARK(driver_step)->Arg(6)->Arg(12)->Arg(18)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
