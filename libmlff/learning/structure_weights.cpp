#include "libmlff/learning/structure_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <set>
#include <stdexcept>

namespace mlff {

void weigh_structures(std::vector<LabeledStructure>& data, double balance,
                      const std::map<std::string, double>& of_groups) {
    if (!(balance >= 0.0 && balance <= 1.0))
        throw std::invalid_argument(fmt::format("balance must be from 0 to 1, got {}", balance));
    std::set<std::string> groups;
    std::map<std::map<int, long>, double> sizes;  // of the kinds
    std::vector<double*> size_of;
    for (const auto& item : data) {
        groups.insert(item.group);
        std::map<int, long> composition;
        for (const int z : item.structure.species) ++composition[z];
        size_of.push_back(&sizes[composition]);
        *size_of.back() += 1.0;
    }
    for (const auto& [group, weight] : of_groups) {
        if (!groups.contains(group))
            throw std::invalid_argument(
                fmt::format("no structure belongs to a group '{}'; there are: {}", group, fmt::join(groups, ", ")));
        if (!(weight > 0.0 && std::isfinite(weight)))
            throw std::invalid_argument(fmt::format("the weight of {} must be positive, got {}", group, weight));
    }
    double sum = 0.0;
    for (std::size_t k = 0; k < data.size(); ++k) {
        const auto of_group = of_groups.find(data[k].group);
        data[k].weight = std::pow(*size_of[k], -balance) * (of_group == of_groups.end() ? 1.0 : of_group->second);
        sum += data[k].weight;
    }
    for (auto& item : data) item.weight *= static_cast<double>(data.size()) / sum;
}

}  // namespace mlff
