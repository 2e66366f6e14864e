#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>
#include <vector>

#include "bayes/posterior.hpp"
#include "libmlff/parallel/communicator.hpp"

namespace mlff {

/// bayes::TriangularFactor and bayes::fit with every matrix of n² numbers spread over the ranks in blocks (ScaLAPACK):
/// for a factor too large for the memory of one rank. All ranks have an instance and make the same calls.
class DistributedFactor {
 public:
    /// Whether the program was built with ScaLAPACK.
    [[nodiscard]] static bool available();

    /// @param n_columns  of [Φ y]
    DistributedFactor(Communicator& world, Eigen::Index n_columns);
    DistributedFactor(const DistributedFactor&) = delete;
    DistributedFactor& operator=(const DistributedFactor&) = delete;
    ~DistributedFactor();

    /// Stacks rows; each rank passes m × n, m ≥ 0. Cost 2 (n + Σm) n² over all ranks: pass many at a time; some four
    /// copies of them are in memory meanwhile.
    void add_rows(Eigen::MatrixXd own);

    /// bayes::fit of all rows so far; the result is rank 0's.
    /// @param prior_sizes  of the diagonal blocks of the prior precision; none: the identity
    /// @param prior        rank 0: their factors
    [[nodiscard]] std::optional<bayes::Posterior> fit(const bayes::EvidenceOptions& options,
                                                      const std::vector<Eigen::Index>& prior_sizes,
                                                      const std::vector<bayes::CholeskyFactor>& prior);

 private:
    struct Grid;
    struct Matrix;

    Communicator& world_;
    Eigen::Index n_, n_rows_ = 0;  ///< rows: counted on rank 0
    std::unique_ptr<Grid> grid_;
    std::unique_ptr<Matrix> R_;
};

}  // namespace mlff
