#include "md/barostat.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "runs.hpp"
#include "support/mechanical_models.hpp"

namespace mlff {
namespace {

using md::BarostatType;
using md::CellMotion;
using md::Driver;
using md::DynamicsOptions;
using md::make_state;
using md::State;
using md::StepReport;
using md::ThermostatType;
using testing::go_on;
using testing::SpringCrystal;
using testing::SpringNetwork;

constexpr double gpa = 1.0 / units::ev_per_cubic_angstrom_in_gpa;

/// No forces at all.
class IdealGas final : public Calculator {
 public:
    Evaluation evaluate(const Structure& structure, const Request& = {}) override {
        Evaluation out;
        out.forces.setZero(3, structure.size());
        out.stress = Voigt::Zero();
        return out;
    }
    std::string description() const override { return "ideal gas"; }
};

/// E = ½ k Σ |r_i − H s_i|² + ½ B (V − V₀)²/V₀: the volume is normally distributed whatever the vibrations do.
class HarmonicCrystal final : public Calculator {
 public:
    HarmonicCrystal(const Structure& at_rest, double stiffness, double bulk_modulus)
        : places_(at_rest.cell.inverse() * at_rest.positions),
          volume_(at_rest.volume()),
          stiffness_(stiffness),
          bulk_modulus_(bulk_modulus) {}

    Evaluation evaluate(const Structure& structure, const Request& = {}) override {
        const Matrix3X u = structure.positions - structure.cell * places_;
        const double strain = structure.volume() / volume_ - 1.0;
        Evaluation out;
        out.energy = 0.5 * stiffness_ * u.squaredNorm() + 0.5 * bulk_modulus_ * volume_ * strain * strain;
        out.forces = -stiffness_ * u;
        out.stress = to_voigt(Matrix3(stiffness_ / structure.volume() * u * u.transpose() +
                                      bulk_modulus_ * strain * Matrix3::Identity()));
        return out;
    }
    std::string description() const override { return "harmonic crystal"; }

