#include "libmlff/regression/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <stdexcept>

namespace mlff {
namespace {

using Eigen::Index;

constexpr double vanishing = 1e-4;                     ///< of the rms: what is below vanishes by symmetry
constexpr double least_floor = 0.02;                   ///< of the rms error: no label is predicted much better
constexpr double normal_median = 0.67448975019608174;  ///< of |x|, x ~ N(0, 1)
constexpr std::size_t n_bins = 10, labels_per_bin = 10, n_coverage_steps = 20;

/// Hash of a running number; no two numbers have the same (finaliser of SplitMix64).
std::uint64_t mix(std::uint64_t n) {
    n += 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

/// Share p of a normal distribution within |e| of its middle, of every pair; ascending.
std::vector<double> enclosed_shares(const std::vector<ErrorPair>& pairs, double factor, double floor) {
    std::vector<double> shares;
    shares.reserve(pairs.size());
    for (const auto& [deviation, error] : pairs) {
        const double expected = std::hypot(factor * deviation, floor);
        shares.push_back(expected > 0.0 ? std::erf(std::abs(error) / (expected * std::numbers::sqrt2))
                                        : (error == 0.0 ? 0.0 : 1.0));
    }
    std::sort(shares.begin(), shares.end());
    return shares;
}

double area_of(const std::vector<double>& shares) {
    if (shares.empty()) return 0.0;
    const auto n = static_cast<double>(shares.size());
    double area = 0.0, from = 0.0;
    for (std::size_t k = 0; k <= shares.size(); ++k) {
        const double to = k < shares.size() ? shares[k] : 1.0, observed = static_cast<double>(k) / n;
        const auto integral = [observed](double p) { return 0.5 * (p - observed) * std::abs(p - observed); };
        area += integral(to) - integral(from);
        from = to;
    }
    return area;
}

FactorCheck check_factor(const std::vector<ErrorPair>& pairs, double factor, double floor) {
    const std::vector<double> shares = enclosed_shares(pairs, factor, floor);
    FactorCheck check{.factor = factor, .floor = floor, .area = area_of(shares), .coverage = {}};
    if (shares.empty()) return check;
    for (std::size_t k = 0; k <= n_coverage_steps; ++k) {
        const double nominal = static_cast<double>(k) / static_cast<double>(n_coverage_steps);
        const auto covered = std::upper_bound(shares.begin(), shares.end(), nominal) - shares.begin();
        check.coverage.push_back({nominal, static_cast<double>(covered) / static_cast<double>(shares.size())});
    }
    return check;
}

/// @param pairs  ascending deviations
std::vector<ReliabilityBin> reliability_of(const std::vector<ErrorPair>& pairs) {
    const std::size_t n = std::clamp<std::size_t>(pairs.size() / labels_per_bin, 1, n_bins);
    if (pairs.empty()) return {};
    std::vector<ReliabilityBin> bins;
    for (std::size_t b = 0; b < n; ++b) {
        const std::size_t first = b * pairs.size() / n, last = (b + 1) * pairs.size() / n;
        double deviation = 0.0, error = 0.0;
        for (std::size_t k = first; k < last; ++k) {
            deviation += pairs[k].deviation * pairs[k].deviation;
            error += pairs[k].error * pairs[k].error;
        }
        const auto count = static_cast<double>(last - first);
        bins.push_back({static_cast<long>(last - first), std::sqrt(deviation / count), std::sqrt(error / count)});
    }
    return bins;
}

/// Tells pairs that vanish by symmetry (see CalibrationData).
class Rounding {
 public:
    explicit Rounding(const std::vector<ErrorPair>& pairs) {
        for (const auto& [deviation, error] : pairs) {
            deviation_ += deviation * deviation;
            error_ += error * error;
        }
        const double n = std::max(static_cast<double>(pairs.size()), 1.0);
        deviation_ = vanishing * std::sqrt(deviation_ / n);
        error_ = vanishing * std::sqrt(error_ / n);
    }
    bool operator()(const ErrorPair& pair) const { return no_estimate(pair) && std::abs(pair.error) <= error_; }
    [[nodiscard]] bool no_estimate(const ErrorPair& pair) const { return pair.deviation <= deviation_; }

 private:
    double deviation_ = 0.0, error_ = 0.0;
};

double rms_error(const std::vector<ErrorPair>& pairs) {
    double sum = 0.0;
    for (const ErrorPair& pair : pairs) sum += pair.error * pair.error;
    return pairs.empty() ? 0.0 : std::sqrt(sum / static_cast<double>(pairs.size()));
}

QuantityCalibration check(std::vector<ErrorPair> pairs, long n_labels, double factor, double floor) {
    const Rounding is_rounding(pairs);
    std::erase_if(pairs, is_rounding);
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const ErrorPair& a, const ErrorPair& b) { return a.deviation < b.deviation; });
    std::vector<ErrorPair> estimated, vanished;
    for (const ErrorPair& pair : pairs) (is_rounding.no_estimate(pair) ? vanished : estimated).push_back(pair);
    const double scale = calibration_scale(estimated),
                 own_floor = std::max(rms_error(vanished), least_floor * rms_error(estimated));
    return {.n_labels = n_labels,
            .scale = scale,
            .floor = own_floor,
            .raw = check_factor(pairs, 1.0, 0.0),
            .model = check_factor(pairs, factor, floor),
            .scaled = check_factor(pairs, scale, own_floor),
            .reliability = reliability_of(pairs)};
}

/// Ranks from 0; equal values share their mean.
std::vector<double> ranks_of(const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    std::vector<double> ranks(values.size());
    for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
        while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
        for (std::size_t k = first; k < last; ++k) ranks[order[k]] = 0.5 * static_cast<double>(first + last - 1);
    }
    return ranks;
}

}  // namespace

