// Reads a force field and a structure, prints energy and forces with their error estimates.
//   example_predict runs/agi/model.h5 demo/agi.xyz

#include <cstdio>
#include <exception>
#include <mlff/learning.hpp>

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s model.h5 structure.xyz|POSCAR\n", argv[0]);
        return 2;
    }
    try {
        mlff::ForceFieldCalculator calculator(mlff::read_model(argv[1]));
        const mlff::Structure structure = mlff::read_structure(argv[2]);
        const mlff::Evaluation result = calculator.evaluate(structure, {.uncertainty = true, .spilling = true});
        const mlff::Uncertainty& sigma = *result.uncertainty;

        std::printf("# %s\n", calculator.description().c_str());
        std::printf("# energy %.6f eV, deviation %.6f eV/atom\n", result.energy, sigma.energy);
        std::printf("# atom        Fx        Fy        Fz      BEEF   [eV/Å]  spilling\n");
        const Eigen::VectorXd beef = sigma.force_norms();
        for (Eigen::Index i = 0; i < structure.size(); ++i)
            std::printf("%-2s %4td %9.5f %9.5f %9.5f %9.5f %18.3e\n",
                        mlff::element_symbol(structure.species[static_cast<std::size_t>(i)]).c_str(), i,
                        result.forces(0, i), result.forces(1, i), result.forces(2, i), beef[i], result.spilling[i]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return 1;
    }
    return 0;
}
