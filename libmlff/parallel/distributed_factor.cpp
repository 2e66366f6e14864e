#include "libmlff/parallel/distributed_factor.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "bayes/lapack.hpp"

#ifdef MLFF_WITH_SCALAPACK
extern "C" {
void Cblacs_gridinit(int* context, const char* order, int rows, int columns);
void Cblacs_gridinfo(int context, int* rows, int* columns, int* row, int* column);
void Cblacs_gridexit(int context);
void Cpdgemr2d(int m, int n, const double* A, int ia, int ja, const int* descA, double* B, int ib, int jb,
               const int* descB, int context);
int numroc_(const int* n, const int* block, const int* process, const int* first, const int* n_processes);
void descinit_(int* desc, const int* m, const int* n, const int* mb, const int* nb, const int* row, const int* column,
               const int* context, const int* ld, int* info);
void pdgeqrf_(const int* m, const int* n, double* A, const int* ia, const int* ja, const int* desc, double* tau,
              double* work, const int* lwork, int* info);
void pdgebrd_(const int* m, const int* n, double* A, const int* ia, const int* ja, const int* desc, double* d,
              double* e, double* tau_q, double* tau_p, double* work, const int* lwork, int* info);
void pdormbr_(const char* vector, const char* side, const char* transpose, const int* m, const int* n, const int* k,
              const double* A, const int* ia, const int* ja, const int* descA, const double* tau, double* C,
              const int* ic, const int* jc, const int* descC, double* work, const int* lwork, int* info, std::size_t,
              std::size_t, std::size_t);  // lengths of the texts, as Fortran passes them
void pdtrsm_(const char* side, const char* triangle, const char* transpose, const char* unit, const int* m,
             const int* n, const double* alpha, const double* A, const int* ia, const int* ja, const int* descA,
             double* B, const int* ib, const int* jb, const int* descB);
void pdtran_(const int* m, const int* n, const double* alpha, const double* A, const int* ia, const int* ja,
             const int* descA, const double* beta, double* C, const int* ic, const int* jc, const int* descC);
}
#endif

namespace mlff {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

#ifdef MLFF_WITH_SCALAPACK

namespace {

using Descriptor = std::array<int, 9>;

constexpr int one = 1, zero = 0;
constexpr Index panel_width = 512;  ///< columns that rank 0 receives at a time
constexpr int block = 64;           ///< edge of the block-cyclic blocks

int to_int(Index value) { return bayes::lapack::countable(value, "rows or columns of a distributed matrix"); }

/// Refuses a matrix of which one rank holds more numbers than ScaLAPACK can count.
void require_countable(Index m, Index n) {
    (void)bayes::lapack::countable(std::int64_t{m} * n, "numbers of a distributed matrix on one rank; take more ranks");
}

int workspace(double size) { return bayes::lapack::countable(static_cast<std::int64_t>(size), "numbers of workspace"); }

Descriptor describe(Index m, Index n, Index row_block, Index column_block, int context, Index ld) {
    Descriptor desc{};
    int info = 0;
    const int rows = to_int(m), columns = to_int(n), mb = to_int(row_block), nb = to_int(column_block),
              leading = to_int(std::max<Index>(1, ld));
    descinit_(desc.data(), &rows, &columns, &mb, &nb, &zero, &zero, &context, &leading, &info);
    if (info != 0) throw std::logic_error("a distributed matrix is described wrongly");
    return desc;
}

void check(int info, const char* operation, Index m, Index n) {
    if (info != 0) throw bayes::NumericalError(operation, m, n, std::numeric_limits<double>::infinity());
}

}  // namespace

bool DistributedFactor::available() { return true; }

/// Ranks in a rectangle as near to a square as their number allows; in one column; and rank 0 by itself.
struct DistributedFactor::Grid {
    Grid(int n_ranks, int system_handle) {
        for (rows = static_cast<int>(std::sqrt(static_cast<double>(n_ranks))); n_ranks % rows != 0;) --rows;
        columns = n_ranks / rows;
        context = make(system_handle, rows, columns);
        column_context = make(system_handle, n_ranks, 1);
        root_context = make(system_handle, 1, 1);
        Cblacs_gridinfo(context, &rows, &columns, &row, &column);
    }
    ~Grid() {
        Cblacs_gridexit(context);
        Cblacs_gridexit(column_context);
        if (row == 0 && column == 0) Cblacs_gridexit(root_context);
    }
    Grid(const Grid&) = delete;
    Grid& operator=(const Grid&) = delete;

