#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "reference/embedded/potential.hpp"

namespace mlff::reference {

/// Energy of a pair at a distance, and dV/dr.
struct PairValue {
    double energy = 0.0;  ///< V [eV]
    double slope = 0.0;   ///< dV/dr [eV/Å]
};

/// A value for every unordered pair of kinds.
template <class T>
class PairTable {
 public:
    explicit PairTable(std::size_t n_kinds) : n_(n_kinds), values_(n_kinds * n_kinds) {}
    void set(int a, int b, const T& value) { values_[index(a, b)] = values_[index(b, a)] = value; }
    [[nodiscard]] const T& operator()(int a, int b) const { return values_[index(a, b)]; }
    [[nodiscard]] std::size_t n_kinds() const { return n_; }

 private:
    [[nodiscard]] std::size_t index(int a, int b) const {
        return static_cast<std::size_t>(a) * n_ + static_cast<std::size_t>(b);
    }
    std::size_t n_;
    std::vector<T> values_;
};

/// The pair loop of all pair terms: adds V(r) of the pairs of atom i with later atoms, so that every pair counts once.
/// @param value (j, r) -> PairValue
template <class Value>
void add_pairs(Eigen::Index i, double range, const NeighborList& neighbors, Sums& sums, Value&& value) {
    // Running sums in registers: a pair potential spends its time in this loop.
    double energy = 0.0, fx = 0.0, fy = 0.0, fz = 0.0;
    double xx = 0.0, yy = 0.0, zz = 0.0, yz = 0.0, xz = 0.0, xy = 0.0;
    const double* const vectors = neighbors.vectors().data();
    double* const forces = sums.forces.data();
    for (Eigen::Index p = neighbors.first(i); p < neighbors.first(i + 1); ++p) {
        const Eigen::Index j = neighbors.neighbor(p);
        const double r = neighbors.distances()[static_cast<std::size_t>(p)];
        if (j < i || !(r < range)) continue;
        const PairValue pair = value(j, r);
        // An atom and its image are listed twice, as S and −S: half the energy each time, and no net force.
        const double share = j == i ? 0.5 : 1.0;
        const double x = vectors[3 * p], y = vectors[3 * p + 1], z = vectors[3 * p + 2];
        const double pull = share * pair.slope / r;
        const double gx = pull * x, gy = pull * y, gz = pull * z;  // dV/dr_ij
        xx += gx * x;
        yy += gy * y;
        zz += gz * z;
        yz += gy * z;
        xz += gx * z;
        xy += gx * y;
        energy += 0.5 * pair.energy;
        if (j == i) continue;
        fx += gx;
        fy += gy;
        fz += gz;
        forces[3 * j] -= gx;
        forces[3 * j + 1] -= gy;
        forces[3 * j + 2] -= gz;
        sums.atom_energies[j] += 0.5 * pair.energy;
    }
    sums.forces.col(i) += Vector3(fx, fy, fz);
    sums.atom_energies[i] += energy;
    Matrix3 virial;
    virial << xx, xy, xz, xy, yy, yz, xz, yz, zz;
    sums.virial += virial;
}

/// V(r) = A exp(−r/ρ) + Σ_n c_n r⁻ⁿ
struct PairForm {
    double amplitude = 0.0;                      ///< A [eV]
    double decay = 1.0;                          ///< ρ [Å]
    std::array<double, 13> inverse_powers = {};  ///< c_n [eV Åⁿ], n = 0 … 12

    [[nodiscard]] PairValue operator()(double r) const;
};

/// 4 ε [(σ/r)¹² − (σ/r)⁶], ε [eV], σ [Å]
[[nodiscard]] PairForm lennard_jones(double epsilon, double sigma);

/// Truncation at the cutoff r_c.
enum class Truncation {
    Plain,        ///< V(r) ends there, in a step
    ShiftedForce  ///< V(r) − V(r_c) − (r − r_c) V'(r_c): value and slope go to zero
};

/// Short-ranged pair energies, E = Σ_{pairs} V_ab(r), cut off at r_c.
class PairTerm final : public Term {
 public:
    /// @param forms by pair of kinds; a form of all zeros means that these kinds do not interact
    /// @param cutoff r_c [Å] > 0;  @throws std::invalid_argument if it is not
    PairTerm(const PairTable<PairForm>& forms, double cutoff, Truncation truncation);

    /// V_ab(r) with the truncation applied, r < r_c (unchecked).
    [[nodiscard]] PairValue pair(int a, int b, double r) const;

    [[nodiscard]] std::string_view name() const override { return "pair"; }
    [[nodiscard]] double range() const override { return cutoff_; }
    void add(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors, Sums& sums) const override;

 private:
    struct Entry {
        PairForm form;
        bool interacts = false;
        PairValue at_cutoff;  ///< subtracted; zero for a plain cutoff
    };
    PairTable<Entry> entries_;
    double cutoff_;
};

}  // namespace mlff::reference
