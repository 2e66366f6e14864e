// A host in C++: one force field, two threads at the same time, each with a workspace of its own.
//   consumer_model model.h5

#include <cmath>
#include <mlff/model.hpp>
#include <thread>

int main(int argc, char** argv) {
    if (argc != 2) return 1;
    const auto model = std::make_shared<const mlff::LocalModel>(mlff::read_model(argv[1]));
    mlff::Structure structure;
    structure.cell << 6.1, 1.0, -0.7, 0.0, 6.3, 0.9, 0.0, 0.0, 5.9;
    structure.periodic = {true, true, true};
    structure.species = {model->force_field().species().front(), model->force_field().species().back()};
    structure.positions = mlff::Matrix3X::Zero(3, 2);
    structure.positions.col(1) << 2.9, 0.3, 0.2;
    mlff::Evaluation results[2];
    std::thread threads[2];
    for (int t = 0; t < 2; ++t)
        threads[t] = std::thread([&, t] {
            mlff::ForceFieldCalculator calculator(model);
            results[t] = calculator.evaluate(structure, {.uncertainty = true, .spilling = true, .virials = true});
        });
    for (auto& thread : threads) thread.join();
    const mlff::Matrix3 virial = results[0].atom_virials.rowwise().sum().reshaped(3, 3).transpose();
    const bool good = results[0].energy == results[1].energy && results[0].forces == results[1].forces &&
                      (mlff::to_voigt(virial) + structure.volume() * *results[0].stress).norm() < 1e-10 &&
                      results[0].forces.norm() > 1e-6 && results[0].uncertainty->force_norms().minCoeff() > 0.0;
    return good ? 0 : 1;
}
