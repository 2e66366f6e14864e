#pragma once

#include <optional>
#include <string>

#include "libmlff/atoms/structure.hpp"

namespace mlff {

/// What the caller wants besides energy, forces and stress; it pays only for what it asks for.
struct Request {
    bool uncertainty = false;  ///< Bayesian error estimates; InputError from a calculator that has none
    bool spilling = false;     ///< spilling factors, much cheaper than the error estimates; likewise
    bool virials = false;      ///< nine-component virial of each atom; left empty by a calculator that has none
};

/// Bayesian error estimates of one structure (method.md section 3): standard deviations of the epistemic part,
/// sqrt(φ Σ φᵀ), in the units of the quantity. With the noise term it is the full predictive deviation:
/// sqrt(noise² + epistemic²). An atom without neighbours adds the prior's deviation of an atom's energy, 1/sqrt(s_w),
/// to the energy; its force is 0 whatever the weights, so that the deviation of the force is 0 too.
struct Uncertainty {
    double energy = 0.0;           ///< per atom [eV/atom]
    Matrix3X forces;               ///< per component [eV/Å], 3 × n_atoms
    Voigt stress = Voigt::Zero();  ///< [eV/Å³]
    double noise_energy = 0.0;     ///< 1/sqrt(s_v), scaled [eV/atom]
    double noise_force = 0.0;      ///< [eV/Å]
    double noise_stress = 0.0;     ///< [eV/Å³]

    /// BEEF: norm over x, y, z of each atom's force deviation [eV/Å], n_atoms
    [[nodiscard]] Eigen::VectorXd force_norms() const { return forces.colwise().norm().transpose(); }
};

/// Two atoms, and how near such atoms come in the training data of a force field.
struct ClosePair {
    Eigen::Index i = 0, j = 0;  ///< i ≤ j; equal: an atom and its own periodic image
    double distance = 0.0;      ///< [Å]
    double trained = 0.0;       ///< shortest distance of these species in the training data [Å]; infinite: none
    double ratio = 0.0;         ///< distance / trained; below 1: closer than any such pair in the training data
};

/// The answer of a calculator.
struct Evaluation {
    double energy = 0.0;            ///< total potential energy [eV]
    Matrix3X forces;                ///< −dE/dr [eV/Å], 3 × n_atoms
    std::optional<Voigt> stress;    ///< (1/V) dE/dε [eV/Å³]; absent if the structure has no volume
    Eigen::VectorXd atom_energies;  ///< [eV], n_atoms; empty if the calculator cannot divide its energy
    std::optional<Uncertainty> uncertainty;
    Eigen::VectorXd spilling = {};  ///< spilling factor of each atom in [0, 1], n_atoms; empty unless asked for
    /// Of all pairs within the cutoff that with the smallest `ratio`; none if there is no pair or nothing is known of
    /// the training data.
    std::optional<ClosePair> closest = {};
    /// virial of each atom W_j = Σ_i (r_i − r_j) ⊗ ∂E_i/∂r_j [eV], 9 × n_atoms, rows xx xy xz yx yy yz zx zy zz with
    /// the position first; their sum is −V · stress (before it is made symmetric). Empty unless asked for
    Eigen::MatrixXd atom_virials = {};
};

/// Labels as the answer of a calculator; energy and forces must be there.
[[nodiscard]] inline Evaluation answer_of(const Labels& labels) {
    Evaluation answer;
    answer.energy = labels.energy.value();
    answer.forces = labels.forces.value();
    answer.stress = labels.stress;
    return answer;
}

/// The one noun of the program. The force field, every reference backend and the on-the-fly learner are calculators,
/// so that molecular dynamics never learns the difference.
class Calculator {
 public:
    Calculator() = default;
    Calculator(const Calculator&) = delete;
    Calculator& operator=(const Calculator&) = delete;
    virtual ~Calculator() = default;

    /// @throws InputError if the structure holds a species that the calculator does not know, or atoms closer than 0.1
    /// Å
    [[nodiscard]] virtual Evaluation evaluate(const Structure& structure, const Request& request = {}) = 0;

    /// Refuses what `evaluate` could not handle, such as an unknown species, before anything is computed or written.
    /// @throws InputError
    virtual void check(const Structure& structure) const { (void)structure; }

    /// One line for logs and provenance; stand-ins for first principles say so here.
    [[nodiscard]] virtual std::string description() const = 0;
};

}  // namespace mlff
