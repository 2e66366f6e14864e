#include "libmlff/atoms/share.hpp"

namespace mlff {

std::vector<std::size_t> share_by_cost(const std::vector<double>& costs, int n_ranks) {
    double total = 0.0, sum = 0.0;
    for (const double cost : costs) total += cost;
    std::vector<std::size_t> first = {0};
    for (std::size_t k = 0; k < costs.size(); ++k) {
        // An item belongs to the rank whose interval of the total cost contains the item's middle.
        const double middle = sum + 0.5 * costs[k];
        while (static_cast<int>(first.size()) < n_ranks &&
               middle >= total * static_cast<double>(first.size()) / n_ranks)
            first.push_back(k);
        sum += costs[k];
    }
    first.resize(static_cast<std::size_t>(n_ranks) + 1, costs.size());
    return first;
}

}  // namespace mlff
