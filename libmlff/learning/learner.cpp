#include "libmlff/learning/learner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string_view>

#include "bayes/lapack.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/data/free_atoms.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/model/shortest_distances.hpp"

namespace mlff {
namespace {

using Eigen::Index;

constexpr std::size_t fewest_errors = 5;  ///< reference calls of which the ratio calibrates the model
constexpr std::size_t error_window = 10;  ///< reference calls that the running error ratio looks back on

Action parse_action(const std::string& word) {
    for (const Action action : {Action::threshold, Action::learning, Action::critical})
        if (word == name(action)) return action;
    throw InputError("the journal holds an unknown action '" + word + "'");
}

/// The beginning of a stored state.
struct Counters {
    long step, since_sample, calls;
};

std::optional<Counters> parse_counters(std::string_view text) {
    const auto words = split_words(text);
    if (words.size() != 3) return {};
    const auto step = parse_long(words[0]), since_sample = parse_long(words[1]), calls = parse_long(words[2]);
    if (!step || !since_sample || !calls) return {};
    return Counters{*step, *since_sample, *calls};
}

/// Of two answers in one step the first was not learned: the step failed and was tried again with other atoms.
bool replaces(const JournalEntry& entry, const JournalEntry& before) {
    return entry.step == before.step && !same_atoms(entry.structure.structure, before.structure.structure);
}

}  // namespace

void require_unbroken(const std::vector<JournalEntry>& entries) {
    long n_learned = -1;  // before this entry
    for (std::size_t k = 0; k < entries.size(); ++k) {
        if (k == 0 || !replaces(entries[k], entries[k - 1])) ++n_learned;
        const std::string& state = entries[k].learner;
        const auto then = parse_counters(std::string_view(state).substr(0, state.find('|')));
        if (!then || then->step + 1 != entries[k].step)
            throw InputError(fmt::format("{}: this entry of the journal is damaged; restore the file from a copy",
                                         entries[k].structure.origin));
        if (then->calls != n_learned)
            throw InputError(
                fmt::format("{}: entry {} of the journal was written as number {}: entries were removed, doubled or "
                            "exchanged; restore the file from a copy",
                            entries[k].structure.origin, k + 1, then->calls + 1));
    }
}

void LearnerOptions::validate() const {
    const auto require = [](bool good, const char* field, double value, const char* bound) {
        if (!good) throw std::invalid_argument(fmt::format("{} must be {}, got {}", field, bound, value));
    };
    force_field.validate();
    regression.validate();
    threshold.validate();
    selection.validate();
    require(decision.critical_factor >= 1.0, "critical_factor", decision.critical_factor, "at least 1");
    require(decision.interval >= 1, "interval", decision.interval, "at least 1");
    require(decision.block >= 1, "block", decision.block, "at least 1");
    require(decision.distance >= 0.0 && decision.distance <= 1.0, "distance", decision.distance, "0 to 1");
    require(candidate_factor >= 0.0 && candidate_factor <= 1.0, "candidate_factor", candidate_factor, "0 to 1");
    require(min_references >= 1, "min_references", min_references, "at least 1");
    require(max_references >= min_references, "max_references", static_cast<double>(max_references),
            "at least min_references");
}

Learner::Learner(Calculator& reference, const LearnerOptions& options, const std::vector<int>& species,
                 Provenance provenance, Journal* journal, CallerState caller_state, Observer observer,
                 Executor& executor)
    : reference_(reference),
      options_(options),
      provenance_(std::move(provenance)),
      journal_(journal),
      caller_state_(std::move(caller_state)),
      observer_(std::move(observer)),
      executor_(executor),
      training_set_(
          std::make_shared<descriptors::Descriptor>(options.force_field.descriptor, static_cast<int>(species.size())),
          options.force_field.kernel_power, species, executor),
      threshold_(options.threshold) {
    options_.validate();
}

Learner::~Learner() = default;

const ForceField* Learner::model() const { return model_ ? &model_->force_field() : nullptr; }

std::string Learner::description() const { return "on-the-fly learning from " + reference_.description(); }

std::string Learner::state() const {
    std::string text = fmt::format("{} {} {} | {} |", step_, steps_since_sample_, reference_calls_, threshold_.state());
    for (const auto& [truth, predicted] : errors_) text += fmt::format(" {} {}", truth, predicted);
    return text;
}

void Learner::restore(const std::string& state) {
    const auto damaged = [] { return InputError("a stored state of the learner is damaged"); };
    const auto first = state.find('|'), second = state.find('|', first + 1);
    if (second == std::string::npos) throw damaged();
    const std::string_view text = state;
    const std::optional<Counters> counters = parse_counters(text.substr(0, first));
    std::vector<double> errors;
    for (const auto word : split_words(text.substr(second + 1))) {
        const auto number = parse_double(word);
        if (!number) throw damaged();
        errors.push_back(*number);
    }
    if (!counters || errors.size() % 2 != 0) throw damaged();
    threshold_.restore(state.substr(first + 1, second - first - 1));
    step_ = counters->step;
    steps_since_sample_ = counters->since_sample;
    reference_calls_ = counters->calls;
    errors_.clear();
    for (std::size_t k = 0; k < errors.size(); k += 2) errors_.emplace_back(errors[k], errors[k + 1]);
}

void Learner::begin_with(std::vector<LabeledStructure> structures) {
    for (auto& item : structures) {
        Candidate candidate{std::move(item), {}};
        candidate.atoms.resize(static_cast<std::size_t>(candidate.structure.structure.size()));
        std::iota(candidate.atoms.begin(), candidate.atoms.end(), Index{0});
        candidates_.push_back(std::move(candidate));
    }
    LearningEvent event;
    event.step = step_;
    try {
        learn(event);
    } catch (...) {
        candidates_.clear();
        throw;
    }
    if (observer_) observer_(event);
}

void Learner::resume(bool everything) {
    require_unbroken(journal_->entries());
    known_.clear();
    for (const JournalEntry& entry : journal_->entries()) {
        if (!known_.empty() && replaces(entry, known_.back())) known_.pop_back();
        known_.push_back(entry);
    }
    while (known_.size() > (everything ? 0u : 1u)) {
        const Structure structure = known_.front().structure.structure;
        restore(known_.front().learner);
        (void)evaluate(structure);
    }
    if (!known_.empty()) restore(known_.front().learner);
}

double Learner::ratio() const {
    double truth = 0.0, predicted = 0.0;
    for (const auto& [t, p] : errors_) {
        truth += t * t;
        predicted += p * p;
    }
    return predicted > 0.0 ? std::sqrt(truth / predicted) : 0.0;
}

Calibration Learner::calibration() const {
    const double factor = errors_.size() >= fewest_errors ? ratio() : 0.0;
    if (!(factor > 0.0)) return {};
    return {.energy = factor, .force = factor, .stress = factor};
}

void Learner::record_error(const Evaluation& prediction, const Evaluation& truth) {
    const auto n = static_cast<double>(truth.forces.size());
    errors_.emplace_back((prediction.forces - truth.forces).norm() / std::sqrt(n),
                         prediction.uncertainty->forces.norm() / std::sqrt(n));
    if (errors_.size() > error_window) errors_.pop_front();
}

Evaluation Learner::evaluate(const Structure& structure, const Request& request) {
    step_state_ = state();
    const std::size_t n_candidates = candidates_.size();
    const bool again = answer_ && answer_->step == step_ + 1 && same_atoms(answer_->structure.structure, structure);
    if (!again) answer_.reset();
    std::optional<Evaluation> prediction;
    LearningEvent event;
    Evaluation result;
    try {
        result = take_step(structure, request, prediction, event);
    } catch (...) {
        candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(n_candidates), candidates_.end());
        restore(step_state_);
        throw;
    }
    if (answer_) event.truth = &result;
    answer_.reset();
    if (!observer_) return result;
    try {
        observer_(event);
    } catch (...) {
        restore(step_state_);  // the caller is at the beginning of this step, and a checkpoint says so of both
        throw;
    }
    return result;
}

