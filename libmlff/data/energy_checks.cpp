#include "libmlff/data/energy_checks.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <span>

#include "libmlff/atoms/units.hpp"
#include "libmlff/data/quantile.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Data = std::vector<LabeledStructure>;

constexpr double gpa = units::ev_per_cubic_angstrom_in_gpa;

/// Possible causes of a slope other than 1.
struct Meaning {
    double factor;
    const char* text;
};

constexpr Meaning meanings_of_force[] = {
    {1.0, "have the opposite sign (gradients instead of forces?)"},
    {1.0 / 51.422067, "are in Hartree/bohr, it seems"},
    {1.0 / 25.711034, "are in Rydberg/bohr, it seems"},
    {0.52917721, "are per bohr, it seems"},
    {1.88972612, "belong to positions in Å, while the positions are in bohr, it seems"},
    {27.211386, "are sound if the energies are in Hartree"},
    {13.605693, "are sound if the energies are in Rydberg"},
    {23.060548, "are in kcal/mol/Å, it seems"},
    {1.0 / 23.060548, "are sound if the energies are in kcal/mol"},
    {96.485332, "are in kJ/mol/Å, it seems"},
    {964.85332, "are in kJ/mol/nm, it seems"},
    {1.0 / 96.485332, "are sound if the energies are in kJ/mol"},
};

constexpr Meaning meanings_of_stress[] = {
    {1.0, "has the opposite sign (positive under compression)"},
    {units::ev_per_cubic_angstrom_in_kbar, "is in kbar, it seems"},
    {units::ev_per_cubic_angstrom_in_gpa, "is in GPa, it seems"},
    {units::ev_per_cubic_angstrom_in_bar, "is in bar, it seems"},
    {0.0033988931, "is in Hartree/bohr³, it seems"},
    {27.211386, "is sound if the energies are in Hartree"},
    {13.605693, "is sound if the energies are in Rydberg"},
    {1.0 / 23.060548, "is sound if the energies are in kcal/mol"},
    {1.0 / 96.485332, "is sound if the energies are in kJ/mol"},
};

constexpr std::size_t min_pairs = EnergyCheck::min_pairs;

/// Allowed error of the second order; no wrong unit or sign is within it.
bool is_sound(double slope) { return slope > 0.75 && slope < 1.33; }

/// "" if no known cause is within a tenth of the slope (or nearer than another explanation, |log| `rival`).
std::string explain(double slope, std::span<const Meaning> meanings, double rival) {
    double nearest = std::min(0.1, rival);
    std::string text;
    for (const Meaning& meaning : meanings)
        if (const double distance = std::abs(std::log(std::abs(slope) / meaning.factor)); distance < nearest) {
            nearest = distance;
            text = meaning.text;
            if (slope < 0.0 && meaning.factor != 1.0) text += ", with the opposite sign";
        }
    return text;
}

/// Slope of y = s x, robust against single wrong points: the median of y/x, weighted by |x| up to a usual value.
double robust_slope(const Eigen::VectorXd& x, const Eigen::VectorXd& y) {
    const Eigen::VectorXd size = x.cwiseAbs();
    const double usual = median({size.data(), size.data() + size.size()});
    std::vector<std::pair<double, double>> ratios;
    double rest = 0.0;
    for (Index k = 0; k < x.size(); ++k)
        if (x[k] != 0.0) {
            ratios.emplace_back(y[k] / x[k], std::min(size[k], usual));
            rest += 0.5 * ratios.back().second;
        }
    std::sort(ratios.begin(), ratios.end());
    for (const auto& [ratio, weight] : ratios)
        if ((rest -= weight) <= 0.0) return ratio;
    return 0.0;
}

double correlation(const Eigen::VectorXd& x, const Eigen::VectorXd& y) {
    const double norms = x.norm() * y.norm();
    return norms > 0.0 ? x.dot(y) / norms : 0.0;
}

/// y = slope x + offset t by least squares; the offset only where the data distinguish it from the slope.
struct Fit {
    double slope = 0.0, offset = 0.0, offset_error = 0.0, correlation = 0.0;
};

