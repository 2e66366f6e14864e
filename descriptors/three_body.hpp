#pragma once

#include <Eigen/Core>
#include <array>
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
    /// Intermediates of one environment, kept from `value` for the derivatives. Grows, never shrinks.
    struct Workspace {
        std::vector<Eigen::Index> neighbor;  ///< index in the environment of each neighbour within R
        std::vector<double> h, dh;           ///< h_nl and slopes [1/Å], basis().padded_size() per neighbour
        std::vector<double> y;               ///< Y_lm, harmonics size per neighbour
        Eigen::Matrix3Xd dy;                 ///< r ∇Y_lm, harmonics size columns per neighbour
        std::vector<double> c;               ///< c_alm: for each l, for each m, all a
        std::vector<double> c_all;           ///< element compression: Σ_J c_nlm^J, for each l, each m, all n
        // scratch of value, adjoint and jacobian; packed: all components where only some are kept
        std::vector<double> packed, self, weight, self_weight, gradient_c, summed, projected;
    };

    /// @param components  those kept, counted in the order above from 0, ascending; empty: all
    /// @throws std::invalid_argument if there is no channel, or a component that does not exist
    ThreeBody(const RadialBasisOptions& options, int n_channels, Compression compression,
              std::vector<int> components = {});

    [[nodiscard]] const RadialBasis& basis() const { return basis_; }
    [[nodiscard]] Eigen::Index size() const {
        return all_kept() ? full_size_ : static_cast<Eigen::Index>(kept_.size());
    }
    [[nodiscard]] Eigen::Index full_size() const { return full_size_; }  ///< before the choice of components

    /// p into x (size()).
    void value(const Environment& environment, Workspace& work, Eigen::Ref<Eigen::VectorXd> x) const;

    /// Adds dE/dr_ij [eV/Å] to the columns of `pairs` (3 × n_neighbors), given g = dE/dp.
    void adjoint(const Environment& environment, Workspace& work, const Eigen::Ref<const Eigen::VectorXd>& g,
                 Eigen::Ref<Eigen::Matrix3Xd> pairs) const;

    /// dp/dr_ij [1/Å]: columns 3k, 3k+1, 3k+2 for the k-th neighbour of work.neighbor; size() × 3·n (at least).
    void jacobian(const Environment& environment, Workspace& work, Eigen::Ref<Eigen::MatrixXd> out) const;

 private:
    [[nodiscard]] Eigen::Index channels_times(int l) const { return n_channels_ * basis_.count(l); }
    [[nodiscard]] Eigen::Index block_size(int l) const;  ///< descriptor components of this l, kept or not
    [[nodiscard]] bool all_kept() const { return kept_.empty(); }
    [[nodiscard]] double kappa(int l) const { return kappa_[static_cast<std::size_t>(l)]; }

    RadialBasis basis_;
    SphericalHarmonics harmonics_;
    int n_channels_;
    Compression compression_;
    std::vector<double> kappa_;               ///< sqrt(8π²/(2l+1))
    std::vector<Eigen::Index> c_offset_;      ///< of the block of l in Workspace::c
    std::vector<Eigen::Index> c_all_offset_;  ///< of the block of l in Workspace::c_all
    std::vector<Eigen::Index> self_offset_;   ///< of the blocks (J, n, n') of l in Workspace::self
    Eigen::Index full_size_ = 0;
    std::vector<int> kept_;                 ///< components, ascending; empty: all, and so are the next two
    std::vector<Eigen::Index> first_kept_;  ///< of each l
    std::vector<std::array<Eigen::Index, 2>> kept_pairs_;  ///< (a, b) of each; element: b = n_channels·N_l + n'
};

}  // namespace mlff::descriptors
