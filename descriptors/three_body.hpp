#pragma once

#include <Eigen/Core>
#include <array>
#include <numbers>
#include <type_traits>
#include <vector>

#include "descriptors/environment.hpp"
#include "descriptors/radial_basis.hpp"
#include "descriptors/spherical_harmonics.hpp"

namespace mlff::descriptors {

/// How the species channels of the three-body supervector are combined (ML_DESC_TYPE).
enum class Compression {
    none,     ///< every pair of channels: size grows quadratically with the number of species
    element,  ///< one channel with the sum over all: size grows linearly [D22]
};

/// Three-body supervector of an atom i from c_nlm^J = Σ_{j in J} h_nl(r_ij) Y_lm(r̂_ij), with a = (n, J):
///
///   none:     p_{ab,l}  = κ_l [Σ_m c_alm c_blm − δ_JJ' (2l+1)/(4π) Σ_{j in J} h_nl h_n'l],  a ≤ b, times √2 if a ≠ b
///   element:  p_{an',l} = κ_l [Σ_m c_alm Σ_J' c_n'lm^J' − (2l+1)/(4π) Σ_{j in J} h_nl h_n'l],  all n'
///   κ_l = sqrt(8π²/(2l+1))
///
/// The subtracted self term (j with itself, by the addition theorem) leaves a purely angular descriptor. Order: by l,
/// then a = J·N_l + n, then b or n'. Of these components only some may be kept (ML_LSPARSDES); the others are as good
/// as absent everywhere.   Source: method.md section 1; [D22] Darby, Kermode, Csányi (2022).
class ThreeBody {
 public:
    /// Scratch for one environment at a time, in double or single precision. Grows, never shrinks. Rows of functions
    /// of one l and channel are padded with zeros.
    template <class Real>
    struct BasicWorkspace {
        std::vector<Eigen::Index> neighbor;       ///< index in the environment of each neighbour within R, by channel
        std::vector<Eigen::Index> first;          ///< of each channel in `neighbor`, and the end
        std::vector<double> r;                    ///< distance of each [Å]
        std::array<AlignedVector<Real>, 3> unit;  ///< r̂ of each: x, y, z; with room for lanes from the last one on
        AlignedVector<Real> h, dh;                ///< h_nl and slopes [1/Å], basis().padded_size() per neighbour
        // Of as many neighbours as there are lanes: Y_lm, and gradients, x, y, z for each lm; by function h_nl and
        // slopes; dE/dc summed over n with each of them; self weights with h.
        AlignedVector<Real> y, dy, h_by_n, dh_by_n, radial, tangential, with_self;
        AlignedVector<Real> c_all;     ///< element compression: Σ_J c_nlm^J, for each l, each m, all n
        AlignedVector<Real> packed;    ///< all components, before some are chosen
        AlignedVector<Real> self;      ///< Σ_j h_nl h_n'l for each l, channel, n, all n'
        AlignedVector<Real> weight;    ///< dE/d(Σ_m c_a c_b) for each l, a, all b; compressed: one channel's only
        AlignedVector<Real> gradient;  ///< dE/dc_alm: for each l, for each a, all m
        AlignedVector<Real> products, c_by_m, gradient_by_a, summed, projected;  ///< of one l
    };
    using Workspace = BasicWorkspace<double>;

    /// @param components  those kept, counted in the order above from 0, ascending; empty: all
    /// @throws std::invalid_argument if there is no channel, or a component that does not exist
    ThreeBody(const RadialBasisOptions& options, int n_channels, Compression compression,
              std::vector<int> components = {});

    [[nodiscard]] const RadialBasis& basis() const { return basis_; }
    [[nodiscard]] Eigen::Index size() const {
        return all_kept() ? full_size_ : static_cast<Eigen::Index>(kept_.size());
    }
    [[nodiscard]] Eigen::Index full_size() const { return full_size_; }  ///< before the choice of components

    /// p into x (size()), and c_alm into c: for each l, for each m, all a = (J, n).
    template <class Real>
    void value(const Environment& environment, BasicWorkspace<Real>& work, AlignedVector<Real>& c,
               std::type_identity_t<Eigen::Ref<Eigen::VectorX<Real>>> x) const;