Fit fit_line(const Eigen::VectorXd& x, const Eigen::VectorXd& y, const Eigen::VectorXd& t) {
    const double tt = t.squaredNorm(), xx = x.squaredNorm();
    const bool has_t = tt > 1e-12 * static_cast<double>(t.size());
    const Eigen::VectorXd x_rest = has_t ? Eigen::VectorXd(x - t * (t.dot(x) / tt)) : x;
    if (!has_t || x.size() < 4 || x_rest.squaredNorm() <= 1e-3 * xx)
        return {xx > 0.0 ? x.dot(y) / xx : 0.0, 0.0, 0.0, correlation(x, y)};
    const Eigen::VectorXd y_rest = y - t * (t.dot(y) / tt);
    Fit fit;
    fit.slope = x_rest.dot(y_rest) / x_rest.squaredNorm();
    fit.offset = t.dot(y - fit.slope * x) / tt;
    const double residual = (y - fit.slope * x - fit.offset * t).squaredNorm() / static_cast<double>(x.size() - 2);
    fit.offset_error = std::sqrt(residual / (tt - std::pow(x.dot(t), 2) / xx));
    fit.correlation = correlation(x_rest, y_rest);
    return fit;
}

/// Structures of the pairs, each once.
Frames frames_of(const std::vector<const NearPair*>& pairs) {
    std::set<std::size_t> frames;
    for (const NearPair* pair : pairs) frames.insert({pair->a, pair->b});
    return {frames.begin(), frames.end()};
}

/// Work of the stress of a near pair under strain, and the energy to compare it with.
struct StrainedPair {
    const NearPair* pair;
    double energy;        ///< E_b − E_a, less the work of moving atoms against the forces [eV]
    double work, virial;  ///< of the stress label, and of the label over the volume
    double expansion;     ///< work of a stress of 1: about V_b − V_a [Å³]
    double n_atoms;
    bool shear;  ///< more than a tenth of the strain is off the diagonal
};

/// σ : G F⁻¹ at both ends of a pair; times the volumes the slope of the energy along F(t) = 1 + t G.
std::array<double, 2> stress_work(const Labels& a, const Labels& b, const Matrix3& strain) {
    const Matrix3 at_b = strain * (Matrix3::Identity() + strain).inverse();
    return {from_voigt(*a.stress).cwiseProduct(strain).sum(), from_voigt(*b.stress).cwiseProduct(at_b).sum()};
}

std::vector<StrainedPair> strained_pairs(const Data& data, const std::vector<NearPair>& pairs) {
    constexpr double min_strain = 1e-4, max_displacement = 0.02;  // [Å]
    std::vector<StrainedPair> out;
    for (const NearPair& pair : pairs) {
        const LabeledStructure &a = data[pair.a], &b = data[pair.b];
        if (!(a.labels.energy && b.labels.energy && a.labels.stress && b.labels.stress)) continue;
        if (!a.structure.has_volume() || pair.strain.norm() < min_strain || pair.displacement > max_displacement)
            continue;
        // Trapezium rule.
        const Matrix3 G_a = pair.strain, G_b = G_a * (Matrix3::Identity() + G_a).inverse();
        const double V_a = a.structure.volume(), V_b = b.structure.volume();
        const auto [work_a, work_b] = stress_work(a.labels, b.labels, G_a);
        const Matrix3 symmetric = 0.5 * (G_a + G_a.transpose());
        out.push_back({.pair = &pair,
                       .energy = *b.labels.energy - *a.labels.energy + pair.work.value_or(0.0),
                       .work = 0.5 * (V_a * work_a + V_b * work_b),
                       .virial = 0.5 * (work_a + work_b),
                       .expansion = 0.5 * (V_a * G_a.trace() + V_b * G_b.trace()),
                       .n_atoms = static_cast<double>(a.structure.size()),
                       .shear = symmetric.diagonal().norm() < 0.995 * symmetric.norm()});
    }
    return out;
}

enum class StressUnit { as_given, virial, per_atom };

