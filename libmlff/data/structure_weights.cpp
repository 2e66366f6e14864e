#include "libmlff/data/structure_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

namespace mlff {
namespace {

constexpr double least_validation_atoms = 1000.0;

}  // namespace

std::vector<double> kind_sizes(const std::vector<LabeledStructure>& data) {
    std::map<std::map<int, long>, double> sizes;
    std::vector<const double*> size_of;
    for (const auto& item : data) {
        double& size = sizes[composition(item.structure)];
        size += 1.0;
        size_of.push_back(&size);
    }
    std::vector<double> result;
    for (const double* size : size_of) result.push_back(*size);
    return result;
}

std::vector<LabeledStructure> sample_structures(const std::vector<LabeledStructure>& data, double one_in) {
    const auto n = static_cast<double>(data.size());
    one_in = std::min(one_in, n);  // at least one structure
    std::vector<double> chances = kind_sizes(data);
    for (double& chance : chances) chance = 1.0 / std::sqrt(chance);
    double factor = 1.0;
    for (int repeat = 0; repeat < 50; ++repeat) {  // until the probabilities, none above 1, add up
        double sum = 0.0;
        for (const double chance : chances) sum += std::min(1.0, factor * chance);
        factor *= n / one_in / sum;
    }
    std::vector<bool> drawn(data.size());
    std::set<int> present;
    double due = 0.5;
    for (std::size_t k = 0; k < data.size(); ++k) {
        chances[k] = std::min(1.0, factor * chances[k]);
        due += chances[k];
        drawn[k] = due >= 1.0;
        if (!drawn[k]) continue;
        due -= 1.0;
        present.insert(data[k].structure.species.begin(), data[k].structure.species.end());
    }
    std::vector<LabeledStructure> sample;
    for (std::size_t k = 0; k < data.size(); ++k) {
        const auto& species = data[k].structure.species;
        if (!drawn[k]) {
            if (std::all_of(species.begin(), species.end(), [&](int z) { return present.contains(z); })) continue;
            present.insert(species.begin(), species.end());
            chances[k] = 1.0;
        }
        sample.push_back(data[k]);
        sample.back().weight /= one_in * chances[k];
    }
    return sample;
}

DataSample sample_data(const std::vector<LabeledStructure>& training, const std::vector<LabeledStructure>& validation,
                       double one_in) {
    if (validation.empty())
        return {sample_structures(training, std::clamp(0.5 * static_cast<double>(training.size()), 1.0, one_in)), {}};
    double n_atoms = 0.0;
    for (const auto& item : validation) n_atoms += static_cast<double>(item.structure.size());
    return {sample_structures(training, one_in),
            sample_structures(validation, std::clamp(n_atoms / least_validation_atoms, 1.0, one_in))};
}

void weigh_structures(std::vector<LabeledStructure>& data, double balance,
                      const std::map<std::string, double>& of_groups) {
    if (!(balance >= 0.0 && balance <= 1.0))
        throw std::invalid_argument(fmt::format("balance must be from 0 to 1, got {}", balance));
    std::set<std::string> groups;
    for (const auto& item : data) groups.insert(item.group);
    for (const auto& [group, weight] : of_groups) {
        if (!groups.contains(group))
            throw std::invalid_argument(
                fmt::format("no structure belongs to a group '{}'; there are: {}", group, fmt::join(groups, ", ")));
        if (!(weight > 0.0 && std::isfinite(weight)))
            throw std::invalid_argument(fmt::format("the weight of {} must be positive, got {}", group, weight));
    }
    const std::vector<double> sizes = kind_sizes(data);
    double sum = 0.0;
    for (std::size_t k = 0; k < data.size(); ++k) {
        const auto of_group = of_groups.find(data[k].group);
        data[k].weight = std::pow(sizes[k], -balance) * (of_group == of_groups.end() ? 1.0 : of_group->second);
        sum += data[k].weight;
    }
    for (auto& item : data) item.weight *= static_cast<double>(data.size()) / sum;
}

}  // namespace mlff
