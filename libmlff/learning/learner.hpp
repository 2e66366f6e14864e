#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libmlff/io/journal.hpp"
#include "libmlff/learning/decision.hpp"
#include "libmlff/learning/training_set.hpp"
#include "libmlff/model/force_field.hpp"

namespace mlff {

struct LearnerOptions {
    ForceFieldOptions force_field;
    RegressionOptions regression;
    DecisionOptions decision;
    ThresholdOptions threshold;
    SelectionOptions selection;
    double candidate_factor = 0.6;  ///< atoms above this multiple of the threshold become candidates (ML_SCLC_CTIFOR)
    int min_references = 3;         ///< per species before there is a model (ML_MB_MIN), ≥ 1
    Eigen::Index max_references = 1'000'000;  ///< per species; when full the most informative are kept
    std::int64_t memory = 0;                  ///< budget of the training data [bytes]; 0 is no limit
    bool calibrated = false;                  ///< compare the threshold with BEEF × (true/predicted) instead of BEEF

    /// @throws std::invalid_argument naming the field, its value and the bound
    void validate() const;
};

/// What the learner did in one step, for logs and tests. Pointers are good until the observer returns.
struct LearningEvent {
    long step = 0;
    Action action = Action::accurate;
    double threshold = 0.0;                  ///< the decision was taken with [eV/Å]
    const Evaluation* prediction = nullptr;  ///< of the model before it learned; none if there was no model
    const Evaluation* truth = nullptr;       ///< of the reference, if it was called
    double ratio = 0.0;                      ///< running true/predicted force error; 0 before the first call
    long reference_calls = 0;
    long since_sample = 0;                          ///< steps since the last sample
    int n_candidates = 0;                           ///< structures waiting for the next retraining
    std::vector<TrainingSet::Change> changes;       ///< per species, if it learned
    const ForceField* retrained = nullptr;          ///< the new model, if it retrained and there is one
    const Eigen::VectorXd* force_errors = nullptr;  ///< its training error of the forces by channel [eV/Å]
    bool threshold_moved = false;
    const Threshold* threshold_state = nullptr;
    std::string note;          ///< of what was learned; "": there is none
    std::string close_pair;    ///< the pair of atoms that is closer than learning.distance allows; "": there is none
    bool at_capacity = false;  ///< references were dropped to stay within capacity or memory
};

/// @throws InputError if an entry of a journal does not follow the one before it, that is, was not made after as many
///         calls as there are entries before it: some were removed, doubled or exchanged
void require_unbroken(const std::vector<JournalEntry>& entries);

/// On-the-fly learning as a calculator: predicts with the current model, decides (decision.hpp), calls the reference
/// where it must, and learns. Every reference result is in the journal, on disk, before it is used.
///
/// A step that throws, whatever failed (the reference, the fit, memory), is as if it had not been tried: it may be
/// tried again, and what the reference has answered by then is not asked for twice. After an exception of the observer
/// the counters are those from before the step, but its structure stays learned: go on in a new process, from the
/// journal.
///
/// Resuming: `resume` replays the journal through the same code with the recorded answers, so that the model and all
/// that follows are those of the uninterrupted run, bit for bit at the same thread count.
class Learner final : public Calculator {
 public:
    using Observer = std::function<void(const LearningEvent&)>;
    /// State of the caller at the beginning of the step; stored with each reference call.
    using CallerState = std::function<std::string()>;

    /// @param reference  answers when the model is unsure; must outlive the learner
    /// @param species    of the structures to come
    /// @param journal    may be null (select: the answers are on disk already)
    /// @param executor   who predicts and keeps the design rows; must outlive the learner
    Learner(Calculator& reference, const LearnerOptions& options, const std::vector<int>& species,
            Provenance provenance, Journal* journal, CallerState caller_state, Observer observer,
            Executor& executor = this_process());
    ~Learner() override;

    /// Continue an earlier training: learn these structures, every atom a candidate, before the first step.
    void begin_with(std::vector<LabeledStructure> structures);

    /// Replays what the journal holds. The last entry is answered when the caller repeats its step: the caller restores
    /// itself from its state. With `everything` the last one is replayed too (the caller goes on after it).
    /// @throws InputError as require_unbroken
    void resume(bool everything);

    /// A prediction, or the answer of the reference if it was called. Error estimates, if asked for, are those of what
    /// is returned: 0 where the reference answered. Spilling factors are those of the model before it learned, 1
    /// where there was none.
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    [[nodiscard]] std::string description() const override;

    /// Learns the candidates that still wait; call it after the last step.
    void finish();

    [[nodiscard]] const ForceField* model() const;  ///< null before there is one
    /// Training error of the forces of the model by channel [eV/Å], rms over components; empty before there is one.
    [[nodiscard]] const Eigen::VectorXd& force_errors() const { return force_errors_; }
    /// What the reference calls say of BEEF: every call tests the prediction before it. The running ratio of true to
    /// predicted force errors serves energies and stress too; not calibrated before `fewest_errors` calls.
    [[nodiscard]] Calibration calibration() const;
    [[nodiscard]] const TrainingSet& training_set() const { return training_set_; }
    [[nodiscard]] long reference_calls() const { return reference_calls_; }
    [[nodiscard]] double threshold() const { return threshold_.value(); }
    /// State besides what replaying rebuilds (counters, threshold): for checkpoints between reference calls.
    [[nodiscard]] std::string state() const;
    void restore(const std::string& state);

 private:
    /// The step without the observer.
    /// @param prediction  of the model; the event points to it
    Evaluation take_step(const Structure& structure, const Request& request, std::optional<Evaluation>& prediction,
                         LearningEvent& event);
    /// Drops the energy if it holds that of a free atom that is not known (free_atoms.hpp); says so, else "".
    std::string drop_unexplained_energy(LabeledStructure& item) const;
    Evaluation call_reference(const Structure& structure, Action action);
    /// Learns the candidates; or, if that throws, nothing, and they wait on.
    /// @param current  structure whose largest BEEF with the new model moves the threshold; null: none
    void learn(LearningEvent& event, const Structure* current = nullptr);
    [[nodiscard]] Eigen::Index capacity() const;
    [[nodiscard]] double ratio() const;
    void record_error(const Evaluation& prediction, const Evaluation& truth);

    Calculator& reference_;
    LearnerOptions options_;
    Provenance provenance_;
    Journal* journal_;
    CallerState caller_state_;
    Observer observer_;
    Executor& executor_;

    TrainingSet training_set_;
    std::vector<Candidate> candidates_;
    std::unique_ptr<ModelCalculator> model_;
    Eigen::VectorXd force_errors_;
    Threshold threshold_;
    long step_ = -1;  ///< evaluations so far, minus one
    long steps_since_sample_ = 0;
    long reference_calls_ = 0;
    std::deque<std::pair<double, double>> errors_;  ///< (true, predicted) rms force error of the last calls

    std::deque<JournalEntry> known_;      ///< journal entries that are still to be answered from
    std::optional<JournalEntry> answer_;  ///< of the reference in the step in progress, or in one that then failed
    std::string step_state_;              ///< state() at the beginning of the step in progress
};

}  // namespace mlff
