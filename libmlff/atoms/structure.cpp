#include "libmlff/atoms/structure.hpp"

#include <fmt/format.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

constexpr double flat_cell = 1e-8;  ///< |det H| below this share of the product of lengths counts as no volume

}  // namespace

bool Structure::has_volume() const {
    const double lengths = cell.col(0).norm() * cell.col(1).norm() * cell.col(2).norm();
    return lengths > 0.0 && std::abs(cell.determinant()) > flat_cell * lengths;
}

double Structure::volume() const { return std::abs(cell.determinant()); }

void Structure::validate() const {
    if (static_cast<Eigen::Index>(species.size()) != size())
        throw InputError(fmt::format("{} species for {} positions", species.size(), size()));
    for (const int z : species)
        if (z < 1 || z > 118) throw InputError(fmt::format("atomic number {} is not an element; 1..118 is", z));
    for (Eigen::Index i = 0; i < size(); ++i)
        if (!positions.col(i).allFinite())
            throw InputError(fmt::format("position of atom {} is not a finite number", i + 1));
    if (!cell.allFinite()) throw InputError("the cell holds a number that is not finite");
    std::vector<int> axes;
    for (int axis = 0; axis < 3; ++axis)
        if (periodic[static_cast<std::size_t>(axis)]) axes.push_back(axis);
    Eigen::MatrixXd span(3, axes.size());
    double lengths = 1.0;
    for (std::size_t k = 0; k < axes.size(); ++k) {
        span.col(static_cast<Eigen::Index>(k)) = cell.col(axes[k]);
        lengths *= cell.col(axes[k]).squaredNorm();
    }
    // Gram determinant: squared volume, area or length that the periodic axes span.
    const double measure = axes.empty() ? 1.0 : (span.transpose() * span).eval().determinant();
    if (!axes.empty() && !(lengths > 0.0 && measure > flat_cell * flat_cell * lengths))
        throw InputError(
            "the periodic lattice vectors are zero or linearly dependent; three independent ones are needed");
}

Structure make_supercell(const Structure& unit, const std::array<int, 3>& repeats) {
    for (const int n : repeats)
        if (n < 1) throw InputError(fmt::format("supercell must hold positive numbers, got {}", n));
    const Eigen::Index copies = Eigen::Index{repeats[0]} * repeats[1] * repeats[2];
    Structure out;
    out.periodic = unit.periodic;
    for (int axis = 0; axis < 3; ++axis)
        out.cell.col(axis) = unit.cell.col(axis) * repeats[static_cast<std::size_t>(axis)];
    out.positions.resize(3, unit.size() * copies);
    out.species.reserve(static_cast<std::size_t>(unit.size() * copies));
    Eigen::Index first = 0;
    for (int a = 0; a < repeats[0]; ++a)
        for (int b = 0; b < repeats[1]; ++b)
            for (int c = 0; c < repeats[2]; ++c) {
                const Vector3 origin = unit.cell * Vector3(a, b, c);
                out.positions.middleCols(first, unit.size()) = unit.positions.colwise() + origin;
                out.species.insert(out.species.end(), unit.species.begin(), unit.species.end());
                first += unit.size();
            }
    return out;
}

std::vector<int> species_present(const Structure& structure) {
    const std::set<int> unique(structure.species.begin(), structure.species.end());
    return {unique.begin(), unique.end()};
}

std::map<int, long> composition(const Structure& structure) {
    std::map<int, long> counts;
    for (const int z : structure.species) ++counts[z];
    return counts;
}

bool same_atoms(const Structure& a, const Structure& b) {
    return a.species == b.species && a.positions == b.positions && a.cell == b.cell;
}

std::string formula(const Structure& structure) {
    std::string text;
    std::vector<int> seen;
    for (const int z : structure.species) {
        if (std::find(seen.begin(), seen.end(), z) != seen.end()) continue;
        seen.push_back(z);
        text += element_symbol(z);
        if (const auto n = std::count(structure.species.begin(), structure.species.end(), z); n > 1)
            text += std::to_string(n);
    }
    return text;
}

CellParameters cell_parameters(const Matrix3& cell) {
    CellParameters out{};
    for (int axis = 0; axis < 3; ++axis) {
        const auto k = static_cast<std::size_t>(axis);
        const Vector3 one = cell.col((axis + 1) % 3), other = cell.col((axis + 2) % 3);
        out.lengths[k] = cell.col(axis).norm();
        out.angles[k] = std::atan2(one.cross(other).norm(), one.dot(other)) * 180.0 / std::numbers::pi;
    }
    return out;
}

Voigt to_voigt(const Matrix3& t) {
    Voigt v;
    v << t(0, 0), t(1, 1), t(2, 2), 0.5 * (t(1, 2) + t(2, 1)), 0.5 * (t(0, 2) + t(2, 0)), 0.5 * (t(0, 1) + t(1, 0));
    return v;
}

Matrix3 from_voigt(const Voigt& v) {
    Matrix3 t;
    t << v[0], v[5], v[4], v[5], v[1], v[3], v[4], v[3], v[2];
    return t;
}

}  // namespace mlff
