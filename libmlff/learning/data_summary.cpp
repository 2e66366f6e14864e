#include "libmlff/learning/data_summary.hpp"

#include <fmt/format.h>

#include <Eigen/Geometry>
#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <random>
#include <set>
#include <span>
#include <tuple>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/neighbor_list.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/errors.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Data = std::vector<LabeledStructure>;
using Frames = std::vector<std::size_t>;
using Items = std::vector<const LabeledStructure*>;

constexpr std::size_t n_named = 3;  ///< structures a warning names
constexpr double gpa = units::ev_per_cubic_angstrom_in_gpa;

DataWarning about(const Data& data, const Frames& frames, Severity severity, std::string text) {
    DataWarning warning{severity, std::move(text), {}, static_cast<long>(frames.size())};
    for (std::size_t k = 0; k < std::min(n_named, frames.size()); ++k) warning.frames.push_back(data[frames[k]].origin);
    return warning;
}

std::string counted(const Frames& frames) {
    return fmt::format("{} structure{}", frames.size(), frames.size() == 1 ? "" : "s");
}

/// A warning if there is anything to name, else nothing.
void report(DataWarnings& to, const Data& data, const Frames& frames, std::string text,
            Severity severity = Severity::warning) {
    if (!frames.empty()) to.push_back(about(data, frames, severity, std::move(text)));
}

