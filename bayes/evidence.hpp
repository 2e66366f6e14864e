#pragma once

#include <Eigen/Core>
#include <string_view>

namespace mlff::bayes {

/// All that the evidence of  y = Φ w + ε  depends on, for Φ = U S Vᵀ with M rows and n columns.
struct Spectrum {
    Eigen::VectorXd singular_values;  ///< S, n
    Eigen::VectorXd projections;      ///< z = Uᵀ y, n
    double outside = 0.0;             ///< |y|² − |z|², the part of y that Φ cannot reach, ≥ 0
    Eigen::Index n_rows = 0;          ///< M ≥ 1

    /// @throws std::invalid_argument naming field, value and bound
    void validate() const;
};

enum class EvidenceMode {
    maximise,  ///< (s_w, s_v) from the fixed point (ML_IREG 2)
    fixed      ///< the given pair as it is (ML_IREG 1): Tikhonov regularisation with the ratio s_w/s_v
};

struct EvidenceOptions {
    EvidenceMode mode = EvidenceMode::maximise;
    double weight_precision = 1.0;  ///< s_w (ML_SIGW0), > 0: the fixed value, or what stays if there is no signal
    double noise_precision = 1.0;   ///< s_v (ML_SIGV0), > 0: likewise
    double tolerance = 1e-10;       ///< relative change of s_w and s_v at which the iteration ends, > 0
    int max_steps = 200;            ///< steps after which it ends anyway, ≥ 1
    double floor = 1e-15;           ///< s_w/s_v ≥ floor · S_max² while maximising (ML_EPS_REG), in [1e-16, 1)

    /// @throws std::invalid_argument naming field, value and bound
    void validate() const;
};

/// Why the iteration ended.
enum class EvidenceEnd {
    fixed,        ///< the pair was given
    converged,    ///< relative change below the tolerance
    step_limit,   ///< max_steps taken
    perfect_fit,  ///< residual zero to rounding, s_v would be infinite: the last valid pair
    no_freedom,   ///< M − γ zero to rounding, as many parameters as labels: the last valid pair
    no_signal     ///< labels zero or out of reach of Φ, s_w would be infinite: the given pair, floored
};

/// One line for logs.
[[nodiscard]] std::string_view describe(EvidenceEnd end);

/// A pair (s_w, s_v) and what it means for the data.
struct Evidence {
    double weight_precision = 1.0;  ///< s_w
    double noise_precision = 1.0;   ///< s_v
    double gamma = 0.0;             ///< γ, number of well-determined parameters, in [0, min(n, M)]
    double residual = 0.0;          ///< |Y − Φ w̄|²
    double weight_norm = 0.0;       ///< |w̄|²
    double log_evidence = 0.0;      ///< ln p(Y | s_w, s_v)
    int steps = 0;                  ///< fixed-point steps taken
    EvidenceEnd end = EvidenceEnd::fixed;
    bool floored = false;  ///< s_w/s_v stands at its floor
};

/// γ, norms and log evidence at a given pair; end and steps as for a fixed pair. Cost O(n).
///   ln p = (M/2) ln s_v − (M/2) ln 2π − ½ Σ_k ln(1 + s_v S_k²/s_w) − ½ s_v |Y − Φw̄|² − ½ s_w |w̄|²
/// @throws std::invalid_argument for an invalid spectrum or a precision that is not positive and finite.
[[nodiscard]] Evidence evaluate_evidence(const Spectrum& spectrum, double weight_precision, double noise_precision);

/// Precisions s_w of the weights and s_v of the noise that maximise the evidence, by the fixed point
///   γ = Σ_k λ_k/(λ_k + s_w),  λ_k = s_v S_k²;   s_w ← γ/|w̄|²;   s_v ← (M − γ)/|Y − Φw̄|²
/// with w̄_k = S_k z_k/(S_k² + s_w/s_v) along the right singular vectors. It starts at the best of a scan over s_w/s_v
/// from the floor to 1e6 S_max² by factors of two, so that the highest maximum is found, not the nearest. Each step
/// costs O(n). No input makes a NaN: where there is no fixed point a valid pair is kept, and `end` says which and why.
/// Source: Bishop, Pattern Recognition and Machine Learning (2006), section 3.5.
/// @throws std::invalid_argument for an invalid spectrum or options.
[[nodiscard]] Evidence maximise_evidence(const Spectrum& spectrum, const EvidenceOptions& options = {});

}  // namespace mlff::bayes
