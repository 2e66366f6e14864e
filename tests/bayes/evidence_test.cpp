#include "bayes/evidence.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "bayes/dense_reference.hpp"
#include "bayes/random_matrix.hpp"

namespace mlff::bayes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::ill_conditioned;
using testing::random_matrix;
namespace dense = testing::dense;

Spectrum spectrum_from(const MatrixXd& Phi, const VectorXd& y) {
    const Eigen::JacobiSVD<MatrixXd> svd(Phi, Eigen::ComputeThinU);
    Spectrum result;
    result.singular_values = VectorXd::Zero(Phi.cols());
    result.projections = VectorXd::Zero(Phi.cols());
    const Index rank = svd.singularValues().size();
    result.singular_values.head(rank) = svd.singularValues();
    result.projections.head(rank) = svd.matrixU().transpose() * y;
    result.outside = (y - svd.matrixU() * result.projections.head(rank)).squaredNorm();
    result.n_rows = Phi.rows();
    return result;
}

// Labels from known weights plus noise: there is an evidence maximum to find.
struct Problem {
    MatrixXd Phi;
    VectorXd y;
    Problem(Index n_rows, Index n_columns, double noise, unsigned seed)
        : Phi(random_matrix(n_rows, n_columns, seed)),
          y(Phi * random_matrix(n_columns, 1, seed + 1) + noise * random_matrix(n_rows, 1, seed + 2)) {}
};

// Maximum of f over two variables by the simplex of Nelder and Mead.
std::array<long double, 2> maximum(const std::function<long double(long double, long double)>& f,
                                   std::array<long double, 2> start) {
    struct Vertex {
        long double x, y, value;
    };
    const auto at = [&](long double x, long double y) { return Vertex{x, y, f(x, y)}; };
    std::array<Vertex, 3> v = {at(start[0], start[1]), at(start[0] + 1, start[1]), at(start[0], start[1] + 1)};
    const auto better = [](const Vertex& a, const Vertex& b) { return a.value > b.value; };
    for (int step = 0; step < 400; ++step) {
        std::sort(v.begin(), v.end(), better);
        if (std::abs(v[0].x - v[2].x) + std::abs(v[0].y - v[2].y) < 1e-10L) break;
        const long double mx = (v[0].x + v[1].x) / 2, my = (v[0].y + v[1].y) / 2;
        const auto along = [&](long double t) { return at(mx + t * (v[2].x - mx), my + t * (v[2].y - my)); };
        const Vertex reflected = along(-1);
        if (better(reflected, v[0])) {
            const Vertex expanded = along(-2);
            v[2] = better(expanded, reflected) ? expanded : reflected;
        } else if (better(reflected, v[1])) {
            v[2] = reflected;
        } else {
            const Vertex contracted = along(better(reflected, v[2]) ? -0.5L : 0.5L);
            if (better(contracted, v[2])) {
                v[2] = contracted;
            } else {
                v[1] = at((v[0].x + v[1].x) / 2, (v[0].y + v[1].y) / 2);
                v[2] = at((v[0].x + v[2].x) / 2, (v[0].y + v[2].y) / 2);
            }
        }
    }
    std::sort(v.begin(), v.end(), better);
    return {v[0].x, v[0].y};
}

void expect_sound(const Evidence& evidence) {
    EXPECT_TRUE(std::isfinite(evidence.weight_precision) && evidence.weight_precision > 0.0);
    EXPECT_TRUE(std::isfinite(evidence.noise_precision) && evidence.noise_precision > 0.0);
    EXPECT_TRUE(std::isfinite(evidence.gamma) && evidence.gamma >= 0.0);
    EXPECT_TRUE(std::isfinite(evidence.residual) && evidence.residual >= 0.0);
    EXPECT_TRUE(std::isfinite(evidence.weight_norm) && evidence.weight_norm >= 0.0);
    EXPECT_TRUE(std::isfinite(evidence.log_evidence));
    EXPECT_FALSE(describe(evidence.end).empty());
}

TEST(Evidence, ValuesAtAPairEqualTheDenseFormulas) {
    for (const auto& [rows, columns] : {std::pair<Index, Index>{30, 6}, {8, 12}}) {
        const Problem problem(rows, columns, 0.3, 1);
        const dense::Matrix Phi(problem.Phi), y(problem.y), identity(MatrixXd::Identity(columns, columns));
        const Spectrum spectrum = spectrum_from(problem.Phi, problem.y);
        for (const double s_w : {1e-3, 0.7})
            for (const double s_v : {0.4, 20.0}) {
                const Evidence value = evaluate_evidence(spectrum, s_w, s_v);
                const dense::Fit expected = dense::fit(Phi, y, identity, s_w, s_v);
                EXPECT_NEAR(value.gamma, static_cast<double>(expected.gamma), 1e-12);
                EXPECT_NEAR(value.residual, static_cast<double>(expected.residual), 1e-12 * problem.y.squaredNorm());
                EXPECT_NEAR(value.weight_norm, static_cast<double>(expected.weight_norm), 1e-11);
                EXPECT_NEAR(value.log_evidence, static_cast<double>(dense::log_evidence(Phi, y, identity, s_w, s_v)),
                            1e-10);
            }
    }
}

