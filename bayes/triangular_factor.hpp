#pragma once

#include <Eigen/Core>
#include <vector>

namespace mlff::bayes {

/// Streaming QR: the upper triangular R (n × n) with RᵀR = Σ aᵀa over all rows a seen so far, without ever keeping the
/// rows. Rows are collected in a panel; a full panel is stacked under R and the stack is triangularised by Householder
/// reflections, so that the condition number is that of the rows, not its square. Before there is an R, the panel may
/// become half as large as that: few rows (energies) are kept as they are.
///
/// The caller decides what the columns mean: n_basis columns of Φ, then composition columns if any, the labels last.
/// Cost 2 m n² for m rows; memory 8 n (n + 1024) bytes, 8 m n while m is below max(1024, n/2).
/// Source: Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci. Comput. 34, A206 (2012).
class TriangularFactor {
 public:
    /// Nothing seen yet: R = 0. @throws std::invalid_argument if n_columns < 1
    explicit TriangularFactor(Eigen::Index n_columns);

    /// Resume from a stored R (n × n; the strict lower triangle is ignored) that stands for n_rows rows.
    /// @throws std::invalid_argument if R is empty, not square or not finite, or n_rows < 0
    TriangularFactor(Eigen::MatrixXd R, Eigen::Index n_rows);

    /// Stack a block of rows (m × n). @throws std::invalid_argument if its width is not n or a value is not finite
    void add_rows(const Eigen::Ref<const Eigen::MatrixXd>& block);

    /// Stack scale × everything another factor has seen. Cost (2/3) n³ if both sides of the merge are triangles; less
    /// if one has few rows.
    /// @throws std::invalid_argument if the widths differ or scale is not finite
    void merge(const TriangularFactor& other, double scale = 1.0);

    /// The factor of the same rows with some of their columns only. Cost 2 n m² for m columns.
    /// @throws std::invalid_argument if a column does not exist
    [[nodiscard]] TriangularFactor restricted_to(const std::vector<Eigen::Index>& columns) const;

    /// All rows seen ← scale × them. @throws std::invalid_argument if scale is not finite
    void scale(double scale);

    /// |A v| for the rows A seen. Cost n². @throws std::invalid_argument if the length of v is not n
    [[nodiscard]] double norm_of_product(const Eigen::VectorXd& v) const;

    /// The factor of all rows seen, strict lower triangle zero, diagonal ≥ 0: that makes it unique where the columns
    /// are independent. Rows that still wait in the panel are worked in first (so: one thread at a time).
    [[nodiscard]] const Eigen::MatrixXd& R() const&;
    [[nodiscard]] Eigen::MatrixXd R() &&;

    /// What R() is made of, without the work and the memory: R of the rows worked in, 0 × 0 if there are none, and the
    /// rows that wait.
    [[nodiscard]] const Eigen::MatrixXd& worked_in() const { return R_; }
    [[nodiscard]] auto waiting() const { return panel_.topRows(n_waiting_); }

    [[nodiscard]] Eigen::Index n_columns() const { return n_columns_; }
    [[nodiscard]] Eigen::Index n_rows() const { return n_rows_; }  ///< rows seen
    /// Numbers (of 8 bytes) that a factor holds at most until it has seen so many rows; for forecasts.
    [[nodiscard]] static double numbers_for(Eigen::Index n_columns, double n_rows);

 private:
    void flush() const;

    Eigen::Index n_columns_;
    // When waiting rows are worked in changes nothing that can be seen from outside.
    mutable Eigen::MatrixXd R_;      ///< of the rows worked in; 0 × 0: none
    mutable Eigen::MatrixXd panel_;  ///< rows that wait, in its first n_waiting_ rows
    mutable Eigen::Index n_waiting_ = 0;
    Eigen::Index n_rows_ = 0;
};

}  // namespace mlff::bayes
