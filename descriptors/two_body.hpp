#pragma once

#include <Eigen/Core>
#include <vector>

#include "descriptors/environment.hpp"
#include "descriptors/radial_basis.hpp"

namespace mlff::descriptors {

/// Two-body supervector of an atom i, one block of N functions per species channel J:
///
///   X2_nJ = c_n00^{iJ} = Y_00 Σ_{j in J, r_ij < R} h_n0(r_ij),   index J·N + n
///
/// It depends on distances only, so every derivative points along the pair.   Source: method.md section 1.
class TwoBody {
 public:
    /// Intermediates of one environment, kept from `value` for the derivatives. Grows, never shrinks.
    struct Workspace {
        std::vector<Eigen::Index> neighbor;  ///< index in the environment of each neighbour within R
        std::vector<double> h, dh;           ///< Y_00 h_n0 and its slope [1/Å], stride() doubles per neighbour
    };

    /// @param n_channels  number of species that may be neighbours, ≥ 1
    TwoBody(const RadialBasisOptions& options, int n_channels);

    [[nodiscard]] const RadialBasis& basis() const { return basis_; }
    [[nodiscard]] Eigen::Index functions() const { return basis_.size(); }  ///< N
    [[nodiscard]] Eigen::Index size() const { return n_channels_ * functions(); }
    [[nodiscard]] Eigen::Index stride() const { return basis_.padded_size(); }

    /// X2 into x (size()).
    void value(const Environment& environment, Workspace& work, Eigen::Ref<Eigen::VectorXd> x) const;

    /// Adds dE/dr_ij [eV/Å] to the columns of `pairs` (3 × n_neighbors), given g = dE/dX2.
    void adjoint(const Environment& environment, const Workspace& work, const Eigen::Ref<const Eigen::VectorXd>& g,
                 Eigen::Ref<Eigen::Matrix3Xd> pairs) const;

 private:
    RadialBasis basis_;
    int n_channels_;
};

}  // namespace mlff::descriptors