double calibration_scale(const std::vector<ErrorPair>& pairs) {
    if (pairs.empty()) return 1.0;
    std::vector<double> ratios;
    ratios.reserve(pairs.size());
    for (const auto& [deviation, error] : pairs)
        ratios.push_back(deviation > 0.0 ? std::abs(error) / deviation
                                         : (error == 0.0 ? 0.0 : std::numeric_limits<double>::infinity()));
    std::sort(ratios.begin(), ratios.end());
    const double median = 0.5 * (ratios[(ratios.size() - 1) / 2] + ratios[ratios.size() / 2]);
    return median > 0.0 && std::isfinite(median) ? median / normal_median : 1.0;
}

double miscalibration_area(const std::vector<ErrorPair>& pairs, double factor, double floor) {
    return area_of(enclosed_shares(pairs, factor, floor));
}

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.size() != b.size()) throw std::invalid_argument("rank correlation of lists of different lengths");
    const std::vector<double> x = ranks_of(a), y = ranks_of(b);
    const double mean = 0.5 * (static_cast<double>(a.size()) - 1.0);
    double xx = 0.0, yy = 0.0, xy = 0.0;
    for (std::size_t k = 0; k < x.size(); ++k) {
        xx += (x[k] - mean) * (x[k] - mean);
        yy += (y[k] - mean) * (y[k] - mean);
        xy += (x[k] - mean) * (y[k] - mean);
    }
    return xx > 0.0 && yy > 0.0 ? xy / std::sqrt(xx * yy) : 0.0;
}

Calibration CalibrationReport::calibration(bool robust) const {
    Calibration result{robust ? force.scale : energy.scale, force.scale, robust ? force.scale : stress.scale,
                       force.floor, stress.floor};
    for (const auto& [z, quantity] : force_by_species)
        if (quantity.n_labels >= fewest_of_species) result.force_of_species[z] = quantity.scale;
    return result;
}

CalibrationData::CalibrationData(std::size_t capacity) : capacity_(capacity) {
    if (capacity_ == 0) throw std::invalid_argument("calibration data need a capacity of at least 1");
}

template <class T>
void CalibrationData::Sample<T>::add(const T& item, std::size_t capacity) {
    const std::uint64_t hash = mix(count_++);
    if (hash > limit_) return;
    items_.emplace_back(hash, item);
    while (items_.size() > capacity) {
        limit_ /= 2;
        std::erase_if(items_, [this](const auto& entry) { return entry.first > limit_; });
    }
}

