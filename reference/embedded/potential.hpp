#pragma once

#include <Eigen/Core>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmlff/atoms/neighbor_list.hpp"
#include "libmlff/model/calculator.hpp"

namespace mlff::reference {

/// Sums over the terms of a potential.
struct Sums {
    Eigen::VectorXd atom_energies;     ///< [eV], n_atoms
    Matrix3X forces;                   ///< −dE/dr [eV/Å], 3 × n_atoms
    Matrix3 virial = Matrix3::Zero();  ///< dE/dε = Σ r ⊗ dE/dr over the separations r of the energy [eV]

    void resize(Eigen::Index n_atoms);  ///< contents are unspecified
    void reset(Eigen::Index n_atoms);   ///< resizes, and sets all to zero
};

/// One term of a potential, E = Σ_i E_i, where E_i depends on atom i and on its neighbours within `range()`.
/// Species are numbers 0, 1, … ("kinds") in the order of the potential that holds the term.
class Term {
 public:
    Term() = default;
    Term(const Term&) = delete;
    Term& operator=(const Term&) = delete;
    virtual ~Term() = default;

    [[nodiscard]] virtual std::string_view name() const = 0;  ///< for reports: "pair", "coulomb", …
    [[nodiscard]] virtual double range() const = 0;           ///< [Å]

    /// Adds the share of atom i; the sum over all atoms is the term. It may write to the neighbours of i in `sums`, so
    /// each thread has its own `sums`. Must not throw.
    virtual void add(Eigen::Index i, std::span<const int> kinds, const NeighborList& neighbors, Sums& sums) const = 0;
};

/// A classical potential: a sum of terms over one neighbour list. Each atom of a pair gets half of its energy, the
/// central atom all of a three-body energy, an atom its self energy. Results have the same bits for the same number of
/// threads.
class EmbeddedPotential final : public Calculator {
 public:
    /// @param name         the user's name for it,  @param description one line for logs
    /// @param species      atomic numbers with parameters; kind k is species[k]
    /// @param terms        at least one
    /// @param skin         [Å] of the neighbour list
    /// @throws std::invalid_argument if there is no term or a species that is not an element
    EmbeddedPotential(std::string name, std::string description, std::vector<int> species,
                      std::vector<std::unique_ptr<Term>> terms, double skin = 1.0);

    /// @throws InputError if the potential has no parameters for an element (the message names it and the elements with
    ///         parameters), if two atoms are closer than 0.1 Å, if the structure is not valid, or if uncertainty or
    ///         spilling factors are requested
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;

    /// @throws InputError if there are no parameters for an element
    void check(const Structure& structure) const override;

    /// Energy of every term alone [eV], by its name.  @throws InputError as `evaluate`
    [[nodiscard]] std::vector<std::pair<std::string, double>> energy_by_term(const Structure& structure);

    [[nodiscard]] std::string description() const override { return description_; }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const std::vector<int>& species() const { return species_; }

 private:
    void prepare(const Structure& structure);
    void sum(std::span<const std::unique_ptr<Term>> terms);

    std::string name_, description_;
    std::vector<int> species_;
    std::array<int, 119> kind_of_;  ///< by atomic number; −1 where there are no parameters
    std::vector<std::unique_ptr<Term>> terms_;
    NeighborList neighbors_;

    std::vector<int> kinds_;     ///< of every atom
    std::vector<Sums> partial_;  ///< one per thread
    Sums total_;
};

}  // namespace mlff::reference