Fit fit_stress(const std::vector<StrainedPair>& pairs, StressUnit unit) {
    const auto n = static_cast<Index>(pairs.size());
    Eigen::VectorXd energy(n), work(n), expansion(n);
    for (Index k = 0; k < n; ++k) {
        const StrainedPair& pair = pairs[static_cast<std::size_t>(k)];
        energy[k] = pair.energy * (unit == StressUnit::per_atom ? pair.n_atoms : 1.0);
        work[k] = unit == StressUnit::virial ? pair.virial : pair.work;
        expansion[k] = pair.expansion;
    }
    return fit_line(energy, work, expansion);
}

/// Stress and energies of these pairs are correlated, in any units.
bool follows(const std::vector<StrainedPair>& pairs) {
    if (pairs.size() < min_pairs) return false;
    for (const StressUnit unit : {StressUnit::as_given, StressUnit::virial, StressUnit::per_atom})
        if (std::abs(fit_stress(pairs, unit).correlation) > 0.9) return true;
    return false;
}

/// Warns of an implausible stress if there are no pairs to test it.
void check_magnitude(const Data& data, DataWarnings& warnings) {
    Frames frames;
    long n_stresses = 0;
    for (std::size_t s = 0; s < data.size(); ++s)
        if (const auto& stress = data[s].labels.stress) {
            ++n_stresses;
            if (stress->cwiseAbs().maxCoeff() > 1.0) frames.push_back(s);
        }
    report(warnings, data, frames,
           fmt::format("stress above 1 eV/Å³ (160 GPa) in {} of {} structures; is it in kbar or GPa, or a virial?",
                       frames.size(), n_stresses));
}

}  // namespace

EnergyCheck check_stress(const Data& data, const std::vector<NearPair>& pairs) {
    const std::vector<StrainedPair> all = strained_pairs(data, pairs);
    EnergyCheck check;
    check.n_pairs = static_cast<long>(all.size());
    if (all.size() < min_pairs) check_magnitude(data, check.warnings);
    if (all.empty()) return check;
    const auto warn = [&](const std::vector<StrainedPair>& about_these, std::string text) {
        std::vector<const NearPair*> concerned;
        for (const StrainedPair& pair : about_these) concerned.push_back(pair.pair);
        report(check.warnings, data, frames_of(concerned), std::move(text));
    };
    const auto evidence = [](const std::vector<StrainedPair>& these, const Fit& fit) {
        return fmt::format("(slope {:.4g} over {} strained pairs, correlation {:.3f})", fit.slope, these.size(),
                           fit.correlation);
    };
    const auto set = [&](const std::vector<StrainedPair>& these) {
        const Fit fit = fit_stress(these, StressUnit::as_given);
        check.n_pairs = static_cast<long>(these.size());
        check.slope = fit.slope;
        check.offset = fit.offset;
        check.correlation = fit.correlation;
        return fit;
    };
    std::vector<StrainedPair> used = all;
    Fit fit = set(used);
    if (used.size() < min_pairs) return check;
    if (!follows(used)) {
        std::vector<StrainedPair> shear, normal;
        for (const StrainedPair& pair : all) (pair.shear ? shear : normal).push_back(pair);
        const bool one_of_both = follows(shear) != follows(normal);
        const auto& wrong = !one_of_both ? all : follows(normal) ? shear : normal;
        warn(wrong, fmt::format("{}stress does not follow the energies {}",
                                !one_of_both      ? ""
                                : follows(normal) ? "shear "
                                                  : "normal ",
                                evidence(wrong, fit_stress(wrong, StressUnit::as_given))));
        if (!one_of_both) return check;
        used = follows(normal) ? normal : shear;
        fit = set(used);
    }
    if (!is_sound(fit.slope)) {
        const Fit virial = fit_stress(used, StressUnit::virial), per_atom = fit_stress(used, StressUnit::per_atom);
        const double rival = per_atom.slope > 0.0 ? std::abs(std::log(per_atom.slope)) : 1.0;
        std::string meaning = explain(fit.slope, meanings_of_stress, rival);
        if (is_sound(std::abs(virial.slope))) {  // in a cell of 160 Å³ V σ and σ in GPa look alike
            const char* product = virial.slope < 0.0 ? "is a virial −V σ, it seems" : "is V σ, it seems";
            meaning = meaning.empty() ? product : fmt::format("{}, or {}", product, meaning);
        } else if (meaning.empty()) {
            meaning = rival < 0.1 ? "is sound if the energies are per atom instead of total"
                                  : "does not agree with the energies";
        }
        for (const char* unit : {"GPa", "kbar", "bar"})
            if (meaning.starts_with(fmt::format("is in {}, ", unit))) check.unit = unit;
        warn(used, fmt::format("stress {} {}", meaning, evidence(used, fit)));
    } else if (std::abs(fit.offset) > std::max(1.0 / gpa, 3.0 * fit.offset_error)) {
        warn(used, fmt::format("stress is {:+.2f} ± {:.2f} GPa off what the energies say, the same everywhere (tension "
                               "positive): Pulay stress, or a part that one of the two lacks?",
                               fit.offset * gpa, fit.offset_error * gpa));
    }
    return check;
}

