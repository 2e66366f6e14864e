#pragma once

#include <Eigen/Core>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "descriptors/environment.hpp"
#include "descriptors/three_body.hpp"
#include "descriptors/two_body.hpp"

namespace mlff::descriptors {

/// How the two- and three-body supervectors are joined to one vector, of unit length without softening.
enum class Normalization {
    joint,     ///< x̂ = X/|X|,  X = [√β X2, √(1-β) X3]
    separate,  ///< x̂ = [√β X2/|X2|, √(1-β) X3/|X3|]: the balance does not depend on the scale of X2 and X3
};

/// As users write them: "joint", "separate"; "none", "element".
[[nodiscard]] constexpr const char* name_of(Normalization normalization) {
    return normalization == Normalization::joint ? "joint" : "separate";
}
[[nodiscard]] constexpr const char* name_of(Compression compression) {
    return compression == Compression::none ? "none" : "element";
}

/// Numbers of radial functions that go with a cutoff and a width [Å]: what is narrower than the width of the Gaussians
/// is not in the density. R/σ, 5 to 20, for the two-body part; 0.9 R/σ, 4 to 12, for the three-body part.
[[nodiscard]] int radial_functions(double cutoff, double width);
[[nodiscard]] int angular_functions(double cutoff, double width);

/// The defaults were chosen by errors on unseen data (docs/accuracy.md).
struct DescriptorOptions {
    RadialBasisOptions radial{.cutoff = 8.0, .width = 0.8, .functions = 10, .l_max = 0, .filter = 0.0, .decay = 3.0};
    RadialBasisOptions angular{.cutoff = 5.0, .width = 0.8, .functions = 6, .l_max = 4, .filter = 0.002};
    double radial_weight = 0.8;  ///< β (ML_W1); 0: three-body only, 1: two-body only
    double softening = 0.5;      ///< of the normalisation, as a share of the cutoff, [0, 1); 0: x̂ of unit length
    Normalization normalization = Normalization::joint;
    Compression compression = Compression::none;
    /// three-body components that are kept (ML_LSPARSDES), in the order of ThreeBody from 0, ascending; empty: all.
    /// Lengths are those of what is kept. How many there are is known with the species only: checked by Descriptor.
    std::vector<int> components = {};

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// The normalised descriptor x̂ of a local environment, and the adjoint that turns dE/dx̂ into forces.
///
/// The two parts p = 2, 3 enter as x̂_p = f_p X_p with  f_p = √β_p/√(|X|² + ε²) (joint)  or  f_p = √β_p'/√(|X_p|² +
/// ε_p²) (separate). ε is the length of X of an atom with two neighbours, at the share `softening` of the cutoff and at
/// a right angle: x̂ goes smoothly to 0 as an atom loses its neighbours, and the derivatives below hold for every ε.
/// Without softening ε = 0: x̂ has length 1, but 0 without neighbours (separate: a part that is zero is left out and
/// the weights renormalised, β' = 1 for the other), and jumps at the last neighbour (separate: also at the last angular
/// pair). Design rows multiply the Jacobians of the parts and use `pull_back`: the Jacobian of x̂ is never formed.
/// Source: method.md section 1.
class Descriptor {
 public:
    /// What the derivatives at one environment need of `value`: a batch keeps it for each of its atoms.
    template <class Real>
    struct Coefficients {
        AlignedVector<Real> c;              ///< of the three-body part, c_alm
        std::array<Real, 2> factor{};       ///< f_2, f_3 [1/norm]; 0 for a part that is absent or zero
        std::array<Real, 2> part_weight{};  ///< separate: β'_p, the squared length of x̂_p
    };
    /// The coefficients of one environment, and scratch, in double or single precision.
    template <class Real>
    struct BasicWorkspace : Coefficients<Real> {
        void swap(Coefficients<Real>& other) { std::swap(static_cast<Coefficients<Real>&>(*this), other); }
        TwoBody::BasicWorkspace<Real> two;
        ThreeBody::BasicWorkspace<Real> three;
        AlignedVector<Real> raw_gradient;  ///< dE/dX
    };
    using Workspace = BasicWorkspace<double>;
    /// x̂ of one environment, with what its derivatives need.
    struct Described : Coefficients<double> {
        Eigen::VectorXd x;  ///< size()
    };

    /// @param n_channels  number of species, ≥ 1
    /// @throws std::invalid_argument naming the field, its value and the bound
    Descriptor(const DescriptorOptions& options, int n_channels);

    [[nodiscard]] const DescriptorOptions& options() const { return options_; }
    [[nodiscard]] double cutoff() const;  ///< the larger of the two [Å]
    [[nodiscard]] Eigen::Index size() const { return two_size() + three_size(); }
    [[nodiscard]] Eigen::Index two_size() const { return two_ ? two_->size() : 0; }
    [[nodiscard]] Eigen::Index three_size() const { return three_ ? three_->size() : 0; }
    [[nodiscard]] const std::optional<TwoBody>& two_body() const { return two_; }
    [[nodiscard]] const std::optional<ThreeBody>& three_body() const { return three_; }

    /// x̂ into x (size()); zero if there is no neighbour.
    template <class Real>
    void value(const Environment& environment, BasicWorkspace<Real>& work,
               std::type_identity_t<Eigen::Ref<Eigen::VectorX<Real>>> x) const;

    /// dE/dr_ij [eV/Å] into `pairs` (3 × n_neighbors, overwritten), given the coefficients and x̂ of `value`, and
    /// g = dE/dx̂ [eV].
    template <class Real>
    void adjoint(const Environment& environment, BasicWorkspace<Real>& work,
                 const std::type_identity_t<Eigen::Ref<const Eigen::VectorX<Real>>>& x,
                 const std::type_identity_t<Eigen::Ref<const Eigen::VectorX<Real>>>& g,
                 std::type_identity_t<Eigen::Ref<Eigen::Matrix3X<Real>>> pairs) const;

    /// Pull-back of the normalisation, dE/dX_p = f_p (g_p − a_p x̂_p) for g = dE/dx̂: turns x̂_p·g_p into a_p, in place.
    ///   joint: a_2 = a_3 = x̂·g,   separate: a_p = x̂_p·g_p / β'_p;   without meaning for a part with f_p = 0
    /// @param along2, along3  numbers, or arrays with an element for each of several g
    template <class Real, class Numbers>
    void pull_back(const Coefficients<Real>& at, Numbers& along2, Numbers& along3) const {
        if (options_.normalization == Normalization::joint) {
            along2 += along3;
            along3 = along2;
        } else {
            if (at.part_weight[0] > Real(0)) along2 /= at.part_weight[0];
            if (at.part_weight[1] > Real(0)) along3 /= at.part_weight[1];
        }
    }

 private:
    /// X_2 and X_3 into x.
    template <class Real>
    void supervectors(const Environment& environment, BasicWorkspace<Real>& work,
                      Eigen::Ref<Eigen::VectorX<Real>> x) const;

    DescriptorOptions options_;
    std::optional<TwoBody> two_;
    std::optional<ThreeBody> three_;
    std::array<double, 2> softening2_{};  ///< ε_p², of |X_2|² and |X_3|²
};

}  // namespace mlff::descriptors
