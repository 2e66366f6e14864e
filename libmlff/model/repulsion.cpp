#include "libmlff/model/repulsion.hpp"

#include <cmath>

namespace mlff {
namespace {

constexpr double coulomb = 14.399645478;  // e²/4πε₀ [eV Å], CODATA 2018
constexpr double bohr = 0.529177210903;   // [Å], CODATA 2018
constexpr double unseen_pair = 2.0;       // [Å]
constexpr double outer_share = 0.9;       // of the shortest distance
constexpr double full_below = 2.0 / 3.0;  // share of that below which nothing is switched off
constexpr std::array<double, 4> amplitude{0.18175, 0.50986, 0.28022, 0.02817};
constexpr std::array<double, 4> decay{3.1998, 0.94229, 0.4029, 0.20162};

}  // namespace

ZblRepulsion::ZblRepulsion(const std::vector<int>& species, const Eigen::MatrixXd& shortest)
    : species_(species),
      outer_(shortest.unaryExpr([](double d) { return std::isfinite(d) ? outer_share * d : unseen_pair; })) {}

std::array<double, 2> ZblRepulsion::pair(int a, int b, double r) const {
    const double outer = outer_(a, b);
    if (r >= outer) return {0.0, 0.0};
    const double z1 = species_[static_cast<std::size_t>(a)], z2 = species_[static_cast<std::size_t>(b)];
    const double x = r * (std::pow(z1, 0.23) + std::pow(z2, 0.23)) / (0.8854 * bohr);
    double screening = 0.0, screening_slope = 0.0;  // φ, and r dφ/dr
    for (std::size_t k = 0; k < amplitude.size(); ++k) {
        const double term = amplitude[k] * std::exp(-decay[k] * x);
        screening += term;
        screening_slope -= decay[k] * x * term;
    }
    const double bare = coulomb * z1 * z2 / r;
    const double value = bare * screening, slope = bare * (screening_slope - screening) / r;
    const double t = (r / outer - full_below) / (1.0 - full_below);
    if (t <= 0.0) return {value, slope};
    const double on = 1.0 - t * t * t * (10.0 - t * (15.0 - 6.0 * t));
    const double on_slope = -30.0 * t * t * (1.0 - t) * (1.0 - t) / ((1.0 - full_below) * outer);
    return {value * on, slope * on + value * on_slope};
}

}  // namespace mlff
