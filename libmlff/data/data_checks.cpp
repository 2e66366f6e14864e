#include "libmlff/data/data_checks.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/neighbor_list.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/data/quantile.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Data = std::vector<LabeledStructure>;

constexpr double gpa = units::ev_per_cubic_angstrom_in_gpa;

/// Root of the mean of the lower nine tenths of some squares, so that a few outliers do not raise the limit.
double lower_rms(std::vector<double> squares) {
    if (squares.empty()) return 0.0;
    const double limit = quantile(squares, 0.9);
    double sum = 0.0, n = 0.0;
    for (const double x : squares)
        if (x <= limit) {
            sum += x;
            n += 1.0;
        }
    return std::sqrt(sum / n);
}

/// Range of ordinary energies per atom of one composition. Strained crystals among hot liquids are ordinary. Outliers
/// are only those very far off (2 eV and five interquartile ranges), and the few at either end beyond a gap as wide as
/// the range of all others.
std::pair<double, double> usual_energies(std::vector<double> values) {
    constexpr double far_off = 2.0, min_gap = 0.05;  // [eV/atom]
    std::sort(values.begin(), values.end());
    const double centre = median(values), quartiles = quantile(values, 0.75) - quantile(values, 0.25);
    const double reach = std::max(far_off, 5.0 * quartiles);
    double low = centre - reach, high = centre + reach;
    const std::size_t n = values.size(), few = std::max<std::size_t>(1, n / 50);
    const double gap = std::max(min_gap, values[n - 1 - few] - values[few]);
    for (std::size_t k = 0; k < few; ++k) {
        if (values[k + 1] - values[k] > gap) low = std::max(low, values[k + 1]);
        if (values[n - 1 - k] - values[n - 2 - k] > gap) high = std::min(high, values[n - 2 - k]);
    }
    return {low, high};
}

}  // namespace

std::string pair_name(const std::pair<int, int>& species) {
    return element_symbol(species.first) + "-" + element_symbol(species.second);
}

std::vector<Surroundings> survey(const Data& data) {
    std::vector<Surroundings> out;
    for (const auto& item : data) {
        const Structure& s = item.structure;
        // Reaches the nearest neighbours of any crystal: they are at most 1.12 (V/N)^⅓ away in a close packing.
        const double spacing = s.has_volume() ? std::cbrt(s.volume() / static_cast<double>(s.size())) : 0.0;
        const double cutoff = std::clamp(1.6 * spacing, 4.5, 7.0);
        Surroundings& own = out.emplace_back();
        own.asymmetry.setZero(s.size());
        NeighborList neighbors(cutoff);
        try {
            neighbors.update(s);
        } catch (const InputError& error) {
            own.too_close = error.what();
            continue;
        }
        for (Index i = 0; i < s.size(); ++i) {
            Vector3 sum = Vector3::Zero();
            for (Index p = neighbors.first(i); p < neighbors.first(i + 1); ++p) {
                const double r = neighbors.distances()[static_cast<std::size_t>(p)];
                sum += std::pow(1.0 - r / cutoff, 2) / r * neighbors.vectors().col(p);
                const std::pair<int, int> species = std::minmax(
                    s.species[static_cast<std::size_t>(i)], s.species[static_cast<std::size_t>(neighbors.neighbor(p))]);
                const auto [shortest, is_new] = own.shortest.try_emplace(species, r);
                shortest->second = std::min(shortest->second, r);
            }
            own.asymmetry[i] = sum.norm();
        }
    }
    return out;
}

