#include "libmlff/learning/fit_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "libmlff/errors.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double pool_factor = 3.0;  ///< candidates per reference that is wanted

long atoms_of(const std::vector<LabeledStructure>& data, int z) {
    long n = 0;
    for (const auto& item : data) n += std::count(item.structure.species.begin(), item.structure.species.end(), z);
    return n;
}

/// Every how manyth atom of a species joins the pool, so that it holds about `wanted`.
double stride(long n_atoms, double wanted) { return std::max(1.0, static_cast<double>(n_atoms) / wanted); }

std::vector<LocalReferences> choose_references(const std::vector<LabeledStructure>& data, const FitOptions& options,
                                               const descriptors::Descriptor& descriptor,
                                               const std::vector<int>& species, Index max_references,
                                               const std::function<void(long, long, const std::string&)>& progress) {
    std::vector<LocalReferences> pool(species.size());
    std::vector<std::vector<Eigen::VectorXd>> features(species.size());
    std::vector<double> steps, next(species.size(), 0.0);
    for (const int z : species)
        steps.push_back(stride(atoms_of(data, z), pool_factor * static_cast<double>(max_references)));
    std::vector<long> seen(species.size(), 0);
    for (std::size_t s = 0; s < data.size(); ++s) {
        Environments environments(species, descriptor.cutoff(), 0.0);
        environments.update(data[s].structure);
        const MatrixXd x = compute_features(descriptor, environments);
        for (Index i = 0; i < x.cols(); ++i) {
            const auto channel = static_cast<std::size_t>(environments.channel(i));
            if (static_cast<double>(seen[channel]++) < next[channel]) continue;
            next[channel] += steps[channel];
            if (environments.neighbors().count(i) == 0) continue;
            features[channel].emplace_back(x.col(i));
            pool[channel].structure.push_back(static_cast<int>(s));
            pool[channel].atom.push_back(static_cast<int>(i));
        }
        progress(static_cast<long>(s) + 1, static_cast<long>(data.size()), "choosing local references");
    }
    std::vector<LocalReferences> chosen(species.size());
    for (std::size_t channel = 0; channel < species.size(); ++channel) {
        MatrixXd all(descriptor.size(), static_cast<Index>(features[channel].size()));
        for (std::size_t k = 0; k < features[channel].size(); ++k)
            all.col(static_cast<Index>(k)) = features[channel][k];
        features[channel].clear();
        LocalReferences& to = chosen[channel];
        to.features.resize(descriptor.size(), 0);
        if (all.cols() == 0) continue;
        const auto kept = select(all, options.force_field.kernel_power, options.selection, max_references);
        to.features.resize(descriptor.size(), static_cast<Index>(kept.size()));
        for (std::size_t k = 0; k < kept.size(); ++k) {
            to.features.col(static_cast<Index>(k)) = all.col(kept[k]);
            to.structure.push_back(pool[channel].structure[static_cast<std::size_t>(kept[k])]);
            to.atom.push_back(pool[channel].atom[static_cast<std::size_t>(kept[k])]);
        }
    }
    return chosen;
}

}  // namespace

std::vector<int> species_of(const std::vector<LabeledStructure>& data) {
    std::set<int> unique;
    for (const auto& item : data) unique.insert(item.structure.species.begin(), item.structure.species.end());
    return {unique.begin(), unique.end()};
}

void FitOptions::validate() const {
    force_field.validate();
    regression.validate();
    selection.validate();
    if (max_references < 1)
        throw std::invalid_argument(fmt::format("references.max must be at least 1, got {}", max_references));
}

FitForecast forecast_fit(const std::vector<LabeledStructure>& data, const FitOptions& options) {
    const std::vector<int> species = species_of(data);
    Index largest = 0;
    for (const auto& item : data) largest = std::max(largest, item.structure.size());
    const Index D = descriptors::Descriptor(options.force_field.descriptor, static_cast<int>(species.size())).size();
    FitForecast forecast;
    const auto set = [&](Index max_references) {
        forecast.max_references = max_references;
        forecast.n_references = 0;
        double pool = 0.0;
        for (const int z : species) {
            const auto n = static_cast<double>(atoms_of(data, z));
            const double own_pool = std::min(n, pool_factor * static_cast<double>(max_references));
            forecast.n_references += std::min<Index>(max_references, static_cast<Index>(own_pool));
            // Features of every pool are held twice, the kernel matrix of one and its factor at a time.
            pool = std::max(pool, own_pool * own_pool + own_pool * static_cast<double>(std::min<Index>(
                                                                       max_references, static_cast<Index>(own_pool))));
            pool += 2.0 * own_pool * static_cast<double>(D);
        }
        const auto n = static_cast<double>(forecast.n_references);
        // Three factors with their panels, the stack, the posterior and its scratch; one structure's rows, twice.
        const double regression = 8.0 * n * n + 4.0 * 1024.0 * n +
                                  2.0 * n * (7.0 + 3.0 * static_cast<double>(largest)) + n * static_cast<double>(D);
        forecast.bytes = 8.0 * std::max(pool, regression);
    };
    set(options.max_references);
    while (options.memory > 0 && forecast.bytes > static_cast<double>(options.memory) && forecast.max_references > 1) {
        set(std::max<Index>(1, forecast.max_references * 95 / 100));
        forecast.reduced = true;
    }
    return forecast;
}

ForceField fit_to_data(const std::vector<LabeledStructure>& data, const FitOptions& options,
                       const Provenance& provenance,
                       const std::function<void(long, long, const std::string&)>& progress) {
    options.validate();
    if (data.empty()) throw InputError("there are no training structures");
    const std::vector<int> species = species_of(data);
    auto descriptor =
        std::make_shared<descriptors::Descriptor>(options.force_field.descriptor, static_cast<int>(species.size()));
    auto references =
        choose_references(data, options, *descriptor, species, forecast_fit(data, options).max_references, progress);
    Index n_references = 0;
    for (const auto& set : references) n_references += set.size();
    RegressionData regression(n_references, species);
    for (std::size_t s = 0; s < data.size(); ++s) {
        Environments environments(species, descriptor->cutoff(), 0.0);
        environments.update(data[s].structure);
        regression.add(
            design_rows(*descriptor, options.force_field.kernel_power, references, environments, data[s].structure),
            data[s]);
        progress(static_cast<long>(s) + 1, static_cast<long>(data.size()), "design matrix");
    }
    return fit(std::move(regression), std::move(descriptor), options.force_field.kernel_power, std::move(references),
               options.regression, provenance);
}

}  // namespace mlff
