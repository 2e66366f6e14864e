#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <string>
#include <vector>

namespace mlff {

/// One species of a production form: the energy expanded about a centre m, the constant and the linear part exactly,
/// the rest by fewer terms, and maybe in fewer components:
///
///   E_i = e0 + a + g·y + Σ_k v_k φ(c_k, Pᵀy · t_k),   y = x̂_i − m,   φ(c, d) = (c + d)^ζ − c^ζ − ζ c^(ζ−1) d
///
/// What is left to the terms is small where surroundings are like the centre, so that they need no more than single
/// precision: Σ_b w_b (x̂·x̂_b)^ζ itself is a small difference of large numbers.
template <class Real>
struct Expansion {
    double constant = 0.0;              ///< a [eV]
    Eigen::VectorX<Real> centre;        ///< m, D
    Eigen::VectorX<Real> slope;         ///< g [eV], D
    Eigen::MatrixX<Real> projection;    ///< P, D × D'; no columns: all components, D' = D
    Eigen::MatrixX<Real> terms;         ///< t_k, one per column, D' × n_terms
    Eigen::VectorX<Real> similarities;  ///< c_k, of the centre with the terms, n_terms
    Eigen::VectorX<Real> weights;       ///< v_k [eV], n_terms

    /// Of x̂ that the terms see.
    [[nodiscard]] Eigen::Index n_components() const {
        return projection.cols() > 0 ? projection.cols() : std::min(terms.rows(), terms.cols());
    }
    template <class Other>
    [[nodiscard]] Expansion<Other> cast() const {
        return {constant,
                centre.template cast<Other>(),
                slope.template cast<Other>(),
                projection.template cast<Other>(),
                terms.template cast<Other>(),
                similarities.template cast<Other>(),
                weights.template cast<Other>()};
    }
};

/// A cheaper form of a force field for molecular dynamics (search/compile.hpp).
struct ProductionForm {
    std::vector<Expansion<double>> expansions;  ///< per channel
    bool single_precision = true;  ///< of all that is computed for one atom; sums over atoms and terms are double
    double loss = 0.0;             ///< growth of the force RMSE on the data named, as a share of it
    std::string measured_on;       ///< these data
};

}  // namespace mlff