DataWarnings check_energies(const Data& data) {
    constexpr double max_range = 20.0, far_off = 2.0;  // [eV/atom]
    std::map<std::map<int, long>, Frames> compositions;
    std::vector<double> energy(data.size(), 0.0);  // per atom
    for (std::size_t s = 0; s < data.size(); ++s)
        if (data[s].labels.energy && data[s].structure.size() > 0) {
            energy[s] = *data[s].labels.energy / static_cast<double>(data[s].structure.size());
            compositions[composition(data[s].structure)].push_back(s);
        }
    const auto energies = [&](const Frames& frames) {
        std::vector<double> values;
        for (const std::size_t s : frames) values.push_back(energy[s]);
        return values;
    };
    DataWarnings warnings;
    std::set<int> elements;
    std::map<std::map<int, double>, std::map<double, std::vector<double>>> by_ratio;  // shares: N: energies per atom
    Frames far, outliers;
    for (const auto& [counts, frames] : compositions) {
        const std::vector<double> values = energies(frames);
        const double centre = median(values);
        double n_atoms = 0.0;
        for (const auto& [z, n] : counts) n_atoms += static_cast<double>(n);
        std::map<int, double> shares;
        for (const auto& [z, n] : counts) {
            elements.insert(z);
            shares[z] = static_cast<double>(n) / n_atoms;
        }
        by_ratio[shares][n_atoms] = values;
        const auto [low, high] = std::minmax_element(values.begin(), values.end());
        if (*high - *low > max_range) {
            for (const std::size_t s : frames)
                if (std::abs(energy[s] - centre) > 0.25 * max_range) far.push_back(s);
        } else if (frames.size() >= 5) {
            const auto [least, most] = usual_energies(values);
            for (const std::size_t s : frames)
                if (energy[s] < least || energy[s] > most) outliers.push_back(s);
        }
    }

    // Few structures per composition: compared with energies of the elements that fit the medians of all compositions.
    const auto n_compositions = static_cast<Index>(compositions.size()),
               n_elements = static_cast<Index>(elements.size());
    if (n_compositions > n_elements) {
        Eigen::MatrixXd shares = Eigen::MatrixXd::Zero(n_compositions, n_elements);
        Eigen::VectorXd centre(n_compositions), weight(n_compositions);
        Index row = 0;
        for (const auto& [counts, frames] : compositions) {
            double n_atoms = 0.0;
            for (const auto& [z, n] : counts) n_atoms += static_cast<double>(n);
            for (const auto& [z, n] : counts)
                shares(row, std::distance(elements.begin(), elements.find(z))) = static_cast<double>(n) / n_atoms;
            weight[row] = std::sqrt(static_cast<double>(frames.size()));
            centre[row++] = median(energies(frames));
        }
        // Least absolute residuals, by repeated weighting: wrong energies must not change the energies of the elements.
        Eigen::VectorXd fitted = centre, scale = weight;
        for (int pass = 0; pass < 30; ++pass) {
            fitted = shares *
                     (scale.asDiagonal() * shares).completeOrthogonalDecomposition().solve(scale.cwiseProduct(centre));
            scale = weight.cwiseQuotient((centre - fitted).cwiseAbs().cwiseMax(1e-3).cwiseSqrt());
        }
        std::vector<double> residuals;
        row = 0;
        for (const auto& [counts, frames] : compositions) {
            for (const std::size_t s : frames) residuals.push_back(std::abs(energy[s] - fitted[row]));
            ++row;
        }
        const double limit = std::max(far_off, 10.0 * median(residuals));
        row = 0;
        for (const auto& [counts, frames] : compositions) {
            for (const std::size_t s : frames)
                if (frames.size() < 5 && data[s].structure.size() > 1 && std::abs(energy[s] - fitted[row]) > limit)
                    outliers.push_back(s);
            ++row;
        }
    }
    std::sort(outliers.begin(), outliers.end());

    bool per_atom = false;
    for (const auto& [shares, sizes] : by_ratio)
        if (sizes.size() > 1 && sizes.rbegin()->first >= 1.5 * sizes.begin()->first) {
            // Totals of unequal sizes that agree: E/N falls as 1/N.
            const double small = median(sizes.begin()->second) * sizes.begin()->first;
            const double large = median(sizes.rbegin()->second) * sizes.rbegin()->first;
            per_atom = per_atom || (std::abs(small) > 0.1 && std::abs(large / small - 1.0) < 0.1);
        }
    if (per_atom)
        warnings.push_back({Severity::warning,
                            "energies do not grow with the number of atoms; are they per atom instead of total?",
                            {},
                            0});
    report(warnings, data, far,
           fmt::format("energies of one composition differ by more than {:.0f} eV/atom; other units, or per atom "
                       "instead of total, in part of the structures?",
                       max_range));
    if (!per_atom)
        report(warnings, data, outliers, fmt::format("energy per atom far off the others in {}", counted(outliers)));
    return warnings;
}

DataWarnings check_outliers(const Data& data) {
    constexpr double times = 20.0, floor_force = 10.0, floor_stress = 50.0 / gpa;  // [eV/Å], [eV/Å³]
    std::map<int, std::vector<double>> forces;                                     // squares, by species
    std::vector<double> stresses;                                                  // squares of components
    for (const auto& item : data) {
        if (item.labels.forces)
            for (Index i = 0; i < item.structure.size(); ++i)
                forces[item.structure.species[static_cast<std::size_t>(i)]].push_back(
                    item.labels.forces->col(i).squaredNorm());
        if (item.labels.stress)
            for (const double component : *item.labels.stress) stresses.push_back(component * component);
    }
    std::map<int, double> limit;
    for (auto& [z, squares] : forces) limit[z] = std::max(floor_force, times * lower_rms(std::move(squares)));
    const double stress_limit = std::max(floor_stress, times * lower_rms(std::move(stresses)));
    Frames large_forces, large_stress;
    double largest = 0.0, largest_stress = 0.0;
    for (std::size_t s = 0; s < data.size(); ++s) {
        const auto& [forces_of, stress] = std::tie(data[s].labels.forces, data[s].labels.stress);
        double excess = 0.0;
        if (forces_of)
            for (Index i = 0; i < forces_of->cols(); ++i) {
                const double force = forces_of->col(i).norm();
                if (force > limit[data[s].structure.species[static_cast<std::size_t>(i)]])
                    excess = std::max(excess, force);
            }
        if (excess > 0.0) large_forces.push_back(s);
        largest = std::max(largest, excess);
        if (stress && stress->cwiseAbs().maxCoeff() > stress_limit) {
            large_stress.push_back(s);
            largest_stress = std::max(largest_stress, stress->cwiseAbs().maxCoeff());
        }
    }
    DataWarnings warnings;
    report(warnings, data, large_forces,
           fmt::format("forces up to {:.1f} eV/Å, far above the others, in {}", largest, counted(large_forces)));
    report(warnings, data, large_stress,
           fmt::format("stress up to {:.1f} GPa, far above the others, in {}", largest_stress * gpa,
                       counted(large_stress)));
    return warnings;
}

