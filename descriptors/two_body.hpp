#pragma once

#include <Eigen/Core>
#include <type_traits>
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
    /// Scratch for one environment at a time, in double or single precision. Grows, never shrinks.
    template <class Real>
    struct BasicWorkspace {
        std::vector<Eigen::Index> neighbor;  ///< index in the environment of each neighbour within R
        std::vector<double> r;               ///< distance of each [Å]
        AlignedVector<Real> h, dh;           ///< h_n0, and Y_00 times its slope [1/Å], stride() numbers per neighbour
        AlignedVector<Real> sums;            ///< per channel, stride() numbers
    };
    using Workspace = BasicWorkspace<double>;

    /// @param n_channels  number of species that may be neighbours, ≥ 1
    TwoBody(const RadialBasisOptions& options, int n_channels);

    [[nodiscard]] const RadialBasis& basis() const { return basis_; }
    [[nodiscard]] Eigen::Index functions() const { return basis_.size(); }  ///< N
    [[nodiscard]] Eigen::Index size() const { return n_channels_ * functions(); }
    [[nodiscard]] Eigen::Index stride() const { return basis_.padded_size(); }

    /// X2 into x (size()).
    template <class Real>
    void value(const Environment& environment, BasicWorkspace<Real>& work,
               std::type_identity_t<Eigen::Ref<Eigen::VectorX<Real>>> x) const;

    /// dX2_nJ/dr_ij along the pair: work.dh, for the neighbours in work.neighbor.
    template <class Real>
    void slopes(const Environment& environment, BasicWorkspace<Real>& work) const;

    /// Adds dE/dr_ij [eV/Å] to the columns of `pairs` (3 × n_neighbors), given g = dE/dX2.
    template <class Real>
    void adjoint(const Environment& environment, BasicWorkspace<Real>& work,
                 const std::type_identity_t<Eigen::Ref<const Eigen::VectorX<Real>>>& g,
                 std::type_identity_t<Eigen::Ref<Eigen::Matrix3X<Real>>> pairs) const;

 private:
    template <class Real>
    void select(const Environment& environment, BasicWorkspace<Real>& work) const;

    RadialBasis basis_;
    int n_channels_;
};

}  // namespace mlff::descriptors
