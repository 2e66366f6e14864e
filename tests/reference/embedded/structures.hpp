#pragma once

#include <gtest/gtest.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/structure.hpp"
#include "support/source_dir.hpp"

namespace mlff::testing {

/// The displacement that the published test values were computed with: 0.10 sin(1.7 i + 2.3 c + 0.5) Å for component c
/// of atom i.
inline void displace(Structure& s) {
    for (Eigen::Index i = 0; i < s.size(); ++i)
        for (int c = 0; c < 3; ++c) s.positions(c, i) += 0.10 * std::sin(1.7 * static_cast<double>(i) + 2.3 * c + 0.5);
}

/// Atoms in a periodic cubic cell from fractional coordinates.
inline Structure cubic(double length, const std::vector<std::string>& symbols, const std::vector<Vector3>& fractional) {
    Structure s;
    s.cell = length * Matrix3::Identity();
    s.periodic = {true, true, true};
    s.positions.resize(3, static_cast<Eigen::Index>(fractional.size()));
    for (std::size_t i = 0; i < fractional.size(); ++i)
        s.positions.col(static_cast<Eigen::Index>(i)) = length * fractional[i];
    for (const auto& symbol : symbols) s.species.push_back(atomic_number(symbol));
    return s;
}

/// Two atoms in empty space, `distance` apart along a direction that favours no axis.
inline Structure dimer(const std::string& a, const std::string& b, double distance) {
    Structure s;
    s.species = {atomic_number(a), atomic_number(b)};
    s.positions.setZero(3, 2);
    s.positions.col(0) << 0.3, -0.2, 0.7;
    s.positions.col(1) = s.positions.col(0) + distance * Vector3(1.0, -2.0, 2.0) / 3.0;
    return s;
}

/// n³ atoms on a jittered grid of a triclinic, left-handed cell, about `spacing` [Å] apart, species at random.
inline Structure jittered_grid(unsigned seed, int n, double spacing, const std::vector<int>& species) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> jitter(-0.12, 0.12);
    Structure s;
    s.cell << 0.1, 1.0, 0.2,  //
        1.05, -0.15, 0.1,     //
        0.05, 0.2, 0.95;
    s.cell *= spacing * n;
    s.periodic = {true, true, true};
    s.positions.resize(3, Eigen::Index{n} * n * n);
    Eigen::Index i = 0;
    for (int a = 0; a < n; ++a)
        for (int b = 0; b < n; ++b)
            for (int c = 0; c < n; ++c, ++i) {
                const Vector3 site(a + jitter(random), b + jitter(random), c + jitter(random));
                s.positions.col(i) = s.cell * site / n;
                s.species.push_back(species[random() % species.size()]);
            }
    return s;
}

/// A structure with its energy and forces from tests/data/embedded.
struct ReferenceFrame {
    Structure structure;
    double energy;
    Matrix3X forces;
};

/// Reads `<symbol> x y z fx fy fz` lines with Lattice="…" and energy=… in the comment; cells there are periodic.
inline ReferenceFrame read_reference(const std::string& name) {
    const std::string path = source_dir() + "/tests/data/embedded/" + name;
    std::ifstream file(path);
    std::string line, symbol;
    std::getline(file, line);
    const Eigen::Index n = std::stol(line);
    ReferenceFrame frame;
    std::getline(file, line);
    const auto lattice = line.find("Lattice=\"") + 9;
    std::istringstream numbers(line.substr(lattice, line.find('"', lattice) - lattice));
    for (int axis = 0; axis < 3; ++axis)
        for (int k = 0; k < 3; ++k) numbers >> frame.structure.cell(k, axis);
    frame.energy = std::stod(line.substr(line.find("energy=") + 7));
    frame.structure.periodic = {true, true, true};
    frame.structure.positions.resize(3, n);
    frame.forces.resize(3, n);
    for (Eigen::Index i = 0; i < n; ++i) {
        file >> symbol;
        frame.structure.species.push_back(atomic_number(symbol));
        for (int k = 0; k < 3; ++k) file >> frame.structure.positions(k, i);
        for (int k = 0; k < 3; ++k) file >> frame.forces(k, i);
    }
    if (!file) throw std::runtime_error("cannot read " + path);
    return frame;
}

/// |a − b| ≤ tolerance for every element; fails on NaN.
inline ::testing::AssertionResult all_near(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b, double tolerance) {
    if (a.rows() != b.rows() || a.cols() != b.cols()) return ::testing::AssertionFailure() << "shapes differ";
    for (Eigen::Index c = 0; c < a.cols(); ++c)
        for (Eigen::Index r = 0; r < a.rows(); ++r)
            if (!(std::abs(a(r, c) - b(r, c)) <= tolerance))
                return ::testing::AssertionFailure()
                       << "element (" << r << ", " << c << "): " << a(r, c) << " and " << b(r, c);
    return ::testing::AssertionSuccess();
}

}  // namespace mlff::testing
