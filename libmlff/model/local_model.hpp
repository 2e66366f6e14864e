#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "libmlff/model/calculator.hpp"
#include "libmlff/model/force_field.hpp"
#include "libmlff/model/neighbor_source.hpp"
#include "libmlff/model/repulsion.hpp"

namespace mlff {

/// Spilling factors s_i = 1 − k_iᵀ K_BB⁻¹ k_i / k_ii of atoms from their descriptors (method.md section 3): the factors
/// of K_BB of each species of a force field. Immutable. Memory and cost to build: 4 N_B² bytes, N_B³/3 per species.
class SpillingModel {
 public:
    explicit SpillingModel(const ForceField& force_field);

    /// @param features      x̂ of n atoms of one channel, D × n
    /// @returns n factors in [0, 1]
    [[nodiscard]] Eigen::VectorXd factors(const LocalReferences& references, int channel, int kernel_power,
                                          const Eigen::Ref<const Eigen::MatrixXd>& features) const;

 private:
    std::vector<bayes::SpillingFactor> factors_;  ///< per channel
};

/// Arrays of a host that results are added to, ghosts included; nothing is cleared. An empty span is not wanted.
struct LocalOutput {
    std::span<double> forces;         ///< −∂E/∂r [eV/Å], 3 n_atoms
    std::span<double> atom_energies;  ///< E_i of the centres [eV], n_atoms
    /// W_j = Σ_i (r_i − r_j) ⊗ ∂E_i/∂r_j [eV], 9 n_atoms, xx xy xz yx yy yz zx zy zz with the position first. It is
    /// given to the neighbour j. Σ_j W_j is the virial −∂E/∂ε, and J = Σ_i E_i v_i + Σ_j W_j v_j the heat flux (up to
    /// the kinetic energies). Source: Fan et al., PRB 92, 094301 (2015).
    std::span<double> virials;
    std::span<double> spilling;  ///< set, not added: s_i of the centres, n_atoms; needs a SpillingModel
    /// set, not added: descriptors of the centres in double precision, n_atoms; for design rows
    std::span<descriptors::Descriptor::Described> described = {};
};

/// Sums over the centres.
struct LocalSums {
    double energy = 0.0;               ///< [eV]
    Matrix3 strain = Matrix3::Zero();  ///< ∂E/∂ε [eV], the position first; its symmetric part over V is the stress
    std::optional<ClosePair> closest;  ///< as in Evaluation
    bool too_close = false;            ///< two atoms are nearer than NeighborList::too_close: the results are of no use
};

/// Evaluates a force field for atoms whose neighbours a host provides: two matrix products per batch of atoms of one
/// species and one adjoint pass. Immutable and safe to use from several threads at once, each with its own workspace.
/// It knows no cell, no file and no other process. Results are the same to the last bit for the same source and number
/// of threads.
class LocalModel {
 public:
    /// Scratch of one caller. Grows, never shrinks.
    class Workspace {
     public:
        Workspace();
        Workspace(Workspace&&) noexcept;
        Workspace& operator=(Workspace&&) noexcept;
        ~Workspace();

     private:
        friend class LocalModel;
        struct Thread;
        std::vector<std::unique_ptr<Thread>> threads_;
        std::vector<double> energies_;  ///< of the centres, batch after batch
    };

    explicit LocalModel(ForceField force_field);

    [[nodiscard]] const ForceField& force_field() const { return force_field_; }
    [[nodiscard]] double cutoff() const { return force_field_.descriptor().cutoff(); }  ///< [Å]

    /// Adds energies, forces and virials of the centres to the arrays of the host.
    /// @param spilling   null unless output.spilling is wanted
    /// @param n_threads  OpenMP threads, ≥ 1
    /// @throws std::invalid_argument if an array of the output has the wrong size; std::bad_alloc. The arrays of the
    ///         host may then hold part of the result
    LocalSums evaluate(const NeighborSource& source, const LocalOutput& output, Workspace& workspace, int n_threads = 1,
                       const SpillingModel* spilling = nullptr) const;

 private:
    template <class Real>
    struct Products;
    struct Batch;
    struct Job;
    void evaluate_batch(const Job& job, const Batch& batch, Workspace::Thread& thread) const;
    template <class Real, class Model>
    void evaluate_batch(const Job& job, const Batch& batch, const Model& model, Products<Real>& products,
                        Workspace::Thread& thread) const;
    /// x̂ and coefficients of the atoms of a batch.
    template <class Real>
    void describe(const std::vector<descriptors::Environment>& environments, Products<Real>& products) const;
    /// Spilling factors and descriptors, if they are wanted.
    void hand_over(const Job& job, const Batch& batch, const Products<double>& products) const;

    ForceField force_field_;
    std::vector<Expansion<float>> in_single_;  ///< a production form in single precision, per channel
    Eigen::MatrixXd inverse_distances_;        ///< 1 / shortest distances [1/Å]; 0 × 0: not known
    std::optional<ZblRepulsion> repulsion_;
};

}  // namespace mlff
