#include "libmlff/data/free_atoms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <string>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/neighbor_list.hpp"

namespace mlff {
namespace {

constexpr double usual_distance = 4.0;  ///< nearly every atom has a neighbour this near [Å]
constexpr double same_energy = 1e-3;    ///< of two calculations of a free atom [eV]

/// Atoms without a neighbour within the cutoff.
std::vector<Eigen::Index> lone_atoms(const Structure& structure, double cutoff) {
    std::vector<Eigen::Index> lone;
    for (const double reach : {std::min(usual_distance, cutoff), cutoff}) {  // the small one is cheap and mostly enough
        NeighborList list(reach);
        list.update(structure);
        lone.clear();
        for (Eigen::Index i = 0; i < structure.size(); ++i)
            if (list.count(i) == 0) lone.push_back(i);
        if (lone.empty()) break;
    }
    return lone;
}

/// "IsolatedAtom", "isolated_atom", "isolated atom"
bool names_isolated_atom(const std::string& group) {
    std::string letters;
    for (const unsigned char c : group)
        if (std::isalpha(c)) letters += static_cast<char>(std::tolower(c));
    return letters == "isolatedatom" || letters == "isolatedatoms";
}

bool is_free(const LabeledStructure& item, const std::vector<Eigen::Index>& lone) {
    return std::ssize(lone) == item.structure.size() || (item.structure.size() == 1 && names_isolated_atom(item.group));
}

std::string symbols_of(const std::set<int>& species) {
    std::string text;
    for (const int z : species) text += (text.empty() ? "" : ", ") + element_symbol(z);
    return text;
}

std::string energies_of(const std::map<int, double>& energies) {
    std::string text;
    for (const auto& [z, energy] : energies)
        text += fmt::format("{}{} {:.6g}", text.empty() ? "" : ", ", element_symbol(z), energy);
    return text;
}

/// The free atoms of one species.
struct Found {
    double energy = 0.0;        ///< of one atom [eV], the lowest
    Eigen::Index n_atoms = 0;   ///< of the structure that it is from
    double highest = 0.0;       ///< of structures with as many atoms
    std::string origin, other;  ///< of the lowest and the highest
};

class FreeAtomSearch {
 public:
    FreeAtomSearch(double cutoff, const std::map<int, double>& given) : cutoff_(cutoff), given_(given) {}

    FreeAtoms take(std::vector<LabeledStructure>& data, const std::vector<int>& species) {
        FreeAtoms out;
        std::vector<std::set<int>> lone(data.size());  // species of lone atoms in structures that stay
        std::set<int> of_model(species.begin(), species.end());
        for (std::size_t k = 0; k < data.size(); ++k) {
            const Structure& structure = data[k].structure;
            const auto atoms = lone_atoms(structure, cutoff_);
            if (is_free(data[k], atoms)) {
                look_at(data[k], k);
                out.taken.push_back(k);
                continue;
            }
            of_model.insert(structure.species.begin(), structure.species.end());
            for (const auto i : atoms) lone[k].insert(structure.species[static_cast<std::size_t>(i)]);
        }
        settle(of_model, out);
        report(out.findings, data, mixed_,
               fmt::format("{} of several species, no atom of which has a neighbour within {} Å, left out: no "
                           "descriptor explains their energy",
                           counted(mixed_), cutoff_),
               Severity::note);
        report(out.findings, data, without_energy_,
               fmt::format("{} of free atoms without an energy, left out", counted(without_energy_)), Severity::note);

        Frames unexplained;
        std::set<int> unknown;
        for (std::size_t k = 0; k < data.size(); ++k) {
            bool explained = true;
            for (const int z : lone[k])
                if (!out.energies.contains(z)) {
                    unknown.insert(z);
                    explained = false;
                }
            if (explained || !data[k].labels.energy) continue;
            data[k].labels.energy.reset();
            unexplained.push_back(k);
        }
        report(out.findings, data, unexplained,
               fmt::format("{} with an atom without neighbours within {} Å; its energy is that of the free atom, which "
                           "is not known for {}: the energies of these structures are not used, their forces and "
                           "stress are; give regression.atom_energies to use them",
                           counted(unexplained), cutoff_, symbols_of(unknown)));

        std::vector<LabeledStructure> kept;
        kept.reserve(data.size() - out.taken.size());
        auto next = out.taken.begin();
        for (std::size_t k = 0; k < data.size(); ++k) {
            if (next != out.taken.end() && *next == k)
                ++next;
            else
                kept.push_back(std::move(data[k]));
        }
        data = std::move(kept);
        return out;
    }