DataWarnings check_distances(const Data& data, const std::vector<Surroundings>& surroundings) {
    constexpr double share = 0.6;
    std::map<std::pair<int, int>, std::vector<double>> all;
    Frames coincide;
    for (std::size_t s = 0; s < data.size(); ++s) {
        for (const auto& [species, distance] : surroundings[s].shortest) all[species].push_back(distance);
        if (!surroundings[s].too_close.empty()) coincide.push_back(s);
    }
    DataWarnings warnings;
    if (!coincide.empty())
        report(warnings, data, coincide,
               fmt::format("atoms almost coincide ({}) in {}", surroundings[coincide[0]].too_close, counted(coincide)));
    for (const auto& [species, distances] : all) {
        const double usual = median(distances);
        Frames frames;
        for (std::size_t s = 0; s < data.size(); ++s)
            if (const auto own = surroundings[s].shortest.find(species);
                own != surroundings[s].shortest.end() && own->second < share * usual)
                frames.push_back(s);
        report(warnings, data, frames,
               fmt::format("{} as close as {:.2f} Å, usually no closer than {:.2f} Å", pair_name(species),
                           *std::min_element(distances.begin(), distances.end()), usual));
    }
    return warnings;
}

DataWarnings check_zero_forces(const Data& data, const std::vector<Surroundings>& surroundings) {
    constexpr double symmetric = 0.02;  // of the asymmetry: 0 by symmetry, some tenths in a moving crystal
    Frames by_symmetry, all_zero, some_zero;
    for (std::size_t s = 0; s < data.size(); ++s) {
        const auto& forces = data[s].labels.forces;
        if (!forces || forces->cols() == 0) continue;
        Index n_zero = 0, n_wrong = 0;
        for (Index i = 0; i < forces->cols(); ++i)
            if (forces->col(i).isZero(0.0)) {
                ++n_zero;
                n_wrong += surroundings[s].asymmetry[i] > symmetric ? 1 : 0;
            }
        if (n_zero == forces->cols())
            (n_wrong == 0 ? by_symmetry : all_zero).push_back(s);
        else if (n_wrong > 0)
            some_zero.push_back(s);
    }
    DataWarnings warnings;
    report(warnings, data, all_zero,
           fmt::format("all forces are exactly zero in {} without the symmetry for it; were they computed?",
                       counted(all_zero)));
    report(warnings, data, some_zero,
           fmt::format("forces of some atoms only are exactly zero in {}; were atoms held fixed?", counted(some_zero)));
    report(warnings, data, by_symmetry,
           fmt::format("all forces are zero, as symmetry demands, in {}", counted(by_symmetry)), Severity::note);
    return warnings;
}

DataWarnings check_drift(const Data& data) {
    constexpr double limit = 0.05;  // [eV/Å]
    Frames frames;
    double largest = 0.0;
    for (std::size_t s = 0; s < data.size(); ++s)
        if (data[s].labels.forces && data[s].structure.size() > 0) {
            const double drift = data[s].labels.forces->rowwise().mean().norm();
            if (drift > limit) frames.push_back(s);
            largest = std::max(largest, drift);
        }
    DataWarnings warnings;
    report(warnings, data, frames,
           fmt::format("forces do not sum to zero: {:.3f} eV/Å per atom at most, above {} in {}", largest, limit,
                       counted(frames)));
    return warnings;
}

DataWarnings check_missing_labels(const Data& data) {
    Frames energies, forces, stresses;
    for (std::size_t s = 0; s < data.size(); ++s) {
        if (!data[s].labels.energy) energies.push_back(s);
        if (!data[s].labels.forces) forces.push_back(s);
        if (!data[s].labels.stress) stresses.push_back(s);
    }
    DataWarnings warnings;
    const auto part = [&](const Frames& frames, const char* label) {
        if (frames.size() < data.size())
            report(warnings, data, frames,
                   fmt::format("{} of {} structures have no {}", frames.size(), data.size(), label), Severity::note);
    };
    part(energies, "energy");
    part(forces, "forces");
    part(stresses, "stress");
    return warnings;
}

}  // namespace mlff
