#include "analysis/arrhenius.hpp"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "analysis/series.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::analysis {

ArrheniusFit fit_arrhenius(std::span<const RateAtTemperature> points) {
    const auto n = static_cast<Eigen::Index>(points.size());
    Eigen::ArrayXd x(n), y(n), weights = Eigen::ArrayXd::Ones(n);
    const bool weighted =
        std::all_of(points.begin(), points.end(), [](const auto& point) { return point.error && *point.error > 0.0; });
    for (Eigen::Index k = 0; k < n; ++k) {
        const RateAtTemperature& point = points[static_cast<std::size_t>(k)];
        if (!(point.temperature > 0.0))
            throw InputError(fmt::format("temperature is {}; it must be positive", point.temperature));
        if (!(point.rate > 0.0))
            throw InputError(fmt::format("the rate at {} K is {}; an Arrhenius line needs positive rates",
                                         point.temperature, point.rate));
        x[k] = 1.0 / (units::boltzmann * point.temperature);
        y[k] = std::log(point.rate);
        if (weighted) weights[k] = std::pow(point.rate / *point.error, 2);
    }
    if (n < 2 || !(x.maxCoeff() - x.minCoeff() > 1e-9 * x.maxCoeff()))
        throw InputError("an Arrhenius line needs two different temperatures");
    const Line line = fit_line(x, y, weights);

    ArrheniusFit out;
    out.activation_energy = -line.slope;
    out.prefactor = std::exp(line.intercept);
    const double total = weights.sum(), x_mean = (weights * x).sum() / total;
    const double spread = (weights * (x - x_mean).square()).sum();
    const double chi_squared = (weights * (y - line.intercept - line.slope * x).square()).sum();
    if (!weighted && n < 3) return out;
    double scale = n > 2 ? chi_squared / static_cast<double>(n - 2) : 1.0;
    if (weighted) scale = std::max(1.0, scale);
    out.activation_energy_error = std::sqrt(scale / spread);
    out.log_prefactor_error = std::sqrt(scale * (1.0 / total + x_mean * x_mean / spread));
    return out;
}

}  // namespace mlff::analysis