 private:
    void look_at(const LabeledStructure& item, std::size_t index) {
        const auto species = species_present(item.structure);
        if (!item.labels.energy) return without_energy_.push_back(index);
        if (species.size() > 1) return mixed_.push_back(index);
        frames_.push_back(item.origin);
        const Eigen::Index n = item.structure.size();
        const double energy = *item.labels.energy / static_cast<double>(n);
        Found fresh{energy, n, energy, item.origin, item.origin};
        const auto [place, is_new] = found_.try_emplace(species[0], fresh);
        Found& known = place->second;
        if (is_new || n > known.n_atoms) return;
        if (n < known.n_atoms) {
            known = fresh;
            return;
        }
        if (energy < known.energy) {
            known.energy = energy;
            known.origin = item.origin;
        } else if (energy > known.highest) {
            known.highest = energy;
            known.other = item.origin;
        }
    }

    /// Which energies are used, and what there is to say about it.
    void settle(const std::set<int>& of_model, FreeAtoms& out) const {
        std::map<int, double> all = given_, used;
        std::set<int> missing, only_free;
        for (const auto& [z, atom] : found_) {
            if (!of_model.contains(z)) only_free.insert(z);
            if (const auto set = given_.find(z); set != given_.end()) {
                if (std::abs(set->second - atom.energy) > same_energy)
                    say(out, Severity::warning,
                        fmt::format("regression.atom_energies says {} eV for {}, but a free atom of it has {:.6g} eV "
                                    "({}): the setting is used",
                                    set->second, element_symbol(z), atom.energy, atom.origin));
                continue;
            }
            if (atom.highest - atom.energy > same_energy)
                say(out, Severity::warning,
                    fmt::format("free atoms of {} have different energies, {:.6g} eV ({}) and {:.6g} eV ({}): the "
                                "lowest is taken, as that of the ground state; set regression.atom_energies if "
                                "another is right",
                                element_symbol(z), atom.energy, atom.origin, atom.highest, atom.other));
            all[z] = atom.energy;
            if (of_model.contains(z)) used[z] = atom.energy;
        }
        for (const int z : of_model)
            if (!all.contains(z)) missing.insert(z);
        if (!only_free.empty())
            say(out, Severity::note,
                fmt::format("{} occurs only as a free atom and is no species of the force field",
                            symbols_of(only_free)));
        out.energies = given_;
        if (used.empty()) return;
        if (!missing.empty()) {
            if (given_.empty())
                say_of_frames(out, Severity::warning,
                              fmt::format("free atoms ({} eV) are left out: energies of all species or of none can be "
                                          "used, and the data have none of {}; give it in regression.atom_energies",
                                          energies_of(used), symbols_of(missing)));
            return;
        }
        for (const auto& [z, energy] : used) out.energies[z] = energy;
        say_of_frames(
            out, Severity::note,
            fmt::format("free atoms: {} eV, taken as regression.atom_energies and not fitted", energies_of(used)));
    }

    static void say(FreeAtoms& out, Severity severity, std::string text) {
        out.findings.push_back({severity, std::move(text), {}, 0});
    }
    void say_of_frames(FreeAtoms& out, Severity severity, std::string text) const {
        DataWarning warning{severity, std::move(text), {}, static_cast<long>(frames_.size())};
        warning.frames.assign(frames_.begin(), frames_.begin() + std::min<std::ptrdiff_t>(3, std::ssize(frames_)));
        out.findings.push_back(std::move(warning));
    }

    double cutoff_;
    const std::map<int, double>& given_;
    std::map<int, Found> found_;
    std::vector<std::string> frames_;  ///< origins of free atoms of one species with energies
    Frames mixed_, without_energy_;
};

}  // namespace

std::vector<int> species_without_neighbors(const Structure& structure, double cutoff) {
    std::set<int> species;
    for (const auto i : lone_atoms(structure, cutoff)) species.insert(structure.species[static_cast<std::size_t>(i)]);
    return {species.begin(), species.end()};
}

Frames free_atoms_of(const std::vector<LabeledStructure>& data, double cutoff) {
    Frames free;
    for (std::size_t k = 0; k < data.size(); ++k)
        if (is_free(data[k], lone_atoms(data[k].structure, cutoff))) free.push_back(k);
    return free;
}

FreeAtoms take_free_atoms(std::vector<LabeledStructure>& data, double cutoff, const std::vector<int>& species,
                          const std::map<int, double>& given) {
    return FreeAtomSearch(cutoff, given).take(data, species);
}

}  // namespace mlff