    /// Adds dE/dr_ij [eV/Å] to the columns of `pairs` (3 × n_neighbors), given c of `value` and g = dE/dp.
    template <class Real>
    void adjoint(const Environment& environment, BasicWorkspace<Real>& work, const AlignedVector<Real>& c,
                 const std::type_identity_t<Eigen::Ref<const Eigen::VectorX<Real>>>& g,
                 std::type_identity_t<Eigen::Ref<Eigen::Matrix3X<Real>>> pairs) const;

    /// dp/dr_ij [1/Å], given c of `value`: columns 3k, 3k+1, 3k+2 for the k-th neighbour of work.neighbor.
    /// @param out  resized to size() × 3 n
    void jacobian(const Environment& environment, Workspace& work, const AlignedVector<double>& c,
                  Eigen::MatrixXd& out) const;

 private:
    /// Neighbours within R, by channel: distances and directions.
    template <class Real>
    void select(const Environment& environment, BasicWorkspace<Real>& work) const;
    /// c of neighbours of one channel, and their self terms.
    template <class Real>
    void accumulate(BasicWorkspace<Real>& work, AlignedVector<Real>& c, Eigen::Index channel) const;
    template <class Real>
    void sum_channels(BasicWorkspace<Real>& work, const AlignedVector<Real>& c) const;
    /// dE/dc_alm and the weights of the products, from dE/dp of all components.
    template <class Real>
    void adjoint_of_products(BasicWorkspace<Real>& work, const AlignedVector<Real>& c, const Real* g) const;
    /// W of one l from the part of g that belongs to it; returns the end of that part.
    template <class Real>
    const Real* symmetric_weights(int l, const Real* g, Real* W) const;
    /// dE/dr of neighbours of one channel, from the k-th on: as many as there are lanes, or fewer.
    template <class Real>
    std::array<Lanes<Real>, 3> pair_gradients(BasicWorkspace<Real>& work, Eigen::Index channel, Eigen::Index k,
                                              Eigen::Index n_here) const;

    /// Σ_m Y_lm(a) Y_lm(a): what an atom contributes with itself.
    [[nodiscard]] static double self_factor(int l) { return (2.0 * l + 1.0) / (4.0 * std::numbers::pi); }
    [[nodiscard]] Eigen::Index channels_times(int l) const { return n_channels_ * basis_.count(l); }
    [[nodiscard]] Eigen::Index row_size(int l) const { return n_channels_ * basis_.width(l); }  ///< of c, for each m
    /// What is read in lanes of rows of c beyond the last one.
    [[nodiscard]] Eigen::Index slack() const { return padding * row_size(0); }
    [[nodiscard]] Eigen::Index c_offset(int l) const { return c_offset_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] Eigen::Index gradient_offset(int l) const { return gradient_offset_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] Eigen::Index c_all_offset(int l) const { return c_all_offset_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] Eigen::Index self_offset(int l) const { return self_offset_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] Eigen::Index weight_offset(int l) const { return weight_offset_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] Eigen::Index block_size(int l) const;  ///< descriptor components of this l, kept or not
    [[nodiscard]] bool all_kept() const { return kept_.empty(); }
    [[nodiscard]] double kappa(int l) const { return kappa_[static_cast<std::size_t>(l)]; }

    RadialBasis basis_;
    SphericalHarmonics harmonics_;
    int n_channels_;
    Compression compression_;
    std::vector<double> kappa_;                  ///< sqrt(8π²/(2l+1))
    std::vector<Eigen::Index> c_offset_;         ///< of the block of l in c
    std::vector<Eigen::Index> gradient_offset_;  ///< of the block of l in Workspace::gradient
    std::vector<Eigen::Index> c_all_offset_;     ///< of the block of l in Workspace::c_all
    std::vector<Eigen::Index> self_offset_;      ///< of the blocks (J, n, n') of l in Workspace::self
    std::vector<Eigen::Index> weight_offset_;    ///< of the block of l in Workspace::weight
    Eigen::Index full_size_ = 0;
    std::vector<int> kept_;                 ///< components, ascending; empty: all, and so are the next two
    std::vector<Eigen::Index> first_kept_;  ///< of each l
    std::vector<std::array<Eigen::Index, 2>> kept_pairs_;  ///< (a, b) of each; element: b = n_channels·N_l + n'
};

}  // namespace mlff::descriptors