void CalibrationData::add(const LabeledStructure& truth, const Evaluation& prediction) {
    if (!prediction.uncertainty) throw std::invalid_argument("calibration needs predictions with uncertainties");
    const Structure& structure = truth.structure;
    const Labels& labels = truth.labels;
    const Uncertainty& sigma = *prediction.uncertainty;
    n_atoms_ += structure.size();
    if (labels.energy) {
        const ErrorPair pair{sigma.energy,
                             (prediction.energy - *labels.energy) / static_cast<double>(structure.size())};
        energies_.add(pair, capacity_);
    }
    if (labels.forces)
        for (Index i = 0; i < structure.size(); ++i) {
            const Atom atom{.structure = n_structures_,
                            .species = structure.species[static_cast<std::size_t>(i)],
                            .deviation = sigma.forces.col(i),
                            .error = prediction.forces.col(i) - labels.forces->col(i)};
            n_forces_[atom.species] += 3;
            atoms_.add(atom, capacity_);
        }
    if (labels.stress && prediction.stress)
        for (int k = 0; k < 6; ++k) {
            const ErrorPair pair{sigma.stress[k], (*prediction.stress)[k] - (*labels.stress)[k]};
            stresses_.add(pair, capacity_);
        }
    ++n_structures_;
}

CalibrationReport CalibrationData::report(const Calibration& model) const {
    CalibrationReport report;
    report.n_structures = n_structures_;
    report.n_atoms = n_atoms_;
    const auto check_all = [](const Sample<ErrorPair>& sample, double factor, double floor) {
        std::vector<ErrorPair> pairs;
        for (const auto& [hash, pair] : sample.items()) pairs.push_back(pair);
        return check(std::move(pairs), sample.count(), factor, floor);
    };
    report.energy = check_all(energies_, model.energy, 0.0);
    report.stress = check_all(stresses_, model.stress, model.stress_floor);

    std::vector<ErrorPair> forces, norms;
    std::vector<ErrorPair> by_factor;  // deviations of each species in proportion to its factor in the model
    std::map<int, std::vector<ErrorPair>> by_species;
    for (const auto& [hash, atom] : atoms_.items()) {
        for (int c = 0; c < 3; ++c) {
            forces.push_back({atom.deviation[c], atom.error[c]});
            by_species[atom.species].push_back(forces.back());
            by_factor.push_back({atom.deviation[c] * model.force_factor(atom.species) / model.force, atom.error[c]});
        }
        norms.push_back({atom.deviation.norm(), atom.error.norm()});
    }
    report.force = check(std::move(forces), 3 * atoms_.count(), model.force, model.force_floor);
    std::erase_if(by_factor, Rounding(by_factor));
    report.force.model = check_factor(by_factor, model.force, model.force_floor);
    for (auto& [z, pairs] : by_species)
        report.force_by_species[z] = check(std::move(pairs), n_forces_.at(z), model.force_factor(z), model.force_floor);

    struct Columns {
        std::vector<double> beef, error;
        void add(const ErrorPair& pair) {
            beef.push_back(pair.deviation);
            error.push_back(pair.error);
        }
    };
    Columns all;
    std::map<long, Columns> by_structure;
    const Rounding is_rounding(norms);
    for (std::size_t k = 0; k < norms.size(); ++k) {
        if (is_rounding(norms[k])) continue;
        all.add(norms[k]);
        by_structure[atoms_.items()[k].second.structure].add(norms[k]);
    }
    report.rank_correlation = rank_correlation(all.beef, all.error);
    double n_ranked = 0.0;
    for (const auto& [structure, atoms] : by_structure) {
        if (atoms.beef.size() < 2) continue;
        const auto n = static_cast<double>(atoms.beef.size());
        report.rank_correlation_within += n * rank_correlation(atoms.beef, atoms.error);
        n_ranked += n;
    }
    if (n_ranked > 0.0) report.rank_correlation_within /= n_ranked;
    return report;
}

}  // namespace mlff
