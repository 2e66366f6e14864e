#pragma once

#include <Eigen/Core>
#include <limits>
#include <string>
#include <vector>

namespace mlff {

/// What a step of on-the-fly learning does (column "state" of STATUS in the log).
enum class Action {
    accurate = 1,   ///< the model drives
    threshold = 2,  ///< call the reference, keep the structure as a candidate
    learning = 3,   ///< call the reference; the block of candidates is full: retrain
    critical = 4    ///< call the reference and retrain now
};
[[nodiscard]] const char* name(Action action);

struct DecisionOptions {
    double critical_factor = 2.0;  ///< retrain at once above this multiple of the threshold (ML_CDOUB), ≥ 1
    int interval = 10;             ///< steps between samples (ML_NMDINT), ≥ 1
    int block = 5;                 ///< structures per retraining (ML_MCONF_NEW), ≥ 1
    /// retrain at once where a pair is closer than this factor times the shortest distance of its species in the
    /// training data; 0 to 1, 0: never
    double distance = 0.9;
};

/// All that the decision depends on.
struct Situation {
    bool has_model = false;
    double beef_max = 0.0;        ///< largest BEEF of any atom [eV/Å]
    double threshold = 0.0;       ///< [eV/Å]
    long steps_since_sample = 0;  ///< steps since the last structure was sampled
    int n_candidates = 0;         ///< structures that wait for the next retraining
    /// ClosePair::ratio of the closest pair
    double closeness = std::numeric_limits<double>::infinity();
};

/// The decision procedure of method.md section 5 (VASP's), a pure function.
[[nodiscard]] Action decide(const Situation& situation, const DecisionOptions& options);
/// A pair of atoms is closer than the training data cover.
[[nodiscard]] inline bool too_close(const Situation& situation, const DecisionOptions& options) {
    return situation.has_model && situation.closeness < options.distance;
}

enum class ThresholdMode {
    adaptive,        ///< from the history of errors after each retraining (ML_ICRITERIA 1)
    fixed,           ///< the start value (ML_ICRITERIA 0)
    moving_average,  ///< from the mean over all recent predictions (ML_ICRITERIA 2)
};

struct ThresholdOptions {
    ThresholdMode mode = ThresholdMode::adaptive;
    double start = 0.002;     ///< [eV/Å] (ML_CTIFOR)
    int history = 10;         ///< adaptive: errors after retraining that are kept (ML_MHIS), ≥ 2
    int window = 400;         ///< moving average: predictions that are kept, ≥ 1
    double max_spread = 0.4;  ///< adaptive: largest std/mean at which it moves (ML_CSIG)
    double max_slope = 0.2;   ///< adaptive: largest |slope|/mean at which it moves (ML_CSLOPE)
    double factor = 0.0;      ///< c: threshold = mean · (1 + c) (ML_CX); moving_average: 0.2 unless given

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// Spread std/mean (population) and slope |least squares|/mean of a history, the two numbers that say whether it has
/// settled. At least two values with a positive mean.
struct HistoryStatistics {
    double mean, spread, slope;
};
[[nodiscard]] HistoryStatistics statistics(const std::vector<double>& history);

/// The threshold that BEEF is compared with, and how it moves.   Source: method.md section 5.
class Threshold {
 public:
    explicit Threshold(const ThresholdOptions& options);

    [[nodiscard]] double value() const { return value_; }                          ///< [eV/Å]
    [[nodiscard]] const std::vector<double>& history() const { return history_; }  ///< oldest first

    /// The largest BEEF of the current structure, as the retrained model sees it. @returns true if the threshold moved
    bool after_retraining(double beef_max);
    /// The largest BEEF of a step's prediction. @returns true if the threshold moved
    bool after_prediction(double beef_max);

    /// Complete state as text, and back.
    [[nodiscard]] std::string state() const;
    void restore(const std::string& state);

 private:
    void push(double value, int capacity);

    ThresholdOptions options_;
    double value_;
    std::vector<double> history_;
};

}  // namespace mlff