Evaluation Learner::take_step(const Structure& structure, const Request& request, std::optional<Evaluation>& prediction,
                              LearningEvent& event) {
    ++step_;
    ++steps_since_sample_;
    event.step = step_;
    event.threshold = threshold_.value();
    event.threshold_state = &threshold_;

    Eigen::VectorXd beef;
    Situation situation{.has_model = model_ != nullptr,
                        .beef_max = 0.0,
                        .threshold = threshold_.value(),
                        .steps_since_sample = steps_since_sample_,
                        .n_candidates = static_cast<int>(candidates_.size())};
    if (model_) {
        prediction = model_->evaluate(structure, {.uncertainty = true, .spilling = true});
        const double factor = options_.calibrated && ratio() > 0.0 ? ratio() : 1.0;
        beef = factor * prediction->uncertainty->force_norms();
        situation.beef_max = beef.maxCoeff();
        // Of every number, not of the largest: a comparison with NaN is false.
        if (!beef.allFinite() || !prediction->forces.allFinite() || !std::isfinite(prediction->energy) ||
            !prediction->spilling.allFinite() || !std::isfinite(prediction->uncertainty->energy))
            throw std::runtime_error(
                fmt::format("step {}: the force field predicts numbers that are not finite", step_));
        event.prediction = &*prediction;
        if (prediction->closest) situation.closeness = prediction->closest->ratio;
        if (too_close(situation, options_.decision))
            event.close_pair = fmt::format("{} (learning.distance {})", describe(*prediction->closest, structure),
                                           options_.decision.distance);
    }

    // A call that the journal knows is repeated as it was, whatever a last bit may say now.
    const JournalEntry* recorded = answer_ ? &*answer_ : nullptr;
    if (!recorded && !known_.empty() && known_.front().step == step_) recorded = &known_.front();
    event.action = recorded ? parse_action(recorded->action) : decide(situation, options_.decision);
    if (model_) event.threshold_moved = threshold_.after_prediction(situation.beef_max);

    Evaluation result;
    if (event.action == Action::accurate) {
        result = *prediction;
        if (!request.uncertainty) result.uncertainty.reset();
        if (!request.spilling) result.spilling.resize(0);
    } else {
        result = call_reference(structure, event.action);
        if (request.uncertainty) result.uncertainty = Uncertainty{.forces = Matrix3X::Zero(3, structure.size())};
        if (request.spilling)
            result.spilling = prediction ? prediction->spilling : Eigen::VectorXd::Ones(structure.size()).eval();
        Candidate candidate{{structure, {result.energy, result.forces, result.stress}, fmt::format("step {}", step_)},
                            {}};
        for (Index i = 0; i < structure.size(); ++i)
            if (!model_ || beef[i] > options_.candidate_factor * event.threshold) candidate.atoms.push_back(i);
        event.note = drop_unexplained_energy(candidate.structure);
        if (prediction) record_error(*prediction, result);
        candidates_.push_back(std::move(candidate));
        steps_since_sample_ = 0;
        if (event.action != Action::threshold) learn(event, &structure);
    }
    event.ratio = ratio();
    event.reference_calls = reference_calls_;
    event.since_sample = steps_since_sample_;
    event.n_candidates = static_cast<int>(candidates_.size());
    return result;
}

