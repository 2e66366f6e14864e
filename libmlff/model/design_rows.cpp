#include "libmlff/model/design_rows.hpp"

#include <omp.h>

#include <algorithm>
#include <array>

#include "bayes/kernel.hpp"
#include "bayes/thread_failure.hpp"
#include "libmlff/model/shortest_distances.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Atoms whose Jacobians, some 0.3 MB each, are held at once by each thread: few, so that they stay in its cache.
constexpr std::size_t atoms_per_thread = 2;

/// What the references of a channel are multiplied with, for one atom.
struct AtomDerivatives {
    descriptors::Descriptor::Workspace work;
    std::vector<MatrixXd> two;                     ///< per neighbour channel: dX2/dr of its neighbours, N × n_J
    std::vector<std::vector<Index>> two_neighbor;  ///< which neighbours those are
    VectorXd two_along;                            ///< x̂_2 · dX2/dr of each neighbour (0 outside the radial cutoff)
    MatrixXd three;                                ///< dX3/dr, D_3 × 3 n_3
    VectorXd three_along;                          ///< x̂_3 · dX3/dr, 3 n_3
    MatrixXd directions;  ///< 3 n_neighbors × 9: picks force on the atom itself (3) and virial (6) from pairs
};

void prepare(const descriptors::Descriptor& descriptor, int n_channels, const descriptors::Environment& environment,
             const descriptors::Descriptor::Described& described, AtomDerivatives& atom) {
    const Index n = environment.size();
    atom.two.resize(static_cast<std::size_t>(n_channels));
    atom.two_neighbor.resize(static_cast<std::size_t>(n_channels));
    atom.two_along.setZero(n);
    for (auto& list : atom.two_neighbor) list.clear();
    if (const auto& two = descriptor.two_body()) {
        two->slopes(environment, atom.work.two);
        const auto& inside = atom.work.two.neighbor;
        for (std::size_t k = 0; k < inside.size(); ++k)
            atom.two_neighbor[static_cast<std::size_t>(environment.channels[static_cast<std::size_t>(inside[k])])]
                .push_back(static_cast<Index>(k));
        for (int channel = 0; channel < n_channels; ++channel) {
            auto& list = atom.two_neighbor[static_cast<std::size_t>(channel)];
            auto& slopes = atom.two[static_cast<std::size_t>(channel)];
            slopes.resize(two->functions(), static_cast<Index>(list.size()));
            const auto own = described.x.segment(channel * two->functions(), two->functions());
            for (std::size_t k = 0; k < list.size(); ++k) {
                slopes.col(static_cast<Index>(k)) =
                    Eigen::Map<const VectorXd>(atom.work.two.dh.data() + list[k] * two->stride(), two->functions());
                list[k] = inside[static_cast<std::size_t>(list[k])];
                atom.two_along[list[k]] = own.dot(slopes.col(static_cast<Index>(k)));
            }
        }
    }
    if (const auto& three = descriptor.three_body()) {
        three->jacobian(environment, atom.work.three, described.c, atom.three);
        atom.three_along.noalias() = atom.three.transpose() * described.x.tail(three->size());
    }
    atom.directions.setZero(3 * n, 9);
    for (Index j = 0; j < n; ++j) {
        const Vector3 r = environment.vectors.col(j);
        auto block = atom.directions.middleRows(3 * j, 3);
        block.leftCols(3).setIdentity();
        for (int c = 0; c < 3; ++c) block(c, 3 + c) = r[c];
        block(1, 6) = 0.5 * r[2];  // yz
        block(2, 6) = 0.5 * r[1];
        block(0, 7) = 0.5 * r[2];  // xz
        block(2, 7) = 0.5 * r[0];
        block(0, 8) = 0.5 * r[1];  // xy
        block(1, 8) = 0.5 * r[0];
    }
}

struct ChunkScratch {
    VectorXd along2, along3, value, slope;
    MatrixXd two, three, pairs, self;
};

