#include "bayes/lapack.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <vector>

// Fortran passes the length of each character argument by value at the end; leaving it out is undefined behaviour.
extern "C" {
void dtpqrt_(const int* m, const int* n, const int* l, const int* nb, double* a, const int* lda, double* b,
             const int* ldb, double* t, const int* ldt, double* work, int* info);
void dtpmqrt_(const char* side, const char* trans, const int* m, const int* n, const int* k, const int* l,
              const int* nb, const double* v, const int* ldv, const double* t, const int* ldt, double* a,
              const int* lda, double* b, const int* ldb, double* work, int* info, std::size_t, std::size_t);
void dgebrd_(const int* m, const int* n, double* a, const int* lda, double* d, double* e, double* tauq, double* taup,
             double* work, const int* lwork, int* info);
void dormbr_(const char* vect, const char* side, const char* trans, const int* m, const int* n, const int* k,
             const double* a, const int* lda, const double* tau, double* c, const int* ldc, double* work,
             const int* lwork, int* info, std::size_t, std::size_t, std::size_t);
void dbdsqr_(const char* uplo, const int* n, const int* ncvt, const int* nru, const int* ncc, double* d, double* e,
             double* vt, const int* ldvt, double* u, const int* ldu, double* c, const int* ldc, double* work, int* info,
             std::size_t);
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w, double* work,
             const int* lwork, int* iwork, const int* liwork, int* info, std::size_t, std::size_t);
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info, std::size_t);
}

namespace mlff::bayes {

NumericalError::NumericalError(const std::string& what, Eigen::Index n_rows, Eigen::Index n_columns,
                               double condition_number)
    : Error(ErrorCode::numerical, fmt::format("{} of a {} x {} matrix failed (condition number {:.3g})", what, n_rows,
                                              n_columns, condition_number)),
      rows(n_rows),
      columns(n_columns),
      condition(condition_number) {}

}  // namespace mlff::bayes

namespace mlff::bayes::lapack {

int countable(std::int64_t count, const char* what) {
    if (count > std::numeric_limits<int>::max())
        throw std::length_error(
            fmt::format("lapack: {} {}; it counts with 32-bit integers, up to {}; a smaller problem is needed", count,
                        what, std::numeric_limits<int>::max()));
    return static_cast<int>(count);
}

void require_order(Eigen::Index n, Eigen::Index largest, const char* operation) {
    if (n > largest)
        throw std::length_error(
            fmt::format("lapack: {} of order {}; with 32-bit integers {} is the largest; a smaller problem is needed",
                        operation, n, largest));
}

std::int64_t eigen_workspace(Eigen::Index n) { return 1 + 6 * std::int64_t{n} + 2 * std::int64_t{n} * n; }

namespace {

using Eigen::Index;

constexpr double unknown_condition = std::numeric_limits<double>::infinity();

// Blocking of the stacked QR: reflectors are built for `panel` columns at once, in groups of `inner`; the columns to
// the right are updated in pieces of `piece`, one per thread. Fixed widths, so that the number of threads changes the
// result by no more than BLAS itself does.
constexpr int panel_width = 256;
constexpr int inner_width = 32;
constexpr int piece_width = 128;

int to_int(Index value) { return countable(value, "rows or columns"); }

void require_square(const Eigen::Ref<const Eigen::MatrixXd>& A, const char* operation) {
    if (A.rows() != A.cols() || A.rows() == 0)
        throw std::invalid_argument(
            fmt::format("lapack: {} of a {} x {} matrix; a square one is needed", operation, A.rows(), A.cols()));
    require_order(A.rows(), largest_order, operation);
}

void check(int info, const char* operation, const Eigen::Ref<const Eigen::MatrixXd>& A) {
    if (info != 0) throw NumericalError(operation, A.rows(), A.cols(), unknown_condition);
}

/// Of the size that LAPACK has answered.
int workspace(double optimal) { return countable(static_cast<std::int64_t>(optimal), "numbers of workspace"); }

/// One thread for a small problem, the caller's number otherwise. A threaded BLAS shares out even vectors of a hundred
/// numbers; on a node with other work each of these shares then waits for a thread that has no core.
class ThreadsFor {
 public:
    explicit ThreadsFor(int n) : before_(omp_get_max_threads()) {
        if (n <= panel_width) omp_set_num_threads(1);
    }
    ~ThreadsFor() { omp_set_num_threads(before_); }
    ThreadsFor(const ThreadsFor&) = delete;
    ThreadsFor& operator=(const ThreadsFor&) = delete;