    static int make(int system_handle, int n_rows, int n_columns) {
        int made = system_handle;
        Cblacs_gridinit(&made, "Row", n_rows, n_columns);
        return made;
    }

    int rows = 1, columns = 1, row = 0, column = 0;
    int context = 0, column_context = 0, root_context = -1;
};

/// This rank's part of an m × n matrix in blocks; zero at first.
struct DistributedFactor::Matrix {
    Matrix(const Grid& on, Index m, Index n) : grid(on) {
        require_local(on, m, n);
        const int rows = to_int(m), columns = to_int(n);
        local.setZero(numroc_(&rows, &block, &grid.row, &zero, &grid.rows),
                      numroc_(&columns, &block, &grid.column, &zero, &grid.columns));
        desc = describe(m, n, block, block, grid.context, local.rows());
        // Fortran needs an address even for an empty array.
        if (local.size() == 0) spare.resize(1);
    }

    /// @throws std::length_error on all ranks if the largest part, that of the first one, cannot be counted
    static void require_local(const Grid& on, Index m, Index n) {
        const int rows = to_int(m), columns = to_int(n);
        require_countable(numroc_(&rows, &block, &zero, &zero, &on.rows),
                          numroc_(&columns, &block, &zero, &zero, &on.columns));
    }

    [[nodiscard]] double* data() { return local.size() > 0 ? local.data() : spare.data(); }
    [[nodiscard]] Index rows() const { return desc[2]; }
    [[nodiscard]] Index cols() const { return desc[3]; }
    [[nodiscard]] Index global_row(Index i) const { return (i / block * grid.rows + grid.row) * block + i % block; }
    [[nodiscard]] Index global_column(Index j) const {
        return (j / block * grid.columns + grid.column) * block + j % block;
    }

    /// A ← R of its own QR factorisation, zero below the diagonal.
    void triangularise() {
        const int m = to_int(rows()), n = to_int(cols()), query = -1;
        int info = 0;
        double size = 0.0;
        VectorXd tau(std::max<Index>(1, local.cols()));
        pdgeqrf_(&m, &n, data(), &one, &one, desc.data(), tau.data(), &size, &query, &info);
        const int n_work = workspace(size);
        VectorXd work(n_work);
        pdgeqrf_(&m, &n, data(), &one, &one, desc.data(), tau.data(), work.data(), &n_work, &info);
        check(info, "distributed QR factorisation", m, n);
        for (Index j = 0; j < local.cols(); ++j)
            for (Index i = 0; i < local.rows(); ++i)
                if (global_row(i) > global_column(j)) local(i, j) = 0.0;
    }

    /// The element (i, j) of each pair of global indices, on rank 0, zero where they are outside.
    template <class Place>
    [[nodiscard]] VectorXd collect(Communicator& world, Index n, Place place) const {
        VectorXd values = VectorXd::Zero(n);
        for (Index j = 0; j < local.cols(); ++j)
            for (Index i = 0; i < local.rows(); ++i)
                if (const Index k = place(global_row(i), global_column(j)); k >= 0 && k < n) values[k] = local(i, j);
        world.sum(values);
        return values;
    }