/// dK_b/dr_ij for the references in columns [begin, end) of B, added to the rows of the atoms involved.
void add_rows(const descriptors::Descriptor& descriptor, int kernel_power, const MatrixXd& B, Index begin, Index end,
              Index first_row, const descriptors::Environment& environment, const NeighborList& neighbors, Index i,
              const descriptors::Descriptor::Described& described, const AtomDerivatives& atom, ChunkScratch& scratch,
              DesignRows& rows) {
    const Index n_refs = end - begin, n = environment.size();
    if (n_refs == 0) return;
    const Index D2 = descriptor.two_size(), D3 = descriptor.three_size();
    const auto chunk = B.middleCols(begin, n_refs);
    auto& [along2, along3, value, slope, of_two, of_three, pairs, self] = scratch;
    along2.setZero(n_refs);
    along3.setZero(n_refs);
    if (D2 > 0) along2.noalias() += chunk.topRows(D2).transpose() * described.x.head(D2);
    if (D3 > 0) along3.noalias() += chunk.bottomRows(D3).transpose() * described.x.tail(D3);
    value = along2 + along3;
    slope.resize(n_refs);
    bayes::kernel_value_and_derivative(value, slope, kernel_power);
    rows.energy.col(0).segment(first_row, n_refs) += value;
    if (n == 0) return;

    // dK_b = Σ_p f_p (g_p·dX_p − a_p x̂_p·dX_p) with g = dK_b/dx̂ = K'(s) x̂_b
    along2.array() *= slope.array();
    along3.array() *= slope.array();
    descriptor.pull_back(described, along2, along3);
    const auto [f2, f3] = described.factor;
    pairs.setZero(n_refs, 3 * n);
    if (descriptor.two_body() && f2 > 0.0) {
        const Index N = descriptor.two_body()->functions();
        for (std::size_t channel = 0; channel < atom.two.size(); ++channel) {
            const auto& list = atom.two_neighbor[channel];
            if (list.empty()) continue;
            of_two.noalias() = chunk.middleRows(static_cast<Index>(channel) * N, N).transpose() * atom.two[channel];
            for (std::size_t k = 0; k < list.size(); ++k) {
                const Index j = list[k];
                auto along = of_two.col(static_cast<Index>(k));
                along.array() = f2 * (slope.array() * along.array() - atom.two_along[j] * along2.array());
                const Vector3 unit = environment.vectors.col(j) / environment.distances[static_cast<std::size_t>(j)];
                for (int c = 0; c < 3; ++c) pairs.col(3 * j + c) = unit[c] * along;
            }
        }
    }
    if (descriptor.three_body() && f3 > 0.0 && !atom.work.three.neighbor.empty()) {
        of_three.noalias() = chunk.bottomRows(D3).transpose() * atom.three;
        for (std::size_t k = 0; k < atom.work.three.neighbor.size(); ++k)
            for (int c = 0; c < 3; ++c) {
                const Index column = 3 * static_cast<Index>(k) + c;
                pairs.col(3 * atom.work.three.neighbor[k] + c).array() +=
                    f3 * (slope.array() * of_three.col(column).array() - atom.three_along[column] * along3.array());
            }
    }

    const Index first_pair = neighbors.first(i);
    for (Index j = 0; j < n; ++j)
        rows.forces.block(first_row, 3 * neighbors.neighbor(first_pair + j), n_refs, 3) -= pairs.middleCols(3 * j, 3);
    self.noalias() = pairs * atom.directions;
    rows.forces.block(first_row, 3 * i, n_refs, 3) += self.leftCols(3);
    if (rows.stress.cols() == 6) rows.stress.middleRows(first_row, n_refs) += self.rightCols(6);
}

}  // namespace

DesignRows design_rows(const descriptors::Descriptor& descriptor, int kernel_power,
                       const std::vector<LocalReferences>& references, const Environments& environments,
                       const Structure& structure, std::span<const descriptors::Descriptor::Described> described) {
    const auto n_channels = static_cast<int>(references.size());
    const Index n_basis = count_references(references);
    DesignRows rows;
    rows.energy.setZero(n_basis, 1);
    rows.forces.setZero(n_basis, 3 * structure.size());
    rows.stress.setZero(n_basis, structure.has_volume() ? 6 : 0);
    rows.distances = shortest_distances(environments);
    const auto n_threads = static_cast<std::size_t>(omp_get_max_threads());
    const std::size_t batch_size = atoms_per_thread * n_threads;
    std::vector<AtomDerivatives> derivatives(batch_size);
    std::vector<ChunkScratch> scratch(n_threads);
    const auto n_chunks = static_cast<Index>(n_threads);
    ThreadFailure failure;

    Index first_row = 0;
    for (int channel = 0; channel < n_channels; ++channel) {
        const MatrixXd& B = references[static_cast<std::size_t>(channel)].multipliers();
        const auto atoms = environments.atoms(channel);
        for (std::size_t begin = 0; begin < atoms.size() && B.cols() > 0; begin += batch_size) {
            const auto batch = atoms.subspan(begin, std::min(batch_size, atoms.size() - begin));
#pragma omp parallel
            {
#pragma omp for schedule(static)
                for (std::size_t k = 0; k < batch.size(); ++k)
                    failure.collect([&] {
                        const Index i = batch[k];
                        prepare(descriptor, n_channels, environments.environment(i),
                                described[static_cast<std::size_t>(i)], derivatives[k]);
                    });
                    // Each thread owns a range of references, so that no two write to the same element.
#pragma omp for schedule(static)
                for (Index c = 0; c < n_chunks; ++c)
                    failure.collect([&] {
                        const Index first = B.cols() * c / n_chunks, last = B.cols() * (c + 1) / n_chunks;
                        for (std::size_t k = 0; k < batch.size(); ++k)
                            add_rows(descriptor, kernel_power, B, first, last, first_row + first,
                                     environments.environment(batch[k]), environments.neighbors(), batch[k],
                                     described[static_cast<std::size_t>(batch[k])], derivatives[k],
                                     scratch[static_cast<std::size_t>(c)], rows);
                    });
            }
            failure.rethrow();
        }
        first_row += B.cols();
    }
    rows.energy /= static_cast<double>(structure.size());
    if (rows.stress.cols() == 6) rows.stress /= structure.volume();
    return rows;
}

DesignRows design_rows(const descriptors::Descriptor& descriptor, int kernel_power,
                       const std::vector<LocalReferences>& references, const Environments& environments,
                       const Structure& structure) {
    return design_rows(descriptor, kernel_power, references, environments, structure,
                       describe(descriptor, environments));
}

}  // namespace mlff