std::string Learner::drop_unexplained_energy(LabeledStructure& item) const {
    const std::map<int, double>& known = options_.regression.atom_energies;
    for (const int z : species_without_neighbors(item.structure, training_set_.descriptor().cutoff()))
        if (!known.contains(z)) {
            item.labels.energy.reset();
            return fmt::format(
                "energy not learned: {} without neighbours has the energy of the free atom, which is not known "
                "(regression.atom_energies)",
                element_symbol(z));
        }
    return {};
}

Evaluation Learner::call_reference(const Structure& structure, Action action) {
    ++reference_calls_;
    if (!answer_ && !known_.empty() && known_.front().step == step_) {
        const auto& [item, step, recorded_action, learner, caller] = known_.front();
        if (!same_atoms(item.structure, structure))
            throw InputError(
                fmt::format("the journal holds another structure for step {}: it belongs to another run; "
                            "choose another output directory",
                            step));
        if (!item.labels.energy || !item.labels.forces)
            throw InputError(fmt::format("{}: journal entry without energy or forces", item.origin));
        answer_ = std::move(known_.front());
        known_.pop_front();
    }
    if (answer_) return answer_of(answer_->structure.labels);
    Evaluation answer = reference_.evaluate(structure);
    if (!std::isfinite(answer.energy) || !answer.forces.allFinite() || (answer.stress && !answer.stress->allFinite()))
        throw std::runtime_error(
            fmt::format("step {}: the reference answered with numbers that are not finite; nothing "
                        "was learned from it",
                        step_));
    JournalEntry entry{.structure = {structure, {answer.energy, answer.forces, answer.stress}, {}},
                       .step = step_,
                       .action = name(action),
                       .learner = step_state_,
                       .caller = caller_state_ ? caller_state_() : std::string()};
    if (journal_) journal_->append(entry);
    answer_ = std::move(entry);
    answer.atom_energies.resize(0);
    return answer;
}

