#pragma once

#include <Eigen/Geometry>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "libmlff/model/calculator.hpp"

namespace mlff::testing {

/// Independent isotropic oscillators, E = Σ ½ k_i |r_i − site_i|²: all their averages have a closed form.
class Wells final : public Calculator {
 public:
    Wells(Matrix3X sites, Eigen::VectorXd stiffness) : sites_(std::move(sites)), stiffness_(std::move(stiffness)) {}

    Evaluation evaluate(const Structure& structure, const Request& = {}) override {
        const Matrix3X displacements = structure.positions - sites_;
        Evaluation out;
        out.energy = 0.5 * displacements.colwise().squaredNorm() * stiffness_;
        out.forces = -displacements * stiffness_.asDiagonal();
        return out;
    }
    std::string description() const override { return "independent harmonic wells"; }

 private:
    Matrix3X sites_;
    Eigen::VectorXd stiffness_;  ///< [eV/Å²], one per atom
};

/// Periodic network of springs, E = Σ_bonds ½ k (|r_j + H S − r_i| − length)²: translation invariant, with a stress,
/// and chaotic enough (springs under tension, bonds of several directions) for thermostats to reach every mode.
class SpringNetwork final : public Calculator {
 public:
    struct Bond {
        Eigen::Index i, j;
        Eigen::Vector3i image;
        double length;
    };

    SpringNetwork(std::vector<Bond> bonds, double stiffness) : bonds_(std::move(bonds)), stiffness_(stiffness) {}

    Evaluation evaluate(const Structure& structure, const Request& = {}) override {
        Evaluation out;
        out.forces.setZero(3, structure.size());
        Matrix3 virial = Matrix3::Zero();
        laplacian_ = 0.0;
        for (const Bond& bond : bonds_) {
            const Vector3 r = structure.positions.col(bond.j) - structure.positions.col(bond.i) +
                              structure.cell * bond.image.cast<double>();
            const double distance = r.norm();
            const double slope = stiffness_ * (distance - bond.length);
            const Vector3 pull = slope / distance * r;
            out.energy += 0.5 * slope * (distance - bond.length);
            out.forces.col(bond.i) += pull;
            out.forces.col(bond.j) -= pull;
            virial += pull * r.transpose();
            laplacian_ += 2.0 * (stiffness_ + 2.0 * slope / distance);
        }
        out.stress = to_voigt(virial) / structure.volume();
        return out;
    }
    std::string description() const override { return "network of springs"; }

    /// ∇²E at the last evaluation [eV/Å²], for the configurational temperature k_B T = ⟨|∇E|²⟩ / ⟨∇²E⟩.
    [[nodiscard]] double laplacian() const { return laplacian_; }

 private:
    std::vector<Bond> bonds_;
    double stiffness_;  ///< [eV/Å²]
    double laplacian_ = 0.0;
};

/// A triclinic, left-handed crystal of n × n × n sites, silver and iodine alternating, held by springs along the
/// lattice vectors and the diagonals of the faces that are stretched by a tenth.
struct SpringCrystal {
    Structure structure;
    std::vector<SpringNetwork::Bond> bonds;

    explicit SpringCrystal(int n) {
        Matrix3 unit;
        unit << 0.0, 3.1, 0.4, 2.9, 0.5, 0.3, 0.2, -0.3, 3.0;
        structure.cell = unit * n;
        structure.periodic = {true, true, true};
        structure.positions.resize(3, n * n * n);
        const auto index = [n](const Eigen::Vector3i& site) {
            return Eigen::Index{site[0]} * n * n + Eigen::Index{site[1]} * n + site[2];
        };
        const std::array<Eigen::Vector3i, 6> neighbours = {
            {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}, {0, 1, -1}, {1, 0, 1}}};
        for (int a = 0; a < n; ++a)
            for (int b = 0; b < n; ++b)
                for (int c = 0; c < n; ++c) {
                    const Eigen::Vector3i site(a, b, c);
                    structure.positions.col(index(site)) = unit * site.cast<double>();
                    structure.species.push_back((a + b + c) % 2 == 0 ? 47 : 53);
                    for (const Eigen::Vector3i& step : neighbours) {
                        Eigen::Vector3i image, wrapped;
                        for (int axis = 0; axis < 3; ++axis) {
                            const int reached = site[axis] + step[axis];
                            image[axis] = reached < 0 ? -1 : reached / n;
                            wrapped[axis] = reached - n * image[axis];
                        }
                        bonds.push_back(
                            {index(site), index(wrapped), image, (unit * step.cast<double>()).norm() / 1.1});
                    }
                }
    }
};

}  // namespace mlff::testing
