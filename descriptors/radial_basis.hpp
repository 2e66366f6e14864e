#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "descriptors/lanes.hpp"

namespace mlff::descriptors {

struct RadialBasisOptions {
    double cutoff = 8.0;  ///< R [Å] (ML_RCUT1, ML_RCUT2)
    double width = 0.5;   ///< σ [Å], Gaussian width of a neighbour's density (ML_SION1, ML_SION2)
    int functions = 12;   ///< N, functions for l = 0 (ML_MRB1, ML_MRB2); each l keeps the roots q_nl ≤ N π/R
    int l_max = 0;        ///< largest l
    double filter = 0.0;  ///< a of the angular filter 1/(1 + a [l(l+1)]²) (ML_AFILT2); 0 is no filter
    double decay = 0.0;   ///< d [Å] of the weight 1/(1 + (r/d)³) of a neighbour at r; 0: all weigh the same

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// Overlap of a neighbour's Gaussian density with the radial basis, as a function of its distance:
///
///   h_nl(r) = F_l · 4π (2πσ²)^(-3/2) f_cut(r) u(r) ∫_0^R χ_nl(s) exp(-(r²+s²)/2σ²) ι_l(r s/σ²) s² ds
///   χ_nl(s) = N_nl j_l(q_nl s),   j_l(q_nl R) = 0,   ∫_0^R χ_nl² s² ds = 1
///   f_cut(r) = [cos(π r/R) + 1]/2,   u(r) = 1/(1 + (r/d)³),   F_l = 1/(1 + a [l(l+1)]²)
///
/// j_l, ι_l: spherical and modified spherical Bessel functions of the first kind. Tabulated once at equidistant knots
/// with value, slope and curvature and interpolated by quintic polynomials: C², error below 1e-10 of max |h_nl|; in
/// single precision every third knot is enough for 1e-7.
/// Functions are ordered by l, then n: index offset(l) + n, 0 ≤ n < count(l).
/// Source: method.md section 1; Jinnouchi et al., J. Chem. Phys. 152, 234102 (2020); u(r): Willatt, Musil, Ceriotti,
/// Phys. Chem. Chem. Phys. 20, 29661 (2018).
class RadialBasis {
 public:
    explicit RadialBasis(const RadialBasisOptions& options);

    [[nodiscard]] const RadialBasisOptions& options() const { return options_; }
    [[nodiscard]] double cutoff() const { return options_.cutoff; }
    [[nodiscard]] int l_max() const { return options_.l_max; }
    [[nodiscard]] Eigen::Index size() const { return offset_.back(); }                   ///< Σ_l count(l)
    [[nodiscard]] Eigen::Index count(int l) const { return offset(l + 1) - offset(l); }  ///< functions of this l
    [[nodiscard]] Eigen::Index offset(int l) const { return offset_[static_cast<std::size_t>(l)]; }

    /// In the outputs of `evaluate` the functions of each l are padded: width(l) places from place(l) on, the rest
    /// zero.
    [[nodiscard]] Eigen::Index width(int l) const { return padded(count(l)); }
    [[nodiscard]] Eigen::Index place(int l) const { return place_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] Eigen::Index padded_size() const { return place_.back(); }  ///< Σ_l width(l)

    /// From the table, a row of padded_size() numbers for each distance (the padding is zero): h_nl(r), dh_nl/dr [1/Å],
    /// or both. Real: double or float.
    /// @param r  distances [Å], 0 ≤ r; zero beyond the cutoff
    template <class Real>
    void values(std::span<const double> r, Real* h) const;
    template <class Real>
    void slopes(std::span<const double> r, Real* dh) const;
    template <class Real>
    void evaluate(std::span<const double> r, Real* h, Real* dh) const;

    /// h, dh/dr and d²h/dr² by quadrature, not from the table: 3 columns, size() rows. Slow; the table is made of it.
    [[nodiscard]] Eigen::MatrixX3d integrate(double r) const;

    /// Largest deviation of the table from the quadrature between knots, as a share of max |h_nl| over all functions.
    template <class Real>
    [[nodiscard]] double interpolation_error() const;

 private:
    struct Quadrature {
        Eigen::VectorXd nodes;         ///< s [Å]
        Eigen::MatrixXd weighted_chi;  ///< weight · s² χ_nl(s) · F_l · prefactor, size() × n_nodes
    };

    template <class Real>
    struct Table {
        double spacing = 0.0;  ///< of the knots [Å]
        Eigen::Index n_intervals = 0;
        AlignedVector<Real> rows;  ///< [knot][h, h' spacing, h'' spacing²][place]
    };
    template <class Real>
    [[nodiscard]] const Table<Real>& table() const;
    template <class Real>
    void tabulate(Table<Real>& table, Eigen::Index every, const std::vector<Eigen::MatrixX3d>& knots) const;
    template <bool with_values, bool with_slopes, class Real>
    void interpolate(std::span<const double> r, Real* h, Real* dh) const;

    RadialBasisOptions options_;
    std::vector<Eigen::Index> offset_, place_;
    Quadrature quadrature_;
    Table<double> in_double_;
    Table<float> in_single_;
};

/// Zeros of j_l in (0, limit], ascending, for every l = 0..l_max.
[[nodiscard]] std::vector<std::vector<double>> spherical_bessel_zeros(int l_max, double limit);

/// exp(-x) ι_l(x) and its first two derivatives in x of ι_l (each times exp(-x)), l = 0..l_max: 3 columns. x ≥ 0.
[[nodiscard]] Eigen::MatrixX3d scaled_modified_bessel(int l_max, double x);

}  // namespace mlff::descriptors
