#include "libmlff/model/shortest_distances.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "libmlff/atoms/elements.hpp"

namespace mlff {

using Eigen::Index;
using Eigen::MatrixXd;

MatrixXd no_distances(std::size_t n_channels) {
    const auto n = static_cast<Index>(n_channels);
    return MatrixXd::Constant(n, n, std::numeric_limits<double>::infinity());
}

MatrixXd shortest_distances(const Environments& environments) {
    MatrixXd shortest = no_distances(environments.n_channels());
    for (Index i = 0; i < environments.n_atoms(); ++i) {
        const descriptors::Environment own = environments.environment(i);
        const int a = environments.channel(i);
        for (std::size_t p = 0; p < own.distances.size(); ++p) {
            double& known = shortest(a, own.channels[p]);
            known = std::min(known, own.distances[p]);
        }
    }
    // A pair is seen from both of its ends; the last bit of its distance may differ.
    return shortest.cwiseMin(shortest.transpose());
}

std::string describe(const ClosePair& pair, const Structure& structure) {
    const auto symbol = [&](Index i) { return element_symbol(structure.species[static_cast<std::size_t>(i)]); };
    const std::string species = fmt::format("{}-{}", symbol(pair.i), symbol(pair.j));
    const std::string atoms =
        pair.i == pair.j
            ? fmt::format("atom {} ({}) and its periodic image", pair.i + 1, symbol(pair.i))
            : fmt::format("atoms {} ({}) and {} ({})", pair.i + 1, symbol(pair.i), pair.j + 1, symbol(pair.j));
    return fmt::format(
        "{} are {:.2f} Å apart; {}", atoms, pair.distance,
        std::isfinite(pair.trained)
            ? fmt::format("the shortest {} distance in the training data is {:.2f} Å", species, pair.trained)
            : fmt::format("the training data hold no {} pair within the cutoff", species));
}

void keep_closer(std::optional<ClosePair>& best, const ClosePair& other) {
    ClosePair pair = other;
    if (pair.i > pair.j) std::swap(pair.i, pair.j);
    // The atoms settle ties, so that the result does not depend on who looks first.
    const auto order = [](const ClosePair& p) { return std::tuple(p.ratio, p.distance, p.i, p.j); };
    if (!best || order(pair) < order(*best)) best = pair;
}

}  // namespace mlff