    const Grid& grid;
    MatrixXd local;
    VectorXd spare;
    Descriptor desc;
};

DistributedFactor::DistributedFactor(Communicator& world, Index n_columns)
    : world_(world),
      n_(n_columns),
      grid_(std::make_unique<Grid>(world.size(), world.blacs_handle())),
      R_(std::make_unique<Matrix>(*grid_, n_columns, n_columns)) {
    Matrix::require_local(*grid_, 2 * n_columns, n_columns);  // size of the fit: checked now, before all rows are added
}

DistributedFactor::~DistributedFactor() = default;

void DistributedFactor::add_rows(MatrixXd own) {
    const Index n_own = own.rows(), most = world_.largest(n_own);
    if (most == 0) return;
    // The rows of each rank are one block of a matrix in rows; from there they are copied below R.
    own.conservativeResize(most, n_);
    own.bottomRows(most - n_own).setZero();
    const Index n_below = most * world_.size();
    const Descriptor in_rows = describe(n_below, n_, most, n_, grid_->column_context, most);
    Matrix stack(*grid_, n_ + n_below, n_);
    stack.local.topRows(R_->local.rows()) = R_->local;
    Cpdgemr2d(to_int(n_below), to_int(n_), own.data(), 1, 1, in_rows.data(), stack.data(), to_int(n_ + 1), 1,
              stack.desc.data(), grid_->context);
    own.resize(0, 0);
    stack.triangularise();
    R_->local = stack.local.topRows(R_->local.rows());
    VectorXd count = VectorXd::Constant(1, static_cast<double>(n_own));
    world_.sum(count);
    n_rows_ += static_cast<Index>(count[0]);
}

std::optional<bayes::Posterior> DistributedFactor::fit(const bayes::EvidenceOptions& options,
                                                       const std::vector<Index>& prior_sizes,
                                                       const std::vector<bayes::CholeskyFactor>& prior) {
    const bool leads = world_.rank() == 0;
    const Index n = n_ - 1;
    const int n_int = to_int(n), query = -1;
    int info = 0;

    // Blocks of the prior come from rank 0.
    for (const Index size : prior_sizes) require_countable(size, size);
    std::vector<std::unique_ptr<Matrix>> blocks;
    for (std::size_t k = 0; k < prior_sizes.size(); ++k) {
        const Index size = prior_sizes[k];
        blocks.push_back(std::make_unique<Matrix>(*grid_, size, size));
        Descriptor alone{};
        alone[1] = -1;  // "not in that context"
        if (leads) alone = describe(size, size, size, size, grid_->root_context, size);
        Cpdgemr2d(to_int(size), to_int(size), leads ? prior[k].L.data() : nullptr, 1, 1, alone.data(),
                  blocks[k]->data(), 1, 1, blocks[k]->desc.data(), grid_->context);
    }

    // The spectrum of Φ L⁻ᵀ: reduced to a bidiagonal, whose singular values rank 0 computes.
    VectorXd labels;
    bayes::Spectrum spectrum;
    {
        Matrix Phi(*grid_, n_, n_);
        Phi.local = R_->local;
        Index first = 0;
        const double unit = 1.0;
        for (std::size_t k = 0; k < blocks.size(); ++k) {
            const int size = to_int(prior_sizes[k]), rows = to_int(first + prior_sizes[k]), at = to_int(first + 1);
            pdtrsm_("R", "L", "T", "N", &rows, &size, &unit, blocks[k]->data(), &one, &one, blocks[k]->desc.data(),
                    Phi.data(), &one, &at, Phi.desc.data());
            first += prior_sizes[k];
        }
        Matrix c(*grid_, n, 1);
        Cpdgemr2d(n_int, 1, R_->data(), 1, to_int(n_), R_->desc.data(), c.data(), 1, 1, c.desc.data(), grid_->context);
        const Index n_local = std::max<Index>({1, Phi.local.rows(), Phi.local.cols()});
        VectorXd d(n_local), e(n_local), tau_q(n_local), tau_p(n_local);
        double size = 0.0, size_2 = 0.0;
        pdgebrd_(&n_int, &n_int, Phi.data(), &one, &one, Phi.desc.data(), d.data(), e.data(), tau_q.data(),
                 tau_p.data(), &size, &query, &info);
        pdormbr_("Q", "L", "T", &n_int, &one, &n_int, Phi.data(), &one, &one, Phi.desc.data(), tau_q.data(), c.data(),
                 &one, &one, c.desc.data(), &size_2, &query, &info, 1, 1, 1);
        const int n_work = workspace(std::max(size, size_2));
        VectorXd work(n_work);
        pdgebrd_(&n_int, &n_int, Phi.data(), &one, &one, Phi.desc.data(), d.data(), e.data(), tau_q.data(),
                 tau_p.data(), work.data(), &n_work, &info);
        check(info, "distributed bidiagonal reduction", n, n);
        pdormbr_("Q", "L", "T", &n_int, &one, &n_int, Phi.data(), &one, &one, Phi.desc.data(), tau_q.data(), c.data(),
                 &one, &one, c.desc.data(), work.data(), &n_work, &info, 1, 1, 1);
        check(info, "distributed bidiagonal reduction", n, n);
        const auto diagonal = Phi.collect(world_, n, [](Index i, Index j) { return i == j ? i : -1; });
        const auto above = Phi.collect(world_, n - 1, [n](Index i, Index j) { return j == i + 1 && j < n ? i : -1; });
        labels = c.collect(world_, n, [](Index i, Index) { return i; });
        const auto corner = R_->collect(world_, 1, [n](Index i, Index j) { return i == n && j == n ? 0 : -1; });
        if (leads) {
            auto projected = bayes::lapack::singular_projection_of_bidiagonal(diagonal, above, labels);
            spectrum = {std::move(projected.values), std::move(projected.projections), corner[0] * corner[0], n_rows_};
        }
    }
    bayes::Evidence evidence;
    double root = 0.0;
    if (leads) {
        evidence = bayes::maximise_evidence(spectrum, options);
        root = std::sqrt(evidence.weight_precision / evidence.noise_precision);
    }
    root = world_.broadcast(root);

    // [R; √(s_w/s_v) Lᵀ 0] = Q [T/√s_v c]
    Matrix stack(*grid_, 2 * n_, n_);
    stack.local.topRows(R_->local.rows()) = R_->local;
    if (blocks.empty()) {
        for (Index j = 0; j < stack.local.cols(); ++j)
            for (Index i = 0; i < stack.local.rows(); ++i)
                if (stack.global_row(i) == n_ + stack.global_column(j) && stack.global_column(j) < n)
                    stack.local(i, j) = root;
    }
    Index first = 0;
    for (std::size_t k = 0; k < blocks.size(); ++k) {
        const double none = 0.0;
        const int size = to_int(prior_sizes[k]), row = to_int(n_ + first + 1), column = to_int(first + 1);
        pdtran_(&size, &size, &root, blocks[k]->data(), &one, &one, blocks[k]->desc.data(), &none, stack.data(), &row,
                &column, stack.desc.data());
        first += prior_sizes[k];
    }
    blocks.clear();
    stack.triangularise();
    Descriptor alone{};
    alone[1] = -1;
    MatrixXd whole;
    if (leads) {
        whole.resize(n_, n_);
    }
    // Panel by panel: the exchange needs a buffer as large as the panel.
    for (Index panel = 0; panel < n_; panel += panel_width) {
        const Index width = std::min(panel_width, n_ - panel);
        if (leads) alone = describe(n_, width, n_, width, grid_->root_context, n_);
        Cpdgemr2d(to_int(n_), to_int(width), stack.data(), 1, to_int(panel + 1), stack.desc.data(),
                  leads ? whole.data() + panel * n_ : nullptr, 1, 1, alone.data(), grid_->context);
    }
    if (!leads) return {};
    return bayes::posterior_from_stack(std::move(whole), n_rows_, evidence);
}

#else

struct DistributedFactor::Grid {};
struct DistributedFactor::Matrix {};

bool DistributedFactor::available() { return false; }
DistributedFactor::DistributedFactor(Communicator& world, Index n_columns) : world_(world), n_(n_columns) {
    throw std::runtime_error("this mlff was built without ScaLAPACK");
}
DistributedFactor::~DistributedFactor() = default;
void DistributedFactor::add_rows(MatrixXd) {}
std::optional<bayes::Posterior> DistributedFactor::fit(const bayes::EvidenceOptions&, const std::vector<Index>&,
                                                       const std::vector<bayes::CholeskyFactor>&) {
    return {};
}

#endif

}  // namespace mlff
