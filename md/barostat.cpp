#include "md/barostat.hpp"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <cmath>
#include <numbers>
#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::md {
namespace {

double inner(const Matrix3& a, const Matrix3& b) { return a.cwiseProduct(b).sum(); }

double mean(const Voigt& tensor) { return tensor.head<3>().mean(); }

/// Σ m v vᵀ [eV]
Matrix3 twice_kinetic_tensor(const State& state) {
    return state.velocities * state.masses.asDiagonal() * state.velocities.transpose() / units::acceleration;
}

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

/// (e^z − 1)/z
double relative_exponential(double z) { return z == 0.0 ? 1.0 : std::expm1(z) / z; }

/// y(duration) of ẏ = A y + b with a symmetric A.
struct LinearFlow {
    Matrix3 own, source;  ///< y ← own y + source b

    LinearFlow(const Matrix3& a, double duration) {
        const Eigen::SelfAdjointEigenSolver<Matrix3> solver(a);
        const Matrix3& axes = solver.eigenvectors();
        const Vector3 z = duration * solver.eigenvalues();
        own = axes * z.unaryExpr([](double x) { return std::exp(x); }).asDiagonal() * axes.transpose();
        source = duration * axes * z.unaryExpr([](double x) { return relative_exponential(x); }).asDiagonal() *
                 axes.transpose();
    }
};

}  // namespace

void BarostatOptions::validate(double timestep) const {
    if (type == BarostatType::none) return;
    const auto require = [](bool right, const char* name, double value, const std::string& bound) {
        if (!right) throw InputError(fmt::format("barostat {} is {}; it must be {}", name, value, bound));
    };
    require(period >= 20.0 * timestep && std::isfinite(period), "period", period,
            fmt::format("at least 20 timesteps, {} fs", 20.0 * timestep));
    for (const Voigt* tensor : {&pressure_start, &pressure_end})
        for (const double value : *tensor)
            require(std::abs(value) <= 1e4, "pressure", value, "within ±10000 GPa (the unit is GPa; 1 GPa = 10 kbar)");
    require(compressibility > 0.0 && std::isfinite(compressibility), "compressibility", compressibility, "positive");
    if (mass) require(*mass > 0.0 && std::isfinite(*mass), "mass", *mass, "positive");
    require(friction > 0.0 && std::isfinite(friction), "friction", friction, "positive");
    require(chain_length >= 1 && chain_length <= 100, "chain_length", chain_length, "in 1..100");
}

Voigt BarostatOptions::target_pressure(std::int64_t step, std::int64_t steps) const {
    if (step >= steps) return pressure_end;
    return pressure_start + (pressure_end - pressure_start) * (static_cast<double>(step) / static_cast<double>(steps));
}

Barostat::Barostat(const BarostatOptions& options, const State& initial, Eigen::Index degrees_of_freedom,
                   std::size_t first)
    : options_(options),
      fixed_(options.fixed),
      initial_cell_(initial.structure.cell),
      degrees_of_freedom_(static_cast<double>(degrees_of_freedom)),
      first_(first) {
    if (!initial.structure.has_volume())
        throw InputError("ensemble npt needs a cell with a volume: three independent lattice vectors");
    bool free_axis = false;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        fixed_[axis] = fixed_[axis] || !initial.structure.periodic[axis];
        free_axis = free_axis || !fixed_[axis];
    }
    if (!free_axis)
        throw InputError("ensemble npt: no lattice vector is both periodic and not fixed; use nvt for this cell");
    basis_ = strains(initial_cell_, fixed_, options_.cell);
    const double relaxation = options_.period / (2.0 * std::numbers::pi);
    mass_ = 3.0 * initial.structure.volume() / (options_.compressibility * units::ev_per_cubic_angstrom_in_gpa) *
            relaxation * relaxation;
    if (options_.mass) mass_ = *options_.mass * std::pow(initial.structure.volume(), 2.0 / 3.0) / units::acceleration;
    if (options_.type == BarostatType::mtk)
        chain_ = std::make_unique<NoseHooverChain>(options_.period, options_.chain_length,
                                                   static_cast<Eigen::Index>(basis_.size()));
}

std::size_t Barostat::n_variables() const { return basis_.size() + (chain_ ? chain_->n_variables() : 0); }

Matrix3 Barostat::rate(const Bath& bath) const {
    Matrix3 out = Matrix3::Zero();
    for (std::size_t k = 0; k < basis_.size(); ++k) out += bath.variables[first_ + k] * basis_[k];
    return out;
}

Matrix3 Barostat::external(const State& state, const Voigt& pressure) const {
    const double volume = state.structure.volume(), hydrostatic = mean(pressure);
    const Matrix3 deformation = state.structure.cell * initial_cell_.inverse();
    const Matrix3 deviatoric = from_voigt(pressure) - hydrostatic * Matrix3::Identity();
    return (hydrostatic * volume * Matrix3::Identity() +
            std::abs(initial_cell_.determinant()) * deformation * deviatoric * deformation.transpose()) /
           units::ev_per_cubic_angstrom_in_gpa;
}

