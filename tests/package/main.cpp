// A program of somebody else: the installed headers and libraries are all it sees.

#include <cmath>
#include <mlff/learning.hpp>
#include <reference/embedded/catalogue.hpp>

int main() {
    // Two argon atoms at the minimum of the Lennard-Jones potential.
    mlff::Structure dimer;
    dimer.species = {18, 18};
    dimer.positions = mlff::Matrix3X::Zero(3, 2);
    dimer.positions(0, 1) = 3.405 * std::pow(2.0, 1.0 / 6.0);
    const mlff::Evaluation result = mlff::reference::make_embedded("ar-plain")->evaluate(dimer);
    if (!(std::abs(result.energy + 0.0103) < 1e-9 && result.forces.norm() < 1e-9)) return 1;

    // Links the libraries with their dependencies: HDF5, yaml-cpp, zlib, fmt, OpenMP, LAPACK.
    try {
        (void)mlff::read_model("no such file");
    } catch (const mlff::InputError&) {
        return 0;
    }
    return 1;
}
