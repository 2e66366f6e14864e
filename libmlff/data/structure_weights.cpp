#include "libmlff/data/structure_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <set>
#include <stdexcept>

namespace mlff {

std::vector<double> kind_sizes(const std::vector<LabeledStructure>& data) {
    std::map<std::map<int, long>, double> sizes;
    std::vector<const double*> size_of;
    for (const auto& item : data) {
        std::map<int, long> composition;
        for (const int z : item.structure.species) ++composition[z];
        double& size = sizes[composition];
        size += 1.0;
        size_of.push_back(&size);
    }
    std::vector<double> result;
    for (const double* size : size_of) result.push_back(*size);
    return result;
}

std::vector<LabeledStructure> sample_structures(const std::vector<LabeledStructure>& data, double one_in) {
    std::vector<double> chances = kind_sizes(data);
    for (double& chance : chances) chance = 1.0 / std::sqrt(chance);
    const double wanted = static_cast<double>(data.size()) / one_in;
    double factor = 1.0;
    for (int repeat = 0; repeat < 50; ++repeat) {  // until the chances, none above 1, add up
        double sum = 0.0;
        for (const double chance : chances) sum += std::min(1.0, factor * chance);
        factor *= wanted / sum;
    }
    std::vector<LabeledStructure> sample;
    double due = 0.5;
    for (std::size_t k = 0; k < data.size(); ++k) {
        const double chance = std::min(1.0, factor * chances[k]);
        due += chance;
        if (due < 1.0) continue;
        due -= 1.0;
        sample.push_back(data[k]);
        sample.back().weight /= one_in * chance;
    }
    return sample;
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
