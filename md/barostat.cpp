#include "md/barostat.hpp"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <cmath>
#include <numbers>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::md {
namespace {

double inner(const Matrix3& a, const Matrix3& b) { return a.cwiseProduct(b).sum(); }

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
      cell_(initial.structure, options.fixed, options.cell),
      degrees_of_freedom_(static_cast<double>(degrees_of_freedom)),
      first_(first) {
    const double relaxation = options_.period / (2.0 * std::numbers::pi);
    mass_ = 3.0 * initial.structure.volume() / (options_.compressibility * units::ev_per_cubic_angstrom_in_gpa) *
            relaxation * relaxation;
    if (options_.mass) mass_ = *options_.mass * std::pow(initial.structure.volume(), 2.0 / 3.0) / units::acceleration;
    if (options_.type == BarostatType::mtk)
        chain_ = std::make_unique<NoseHooverChain>(options_.period, options_.chain_length,
                                                   static_cast<Eigen::Index>(cell_.basis().size()));
}

std::size_t Barostat::n_variables() const { return cell_.basis().size() + (chain_ ? chain_->n_variables() : 0); }

Matrix3 Barostat::rate(const Bath& bath) const {
    Matrix3 out = Matrix3::Zero();
    for (std::size_t k = 0; k < cell_.basis().size(); ++k) out += bath.variables[first_ + k] * cell_.basis()[k];
    return out;
}

double Barostat::twice_kinetic(const Bath& bath) const {
    double sum = 0.0;
    for (std::size_t k = 0; k < cell_.basis().size(); ++k) sum += mass_ * std::pow(bath.variables[first_ + k], 2);
    return sum;
}

double Barostat::energy(const State& state, const Bath& bath, const Voigt& pressure) const {
    return 0.5 * twice_kinetic(bath) + cell_.work(state.structure.cell, pressure);
}

void Barostat::push(const State& state, Bath& bath, const Voigt& stress, const Voigt& pressure, double duration) const {
    const Matrix3 kinetic = twice_kinetic_tensor(state);
    const Matrix3 force = kinetic + kinetic.trace() / degrees_of_freedom_ * Matrix3::Identity() -
                          state.structure.volume() * from_voigt(stress) -
                          cell_.work_gradient(state.structure.cell, pressure);
    for (std::size_t k = 0; k < cell_.basis().size(); ++k)
        bath.variables[first_ + k] += duration / mass_ * inner(cell_.basis()[k], force);
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
    const Matrix3 force = own - cell_.work_gradient(state.structure.cell, pressure);
    for (std::size_t k = 0; k < cell_.basis().size(); ++k) {
        const double strain = speed / kT * inner(cell_.basis()[k], force) * timestep +
                              std::sqrt(2.0 * speed * timestep) * bath.random.normal();
        bath.variables[first_ + k] = strain / timestep;
        bath.energy += 0.5 * strain * inner(cell_.basis()[k], own);
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
    cell_.apply(flow.own, structure.cell);
}

void Barostat::heat(Bath& bath, double temperature, double duration) const {
    if (options_.type == BarostatType::cell_rescaling) return;
    const double before = twice_kinetic(bath);
    if (chain_) {
        const double scale =
            chain_->advance(before, {bath.variables.data() + first_ + cell_.basis().size(), chain_->n_variables()},
                            bath.energy, temperature, duration);
        for (std::size_t k = 0; k < cell_.basis().size(); ++k) bath.variables[first_ + k] *= scale;
        return;
    }
    const double per_fs = 1e-3 * options_.friction;
    const double c = std::exp(-duration * per_fs);
    const double width = std::sqrt(-std::expm1(-2.0 * duration * per_fs) * units::boltzmann * temperature / mass_);
    for (std::size_t k = 0; k < cell_.basis().size(); ++k)
        bath.variables[first_ + k] = c * bath.variables[first_ + k] + width * bath.random.normal();
    bath.energy += 0.5 * (before - twice_kinetic(bath));
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
