#include "bayes/posterior.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "bayes/lapack.hpp"

namespace mlff::bayes {

namespace {

using Eigen::Index;

/// Least 1 − h of a row: one that the fit passes through says nothing of its error.
constexpr double largest_leverage_left = 0.05;

void require_factor(const Eigen::MatrixXd& factor, const char* name) {
    if (factor.rows() != factor.cols())
        throw std::invalid_argument(fmt::format("{} is {} x {}; must be square", name, factor.rows(), factor.cols()));
    if (!factor.allFinite() || (factor.diagonal().array() == 0.0).any())
        throw std::invalid_argument(fmt::format("{} has a zero on its diagonal or is not finite", name));
}

void require_problem(const Eigen::Ref<const Eigen::MatrixXd>& R, std::span<const CholeskyFactor> prior) {
    if (R.rows() != R.cols() || R.rows() < 2)
        throw std::invalid_argument(fmt::format(
            "fit: R is {} x {}; must be square, a basis function and the labels at least", R.rows(), R.cols()));
    Index n_prior = 0;
    for (const CholeskyFactor& block : prior) {
        require_factor(block.L, "fit: a factor of the prior");
        n_prior += block.L.rows();
    }
    if (!prior.empty() && n_prior != R.cols() - 1)
        throw std::invalid_argument(fmt::format("fit: the prior has {} columns; Phi has {}", n_prior, R.cols() - 1));
}

// R ← [T/√s_v c] with [R; √(s_w/s_v) Lᵀ 0] = Q [T/√s_v c]: the last column is what the weights solve for.
void stack_prior(Eigen::MatrixXd& R, const Evidence& evidence, std::span<const CholeskyFactor> prior) {
    const Index n = R.cols() - 1;
    const double root = std::sqrt(evidence.weight_precision / evidence.noise_precision);
    R.triangularView<Eigen::StrictlyLower>().setZero();
    Eigen::MatrixXd below = Eigen::MatrixXd::Zero(n + 1, n + 1);
    if (prior.empty()) below.diagonal().head(n).setConstant(root);
    Index first = 0;
    for (const CholeskyFactor& block : prior) {
        const Index size = block.L.rows();
        below.block(first, first, size, size) = root * block.L.transpose();
        first += size;
    }
    lapack::stack_triangle(R, below);
}

}  // namespace

Posterior::Posterior(Eigen::VectorXd weights, Eigen::MatrixXd factor, const Evidence& evidence)
    : weights_(std::move(weights)),
      factor_(std::make_shared<const Eigen::MatrixXd>(std::move(factor))),
      evidence_(evidence) {
    require_factor(*factor_, "posterior: factor");
    if (factor_->size() > 0 && weights_.size() != factor_->rows())
        throw std::invalid_argument(
            fmt::format("posterior: {} weights for a factor of size {}", weights_.size(), factor_->rows()));
    if (!weights_.allFinite()) throw std::invalid_argument("posterior: a weight is not finite");
    if (!(evidence_.weight_precision > 0.0 && evidence_.noise_precision > 0.0))
        throw std::invalid_argument("posterior: a precision is not positive");
}

Posterior Posterior::with_covariance(Eigen::MatrixXd F) const {
    if (F.size() > 0 && (F.rows() != size() || F.cols() != size()))
        throw std::invalid_argument(
            fmt::format("posterior: a covariance of {} x {} for {} weights", F.rows(), F.cols(), size()));
    if (!F.allFinite()) throw std::invalid_argument("posterior: the covariance is not finite");
    Posterior other = *this;
    other.covariance_ = std::make_shared<const Eigen::MatrixXd>(std::move(F));
    return other;
}

Eigen::VectorXd Posterior::influence(const Eigen::Ref<const Eigen::MatrixXd>& rows) const {
    if (rows.cols() != size() + 1)
        throw std::invalid_argument(
            fmt::format("posterior: rows of length {} for {} weights and a label", rows.cols(), size()));
    if (factor_->size() == 0 && size() > 0) throw std::logic_error("posterior: an influence needs its factor");
    const Eigen::VectorXd residuals = rows.col(size()) - rows.leftCols(size()) * weights_;
    Eigen::MatrixXd half = rows.leftCols(size()).transpose();  // T⁻ᵀ Φᵀ
    factor_->triangularView<Eigen::Upper>().transpose().solveInPlace(half);
    const double s_v = evidence_.noise_precision;
    const Eigen::ArrayXd leverages = s_v * half.colwise().squaredNorm().transpose().array();
    const Eigen::VectorXd left_out = residuals.array() / (1.0 - leverages).max(largest_leverage_left);
    Eigen::VectorXd v = s_v * (half * left_out);
    factor_->triangularView<Eigen::Upper>().solveInPlace(v);
    return v;
}

Eigen::VectorXd Posterior::variance(Eigen::MatrixXd rows) const {
    if (rows.rows() != size())
        throw std::invalid_argument(fmt::format("posterior: rows of length {} for {} weights", rows.rows(), size()));
    if (covariance_->size() > 0) {
        rows = covariance_->triangularView<Eigen::Upper>() * rows;
        return rows.colwise().squaredNorm().transpose();
    }
    if (factor_->size() == 0 && size() > 0) throw std::logic_error("posterior: a variance needs its factor");
    factor_->triangularView<Eigen::Upper>().transpose().solveInPlace(rows);
    return rows.colwise().squaredNorm().transpose();
}

Spectrum spectrum_of(const Eigen::Ref<const Eigen::MatrixXd>& R, Index n_rows, std::span<const CholeskyFactor> prior) {
    require_problem(R, prior);
    const Index n = R.cols() - 1;
    Eigen::MatrixXd Phi = R.topLeftCorner(n, n).triangularView<Eigen::Upper>();
    if (!Phi.allFinite() || !R.col(n).allFinite()) throw std::invalid_argument("fit: R is not finite");
    Index first = 0;
    for (const CholeskyFactor& block : prior) {
        const Index size = block.L.rows();
        auto columns = Phi.block(0, first, first + size, size);
        block.L.triangularView<Eigen::Lower>().transpose().solveInPlace<Eigen::OnTheRight>(columns);
        first += size;
    }
    lapack::SingularProjection projection = lapack::singular_projection(std::move(Phi), R.col(n).head(n));
    return {std::move(projection.values), std::move(projection.projections), R(n, n) * R(n, n), n_rows};
}

Posterior fit(Eigen::MatrixXd R, Index n_rows, const EvidenceOptions& options, std::span<const CholeskyFactor> prior) {
    const Evidence evidence = maximise_evidence(spectrum_of(R, n_rows, prior), options);
    stack_prior(R, evidence, prior);
    return posterior_from_stack(std::move(R), n_rows, evidence);
}

Posterior fit_with_precisions(Eigen::MatrixXd R, Index n_rows, const Evidence& precisions,
                              std::span<const CholeskyFactor> prior) {
    require_problem(R, prior);
    if (!R.allFinite()) throw std::invalid_argument("fit: R is not finite");
    stack_prior(R, precisions, prior);
    return posterior_from_stack(
        std::move(R), n_rows,
        {.weight_precision = precisions.weight_precision, .noise_precision = precisions.noise_precision});
}

Posterior posterior_from_stack(Eigen::MatrixXd stack, Index n_rows, const Evidence& evidence) {
    const Index n = stack.cols() - 1;
    Eigen::VectorXd weights = stack.col(n).head(n);
    stack.conservativeResize(n, n);
    Eigen::MatrixXd T = std::move(stack);
    T.triangularView<Eigen::Upper>().solveInPlace(weights);
    T *= std::sqrt(evidence.noise_precision);
    if (!weights.allFinite() || !T.allFinite()) {
        const Eigen::ArrayXd diagonal = T.diagonal().array().abs();
        throw NumericalError("fit", n_rows, n, diagonal.maxCoeff() / diagonal.minCoeff());
    }
    return {std::move(weights), std::move(T), evidence};
}

SpillingFactor::SpillingFactor(CholeskyFactor factor) : factor_(std::move(factor)) {
    require_factor(factor_.L, "spilling factor: factor of K");
}

Eigen::VectorXd SpillingFactor::operator()(Eigen::MatrixXd kernels,
                                           const Eigen::Ref<const Eigen::VectorXd>& self) const {
    if (kernels.rows() != size() || kernels.cols() != self.size())
        throw std::invalid_argument(fmt::format("spilling factor: kernels are {} x {}; {} x {} expected",
                                                kernels.rows(), kernels.cols(), size(), self.size()));
    factor_.L.triangularView<Eigen::Lower>().solveInPlace(kernels);
    Eigen::VectorXd spilling(self.size());
    for (Index i = 0; i < self.size(); ++i) {
        const double explained = kernels.col(i).squaredNorm();
        spilling[i] = self[i] > 0.0 ? std::clamp(1.0 - explained / self[i], 0.0, 1.0) : 1.0;
    }
    return spilling;
}

}  // namespace mlff::bayes