double quantile(std::vector<double> values, double share) {
    const auto middle = values.begin() + static_cast<long>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

/// Root of the mean of the lower nine tenths of some squares: a few outliers do not hide themselves.
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

std::map<int, long> composition(const Structure& structure) {
    std::map<int, long> counts;
    for (const int z : structure.species) ++counts[z];
    return counts;
}

std::string pair_name(const std::pair<int, int>& pair) {
    return element_symbol(pair.first) + "-" + element_symbol(pair.second);
}

// ---------------------------------------------------------------------------------------------------------------------
// Structures that are near one another

/// Lattice that coordinates are counted in: the cell, or a cube of 10 Å where there is none.
Matrix3 frame_of(const Structure& s) { return s.has_volume() ? s.cell : Matrix3(10.0 * Matrix3::Identity()); }

/// Projections of periodic functions of the fractional coordinates s: Σ cos(2π s + φ), φ random and fixed. Equal
/// structures have equal ones; those of near structures differ by about 2π |Δs|/√2.
class Fingerprints {
 public:
    static constexpr int n = 4;
    using Value = std::array<double, n>;

    explicit Fingerprints(Index n_atoms) : phases_(3 * n, n_atoms) {
        std::mt19937_64 random(1);
        for (double& phase : phases_.reshaped())
            phase = 2.0 * std::numbers::pi * static_cast<double>(random() >> 11) * 0x1p-53;
    }

    [[nodiscard]] Value operator()(const Structure& structure) const {
        const Matrix3X angles = 2.0 * std::numbers::pi * (frame_of(structure).inverse() * structure.positions);
        Value value;
        for (int k = 0; k < n; ++k)
            value[static_cast<std::size_t>(k)] = (angles + phases_.middleRows(3 * k, 3)).array().cos().sum();
        return value;
    }

 private:
    Eigen::MatrixXd phases_;
};

Items items_of(const Data& data) {
    Items items;
    for (const auto& item : data) items.push_back(&item);
    return items;
}

/// Structures of the same species sequence and periodicity, in file order.
std::vector<Frames> alike(const Items& items) {
    std::map<std::pair<std::array<bool, 3>, std::vector<int>>, Frames> groups;
    for (std::size_t s = 0; s < items.size(); ++s)
        groups[{items[s]->structure.periodic, items[s]->structure.species}].push_back(s);
    std::vector<Frames> list;
    for (auto& [key, frames] : groups) list.push_back(std::move(frames));
    return list;
}

/// How b differs from a, if by no more than the limits (Frobenius norm of the strain, largest displacement [Å]).
std::optional<NearPair> compare(const Structure& a, const Structure& b, double max_strain, double max_displacement) {
    if (a.has_volume() != b.has_volume()) return std::nullopt;
    const Matrix3 cell_a = frame_of(a), cell_b = frame_of(b), inverse_a = cell_a.inverse(),
                  inverse_b = cell_b.inverse();
    NearPair pair;
    pair.strain = cell_b * inverse_a - Matrix3::Identity();
    if (!(pair.strain.norm() <= max_strain)) return std::nullopt;
    const Matrix3 middle = 0.5 * (cell_a + cell_b);
    for (Index i = 0; i < a.size(); ++i) {
        Vector3 ds = inverse_b * b.positions.col(i) - inverse_a * a.positions.col(i);
        for (int axis = 0; axis < 3; ++axis)
            if (a.periodic[static_cast<std::size_t>(axis)]) ds[axis] -= std::round(ds[axis]);
        pair.displacement = std::max(pair.displacement, (middle * ds).norm());
        if (!(pair.displacement <= max_displacement)) return std::nullopt;
    }
    return pair;
}

double work_of_forces(const LabeledStructure& a, const LabeledStructure& b) {
    const Matrix3 cell_a = frame_of(a.structure), cell_b = frame_of(b.structure);
    Matrix3X ds = cell_b.inverse() * b.structure.positions - cell_a.inverse() * a.structure.positions;
    for (int axis = 0; axis < 3; ++axis)
        if (a.structure.periodic[static_cast<std::size_t>(axis)]) ds.row(axis) -= ds.row(axis).array().round().matrix();
    return 0.5 * (*a.labels.forces + *b.labels.forces).cwiseProduct(0.5 * (cell_a + cell_b) * ds).sum();
}

constexpr double same = 1e-6;  ///< [Å] of duplicates

bool equal(const Structure& a, const Structure& b) {
    return (a.cell - b.cell).cwiseAbs().maxCoeff() <= same && compare(a, b, 1e-6, same).has_value();
}

bool equal_labels(const Labels& a, const Labels& b, Index n_atoms) {
    if (a.energy && b.energy && !(std::abs(*a.energy - *b.energy) <= 1e-6 * static_cast<double>(n_atoms))) return false;
    if (a.forces && b.forces && !((*a.forces - *b.forces).cwiseAbs().maxCoeff() <= 1e-4)) return false;
    return !(a.stress && b.stress) || (*a.stress - *b.stress).cwiseAbs().maxCoeff() <= 1e-5;
}

/// Of each structure that is a copy the first one that it is a copy of.
std::map<std::size_t, std::size_t> copies(const Items& items) {
    std::map<std::size_t, std::size_t> copy_of;
    for (const Frames& group : alike(items)) {
        const Index n_atoms = items[group[0]]->structure.size();
        if (group.size() < 2 || n_atoms == 0) continue;
        const Fingerprints fingerprint(n_atoms);
        // By how much the tolerance can move the sum at most, for cells of at least 1 Å.
        const double window = 2.0 * std::numbers::pi * 3.0 * static_cast<double>(n_atoms) * same;
        std::vector<std::pair<double, std::size_t>> order;
        for (const std::size_t s : group) order.emplace_back(fingerprint(items[s]->structure)[0], s);
        std::sort(order.begin(), order.end());
        std::vector<bool> taken(order.size(), false);
        for (std::size_t k = 0; k < order.size(); ++k) {
            if (taken[k]) continue;
            Frames equals = {order[k].second};
            for (std::size_t m = k + 1; m < order.size() && order[m].first - order[k].first <= window; ++m)
                if (!taken[m] && equal(items[order[k].second]->structure, items[order[m].second]->structure)) {
                    taken[m] = true;
                    equals.push_back(order[m].second);
                }
            std::sort(equals.begin(), equals.end());
            for (std::size_t m = 1; m < equals.size(); ++m) copy_of[equals[m]] = equals[0];
        }
    }
    return copy_of;
}

// ---------------------------------------------------------------------------------------------------------------------
// Labels against energy differences

/// What a slope other than 1 may come from.
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

constexpr std::size_t min_pairs = 3;  ///< fewer prove nothing

/// Second order has an error of its own; no unit or sign comes near this.
bool is_sound(double slope) { return slope > 0.75 && slope < 1.33; }

/// "" if nothing known comes within a tenth of the slope (or nearer than what else may explain it, |log| `rival`).
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

/// Slope of y = s x that single wrong points do not move: the median of y/x, weighted by |x| up to what is usual.
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

/// y = slope x + offset t by least squares; the offset only where the data can tell it from the slope.
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

/// Work of the stress of a near pair under strain, and what it is to be compared with.
struct StrainedPair {
    const NearPair* pair;
    double energy;        ///< E_b − E_a, less what moving atoms did against the forces [eV]
    double work, virial;  ///< of the stress label, and of the label over the volume
    double expansion;     ///< work of a stress of 1: about V_b − V_a [Å³]
    double n_atoms;
    bool shear;  ///< more than a tenth of the strain is off the diagonal
};

std::vector<StrainedPair> strained_pairs(const Data& data, const std::vector<NearPair>& pairs) {
    constexpr double min_strain = 1e-4, max_displacement = 0.02;  // [Å]
    std::vector<StrainedPair> out;
    for (const NearPair& pair : pairs) {
        const LabeledStructure &a = data[pair.a], &b = data[pair.b];
        if (!(a.labels.energy && b.labels.energy && a.labels.stress && b.labels.stress)) continue;
        if (!a.structure.has_volume() || pair.strain.norm() < min_strain || pair.displacement > max_displacement)
            continue;
        // Along F(t) = 1 + t G the energy changes by V σ : G F⁻¹ dt; trapezium rule.
        const Matrix3 G_a = pair.strain, G_b = G_a * (Matrix3::Identity() + G_a).inverse();
        const double V_a = a.structure.volume(), V_b = b.structure.volume();
        const double work_a = from_voigt(*a.labels.stress).cwiseProduct(G_a).sum();
        const double work_b = from_voigt(*b.labels.stress).cwiseProduct(G_b).sum();
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

/// Stress and energies of these pairs have to do with each other, whatever the units.
bool follows(const std::vector<StrainedPair>& pairs) {
    if (pairs.size() < min_pairs) return false;
    for (const StressUnit unit : {StressUnit::as_given, StressUnit::virial, StressUnit::per_atom})
        if (std::abs(fit_stress(pairs, unit).correlation) > 0.9) return true;
    return false;
}

/// Stress that nothing sensible has, if there are no pairs to test it.
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

/// Energies per atom of one composition that belong together. Strained crystals among hot liquids are ordinary, so
/// that outliers are only those very far off (2 eV and five interquartile ranges), and the few at either end that a gap
/// of the width of all others separates.
Range usual_energies(std::vector<double> values) {
    constexpr double far_off = 2.0, min_gap = 0.05;  // [eV/atom]
    std::sort(values.begin(), values.end());
    const double centre = median(values), quartiles = quantile(values, 0.75) - quantile(values, 0.25);
    const double reach = std::max(far_off, 5.0 * quartiles);
    Range usual{centre - reach, centre + reach};
    const std::size_t n = values.size(), few = std::max<std::size_t>(1, n / 50);
    const double gap = std::max(min_gap, values[n - 1 - few] - values[few]);
    for (std::size_t k = 0; k < few; ++k) {
        if (values[k + 1] - values[k] > gap) usual.low = std::max(usual.low, values[k + 1]);
        if (values[n - 1 - k] - values[n - 2 - k] > gap) usual.high = std::min(usual.high, values[n - 2 - k]);
    }
    return usual;
}

}  // namespace

void Range::add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
}

std::vector<NearPair> near_pairs(const Data& data) {
    constexpr double max_strain = 0.03, max_displacement = 0.3;  // [Å]
    constexpr std::size_t in_file = 3, in_order = 200, max_partners = 10;
    std::vector<NearPair> pairs;
    for (const Frames& group : alike(items_of(data))) {
        const Index n_atoms = data[group[0]].structure.size();
        if (group.size() < 2 || n_atoms == 0) continue;
        const Fingerprints fingerprint(n_atoms);
        std::vector<Fingerprints::Value> values;
        std::vector<double> volumes;
        double shortest = std::numeric_limits<double>::infinity();
        for (const std::size_t s : group) {
            const Matrix3 cell = frame_of(data[s].structure);
            values.push_back(fingerprint(data[s].structure));
            volumes.push_back(std::abs(cell.determinant()));
            shortest = std::min(shortest, cell.colwise().norm().minCoeff());
        }
        // Three deviations of what displacements of half the limit, in random directions, make.
        const double window =
            3.0 * std::numbers::pi * max_displacement / shortest * std::sqrt(0.5 * static_cast<double>(n_atoms));
        // Copies under strain have equal sums up to rounding: order those by volume, so that small strains come first.
        const auto key = [&](std::size_t k) { return std::pair(std::round(values[k][0] * 1e6), volumes[k]); };
        std::vector<std::size_t> order(group.size());
        for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });

        std::set<std::pair<std::size_t, std::size_t>> seen;
        std::vector<std::size_t> partners(group.size(), 0);
        const auto consider = [&](std::size_t k, std::size_t m) {
            const auto [first, second] = std::minmax(k, m);
            if (std::abs(std::log(volumes[k] / volumes[m])) > 2.0 * max_strain) return;
            if (!seen.insert({first, second}).second) return;
            const LabeledStructure &a = data[group[first]], &b = data[group[second]];
            auto pair = compare(a.structure, b.structure, max_strain, max_displacement);
            if (!pair || (pair->strain.norm() <= 1e-7 && pair->displacement <= same)) return;
            pair->a = group[first];
            pair->b = group[second];
            if (a.labels.forces && b.labels.forces) pair->work = work_of_forces(a, b);
            ++partners[k];
            pairs.push_back(std::move(*pair));
        };
        for (std::size_t k = 0; k < group.size(); ++k)
            for (std::size_t m = k + 1; m < std::min(group.size(), k + 1 + in_file); ++m) consider(k, m);
        for (std::size_t k = 0; k < order.size(); ++k)
            for (std::size_t m = k + 1; m < std::min(order.size(), k + 1 + in_order); ++m) {
                const auto &one = values[order[k]], &other = values[order[m]];
                if (partners[order[k]] >= max_partners || other[0] - one[0] > window) break;
                bool near = true;
                for (std::size_t d = 1; d < one.size(); ++d) near = near && std::abs(one[d] - other[d]) <= window;
                if (near) consider(order[k], order[m]);
            }
    }
    std::sort(pairs.begin(), pairs.end(),
              [](const NearPair& p, const NearPair& q) { return std::pair(p.a, p.b) < std::pair(q.a, q.b); });
    return pairs;
}

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
        if (is_sound(std::abs(virial.slope))) {  // a cell of 160 Å³ cannot tell V σ from GPa
            const char* product = virial.slope < 0.0 ? "is a virial −V σ, it seems" : "is V σ, it seems";
            meaning = meaning.empty() ? product : fmt::format("{}, or {}", product, meaning);
        } else if (meaning.empty()) {
            meaning = rival < 0.1 ? "is sound if the energies are per atom instead of total"
                                  : "does not agree with the energies";
        }
        warn(used, fmt::format("stress {} {}", meaning, evidence(used, fit)));
    } else if (std::abs(fit.offset) > std::max(1.0 / gpa, 3.0 * fit.offset_error)) {
        warn(used, fmt::format("stress is {:+.2f} ± {:.2f} GPa off what the energies say, the same everywhere (tension "
                               "positive): Pulay stress, or a part that one of the two lacks?",
                               fit.offset * gpa, fit.offset_error * gpa));
    }
    return check;
}