TEST(Evidence, FixedPointIsTheBruteForceMaximum) {
    const Problem problem(30, 6, 0.5, 4);
    const dense::Matrix Phi(problem.Phi), y(problem.y), identity(MatrixXd::Identity(6, 6));
    const auto best = maximum(
        [&](long double ln_w, long double ln_v) {
            return dense::log_evidence(Phi, y, identity, static_cast<dense::Real>(std::exp(ln_w)),
                                       static_cast<dense::Real>(std::exp(ln_v)));
        },
        {0.0L, 0.0L});
    const Evidence found = maximise_evidence(spectrum_from(problem.Phi, problem.y));
    EXPECT_EQ(found.end, EvidenceEnd::converged);
    EXPECT_LE(found.steps, 50);
    EXPECT_NEAR(found.weight_precision / static_cast<double>(std::exp(best[0])), 1.0, 1e-6);
    EXPECT_NEAR(found.noise_precision / static_cast<double>(std::exp(best[1])), 1.0, 1e-6);
}

TEST(Evidence, FixedPointObeysItsEquations) {
    const Problem problem(80, 10, 0.2, 7);
    const Evidence found = maximise_evidence(spectrum_from(problem.Phi, problem.y));
    ASSERT_EQ(found.end, EvidenceEnd::converged);
    EXPECT_FALSE(found.floored);
    EXPECT_NEAR(found.weight_precision * found.weight_norm / found.gamma, 1.0, 1e-9);
    EXPECT_NEAR(found.noise_precision * found.residual + found.gamma, 80.0, 1e-7);
    // the noise that was put in, to its sampling error
    EXPECT_NEAR(1.0 / std::sqrt(found.noise_precision), 0.2, 0.05);
}

// A large direction that the labels do not care for (the constant part of a kernel), and small ones that explain them:
// from (1, 1) the fixed point runs off to infinite s_w, past the maximum.
TEST(Evidence, FindsTheHighestMaximum) {
    for (const double small : {0.3, 1e-2, 1e-4}) {
        const Spectrum spectrum{VectorXd::Map(std::array{8.0, 2 * small, small}.data(), 3),
                                VectorXd::Map(std::array{1e-3, 1.0, -0.5}.data(), 3), 1e-4, 60};
        const Evidence found = maximise_evidence(spectrum);
        EXPECT_EQ(found.end, EvidenceEnd::converged);
        for (double s_w = 1e-12; s_w < 1e12; s_w *= 3)
            for (double s_v = 1e-6; s_v < 1e12; s_v *= 3)
                EXPECT_LE(evaluate_evidence(spectrum, s_w, s_v).log_evidence, found.log_evidence);
    }
}

TEST(Evidence, DoesNotDependOnWhereItStarts) {
    const Problem problem(80, 10, 0.2, 7);
    const Spectrum spectrum = spectrum_from(problem.Phi, problem.y);
    const Evidence expected = maximise_evidence(spectrum);
    for (const double s_w : {1e-6, 1e4})
        for (const double s_v : {1e-3, 1e6}) {
            const Evidence found = maximise_evidence(spectrum, {.weight_precision = s_w, .noise_precision = s_v});
            EXPECT_EQ(found.end, EvidenceEnd::converged);
            EXPECT_NEAR(found.weight_precision / expected.weight_precision, 1.0, 1e-8);
            EXPECT_NEAR(found.noise_precision / expected.noise_precision, 1.0, 1e-8);
        }
}

// y → a y, Φ → b Φ: s_v → s_v/a², s_w → s_w b²/a², γ stays.
TEST(Evidence, FollowsTheUnitsOfLabelsAndFeatures) {
    const Problem problem(60, 8, 0.4, 10);
    const Evidence one = maximise_evidence(spectrum_from(problem.Phi, problem.y));
    const double a = 1e3, b = 1e-4;
    const Evidence other = maximise_evidence(spectrum_from(b * problem.Phi, a * problem.y));
    ASSERT_EQ(other.end, EvidenceEnd::converged);
    EXPECT_NEAR(other.noise_precision * a * a / one.noise_precision, 1.0, 1e-8);
    EXPECT_NEAR(other.weight_precision * a * a / (b * b) / one.weight_precision, 1.0, 1e-8);
    EXPECT_NEAR(other.gamma, one.gamma, 1e-7);
}