double Barostat::energy(const State& state, const Bath& bath, const Voigt& pressure) const {
    double twice_kinetic = 0.0;
    for (std::size_t k = 0; k < basis_.size(); ++k) twice_kinetic += mass_ * std::pow(bath.variables[first_ + k], 2);
    const double hydrostatic = mean(pressure);
    const Matrix3 deformation = state.structure.cell * initial_cell_.inverse();
    const Matrix3 strain = 0.5 * (deformation.transpose() * deformation - Matrix3::Identity());
    const double work =
        hydrostatic * state.structure.volume() +
        std::abs(initial_cell_.determinant()) * inner(from_voigt(pressure) - hydrostatic * Matrix3::Identity(), strain);
    return 0.5 * twice_kinetic + work / units::ev_per_cubic_angstrom_in_gpa;
}

void Barostat::push(const State& state, Bath& bath, const Voigt& stress, const Voigt& pressure, double duration) const {
    const Matrix3 kinetic = twice_kinetic_tensor(state);
    const Matrix3 force = kinetic + kinetic.trace() / degrees_of_freedom_ * Matrix3::Identity() -
                          state.structure.volume() * from_voigt(stress) - external(state, pressure);
    for (std::size_t k = 0; k < basis_.size(); ++k)
        bath.variables[first_ + k] += duration / mass_ * inner(basis_[k], force);
}

void Barostat::begin(const State& state, Bath& bath, const Voigt& stress, const Voigt& pressure, double temperature,
                     double timestep) const {
    if (options_.type != BarostatType::cell_rescaling) {
        bath.energy -= energy(state, bath, pressure);
        push(state, bath, stress, pressure, 0.5 * timestep);
        return;
    }
    const double volume = state.structure.volume(), kT = units::boltzmann * temperature;
    const double speed = kT * options_.compressibility * units::ev_per_cubic_angstrom_in_gpa /
                         (3.0 * volume * options_.period);  // c [1/fs]
    const Matrix3 own = twice_kinetic_tensor(state) - volume * from_voigt(stress);
    const Matrix3 force = own - external(state, pressure);
    for (std::size_t k = 0; k < basis_.size(); ++k) {
        const double strain =
            speed / kT * inner(basis_[k], force) * timestep + std::sqrt(2.0 * speed * timestep) * bath.random.normal();
        bath.variables[first_ + k] = strain / timestep;
        bath.energy += 0.5 * strain * inner(basis_[k], own);
    }
}

void Barostat::kick(State& state, const Bath& bath, const Matrix3X& forces, double duration) const {
    Matrix3 friction = rate(bath);
    if (options_.type != BarostatType::cell_rescaling)
        friction += friction.trace() / degrees_of_freedom_ * Matrix3::Identity();
    const LinearFlow flow(-friction, duration);
    for (Eigen::Index i = 0; i < state.size(); ++i)
        state.velocities.col(i) = flow.own * state.velocities.col(i) +
                                  flow.source * ((units::acceleration / state.masses[i]) * forces.col(i));
    hold_fixed(state, state.velocities);
}

void Barostat::drift(State& state, const Bath& bath, double duration) const {
    const LinearFlow flow(rate(bath), duration);
    Structure& structure = state.structure;
    for (Eigen::Index i = 0; i < state.size(); ++i)
        structure.positions.col(i) = flow.own * structure.positions.col(i) + flow.source * state.velocities.col(i);
    for (int axis = 0; axis < 3; ++axis)
        if (!fixed_[static_cast<std::size_t>(axis)]) structure.cell.col(axis) = flow.own * structure.cell.col(axis);
}

void Barostat::heat(Bath& bath, double temperature, double duration) const {
    if (options_.type == BarostatType::cell_rescaling) return;
    double before = 0.0, after = 0.0;  // 2 × kinetic energy of the cell
    const auto twice_kinetic = [&] {
        double sum = 0.0;
        for (std::size_t k = 0; k < basis_.size(); ++k) sum += mass_ * std::pow(bath.variables[first_ + k], 2);
        return sum;
    };
    before = twice_kinetic();
    if (chain_) {
        const double scale =
            chain_->advance(before, {bath.variables.data() + first_ + basis_.size(), chain_->n_variables()},
                            bath.energy, temperature, duration);
        for (std::size_t k = 0; k < basis_.size(); ++k) bath.variables[first_ + k] *= scale;
        return;
    }
    const double per_fs = 1e-3 * options_.friction;
    const double c = std::exp(-duration * per_fs);
    const double width = std::sqrt(-std::expm1(-2.0 * duration * per_fs) * units::boltzmann * temperature / mass_);
    for (std::size_t k = 0; k < basis_.size(); ++k)
        bath.variables[first_ + k] = c * bath.variables[first_ + k] + width * bath.random.normal();
    after = twice_kinetic();
    bath.energy += 0.5 * (before - after);
}

void Barostat::end(const State& state, Bath& bath, const Voigt& stress, const Voigt& pressure, double timestep) const {
    if (options_.type != BarostatType::cell_rescaling) {
        push(state, bath, stress, pressure, 0.5 * timestep);
        bath.energy += energy(state, bath, pressure);
        return;
    }
    const Matrix3 own = twice_kinetic_tensor(state) - state.structure.volume() * from_voigt(stress);
    bath.energy += 0.5 * timestep * inner(rate(bath), own);
}

}  // namespace mlff::md
