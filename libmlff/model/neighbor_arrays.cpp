#include "libmlff/model/neighbor_arrays.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "libmlff/atoms/errors.hpp"

namespace mlff {

using Eigen::Index;

NeighborArrays::NeighborArrays(const NeighborView& view, double cutoff, int n_channels)
    : view_(view), cutoff_(cutoff), atoms_(static_cast<std::size_t>(n_channels)) {
    const auto n = view.channels.size();
    if (view.positions.size() != 3 * n)
        throw InputError(fmt::format("{} coordinates for {} atoms", view.positions.size(), n));
    if (view.counts.size() != view.centres.size() || view.neighbors.size() != view.centres.size())
        throw InputError(fmt::format("{} centres, {} neighbour counts and {} neighbour lists", view.centres.size(),
                                     view.counts.size(), view.neighbors.size()));
    for (std::size_t i = 0; i < n; ++i)
        if (view.channels[i] < -1 || view.channels[i] >= n_channels)
            throw InputError(fmt::format("atom {} has species channel {}; the force field has {} species", i + 1,
                                         view.channels[i], n_channels));
    place_.assign(n, -1);
    for (std::size_t k = 0; k < view.centres.size(); ++k) {
        const int i = view.centres[k];
        if (i < 0 || static_cast<std::size_t>(i) >= n || place_[static_cast<std::size_t>(i)] >= 0)
            throw InputError(fmt::format("centre {} is atom {} of {}, or occurs twice", k + 1, i + 1, n));
        place_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(k);
        for (int p = 0; p < view.counts[k]; ++p) {
            const int j = view.neighbors[k][p] & view.index_mask;
            if (j < 0 || static_cast<std::size_t>(j) >= n)
                throw InputError(fmt::format("neighbour {} of atom {} is atom {} of {}", p + 1, i + 1, j + 1, n));
        }
        const int channel = view.channels[static_cast<std::size_t>(i)];
        if (channel >= 0) atoms_[static_cast<std::size_t>(channel)].push_back(i);
    }
    for (auto& list : atoms_) std::sort(list.begin(), list.end());
}

descriptors::Environment NeighborArrays::environment(Index i, LocalPairs& pairs) const {
    const auto place = static_cast<std::size_t>(place_[static_cast<std::size_t>(i)]);
    const auto most = static_cast<std::size_t>(view_.counts[place]);
    if (pairs.distances.size() < most || pairs.channels.size() < most) {
        pairs.neighbor.resize(most);
        pairs.vectors.resize(3 * most);
        pairs.distances.resize(most);
        pairs.channels.resize(most);
    }
    const double* const own = view_.positions.data() + 3 * i;
    double nearest = cutoff_;
    std::size_t n = 0;
    for (std::size_t p = 0; p < most; ++p) {
        const auto j = static_cast<std::size_t>(view_.neighbors[place][p] & view_.index_mask);
        const double* const other = view_.positions.data() + 3 * j;
        const double x = other[0] - own[0], y = other[1] - own[1], z = other[2] - own[2];
        const double r = std::sqrt(x * x + y * y + z * z);
        if (!(r < cutoff_) || view_.channels[j] < 0) continue;
        pairs.neighbor[n] = static_cast<std::int32_t>(j);
        pairs.vectors[3 * n] = x;
        pairs.vectors[3 * n + 1] = y;
        pairs.vectors[3 * n + 2] = z;
        pairs.distances[n] = r;
        pairs.channels[n] = view_.channels[j];
        nearest = std::min(nearest, r);
        ++n;
    }
    pairs.size = static_cast<Index>(n);
    pairs.too_close = nearest < NeighborList::too_close;
    return pairs.environment();
}

}  // namespace mlff