// Published log of a Ni training (vasp-compat.md, 3.2): 57 rows, 3 references, ½|Y − Φw̄|² = 37.05 and
// σ_v² = 1.3474, so that M − γ = 54.99. A spectrum built to have this fixed point must be driven to it.
TEST(Evidence, ReproducesTheArithmeticOfAPublishedLog) {
    const double residual = 2.0 * 37.05, s_v = 1.0 / 1.3474, gamma = 57.0 - residual * s_v;
    EXPECT_NEAR(gamma, 2.01, 0.01);
    const double s_w = s_v;                               // ratio 1
    const Eigen::Array3d share(0.95, 0.9, gamma - 1.85);  // of γ, by singular value
    Spectrum spectrum;
    spectrum.n_rows = 57;
    spectrum.singular_values = (share / (1.0 - share)).sqrt();
    const Eigen::Array3d S = spectrum.singular_values.array();
    const double z = std::sqrt(gamma / s_w / (S / (S.square() + 1.0)).square().sum());
    spectrum.projections = VectorXd::Constant(3, z);
    spectrum.outside = residual - (z / (S.square() + 1.0)).square().sum();
    ASSERT_GT(spectrum.outside, 0.0);

    const Evidence found = maximise_evidence(spectrum, {.weight_precision = 0.1, .noise_precision = 3.0});
    EXPECT_EQ(found.end, EvidenceEnd::converged);
    EXPECT_NEAR(1.0 / found.noise_precision, 1.3474, 1e-8);
    EXPECT_NEAR(found.gamma, gamma, 1e-7);
    EXPECT_NEAR(0.5 * found.residual, 37.05, 1e-7);
}

TEST(Evidence, FixedPairStaysAsGiven) {
    const Problem problem(40, 5, 0.3, 13);
    const Spectrum spectrum = spectrum_from(problem.Phi, problem.y);
    const Evidence found =
        maximise_evidence(spectrum, {.mode = EvidenceMode::fixed, .weight_precision = 1e-7, .noise_precision = 2.0});
    EXPECT_EQ(found.end, EvidenceEnd::fixed);
    EXPECT_EQ(found.weight_precision, 1e-7);
    EXPECT_EQ(found.noise_precision, 2.0);
    EXPECT_EQ(found.steps, 0);
    EXPECT_EQ(found.log_evidence, evaluate_evidence(spectrum, 1e-7, 2.0).log_evidence);
}

TEST(Evidence, StepLimitIsReported) {
    const Problem problem(40, 5, 0.3, 13);
    const Evidence found = maximise_evidence(spectrum_from(problem.Phi, problem.y), {.max_steps = 2});
    EXPECT_EQ(found.end, EvidenceEnd::step_limit);
    EXPECT_EQ(found.steps, 2);
    expect_sound(found);
}

TEST(Evidence, RatioDoesNotFallBelowItsFloor) {
    // A weight of size 1e6 along the smallest singular value asks for s_w/s_v near 6e-16.
    const Spectrum spectrum{VectorXd::Map(std::array{1.0, 1e-3, 1e-6}.data(), 3), VectorXd::Ones(3), 1e-2, 50};
    EvidenceOptions options{.weight_precision = 1e-10, .noise_precision = 1e3, .floor = 1e-14};
    const Evidence found = maximise_evidence(spectrum, options);
    expect_sound(found);
    EXPECT_EQ(found.end, EvidenceEnd::converged);
    EXPECT_TRUE(found.floored);
    EXPECT_NEAR(found.weight_precision / found.noise_precision / 1e-14, 1.0, 1e-12);
    options.floor = 1e-16;
    const Evidence lower = maximise_evidence(spectrum, options);
    EXPECT_FALSE(lower.floored);
    EXPECT_NEAR(lower.weight_precision / lower.noise_precision / 6e-16, 1.0, 0.1);
}

TEST(Evidence, GivenPairIsHeldToTheFloorWhileMaximising) {
    const Spectrum spectrum{VectorXd::Constant(2, 10.0), VectorXd::Zero(2), 1.0, 5};
    const Evidence found = maximise_evidence(spectrum, {.weight_precision = 1e-9, .floor = 1e-6});
    EXPECT_EQ(found.end, EvidenceEnd::no_signal);
    EXPECT_TRUE(found.floored);
    EXPECT_NEAR(found.weight_precision, 1e-4, 1e-18);
}

