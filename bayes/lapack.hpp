#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <string>

#include "libmlff/atoms/errors.hpp"

namespace mlff::bayes {

/// A factorisation failed. The message names the operation, the sizes and the condition; the numbers ride along.
struct NumericalError : Error {
    /// @param condition  estimate of the condition number; infinity where it is not known
    NumericalError(const std::string& what, Eigen::Index n_rows, Eigen::Index n_columns, double condition);

    Eigen::Index rows;
    Eigen::Index columns;
    double condition;
};

}  // namespace mlff::bayes

/// The few LAPACK operations that bayes needs, on Eigen matrices. All results are the same whether LAPACK is threaded
/// or serial up to rounding. @throws NumericalError where LAPACK reports a failure, std::invalid_argument for sizes
/// that disagree, std::length_error for matrices beyond the orders below, before anything is computed.
namespace mlff::bayes::lapack {

/// LAPACK counts with 32-bit integers. Up to this order they count the elements n² of a matrix,
constexpr Eigen::Index largest_order = 46'340;
/// and up to this one the workspace of symmetric_eigen, 1 + 6 n + 2 n² numbers.
constexpr Eigen::Index largest_eigen_order = 32'766;

/// The count as LAPACK takes it. @throws std::length_error "lapack: 5000000000 WHAT; ..." if 32 bits cannot hold it
int countable(std::int64_t count, const char* what);
/// @throws std::length_error if n is larger than `largest`
void require_order(Eigen::Index n, Eigen::Index largest, const char* operation);
/// Numbers that symmetric_eigen needs besides the matrix (LAPACK's dsyevd, eigenvectors asked for).
[[nodiscard]] std::int64_t eigen_workspace(Eigen::Index n);

/// R ← R' with R'ᵀR' = RᵀR + BᵀB, by Householder reflections of the stack [R; B]; B is destroyed.
/// R (n × n): only the upper triangle is read and written. B (m × n). Cost 2 m n², in parallel over columns.
void stack_rows(Eigen::MatrixXd& R, Eigen::Ref<Eigen::MatrixXd> B);

/// Q of [R; B] = Q [R'; 0], kept to be applied to more columns later.
struct StackedReflections {
    Eigen::MatrixXd V;  ///< m × n, what takes the place of B
    Eigen::MatrixXd T;  ///< triangular factors of its blocks
};

/// As stack_rows, but the reflections are kept.
[[nodiscard]] StackedReflections stack_and_keep(Eigen::Ref<Eigen::MatrixXd> R, Eigen::MatrixXd B);

/// [top; bottom] ← Qᵀ [top; bottom], or Q [top; bottom] with `back`. top (n × p), bottom (m × p). Cost 4 m n p, serial.
void apply(const StackedReflections& Q, bool back, Eigen::Ref<Eigen::MatrixXd> top, Eigen::Ref<Eigen::MatrixXd> bottom);

/// The same for an upper triangular B (n × n; only its upper triangle is read and destroyed). Cost (2/3) n³,
/// in parallel over columns.
void stack_triangle(Eigen::MatrixXd& R, Eigen::MatrixXd& B);

/// Singular values of A (n × n), descending, and Uᵀb for A = U S Vᵀ; neither U nor V is formed.
/// @throws NumericalError if A or b is not finite. Cost (8/3) n³, half the time of a full decomposition and a quarter
/// of its memory.
struct SingularProjection {
    Eigen::VectorXd values;       ///< S, n
    Eigen::VectorXd projections;  ///< Uᵀb, n
};
[[nodiscard]] SingularProjection singular_projection(Eigen::MatrixXd A, Eigen::VectorXd b);
/// The same for an upper bidiagonal A, given its diagonal (n) and what stands above it (n - 1). Cost O(n²).
[[nodiscard]] SingularProjection singular_projection_of_bidiagonal(Eigen::VectorXd diagonal, Eigen::VectorXd above,
                                                                   Eigen::VectorXd b);

/// A = U diag(values) Uᵀ of a symmetric A (n × n; only the lower triangle is read), values ascending.
struct SymmetricEigen {
    Eigen::VectorXd values;   ///< n, ascending
    Eigen::MatrixXd vectors;  ///< n × n, one eigenvector per column
};
[[nodiscard]] SymmetricEigen symmetric_eigen(Eigen::MatrixXd A);

/// A ← L with A = L Lᵀ (n × n; only the lower triangle is read; the strict upper triangle becomes zero).
/// @returns false, and leaves A useless, if A is not positive definite to working precision.
[[nodiscard]] bool cholesky_in_place(Eigen::MatrixXd& A);

}  // namespace mlff::bayes::lapack