 private:
    Matrix3X places_;
    double volume_, stiffness_, bulk_modulus_;  // [Å³], [eV/Å²], [eV/Å³]
};

/// Its springs are at rest at 0 GPa.
struct RelaxedCrystal : SpringCrystal {
    explicit RelaxedCrystal(int n) : SpringCrystal(n) {
        structure.cell /= 1.1;
        structure.positions /= 1.1;
    }
};

DynamicsOptions npt(BarostatType type, CellMotion cell, ThermostatType thermostat, double pressure, double timestep,
                    std::int64_t steps) {
    DynamicsOptions options = testing::nvt(thermostat, 300.0, timestep, steps);
    options.ensemble = md::Ensemble::npt;
    options.barostat.type = type;
    options.barostat.cell = cell;
    options.barostat.period = 400.0;
    options.barostat.compressibility = 0.02;
    options.barostat.pressure_start.head<3>().setConstant(pressure);
    options.barostat.pressure_end = options.barostat.pressure_start;
    return options;
}

struct Volumes {
    double sum = 0.0, squares = 0.0, n = 0.0;
    void add(double volume) {
        sum += volume;
        squares += volume * volume;
        n += 1.0;
    }
    [[nodiscard]] double mean() const { return sum / n; }
    [[nodiscard]] double variance() const { return squares / n - mean() * mean(); }
};

const std::vector<std::pair<BarostatType, const char*>> all = {
    {BarostatType::cell_rescaling, "cell_rescaling"}, {BarostatType::mtk, "mtk"}, {BarostatType::langevin, "langevin"}};

// p(V) ∝ V^N exp(−PV/kT) with the centre of mass free, V^(N−1) at rest; whatever of the cell moves.
TEST(Barostat, IdealGasHasTheExactDistributionOfTheVolume) {
    IdealGas gas;
    const SpringCrystal crystal(3);
    for (const auto& [type, name] : all)
        for (const CellMotion cell : {CellMotion::isotropic, CellMotion::triclinic}) {
            SCOPED_TRACE(std::string(name) + (cell == CellMotion::isotropic ? " isotropic" : " triclinic"));
            const bool free = cell == CellMotion::isotropic;
            DynamicsOptions options =
                npt(type, cell, free ? ThermostatType::langevin : ThermostatType::csvr, 1.0, 2.0, 200'000);
            options.barostat.compressibility = 1.0;
            options.max_displacement = 10.0;
            if (type == BarostatType::cell_rescaling) options.barostat.period = 1000.0;  // for small strains per step
            State initial = make_state(crystal.structure);
            initial.structure.cell *= 0.6;
            Driver driver(gas, initial, options);
            Volumes volumes;
            driver.run([&](const StepReport& report) {
                if (report.step > 2000) volumes.add(report.state.structure.volume());
                return true;
            });
            const double unit = units::boltzmann * 300.0 / gpa, shape = free ? 28.0 : 27.0;
            EXPECT_NEAR(volumes.mean() / (shape * unit), 1.0, 0.04);
            EXPECT_NEAR(volumes.variance() / (shape * unit * unit), 1.0, 0.25);
        }
}

// The mean is V₀ (1 − P/B), the variance k_B T V₀/B, and neither drifts.
TEST(Barostat, HarmonicCrystalHasTheExactDistributionOfTheVolume) {
    const SpringCrystal crystal(2);
    const double bulk_modulus = 10.0 * gpa, pressure = 1.0;
    HarmonicCrystal harmonic(crystal.structure, 3.0, bulk_modulus);
    const double volume = crystal.structure.volume();
    const double deviation = std::sqrt(units::boltzmann * 300.0 * volume / bulk_modulus);
    for (const auto& [type, name] : all) {
        SCOPED_TRACE(name);
        DynamicsOptions options = npt(type, CellMotion::isotropic, ThermostatType::langevin, pressure, 4.0, 100'000);
        options.barostat.compressibility = 0.1;
        Driver driver(harmonic, make_state(crystal.structure), options);
        Volumes first, second, whole;
        driver.run([&](const StepReport& report) {
            if (report.step < 2000) return true;
            (report.step < 51'000 ? first : second).add(report.state.structure.volume());
            whole.add(report.state.structure.volume());
            return true;
        });
        EXPECT_NEAR(whole.mean(), 0.9 * volume, 0.1 * deviation);
        EXPECT_NEAR(whole.variance() / (deviation * deviation), 1.0, 0.12);
        EXPECT_NEAR(first.mean(), second.mean(), 0.25 * deviation);
    }
}

// Springs under tension pull the cell together. A virial of the wrong sign would push it apart.
TEST(Barostat, VirialSign) {
    const SpringCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    for (const auto& [type, name] : all)
        for (const CellMotion cell : {CellMotion::isotropic, CellMotion::triclinic}) {
            SCOPED_TRACE(name);
            DynamicsOptions options = npt(type, cell, ThermostatType::csvr, 0.0, 2.0, 100);
            options.temperature_start = options.temperature_end = 10.0;
            Driver driver(springs, make_state(crystal.structure), options);
            driver.run(go_on);
            EXPECT_LT(driver.state().structure.volume(), 0.99 * crystal.structure.volume());
        }
}

/// Largest deviation of the conserved quantity over 400 fs [eV].
double deviation(BarostatType type, CellMotion cell, ThermostatType thermostat, double timestep, bool tensor = false) {
    const RelaxedCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    DynamicsOptions options =
        npt(type, cell, thermostat, 3.0, timestep, static_cast<std::int64_t>(std::lround(400.0 / timestep)));
    if (tensor) options.barostat.pressure_start << 3.0, 1.0, 2.0, 0.5, -0.4, 0.3;
    options.barostat.pressure_end = options.barostat.pressure_start;
    Driver driver(springs, make_state(crystal.structure), options);
    double start = 0.0, largest = 0.0;
    driver.run([&](const StepReport& report) {
        if (report.step == 0) start = report.conserved;
        largest = std::max(largest, std::abs(report.conserved - start));
        return true;
    });
    return largest;
}

// Under a pressure and under a pressure tensor.
TEST(Barostat, DriftOfTheConservedQuantityFallsAsTheSquareOfTheStep) {
    for (const CellMotion cell : {CellMotion::isotropic, CellMotion::triclinic})
        for (const bool tensor : {false, true}) {
            const auto at = [&](double timestep) {
                return deviation(BarostatType::mtk, cell, ThermostatType::nose_hoover, timestep, tensor);
            };
            const double coarse = at(2.0), fine = at(1.0);
            EXPECT_LT(coarse, 0.02);
            EXPECT_NEAR(coarse / fine, 4.0, 0.5);
        }
}

// Noise moves energy too, and all of it is counted.
TEST(Barostat, ConservedQuantityOfStochasticBarostatsDoesNotDrift) {
    for (const auto type : {BarostatType::cell_rescaling, BarostatType::langevin})
        for (const auto thermostat : {ThermostatType::csvr, ThermostatType::langevin}) {
            const double coarse = deviation(type, CellMotion::triclinic, thermostat, 2.0);
            EXPECT_LT(coarse, 0.05);
            EXPECT_LT(deviation(type, CellMotion::triclinic, thermostat, 0.25), 0.25 * coarse);
        }
}

TEST(Barostat, MtkRunsBackwards) {
    const RelaxedCrystal crystal(3);
    SpringNetwork springs(crystal.bonds, 1.0);
    const DynamicsOptions options =
        npt(BarostatType::mtk, CellMotion::triclinic, ThermostatType::nose_hoover, 1.0, 2.0, 200);
    Driver forth(springs, make_state(crystal.structure), options);
    const State start = forth.state();
    forth.run(go_on);
    EXPECT_GT((forth.state().structure.cell - start.structure.cell).norm(), 0.5);
    md::Snapshot turned = md::decode(forth.snapshot());
    turned.state.step = 0;
    turned.state.velocities *= -1.0;
    for (double& variable : turned.bath.variables) variable *= -1.0;
    Driver back(springs, make_state(crystal.structure), options);
    back.restore(md::encode(turned));
    back.run(go_on);
    EXPECT_LT((back.state().structure.positions - start.structure.positions).norm(), 1e-6);
    EXPECT_LT((back.state().structure.cell - start.structure.cell).norm(), 1e-6);
    EXPECT_LT((back.state().velocities + start.velocities).norm(), 1e-7);
}

TEST(Barostat, ContinuesToTheSameBits) {
    const RelaxedCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    for (const auto& [type, name] : all) {
        DynamicsOptions options = npt(type, CellMotion::triclinic, ThermostatType::nose_hoover, 1.0, 2.0, 60);
        options.barostat.pressure_end.head<3>().setConstant(3.0);
        Driver whole(springs, make_state(crystal.structure), options);
        std::string middle;
        whole.run([&](const StepReport& report) {
            if (report.step == 31) middle = whole.snapshot();
            return true;
        });
        Driver rest(springs, make_state(crystal.structure), options);
        rest.restore(middle);
        rest.run(go_on);
        EXPECT_EQ(rest.snapshot(), whole.snapshot()) << name;
    }
}

// A slab: neither what is fixed nor what is not periodic moves by a bit, and the cell has no rotation to speak of.
TEST(Barostat, FixedLatticeVectorsStay) {
    const RelaxedCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    for (const auto& [type, name] : all)
        for (const CellMotion cell : {CellMotion::isotropic, CellMotion::triclinic})
            for (const bool open : {false, true}) {
                DynamicsOptions options = npt(type, cell, ThermostatType::csvr, 0.0, 2.0, 50);
                State initial = make_state(crystal.structure);
                initial.structure.periodic[2] = !open;
                options.barostat.fixed[2] = !open;
                Driver driver(springs, initial, options);
                driver.run(go_on);
                const Matrix3 &now = driver.state().structure.cell, &before = crystal.structure.cell;
                EXPECT_EQ(now.col(2), before.col(2)) << name;
                EXPECT_GT((now.leftCols<2>() - before.leftCols<2>()).norm(), 1e-3);
                // What moves is perpendicular to it.
                EXPECT_LT((now.col(0) - before.col(0)).dot(before.col(2)), 1e-12);
            }
}

TEST(Barostat, OrthorhombicCellsStayOrthorhombic) {
    IdealGas gas;
    Structure box = SpringCrystal(2).structure;
    box.cell = Vector3(4.0, 5.0, 6.0).asDiagonal();
    for (const auto& [type, name] : all) {
        DynamicsOptions options = npt(type, CellMotion::orthorhombic, ThermostatType::csvr, 1.0, 2.0, 200);
        options.barostat.fixed[0] = true;
        Driver driver(gas, make_state(box), options);
        driver.run(go_on);
        const Matrix3& now = driver.state().structure.cell;
        EXPECT_TRUE(now.isDiagonal(1e-12)) << name;
        EXPECT_EQ(now(0, 0), 4.0);
        EXPECT_GT(std::abs(now(1, 1) / now(2, 2) - 5.0 / 6.0), 1e-5);
    }
}

// Held atoms keep their place in the cell, and the quantity is still conserved.
TEST(Barostat, HeldAtomsFollowTheCell) {
    const RelaxedCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    State initial = make_state(crystal.structure);
    initial.move_mask = MoveMask::Constant(3, 8, true);
    initial.move_mask.col(3).setConstant(false);
    DynamicsOptions options = npt(BarostatType::mtk, CellMotion::triclinic, ThermostatType::nose_hoover, 0.0, 1.0, 200);
    Driver driver(springs, initial, options);
    double first = 0.0, last = 0.0;
    driver.run([&](const StepReport& report) {
        (report.step == 0 ? first : last) = report.conserved;
        return true;
    });
    const Vector3 before = crystal.structure.cell.inverse() * crystal.structure.positions.col(3);
    const Structure& now = driver.state().structure;
    EXPECT_LT((now.cell.inverse() * now.positions.col(3) - before).norm(), 1e-12);
    EXPECT_GT((now.cell - crystal.structure.cell).norm(), 0.02);
    EXPECT_NEAR(first, last, 0.01);
}

TEST(Barostat, PressureRampIsLinearAndThenStays) {
    md::BarostatOptions options;
    options.pressure_start.head<3>().setConstant(1.0);
    options.pressure_end.head<3>().setConstant(3.0);
    EXPECT_EQ(options.target_pressure(0, 100)[0], 1.0);
    EXPECT_EQ(options.target_pressure(50, 100)[1], 2.0);
    EXPECT_EQ(options.target_pressure(500, 100)[2], 3.0);
}

TEST(Barostat, PressureFollowsTheRamp) {
    const RelaxedCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    for (const auto& [type, name] : all) {
        DynamicsOptions options = npt(type, CellMotion::triclinic, ThermostatType::langevin, 0.0, 2.0, 4000);
        options.temperature_start = options.temperature_end = 10.0;
        options.barostat.pressure_end.head<3>().setConstant(3.0);
        options.barostat.compressibility = 0.08;
        Driver driver(springs, make_state(crystal.structure), options);
        double middle = 0.0, end = 0.0;
        driver.run([&](const StepReport& report) {
            EXPECT_NEAR(*report.target_pressure, 3.0 * static_cast<double>(report.step) / 4000.0, 1e-12);
            if (report.step > 1750 && report.step <= 2250) middle += *report.pressure / 500.0;
            if (report.step > 3500) end += *report.pressure / 500.0;
            return true;
        });
        // The volume lags behind by its relaxation time.
        EXPECT_NEAR(middle, 1.5, 0.5) << name;
        EXPECT_NEAR(end, 2.81, 0.5) << name;
    }
}

std::string refusal(Calculator& calculator, const Structure& structure, const DynamicsOptions& options) {
    try {
        Driver(calculator, make_state(structure), options).advance();
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

TEST(Barostat, RefusesWhatItCannotDo) {
    const RelaxedCrystal crystal(2);
    SpringNetwork springs(crystal.bonds, 1.0);
    const DynamicsOptions good = npt(BarostatType::mtk, CellMotion::triclinic, ThermostatType::csvr, 0.0, 2.0, 5);
    EXPECT_EQ(refusal(springs, crystal.structure, good), "");
    DynamicsOptions options = good;
    options.barostat.cell = CellMotion::orthorhombic;
    EXPECT_NE(refusal(springs, crystal.structure, options).find("perpendicular"), std::string::npos);
    options = good;
    options.barostat.fixed = {true, true, true};
    EXPECT_NE(refusal(springs, crystal.structure, options).find("not fixed"), std::string::npos);
    options = good;
    options.barostat.period = 10.0;
    EXPECT_NE(refusal(springs, crystal.structure, options).find("20 timesteps, 40 fs"), std::string::npos);
    options = good;
    options.barostat.type = BarostatType::none;
    EXPECT_NE(refusal(springs, crystal.structure, options).find("needs a barostat"), std::string::npos);
    Structure open = crystal.structure;
    open.cell.col(2).setZero();
    open.periodic[2] = false;
    EXPECT_NE(refusal(springs, open, good).find("volume"), std::string::npos);
    testing::Wells wells(crystal.structure.positions, Eigen::VectorXd::Ones(8));  // has no stress
    EXPECT_NE(refusal(wells, crystal.structure, good).find("needs a stress"), std::string::npos);
}

}  // namespace
}  // namespace mlff
