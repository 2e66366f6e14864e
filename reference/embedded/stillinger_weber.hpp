#pragma once

#include <cstddef>
#include <vector>

#include "reference/embedded/pair.hpp"

namespace mlff::reference {

/// Two-body parameters of Stillinger and Weber for one pair of kinds; a pair with range 0 does not interact.
struct StillingerWeberPair {
    double energy = 0.0;     ///< A ε [eV]
    double repulsion = 0.0;  ///< B
    double p = 4.0, q = 0.0;
    double sigma = 1.0;  ///< σ [Å]
    double gamma = 1.0;  ///< γ of the three-body decay
    double range = 0.0;  ///< a σ [Å]
};

/// Three-body parameters for a centre i and its neighbours j, k.
struct StillingerWeberAngle {
    double energy = 0.0;         ///< λ ε [eV]
    double cosine = -1.0 / 3.0;  ///< cos θ₀
};

/// Stillinger-Weber energy of several elements, in the form of LAMMPS's `sw` files:
///     E = Σ_{pairs} A ε [B (σ/r)^p − (σ/r)^q] exp(σ/(r − aσ))
///       + Σ_i Σ_{j<k} λ ε (cos θ_jik − cos θ₀)² exp(γσ_ij/(r_ij − a_ij σ_ij)) exp(γσ_ik/(r_ik − a_ik σ_ik)),
/// each pair zero from r = aσ on, with all derivatives.   Source: Stillinger and Weber, Phys. Rev. B 31, 5262 (1985).
class StillingerWeber final : public Term {
 public:
    explicit StillingerWeber(std::size_t n_kinds);

    /// @throws std::invalid_argument if the range or σ is not above 0
    void set_pair(int a, int b, const StillingerWeberPair& pair);
    /// The same for (centre, a, b) and (centre, b, a).
    void set_angle(int centre, int a, int b, const StillingerWeberAngle& angle);

    [[nodiscard]] std::string_view name() const override { return "stillinger-weber"; }
    [[nodiscard]] double range() const override { return range_; }
    void add(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors, Sums& sums) const override;

 private:
    void add_angles(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors, Sums& sums) const;

    PairTable<StillingerWeberPair> pairs_;
    std::vector<PairTable<StillingerWeberAngle>> angles_;  ///< by centre
    double range_ = 0.0;                                   ///< the longest [Å]
};

}  // namespace mlff::reference
