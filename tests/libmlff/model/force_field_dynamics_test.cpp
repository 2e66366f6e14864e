#include <gtest/gtest.h>

#include <cmath>

#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/search/compile.hpp"
#include "md/runs.hpp"
#include "support/silicon.hpp"
#include "support/time_series.hpp"

namespace mlff {
namespace {

ForceField silicon() {
    static const ForceField model = fit_to_data(testing::silicon_data(20, 1), testing::silicon_options(), {},
                                                [](long, long, const std::string&) {});
    return model;
}

ForceField silicon_in_single_precision() {
    const ProductionForms forms(silicon());
    return silicon().with_production(forms.leading(forms.most(), true));
}

/// Total energy after every step [eV].
std::vector<double> total_energies(const ForceField& model, double temperature, double timestep, std::int64_t steps) {
    ForceFieldCalculator calculator(model);
    md::Driver driver(calculator, md::make_state(testing::diamond()), testing::nve(temperature, timestep, steps));
    std::vector<double> energies;
    (void)driver.run([&](const md::StepReport& report) {
        energies.push_back(report.potential + report.kinetic);
        return true;
    });
    return energies;
}

/// Velocity Verlet in a smooth potential: the energy oscillates with an amplitude of order Δt².
TEST(ForceFieldDynamics, EnergyFluctuatesAsTheSquareOfTheTimeStep) {
    const double coarse = testing::scatter(total_energies(silicon(), 300.0, 2.0, 500));
    const double fine = testing::scatter(total_energies(silicon(), 300.0, 1.0, 1000));
    EXPECT_GT(fine, 1e-7);
    EXPECT_NEAR(coarse / fine, 4.0, 0.8);
}

/// Change of the total energy over the run, from the slope of a line through it [eV/atom].
double drift(const std::vector<double>& energies) {
    const auto n = static_cast<double>(energies.size());
    double slope = 0.0, weight = 0.0;
    for (std::size_t k = 0; k < energies.size(); ++k) {
        const double x = static_cast<double>(k) - 0.5 * (n - 1.0);
        slope += x * (energies[k] - energies[0]);
        weight += x * x;
    }
    return slope / weight * n / 8.0;
}

/// 20 ps at 1 fs: less than 0.1 meV per atom.
TEST(ForceFieldDynamics, EnergyDoesNotDrift) {
    EXPECT_LT(std::abs(drift(total_energies(silicon(), 300.0, 1.0, 20000))), 1e-4);
}

/// 8 ps.
TEST(ForceFieldDynamics, EnergyDoesNotDriftInSinglePrecision) {
    EXPECT_LT(std::abs(drift(total_energies(silicon_in_single_precision(), 300.0, 1.0, 8000))), 1e-4);
}

}  // namespace
}  // namespace mlff
