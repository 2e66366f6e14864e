#include "md/cell_strain.hpp"

#include <Eigen/LU>
#include <cmath>
#include <numbers>
#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::md {
namespace {

double inner(const Matrix3& a, const Matrix3& b) { return a.cwiseProduct(b).sum(); }

double mean(const Voigt& tensor) { return tensor.head<3>().mean(); }

/// Orthonormal symmetric matrices that span the changes allowed to the cell.
std::vector<Matrix3> strains(const Matrix3& cell, const std::array<bool, 3>& fixed, CellMotion motion) {
    std::vector<Matrix3> basis;
    if (motion == CellMotion::orthorhombic) {
        for (int axis = 0; axis < 3; ++axis) {
            const Vector3 direction = cell.col(axis).normalized();
            if (std::abs(direction.dot(cell.col((axis + 1) % 3).normalized())) > 1e-6)
                throw InputError(
                    "barostat cell orthorhombic needs lattice vectors that are perpendicular to each other; triclinic "
                    "or isotropic take any cell");
            if (!fixed[static_cast<std::size_t>(axis)]) basis.emplace_back(direction * direction.transpose());
        }
        return basis;
    }
    // Directions perpendicular to all fixed lattice vectors.
    std::vector<Vector3> held, directions;
    const auto add = [](std::vector<Vector3>& to, Vector3 candidate, const std::vector<Vector3>& others) {
        candidate.normalize();
        for (const auto* list : {&others, &std::as_const(to)})
            for (const Vector3& other : *list) candidate -= candidate.dot(other) * other;
        if (candidate.norm() < 1e-6) return;
        to.push_back(candidate.normalized());
    };
    for (int axis = 0; axis < 3; ++axis)
        if (fixed[static_cast<std::size_t>(axis)]) add(held, cell.col(axis), {});
    if (held.empty())
        directions = {Vector3::UnitX(), Vector3::UnitY(), Vector3::UnitZ()};
    else
        for (int axis = 0; axis < 3; ++axis)
            if (!fixed[static_cast<std::size_t>(axis)]) add(directions, cell.col(axis), held);
    if (motion == CellMotion::isotropic) {
        Matrix3 all = Matrix3::Zero();
        for (const Vector3& direction : directions) all += direction * direction.transpose();
        if (!directions.empty()) basis.push_back(all / std::sqrt(static_cast<double>(directions.size())));
        return basis;
    }
    for (std::size_t i = 0; i < directions.size(); ++i)
        for (std::size_t j = i; j < directions.size(); ++j) {
            const Matrix3 product = directions[i] * directions[j].transpose();
            basis.push_back(i == j ? product : (product + product.transpose()) / std::numbers::sqrt2);
        }
    return basis;
}

}  // namespace

CellStrain::CellStrain(const Structure& initial, const std::array<bool, 3>& fixed, CellMotion motion)
    : fixed_(fixed), initial_cell_(initial.cell) {
    if (!initial.has_volume())
        throw InputError("a cell that changes needs a volume: three independent lattice vectors");
    bool free_axis = false;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        fixed_[axis] = fixed_[axis] || !initial.periodic[axis];
        free_axis = free_axis || !fixed_[axis];
    }
    if (!free_axis)
        throw InputError("no lattice vector is both periodic and not fixed: nothing of the cell may change");
    basis_ = strains(initial_cell_, fixed_, motion);
}

void CellStrain::apply(const Matrix3& deformation, Matrix3& cell) const {
    for (int axis = 0; axis < 3; ++axis)
        if (!fixed_[static_cast<std::size_t>(axis)]) cell.col(axis) = (deformation * cell.col(axis)).eval();
}

double CellStrain::work(const Matrix3& cell, const Voigt& pressure) const {
    const double hydrostatic = mean(pressure);
    const Matrix3 deformation = cell * initial_cell_.inverse();
    const Matrix3 strain = 0.5 * (deformation.transpose() * deformation - Matrix3::Identity());
    const Matrix3 deviatoric = from_voigt(pressure) - hydrostatic * Matrix3::Identity();
    return (hydrostatic * std::abs(cell.determinant()) +
            std::abs(initial_cell_.determinant()) * inner(deviatoric, strain)) /
           units::ev_per_cubic_angstrom_in_gpa;
}

Matrix3 CellStrain::work_gradient(const Matrix3& cell, const Voigt& pressure) const {
    const double hydrostatic = mean(pressure);
    const Matrix3 deformation = cell * initial_cell_.inverse();
    const Matrix3 deviatoric = from_voigt(pressure) - hydrostatic * Matrix3::Identity();
    return (hydrostatic * std::abs(cell.determinant()) * Matrix3::Identity() +
            std::abs(initial_cell_.determinant()) * deformation * deviatoric * deformation.transpose()) /
           units::ev_per_cubic_angstrom_in_gpa;
}

}  // namespace mlff::md
