#pragma once

#include <Eigen/Core>
#include <vector>

#include "bayes/lapack.hpp"

namespace mlff::bayes {

/// QR factorisation [Φ y] = Q [R z; 0 e] that follows Φ as rows and columns come and go, without factorising again what
/// stays. Q is kept as reflections, in the place of Φ: they are applied to new columns as they were to the old ones, so
/// that an update is as accurate as a factorisation from the beginning, whatever the condition of Φ (nothing like
/// ΦᵀΦ or Φ R⁻¹ is ever formed).
///
/// Rows come in groups; columns are added for all groups at once. With n columns and M rows: p new columns cost
/// 4 M n p, m new rows 2 m n², leaving columns out 2 n³, where a new factorisation costs 2 M n².
/// Memory: 8 M n bytes and n² for each time that columns were left out; the reflections of these stay (`excess`).
/// Source: Golub and Van Loan, Matrix Computations (2013), 6.5; LAPACK's stacked QR.
class UpdatableFactor {
 public:
    /// No rows yet. @throws std::invalid_argument if n_columns is negative
    explicit UpdatableFactor(Eigen::Index n_columns = 0);

    [[nodiscard]] Eigen::Index n_columns() const { return R_.cols(); }
    [[nodiscard]] Eigen::Index n_rows() const { return n_rows_; }
    [[nodiscard]] std::size_t bytes() const;  ///< held by the reflections
    /// Size of the reflections over that of Φ; 1 as long as no column was left out.
    [[nodiscard]] double excess() const;

    /// A group of rows (m × n) and its labels (m). @throws std::invalid_argument if sizes disagree, m is 0, or a value
    /// is not finite
    void add_rows(Eigen::MatrixXd rows, Eigen::VectorXd labels);

    /// p columns behind the present ones, for every group of rows in the order they came.
    /// @throws std::invalid_argument if sizes disagree or a value is not finite
    void add_columns(std::vector<Eigen::MatrixXd> columns);

    /// Leaves out all columns but these (ascending). @throws std::invalid_argument if one does not exist
    void keep_columns(const std::vector<Eigen::Index>& columns);

    /// Triangular factor of [Φ y] with the columns of Φ in the order asked for, all of them ((n+1) × (n+1)).
    [[nodiscard]] Eigen::MatrixXd R(const std::vector<Eigen::Index>& order) const;

    /// Φ w of each group of rows.
    [[nodiscard]] std::vector<Eigen::VectorXd> times(const Eigen::VectorXd& w) const;

 private:
    /// One factor of Q: it acts on rows first .. first + n of the triangle's and on the rows of a group. If columns
    /// were left out, the group is the former triangle itself, and a new one begins with zeros.
    struct Step {
        std::size_t group;
        Eigen::Index first;
        bool former_triangle;
        lapack::StackedReflections Q;
    };
    /// Qᵀ of columns that are given by group; the part at the triangle is returned, the rest stays in `groups`.
    [[nodiscard]] Eigen::MatrixXd transform(std::vector<Eigen::MatrixXd>& groups) const;

    Eigen::MatrixXd R_;               ///< n × n, upper triangle
    Eigen::VectorXd z_;               ///< labels at the triangle, n
    std::vector<Eigen::VectorXd> e_;  ///< what is left of the labels, by group
    std::vector<bool> is_rows_;       ///< of each group: rows of Φ, not a former triangle
    std::vector<Step> steps_;         ///< in the order of Qᵀ
    Eigen::Index n_rows_ = 0;
};

}  // namespace mlff::bayes