EnergyCheck check_forces(const Data& data, const std::vector<NearPair>& pairs) {
    constexpr double max_strain = 1e-3;        // variable cells in dynamics: the stress does little work, which counts
    constexpr double max_displacement = 0.25;  // [Å]
    constexpr double resolution = 2e-3;        // [eV] smaller differences may be rounding and convergence
    std::vector<const NearPair*> used;
    std::vector<double> x, y, displacements, sizes;
    for (const NearPair& pair : pairs) {
        const Labels &a = data[pair.a].labels, &b = data[pair.b].labels;
        if (!(a.energy && b.energy && pair.work)) continue;
        if (pair.strain.norm() > max_strain || pair.displacement > max_displacement) continue;
        // Under pressure the stress may do as much work as the forces.
        double of_stress = 0.0;
        if (a.stress && b.stress && pair.strain.norm() > 0.0) {
            const auto [work_a, work_b] = stress_work(a, b, pair.strain);
            of_stress = 0.5 * (data[pair.a].structure.volume() * work_a + data[pair.b].structure.volume() * work_b);
        }
        const double difference = *b.energy - *a.energy - of_stress;
        if (std::max(std::abs(difference), std::abs(*pair.work)) < resolution) continue;
        used.push_back(&pair);
        x.push_back(difference);
        y.push_back(-*pair.work);
        displacements.push_back(pair.displacement);
        sizes.push_back(static_cast<double>(data[pair.a].structure.size()));
    }
    EnergyCheck check;
    check.n_pairs = static_cast<long>(used.size());
    if (used.empty()) return check;
    const Eigen::Map<const Eigen::VectorXd> dE(x.data(), static_cast<Index>(x.size()));
    const Eigen::Map<const Eigen::VectorXd> work(y.data(), dE.size()), n_atoms(sizes.data(), dE.size());
    check.slope = robust_slope(dE, work);
    check.correlation = correlation(dE, work);
    std::vector<double> residuals, works;
    for (Index k = 0; k < dE.size(); ++k) {
        residuals.push_back(std::abs(work[k] - check.slope * dE[k]));
        works.push_back(std::abs(work[k]));
    }
    if (used.size() < min_pairs) return check;
    const double scatter = median(residuals) / std::max(median(works), 1e-300);
    const std::string evidence =
        fmt::format("(slope {:.4g} over {} pairs, correlation {:.3f})", check.slope, check.n_pairs, check.correlation);
    const auto warn = [&](std::string text, Severity severity = Severity::warning) {
        report(check.warnings, data, frames_of(used), std::move(text), severity);
    };
    if (scatter > 0.3) {
        const double typical = median(displacements);
        if (typical < 0.15)  // second order is accurate here
            warn("forces do not follow the energies " + evidence + "; do they belong to these structures?");
        else
            warn(fmt::format("forces and energies could not be compared: atoms move {:.2f} Å between structures {}",
                             typical, evidence),
                 Severity::note);
    } else if (!is_sound(check.slope)) {
        const double per_atom = robust_slope(dE.cwiseProduct(n_atoms), work);
        const double rival = per_atom > 0.0 ? std::abs(std::log(per_atom)) : 1.0;
        std::string meaning = explain(check.slope, meanings_of_force, rival);
        if (meaning.empty() && rival < 0.1) meaning = "are sound if the energies are per atom instead of total";
        warn(fmt::format("forces {} {}", meaning.empty() ? "do not agree with the energies" : meaning, evidence));
    }
    return check;
}

}  // namespace mlff