 private:
    int before_;
};

enum class Shape { rectangle, upper_triangle };

/// R ← R' with R'ᵀR' = RᵀR + BᵀB, panel by panel. B becomes the reflectors; @returns the triangular factors of their
/// blocks of inner_width columns, side by side
Eigen::MatrixXd stack(Eigen::Ref<Eigen::MatrixXd> R, Eigen::Ref<Eigen::MatrixXd> B, Shape shape) {
    const int n = to_int(R.cols()), n_rows = to_int(B.rows());
    const int ld_r = to_int(R.outerStride()), ld_b = to_int(B.outerStride()), ld_t = inner_width;
    Eigen::MatrixXd factors = Eigen::MatrixXd::Zero(inner_width, n);
    std::vector<double> work(static_cast<std::size_t>(inner_width) * static_cast<std::size_t>(n));
    const auto r_at = [&](int row, int column) { return R.data() + row + static_cast<Index>(column) * ld_r; };
    const auto b_at = [&](int column) { return B.data() + static_cast<Index>(column) * ld_b; };

    // One team walks the panels together: inside of it a threaded BLAS works serially, as it should on the many small
    // products of a panel.
    int failed = 0;
    const ThreadsFor threads(n);
#pragma omp parallel if (n > panel_width)
    for (int first = 0; first < n; first += panel_width) {
        const int width = std::min(panel_width, n - first);
        const int inner = std::min(inner_width, width);
        // Of an upper triangle, the rows below the panel are zero, and the panel's last rows are a triangle.
        const int m = shape == Shape::rectangle ? n_rows : first + width;
        const int trapezoid = shape == Shape::rectangle ? 0 : width;
        double* const reflectors = factors.col(first).data();
#pragma omp single
        {
            int info = 0;
            dtpqrt_(&m, &width, &trapezoid, &inner, r_at(first, first), &ld_r, b_at(first), &ld_b, reflectors, &ld_t,
                    work.data(), &info);
            if (info != 0) failed = 1;
        }
        const int right = first + width;
        const int n_pieces = (n - right + piece_width - 1) / piece_width;
#pragma omp for schedule(dynamic)
        for (int piece = 0; piece < n_pieces; ++piece) {
            const int column = right + piece * piece_width;
            const int columns = std::min(piece_width, n - column);
            int info = 0;
            dtpmqrt_("L", "T", &m, &columns, &width, &trapezoid, &inner, b_at(first), &ld_b, reflectors, &ld_t,
                     r_at(first, column), &ld_r, b_at(column), &ld_b,
                     work.data() + static_cast<Index>(inner_width) * column, &info, 1, 1);
            if (info != 0) {
#pragma omp atomic write
                failed = 1;
            }
        }
    }
    check(failed, "QR factorisation", R);
    return factors;
}

}  // namespace

void stack_rows(Eigen::MatrixXd& R, Eigen::Ref<Eigen::MatrixXd> B) {
    require_square(R, "stacked QR");
    if (B.cols() != R.cols())
        throw std::invalid_argument(
            fmt::format("lapack: rows of width {} stacked under a triangle of width {}", B.cols(), R.cols()));
    if (B.rows() > 0) (void)stack(R, B, Shape::rectangle);
}

StackedReflections stack_and_keep(Eigen::Ref<Eigen::MatrixXd> R, Eigen::MatrixXd B) {
    require_square(R, "stacked QR");
    if (B.cols() != R.cols() || B.rows() == 0)
        throw std::invalid_argument(fmt::format("lapack: {} rows of width {} stacked under a triangle of width {}",
                                                B.rows(), B.cols(), R.cols()));
    Eigen::MatrixXd T = stack(R, B, Shape::rectangle);
    return {std::move(B), std::move(T)};
}

void apply(const StackedReflections& Q, bool back, Eigen::Ref<Eigen::MatrixXd> top,
           Eigen::Ref<Eigen::MatrixXd> bottom) {
    if (top.rows() != Q.V.cols() || bottom.rows() != Q.V.rows() || top.cols() != bottom.cols())
        throw std::invalid_argument(fmt::format("lapack: reflections of {} + {} rows applied to {} + {} rows",
                                                Q.V.cols(), Q.V.rows(), top.rows(), bottom.rows()));
    if (top.size() == 0 || bottom.size() == 0) return;
    const int m = to_int(bottom.rows()), p = to_int(top.cols()), k = to_int(top.rows()), trapezoid = 0;
    const int inner = std::min(inner_width, k), ld_t = inner_width;
    const int ld_top = to_int(top.outerStride()), ld_bottom = to_int(bottom.outerStride());
    std::vector<double> work(static_cast<std::size_t>(inner) * static_cast<std::size_t>(p));
    int info = 0;
    dtpmqrt_("L", back ? "N" : "T", &m, &p, &k, &trapezoid, &inner, Q.V.data(), &m, Q.T.data(), &ld_t, top.data(),
             &ld_top, bottom.data(), &ld_bottom, work.data(), &info, 1, 1);
    check(info, "orthogonal transformation", Q.V);
}

void stack_triangle(Eigen::MatrixXd& R, Eigen::MatrixXd& B) {
    require_square(R, "stacked QR");
    if (B.rows() != R.rows() || B.cols() != R.cols())
        throw std::invalid_argument(
            fmt::format("lapack: a triangle of width {} stacked under one of width {}", B.cols(), R.cols()));
    (void)stack(R, B, Shape::upper_triangle);
}

SingularProjection singular_projection(Eigen::MatrixXd A, Eigen::VectorXd b) {
    require_square(A, "singular values");
    if (b.size() != A.rows())
        throw std::invalid_argument(
            fmt::format("lapack: a vector of length {} projected on a matrix with {} rows", b.size(), A.rows()));
    if (!A.allFinite() || !b.allFinite())
        throw NumericalError("singular value decomposition", A.rows(), A.cols(), unknown_condition);
    const int n = to_int(A.rows()), one = 1, query = -1;
    const ThreadsFor threads(n);
    int info = 0;
    double optimal_reduction = 0.0, optimal_rotation = 0.0;
    dgebrd_(&n, &n, nullptr, &n, nullptr, nullptr, nullptr, nullptr, &optimal_reduction, &query, &info);
    dormbr_("Q", "L", "T", &n, &one, &n, nullptr, &n, nullptr, nullptr, &n, &optimal_rotation, &query, &info, 1, 1, 1);
    const int n_work = std::max({workspace(optimal_reduction), workspace(optimal_rotation)});

    SingularProjection result{Eigen::VectorXd(n), std::move(b)};
    Eigen::VectorXd above(n - 1), tau_q(n), tau_p(n), work(n_work);
    dgebrd_(&n, &n, A.data(), &n, result.values.data(), above.data(), tau_q.data(), tau_p.data(), work.data(), &n_work,
            &info);
    check(info, "bidiagonal reduction", A);
    dormbr_("Q", "L", "T", &n, &one, &n, A.data(), &n, tau_q.data(), result.projections.data(), &n, work.data(),
            &n_work, &info, 1, 1, 1);
    check(info, "bidiagonal reduction", A);
    return singular_projection_of_bidiagonal(std::move(result.values), std::move(above), std::move(result.projections));
}

SingularProjection singular_projection_of_bidiagonal(Eigen::VectorXd diagonal, Eigen::VectorXd above,
                                                     Eigen::VectorXd b) {
    const int n = to_int(diagonal.size()), one = 1, zero = 0;
    // The QR iteration of dbdsqr may not end on a NaN.
    if (!diagonal.allFinite() || !above.allFinite() || !b.allFinite())
        throw NumericalError("singular value decomposition", n, n, unknown_condition);
    int info = 0;
    double unused = 0.0;
    Eigen::VectorXd work(4 * static_cast<Index>(n));
    dbdsqr_("U", &n, &zero, &zero, &one, diagonal.data(), above.data(), &unused, &one, &unused, &one, b.data(), &n,
            work.data(), &info, 1);
    if (info != 0) throw NumericalError("singular value decomposition", n, n, unknown_condition);
    return {std::move(diagonal), std::move(b)};
}

SymmetricEigen symmetric_eigen(Eigen::MatrixXd A) {
    require_square(A, "eigenvalues");
    require_order(A.rows(), largest_eigen_order, "eigenvalues");
    const int n = to_int(A.rows()), query = -1;
    const ThreadsFor threads(n);
    int info = 0, n_iwork = 0;
    double optimal = 0.0;
    dsyevd_("V", "L", &n, nullptr, &n, nullptr, &optimal, &query, &n_iwork, &query, &info, 1, 1);
    const int n_work = std::max(workspace(optimal), countable(eigen_workspace(n), "numbers of workspace"));
    SymmetricEigen result{Eigen::VectorXd(n), std::move(A)};
    Eigen::VectorXd work(n_work);
    std::vector<int> iwork(static_cast<std::size_t>(n_iwork));
    dsyevd_("V", "L", &n, result.vectors.data(), &n, result.values.data(), work.data(), &n_work, iwork.data(), &n_iwork,
            &info, 1, 1);
    check(info, "symmetric eigendecomposition", result.vectors);
    return result;
}

bool cholesky_in_place(Eigen::MatrixXd& A) {
    require_square(A, "Cholesky factorisation");
    const int n = to_int(A.rows());
    const ThreadsFor threads(n);
    int info = 0;
    dpotrf_("L", &n, A.data(), &n, &info, 1);
    A.triangularView<Eigen::StrictlyUpper>().setZero();
    return info == 0;
}

}  // namespace mlff::bayes::lapack