TEST(Evidence, PerfectFitKeepsTheLastValidPair) {
    const Problem problem(40, 5, 0.0, 16);
    const Evidence found = maximise_evidence(spectrum_from(problem.Phi, problem.y));
    expect_sound(found);
    EXPECT_EQ(found.end, EvidenceEnd::perfect_fit);
    EXPECT_LE(found.residual, 1e-20 * problem.y.squaredNorm());
}

TEST(Evidence, ZeroLabelsKeepTheStart) {
    const Problem problem(40, 5, 0.1, 19);
    const Evidence found = maximise_evidence(spectrum_from(problem.Phi, VectorXd::Zero(40)),
                                             {.weight_precision = 0.3, .noise_precision = 5.0});
    expect_sound(found);
    EXPECT_EQ(found.end, EvidenceEnd::no_signal);
    EXPECT_EQ(found.weight_precision, 0.3);
    EXPECT_EQ(found.noise_precision, 5.0);
}

TEST(Evidence, ZeroFeaturesKeepTheStart) {
    const Evidence found = maximise_evidence({VectorXd::Zero(3), VectorXd::Zero(3), 4.0, 10});
    expect_sound(found);
    EXPECT_EQ(found.end, EvidenceEnd::no_signal);
    EXPECT_EQ(found.gamma, 0.0);
    EXPECT_EQ(found.residual, 4.0);
}

TEST(Evidence, LabelsThatFeaturesDoNotExplainHaveNoSignal) {
    // z < 1 per direction where noise alone would give 1: the evidence grows with s_w without end, fast or slowly.
    for (const double z : {0.1, 0.9}) {
        const Evidence found = maximise_evidence({VectorXd::Ones(4), VectorXd::Constant(4, z), 100.0, 100},
                                                 {.weight_precision = 0.3, .noise_precision = 5.0});
        expect_sound(found);
        EXPECT_EQ(found.end, EvidenceEnd::no_signal);
        EXPECT_EQ(found.weight_precision, 0.3);
        EXPECT_EQ(found.noise_precision, 5.0);
    }
}

TEST(Evidence, FewerRowsThanColumnsAndRankDeficiencyAreOrdinary) {
    const Problem wide(6, 15, 0.1, 22);
    expect_sound(maximise_evidence(spectrum_from(wide.Phi, wide.y)));
    Problem deficient(50, 8, 0.1, 25);
    deficient.Phi.col(3) = deficient.Phi.col(5);
    const Evidence found = maximise_evidence(spectrum_from(deficient.Phi, deficient.y));
    expect_sound(found);
    EXPECT_EQ(found.end, EvidenceEnd::converged);
    EXPECT_LE(found.gamma, 7.0);
    const VectorXd one = VectorXd::Ones(1);
    expect_sound(maximise_evidence({one, one, 0.0, 1}));  // one parameter, one label
    expect_sound(maximise_evidence({VectorXd::Constant(1, 1e150), one, 1e-300, 2}));
    expect_sound(maximise_evidence({VectorXd::Constant(1, 1e-150), one, 1e-300, 2}));
}

TEST(Evidence, RefusesWhatItCannotMean) {
    const Spectrum good{VectorXd::Ones(2), VectorXd::Ones(2), 1.0, 5};
    Spectrum bad = good;
    bad.projections = VectorXd::Ones(3);
    EXPECT_THROW((void)maximise_evidence(bad), std::invalid_argument);
    bad = good;
    bad.singular_values[1] = NAN;
    EXPECT_THROW((void)maximise_evidence(bad), std::invalid_argument);
    bad = good;
    bad.projections[0] = INFINITY;
    EXPECT_THROW((void)maximise_evidence(bad), std::invalid_argument);
    bad = good;
    bad.outside = -1.0;
    EXPECT_THROW((void)maximise_evidence(bad), std::invalid_argument);
    bad = good;
    bad.n_rows = 0;
    EXPECT_THROW((void)maximise_evidence(bad), std::invalid_argument);
    EXPECT_THROW((void)maximise_evidence(good, {.weight_precision = 0.0}), std::invalid_argument);
    EXPECT_THROW((void)maximise_evidence(good, {.noise_precision = NAN}), std::invalid_argument);
    EXPECT_THROW((void)maximise_evidence(good, {.tolerance = 0.0}), std::invalid_argument);
    EXPECT_THROW((void)maximise_evidence(good, {.max_steps = 0}), std::invalid_argument);
    EXPECT_THROW((void)maximise_evidence(good, {.floor = 0.0}), std::invalid_argument);
}

}  // namespace
}  // namespace mlff::bayes
