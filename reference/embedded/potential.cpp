#include "reference/embedded/potential.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::reference {
namespace {

constexpr Eigen::Index parallel_from = 128;  ///< atoms; with fewer, starting threads costs more than it gains

double longest_range(const std::vector<std::unique_ptr<Term>>& terms) {
    if (terms.empty()) throw std::invalid_argument("a potential needs at least one term");
    double range = 0.0;
    for (const auto& term : terms) range = std::max(range, term->range());
    return range;
}

}  // namespace

void Sums::resize(Eigen::Index n_atoms) {
    atom_energies.resize(n_atoms);
    forces.resize(3, n_atoms);
}

void Sums::reset(Eigen::Index n_atoms) {
    atom_energies.setZero(n_atoms);
    forces.setZero(3, n_atoms);
    virial.setZero();
}

EmbeddedPotential::EmbeddedPotential(std::string name, std::string description, std::vector<int> species,
                                     std::vector<std::unique_ptr<Term>> terms, double skin)
    : name_(std::move(name)),
      description_(std::move(description)),
      species_(std::move(species)),
      terms_(std::move(terms)),
      neighbors_(longest_range(terms_), skin) {
    kind_of_.fill(-1);
    for (std::size_t k = 0; k < species_.size(); ++k) {
        if (species_[k] < 1 || species_[k] > 118)
            throw std::invalid_argument(fmt::format("atomic number {} is not an element; 1..118 is", species_[k]));
        kind_of_[static_cast<std::size_t>(species_[k])] = static_cast<int>(k);
    }
}

Evaluation EmbeddedPotential::evaluate(const Structure& structure, const Request& request) {
    if (request.uncertainty || request.spilling)
        throw InputError(fmt::format("embedded potential '{}' has no {}; a force field has", name_,
                                     request.uncertainty ? "uncertainty" : "spilling factors"));
    prepare(structure);
    sum(terms_);
    Evaluation result;
    result.energy = total_.atom_energies.sum();
    result.forces = total_.forces;
    if (structure.has_volume()) result.stress = to_voigt(total_.virial / structure.volume());
    result.atom_energies = total_.atom_energies;
    return result;
}

std::vector<std::pair<std::string, double>> EmbeddedPotential::energy_by_term(const Structure& structure) {
    prepare(structure);
    std::vector<std::pair<std::string, double>> energies;
    for (const auto& term : terms_) {
        sum({&term, 1});
        energies.emplace_back(term->name(), total_.atom_energies.sum());
    }
    return energies;
}

void EmbeddedPotential::check(const Structure& structure) const {
    for (const int z : structure.species) {
        if (z >= 1 && z <= 118 && kind_of_[static_cast<std::size_t>(z)] >= 0) continue;
        std::string known;
        for (const int k : species_) known += (known.empty() ? "" : ", ") + element_symbol(k);
        throw InputError(fmt::format("embedded potential '{}' has no parameters for {}; it has them for {}", name_,
                                     element_symbol(z), known));
    }
}

void EmbeddedPotential::prepare(const Structure& structure) {
    neighbors_.update(structure);  // comes before the look-up of the species, as it refuses invalid structures
    check(structure);
    kinds_.resize(structure.species.size());
    for (std::size_t i = 0; i < kinds_.size(); ++i)
        kinds_[i] = kind_of_[static_cast<std::size_t>(structure.species[i])];
}

void EmbeddedPotential::sum(std::span<const std::unique_ptr<Term>> terms) {
    const auto n = static_cast<Eigen::Index>(kinds_.size());
    partial_.resize(static_cast<std::size_t>(omp_get_max_threads()));
    for (Sums& part : partial_) part.resize(n);  // an allocation that fails in the region would end the program
    total_.reset(n);
    int n_threads = 1;
#pragma omp parallel if (n >= parallel_from)
    {
        Sums& mine = partial_[static_cast<std::size_t>(omp_get_thread_num())];
        mine.reset(n);
#pragma omp single
        n_threads = omp_get_num_threads();
        // In small portions: the lower atom of a pair computes it, so low atoms have more work.
#pragma omp for schedule(static, 8)
        for (Eigen::Index i = 0; i < n; ++i)
            for (const auto& term : terms) term->add(i, kinds_, neighbors_, mine);
#pragma omp for schedule(static)
        for (Eigen::Index i = 0; i < n; ++i)
            for (int t = 0; t < n_threads; ++t) {
                const Sums& part = partial_[static_cast<std::size_t>(t)];
                total_.atom_energies[i] += part.atom_energies[i];
                total_.forces.col(i) += part.forces.col(i);
            }
    }
    for (int t = 0; t < n_threads; ++t) total_.virial += partial_[static_cast<std::size_t>(t)].virial;
}

}  // namespace mlff::reference