EnergyCheck check_forces(const Data& data, const std::vector<NearPair>& pairs) {
    constexpr double max_strain = 1e-3;  // of variable cells in dynamics: what the stress does is far below the forces
    constexpr double max_displacement = 0.25;  // [Å]
    constexpr double resolution = 2e-3;        // [eV] smaller differences may be rounding and convergence
    std::vector<const NearPair*> used;
    std::vector<double> x, y, displacements, sizes;
    for (const NearPair& pair : pairs) {
        const Labels &a = data[pair.a].labels, &b = data[pair.b].labels;
        if (!(a.energy && b.energy && pair.work)) continue;
        if (pair.strain.norm() > max_strain || pair.displacement > max_displacement) continue;
        if (std::max(std::abs(*b.energy - *a.energy), std::abs(*pair.work)) < resolution) continue;
        used.push_back(&pair);
        x.push_back(*b.energy - *a.energy);
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
        if (typical < 0.15)  // here second order has proved itself
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

DataWarnings find_duplicates(const Data& data) {
    Frames equal_frames, contradicting;
    for (const auto& [second, first] : copies(items_of(data))) {
        const bool agree = equal_labels(data[first].labels, data[second].labels, data[first].structure.size());
        (agree ? equal_frames : contradicting).push_back(second);
    }
    DataWarnings warnings;
    report(warnings, data, contradicting,
           fmt::format("{} of {} structures occur before with other labels", contradicting.size(), data.size()));
    report(warnings, data, equal_frames,
           fmt::format("{} of {} structures occur before", equal_frames.size(), data.size()));
    return warnings;
}

DataWarnings find_shared(const Data& train, const Data& validation) {
    Items all = items_of(train);
    for (const auto& item : validation) all.push_back(&item);
    Frames equal_frames, contradicting;  // of the validation set
    for (const auto& [second, first] : copies(all)) {
        if (first >= train.size() || second < train.size()) continue;
        const bool agree = equal_labels(all[first]->labels, all[second]->labels, all[first]->structure.size());
        (agree ? equal_frames : contradicting).push_back(second - train.size());
    }
    DataWarnings warnings;
    report(warnings, validation, contradicting,
           fmt::format("{} of {} validation structures are training structures with other labels", contradicting.size(),
                       validation.size()));
    report(
        warnings, validation, equal_frames,
        fmt::format("{} of {} validation structures are training structures", equal_frames.size(), validation.size()));
    return warnings;
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
            const Range usual = usual_energies(values);
            for (const std::size_t s : frames)
                if (energy[s] < usual.low || energy[s] > usual.high) outliers.push_back(s);
        }
    }

    // Compositions of few structures: against energies of the elements that fit the medians of all compositions.
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
        // Least absolute residuals, by repeated weighting: what is wrong must not bend the energies of the elements.
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

namespace {

void count(DataSummary& summary, const Data& data) {
    std::map<std::map<int, long>, DataSummary::Composition> compositions;
    std::map<int, double> squares;
    for (const auto& item : data) {
        const Structure& s = item.structure;
        const Labels& labels = item.labels;
        const auto n_atoms = static_cast<double>(s.size());
        ++summary.n_structures;
        if (!item.group.empty()) ++summary.groups[item.group];
        summary.n_atoms += static_cast<long>(s.size());
        summary.atoms_per_structure.add(n_atoms);
        const auto counts = composition(s);
        for (const auto& [z, n] : counts) summary.elements[z] += n;
        auto& own = compositions[counts];
        if (own.n_structures++ == 0) own.formula = formula(s);
        if (labels.energy && s.size() > 0) own.energy.add(*labels.energy / n_atoms);
        if (s.has_volume() && s.size() > 0) summary.volume.add(s.volume() / n_atoms);
        summary.n_energies += labels.energy ? 1 : 0;
        summary.n_forces += labels.forces ? 1 : 0;
        summary.n_stresses += labels.stress ? 1 : 0;
        if (labels.forces && s.size() > 0) {
            summary.largest_drift = std::max(summary.largest_drift, labels.forces->rowwise().mean().norm());
            for (Index i = 0; i < s.size(); ++i) {
                const int z = s.species[static_cast<std::size_t>(i)];
                const double square = labels.forces->col(i).squaredNorm();
                auto& forces = summary.forces[z];
                ++forces.n_atoms;
                forces.largest = std::max(forces.largest, std::sqrt(square));
                squares[z] += square;
            }
        }
        if (labels.stress)
            for (int k = 0; k < 6; ++k) (k < 3 ? summary.normal_stress : summary.shear_stress).add((*labels.stress)[k]);
    }
    for (auto& [z, forces] : summary.forces)
        forces.rms = std::sqrt(squares[z] / (3.0 * static_cast<double>(forces.n_atoms)));
    for (auto& [counts, own] : compositions) summary.compositions.push_back(std::move(own));
    std::stable_sort(summary.compositions.begin(), summary.compositions.end(),
                     [](const auto& a, const auto& b) { return a.n_structures > b.n_structures; });
}

constexpr std::size_t label_width = 20;

std::string row(std::string_view label, std::string_view text) {
    return fmt::format("{:<{}}{}\n", label, label_width, text);
}

/// Items one after the other over at most `max_lines` lines; what does not fit is counted.
std::string rows(std::string_view label, const std::vector<std::string>& items, int max_lines) {
    constexpr std::size_t width = 100 - label_width, reserve = 14;  // for ", and 123 more"
    std::string text, line;
    int lines = 1;
    for (std::size_t k = 0; k < items.size(); ++k) {
        const std::size_t room = lines < max_lines || k + 1 == items.size() ? width : width - reserve;
        if (!line.empty() && line.size() + 2 + items[k].size() > room) {
            if (lines == max_lines) {
                line += fmt::format(", and {} more", items.size() - k);
                break;
            }
            text += row(label, line + ",");
            label = "";
            line.clear();
            ++lines;
        }
        line += (line.empty() ? "" : ", ") + items[k];
    }
    return items.empty() ? "" : text + row(label, line);
}

std::string describe(const EnergyCheck& check, bool stress) {
    if (check.n_pairs == 0)
        return fmt::format("could not be checked: no {} with both labels",
                           stress ? "strained copies" : "pairs of neighbouring structures");
    if (check.n_pairs < static_cast<long>(min_pairs))
        return fmt::format("could not be checked: only {} {}", check.n_pairs, check.n_pairs == 1 ? "pair" : "pairs");
    std::string text =
        fmt::format("slope {:.4g} over {} pairs, correlation {:.4f}", check.slope, check.n_pairs, check.correlation);
    if (stress) text += fmt::format(", offset {:+.2f} GPa", check.offset * gpa);
    return text;
}

}  // namespace

DataSummary summarise(const Data& data) {
    DataSummary summary;
    count(summary, data);
    const auto surroundings = survey(data);
    for (const Surroundings& own : surroundings)
        for (const auto& [species, distance] : own.shortest) {
            const auto [shortest, is_new] = summary.shortest.try_emplace(species, distance);
            shortest->second = std::min(shortest->second, distance);
        }
    const auto pairs = near_pairs(data);
    summary.stress_check = check_stress(data, pairs);
    summary.force_check = check_forces(data, pairs);
    for (const DataWarnings& found :
         {summary.stress_check.warnings, summary.force_check.warnings, check_energies(data), find_duplicates(data),
          check_outliers(data), check_distances(data, surroundings), check_zero_forces(data, surroundings),
          check_drift(data), check_missing_labels(data)})
        summary.warnings.insert(summary.warnings.end(), found.begin(), found.end());
    std::stable_partition(summary.warnings.begin(), summary.warnings.end(),
                          [](const DataWarning& warning) { return warning.severity == Severity::warning; });
    return summary;
}

std::string format(const DataWarning& warning) {
    std::string text = (warning.severity == Severity::warning ? "warning: " : "note: ") + warning.text;
    if (warning.frames.empty()) return text;
    text += fmt::format(": {}", fmt::join(warning.frames, ", "));
    const long more = warning.n_frames - static_cast<long>(warning.frames.size());
    return more > 0 ? text + fmt::format(" and {} more", more) : text;
}

std::string format(const DataSummary& summary) {
    constexpr std::size_t max_compositions = 5;
    std::string text;
    const auto count_range = [](const Range& r) {
        return r.low == r.high ? fmt::format("{:.0f}", r.low) : fmt::format("{:.0f} to {:.0f}", r.low, r.high);
    };
    if (summary.n_structures == 0) return row("structures", "none");
    text += row("structures", fmt::format("{} with {} atoms, {} each", summary.n_structures, summary.n_atoms,
                                          count_range(summary.atoms_per_structure)));
    std::vector<std::string> items;
    for (const auto& [z, n] : summary.elements)
        items.push_back(fmt::format("{} {:.3g}%", element_symbol(z),
                                    100.0 * static_cast<double>(n) / static_cast<double>(summary.n_atoms)));
    text += rows("elements", items, 2);
    for (std::size_t k = 0; k < std::min(max_compositions, summary.compositions.size()); ++k) {
        const auto& own = summary.compositions[k];
        std::string line = fmt::format("{}: {}", own.formula, own.n_structures);
        if (!own.energy.empty()) line += fmt::format(", {:.4f} to {:.4f} eV/atom", own.energy.low, own.energy.high);
        text += row(k == 0 ? "compositions" : "", line);
    }
    if (summary.compositions.size() > max_compositions)
        text += row("", fmt::format("and {} more", summary.compositions.size() - max_compositions));
    items.clear();
    for (const auto& [group, n] : summary.groups) items.push_back(fmt::format("{} {}", group, n));
    text += rows("groups", items, 3);
    text += row("labels", fmt::format("energy {}, forces {}, stress {}", summary.n_energies, summary.n_forces,
                                      summary.n_stresses));
    if (!summary.volume.empty())
        text += row("volume", fmt::format("{:.2f} to {:.2f} Å³/atom", summary.volume.low, summary.volume.high));
    items.clear();
    for (const auto& [species, distance] : summary.shortest)
        items.push_back(fmt::format("{} {:.2f}", pair_name(species), distance));
    text += rows("shortest [Å]", items, 3);
    items.clear();
    for (const auto& [z, forces] : summary.forces)
        items.push_back(fmt::format("{} {:.3f} ({:.2f})", element_symbol(z), forces.rms, forces.largest));
    text += rows("force rms (max)", items, 2);
    if (summary.n_forces > 0) text += row("", fmt::format("in eV/Å; |ΣF|/N at most {:.2g}", summary.largest_drift));
    if (summary.n_stresses > 0)
        text += row("stress", fmt::format("{:.2f} to {:.2f}, shear {:.2f} to {:.2f} GPa",
                                          summary.normal_stress.low * gpa, summary.normal_stress.high * gpa,
                                          summary.shear_stress.low * gpa, summary.shear_stress.high * gpa));
    if (summary.n_stresses > 0) text += row("stress/energy", describe(summary.stress_check, true));
    if (summary.n_forces > 0) text += row("forces/energy", describe(summary.force_check, false));
    for (const DataWarning& warning : summary.warnings) text += format(warning) + "\n";
    return text;
}

}  // namespace mlff
