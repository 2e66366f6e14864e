#pragma once

#include <random>

#include "libmlff/atoms/structure.hpp"

namespace mlff {

/// α-AgI as in the demo: bcc iodine, a = 5.06 Å, silver on some of its tetrahedral sites; 4 atoms.
inline Structure agi_unit() {
    Structure unit;
    unit.cell = 5.06 * Matrix3::Identity();
    unit.periodic = {true, true, true};
    unit.species = {47, 47, 53, 53};
    unit.positions.resize(3, 4);
    unit.positions << 0.25, 0.5, 0.0, 0.5, 0.5, 0.0, 0.0, 0.5, 0.0, 0.75, 0.0, 0.5;
    unit.positions *= 5.06;
    return unit;
}

/// Every coordinate displaced at random, 0.13 Å: a crystal at some hundred kelvin.
inline void rattle(Structure& structure, std::mt19937& random) {
    std::normal_distribution<double> normal(0.0, 0.13);
    for (double& x : structure.positions.reshaped()) x += normal(random);
}

}  // namespace mlff