Index Learner::capacity() const {
    const auto n_species = static_cast<Index>(training_set_.species().size());
    const Index most = std::min(options_.max_references, (bayes::lapack::largest_order - 1) / n_species);
    if (options_.memory <= 0) return most;
    double n_rows = 0.0;
    for (const auto& item : training_set_.structures()) n_rows += n_design_rows(item.structure);
    for (const auto& item : candidates_) n_rows += n_design_rows(item.structure.structure);
    const double n_basis = references_within(static_cast<double>(options_.memory), n_rows);
    const auto per_species = static_cast<Index>(n_basis / static_cast<double>(n_species));
    return std::clamp<Index>(per_species, std::min<Index>(options_.min_references, most), most);
}

void Learner::learn(LearningEvent& event, const Structure* current) {
    const Index limit = capacity();
    std::unique_ptr<ModelCalculator> fitted;
    Eigen::VectorXd errors;
    double beef_max = 0.0;
    event.changes =
        training_set_.learn(candidates_, options_.selection, limit, [&](const TrainingSet::Changes& changes) {
            for (const auto& change : changes)
                if (change.after < options_.min_references) return;
            fitted = executor_.calculator(training_set_.fit(options_.regression, provenance_));
            errors = training_set_.force_errors(fitted->force_field().posterior().weights());
            if (current)
                beef_max = fitted->evaluate(*current, {.uncertainty = true}).uncertainty->force_norms().maxCoeff();
        });
    candidates_.clear();
    for (const auto& change : event.changes)
        event.at_capacity |= change.after == limit && change.before + change.candidates > limit;
    if (!fitted) return;
    model_ = std::move(fitted);
    force_errors_ = std::move(errors);
    event.retrained = model();
    event.force_errors = &force_errors_;
    if (current) event.threshold_moved |= threshold_.after_retraining(beef_max);
}

void Learner::finish() {
    if (candidates_.empty()) return;
    LearningEvent event;
    event.step = step_;
    event.action = Action::learning;
    event.threshold = threshold_.value();
    event.threshold_state = &threshold_;
    learn(event);
    event.reference_calls = reference_calls_;
    event.ratio = ratio();
    if (observer_) observer_(event);
}

}  // namespace mlff
