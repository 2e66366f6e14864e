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
    /// Intermediates of one environment, kept from `value` for the derivatives. Grows, never shrinks. Functions of one
    /// l and channel take whole lanes, the rest of them zero.
    struct Workspace {
        std::vector<Eigen::Index> neighbor;  ///< index in the environment of each neighbour within R, by channel
        std::vector<Eigen::Index> first;     ///< of each channel in `neighbor`, and the end
        std::vector<double> h, dh;           ///< h_nl and slopes [1/Å], basis().padded_size() per neighbour
        std::vector<Lanes> y;                ///< Y_lm of four neighbours, harmonics size per four
        std::vector<Lanes> dy;               ///< r ∇Y_lm likewise, x, y, z for each lm
        std::vector<double> c;               ///< c_alm: for each l, for each m, all a = (J, n)
        std::vector<double> c_all;           ///< element compression: Σ_J c_nlm^J, for each l, each m, all n
        // scratch of value, adjoint and jacobian; packed: all components, before some are chosen
        std::vector<double> packed, self, weight, self_weight, gradient_c, summed, projected;

        /// Y_lm (lm = l² + l + m) of the k-th neighbour are at 4 lm, the derivatives at 4 (3 lm + x).
        [[nodiscard]] const double* harmonics(Eigen::Index k, Eigen::Index n_lm) const {
            return y[static_cast<std::size_t>(k / n_lanes * n_lm)].data() + k % n_lanes;
        }
        [[nodiscard]] const double* harmonic_gradients(Eigen::Index k, Eigen::Index n_lm) const {
            return dy[static_cast<std::size_t>(k / n_lanes * 3 * n_lm)].data() + k % n_lanes;
        }
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
    /// Neighbours within R with their h_nl and Y_lm.
    void evaluate_neighbors(const Environment& environment, Workspace& work) const;
    /// Adds neighbours k .. k + Q - 1, all of one channel, to c and to the self terms.
    template <int Q>
    void accumulate(Workspace& work, Eigen::Index channel, Eigen::Index k) const;
    /// dE/dc_alm and the weights of the self terms, from dE/dp.
    void adjoint_of_products(Workspace& work, const double* g) const;
    /// What one l and one neighbour contribute to a gradient; Q lanes of functions from b on.
    struct PairTerms {
        Eigen::Index n_m, n, width, row;
        const double *y, *dy, *h, *dh, *gradient, *self;
        double self_factor;
    };
    template <int Q>
    static void pair_gradient(const PairTerms& term, Eigen::Index b, Lanes& radial, std::array<Lanes, 3>& tangential);
    /// dE/dr of the k-th neighbour.
    [[nodiscard]] Eigen::Vector3d pair_gradient(const Workspace& work, Eigen::Index channel, Eigen::Index k,
                                                const Eigen::Vector3d& unit, double r) const;

    [[nodiscard]] Eigen::Index channels_times(int l) const { return n_channels_ * basis_.count(l); }
    [[nodiscard]] Eigen::Index row_size(int l) const { return n_channels_ * basis_.width(l); }  ///< of c, for each m
    [[nodiscard]] Eigen::Index c_offset(int l) const { return c_offset_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] Eigen::Index c_all_offset(int l) const { return c_all_offset_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] Eigen::Index self_offset(int l) const { return self_offset_[static_cast<std::size_t>(l)]; }
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
    std::vector<Eigen::Index> self_offset_;   ///< of the blocks (J, n, n') of l in self and self_weight
    Eigen::Index full_size_ = 0;
    std::vector<int> kept_;                 ///< components, ascending; empty: all, and so are the next two
    std::vector<Eigen::Index> first_kept_;  ///< of each l
    std::vector<std::array<Eigen::Index, 2>> kept_pairs_;  ///< (a, b) of each; element: b = n_channels·N_l + n'
};

}  // namespace mlff::descriptors
