#pragma once

#include <Eigen/Core>
#include <array>
#include <vector>

#include "descriptors/environment.hpp"

namespace mlff {

/// Pair potential under the kernel model, E = E_base + E_kernel.
enum class Repulsion { none, zbl };
[[nodiscard]] constexpr const char* name_of(Repulsion repulsion) {
    return repulsion == Repulsion::none ? "none" : "zbl";
}

/// The universal screened Coulomb repulsion of nuclei, switched on below 0.9 of the shortest distances of the
/// training data, where the kernel is beyond what it has learned:
///
///     V(r) = k Z Z'/r φ(r/a) S(r),   a = 0.8854 a₀/(Z^0.23 + Z'^0.23),   k = e²/4πε₀
///     φ(x) = 0.18175 e^(−3.1998 x) + 0.50986 e^(−0.94229 x) + 0.28022 e^(−0.4029 x) + 0.02817 e^(−0.20162 x)
///     S(r): 1 up to 0.6 d, 0 from 0.9 d on, 1 − 10 t³ + 15 t⁴ − 6 t⁵ between, t = (r/d − 0.6)/0.3
///
/// d is the shortest distance of the pair of species in the training data, so that V is zero on all of them and the fit
/// does not change; for species that are no pair there V ends at 2 Å. Twice continuously differentiable. Half of V
/// belongs to each atom. Source: Ziegler, Biersack & Littmark, The Stopping and Range of Ions in Solids (1985).
class ZblRepulsion {
 public:
    /// @param species   atomic number of each channel
    /// @param shortest  distances in the training data [Å], channels × channels; infinite where there is no pair
    ZblRepulsion(const std::vector<int>& species, const Eigen::MatrixXd& shortest);

    /// V [eV] and dV/dr [eV/Å] of a pair of channels at distance r > 0 [Å].
    [[nodiscard]] std::array<double, 2> pair(int a, int b, double r) const;

    /// Adds Σ_j ½ dV/dr_ij [eV/Å] of an atom of channel a to `slopes`, 3 × n_neighbors. @returns Σ_j ½ V [eV]
    template <class Slopes>
    double add(int a, const descriptors::Environment& environment, Slopes&& slopes) const {
        double energy = 0.0;
        for (Eigen::Index p = 0; p < environment.size(); ++p) {
            const auto place = static_cast<std::size_t>(p);
            const double r = environment.distances[place];
            if (r >= outer_(a, environment.channels[place])) continue;
            const auto [value, slope] = pair(a, environment.channels[place], r);
            energy += 0.5 * value;
            slopes.col(p) +=
                ((0.5 * slope / r) * environment.vectors.col(p)).template cast<typename std::decay_t<Slopes>::Scalar>();
        }
        return energy;
    }

 private:
    std::vector<int> species_;
    Eigen::MatrixXd outer_;  ///< where V ends [Å]
};

}  // namespace mlff
