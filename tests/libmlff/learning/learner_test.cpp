#include "libmlff/learning/learner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/learning/learning_log.hpp"
#include "libmlff/model/shortest_distances.hpp"
#include "md/runs.hpp"
#include "reference/embedded/catalogue.hpp"
#include "support/allocations.hpp"
#include "support/files.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using Eigen::VectorXd;
using testing::content_of;
using testing::TemporaryDirectory;

const std::vector<int> species = {47, 53};

/// 16 atoms of α-AgI in a cell that is narrower than the cutoffs, off their sites.
Structure silver_iodide() {
    Structure unit;
    unit.cell = 5.06 * Matrix3::Identity();
    unit.periodic = {true, true, true};
    unit.species = {47, 47, 53, 53};
    unit.positions.resize(3, 4);
    unit.positions << 0.25, 0.5, 0.0, 0.5,  //
        0.5, 0.0, 0.0, 0.5,                 //
        0.0, 0.75, 0.0, 0.5;
    unit.positions *= 5.06;
    return make_supercell(unit, {2, 2, 1});
}

/// The embedded potential of silver iodide; counts its calls, and fails at one of them if so told.
class CountingReference final : public Calculator {
 public:
    Evaluation evaluate(const Structure& structure, const Request& request) override {
        ++n_calls;
        if (n_calls == fail_at) throw std::runtime_error("the reference failed");
        Evaluation answer = potential_->evaluate(structure, request);
        if (n_calls == nan_at) answer.forces(1, 3) = std::numeric_limits<double>::quiet_NaN();
        return answer;
    }
    std::string description() const override { return potential_->description(); }

    int n_calls = 0, fail_at = 0, nan_at = 0;

 private:
    std::unique_ptr<Calculator> potential_ = reference::make_embedded("agi-6.5");
};

LearnerOptions small_options() {
    LearnerOptions options;
    options.force_field.descriptor = testing::small_descriptor();
    options.threshold = {.start = 0.02, .history = 3, .max_spread = 0.9, .max_slope = 0.9};
    options.decision = {.critical_factor = 2.0, .interval = 3, .block = 2};
    options.max_references = 40;
    return options;
}

/// A training run of 100 steps, the way the program does it.
struct Training {
    CountingReference reference;
    Journal journal;
    std::vector<Action> actions;
    std::optional<ForceField> first_model;
    bool at_capacity = false;
    Learner learner;
    md::Driver driver;

    explicit Training(const std::string& path, const LearnerOptions& options = small_options())
        : journal(path),
          learner(
              reference, options, species, {}, &journal, [this] { return driver.snapshot(); },
              [this](const LearningEvent& event) { observe(event); }),
          driver(learner, md::make_state(silver_iodide()), [] {
              auto dynamics = testing::nvt(md::ThermostatType::langevin, 200.0, 2.0, 100);
              dynamics.temperature_end = 500.0;
              return dynamics;
          }()) {}

    void observe(const LearningEvent& event) {
        actions.push_back(event.action);
        at_capacity |= event.at_capacity;
        if (event.retrained && !first_model) first_model = *event.retrained;
        if (event.retrained) {
            EXPECT_EQ(*event.force_errors, learner.training_set().force_errors(event.retrained->posterior().weights()));
        }
    }
    void resume() {
        if (journal.entries().empty()) return;
        learner.resume(false);
        driver.restore(journal.entries().back().caller);
    }
    void finish() {
        ASSERT_TRUE(driver.run(testing::go_on));
        learner.finish();
    }
    [[nodiscard]] VectorXd weights() const { return learner.model()->posterior().weights(); }
};

/// What an uninterrupted run ends with.
struct Outcome {
    std::string journal, state;
    VectorXd weights;
    Matrix3X positions;
    int n_calls;

    explicit Outcome(const LearnerOptions& options = small_options()) {
        const TemporaryDirectory folder;
        Training run(folder.file("journal"), options);
        run.finish();
        journal = content_of(folder.file("journal"));
        state = run.learner.state();
        weights = run.weights();
        positions = run.driver.state().structure.positions;
        n_calls = run.reference.n_calls;
    }
    void expect_same(const Training& run, const std::string& path) const {
        EXPECT_EQ(run.weights(), weights);
        EXPECT_EQ(run.learner.state(), state);
        EXPECT_EQ(run.driver.state().structure.positions, positions);
        EXPECT_TRUE(content_of(path) == journal) << "the journals differ";
    }
    /// Where entry k of the journal begins (18 lines of 16 atoms each).
    [[nodiscard]] std::size_t begin_of(int k) const {
        std::size_t at = 0;
        for (int line = 0; line < 18 * k; ++line) at = journal.find('\n', at) + 1;
        return at;
    }
};

const Outcome& uninterrupted() {
    static const Outcome outcome;
    return outcome;
}

TEST(Learner, CallsTheReferenceSeldomAndErrsLess) {
    const TemporaryDirectory folder;
    Training run(folder.file("journal"));
    run.finish();
    const auto n = [&](Action action) { return std::count(run.actions.begin(), run.actions.end(), action); };
    EXPECT_EQ(run.actions.front(), Action::critical);
    for (const Action action : {Action::accurate, Action::threshold, Action::learning, Action::critical})
        EXPECT_GT(n(action), 0) << name(action);
    EXPECT_EQ(run.reference.n_calls, run.learner.reference_calls());
    EXPECT_EQ(run.learner.training_set().structures().size(), static_cast<std::size_t>(run.reference.n_calls));
    EXPECT_LT(run.reference.n_calls, 60);
    EXPECT_GT(n(Action::accurate), 40);

    EXPECT_NE(run.learner.threshold(), small_options().threshold.start);

    // On the last structure: the model that the run began with, and the one it ended with.
    const Structure& last = run.driver.state().structure;
    const Matrix3X truth = run.reference.evaluate(last, Request{}).forces;
    const auto error = [&](const ForceField& model) {
        return (ForceFieldCalculator(model).evaluate(last).forces - truth).norm() / truth.norm();
    };
    ASSERT_TRUE(run.first_model);
    EXPECT_GT(error(*run.first_model), 0.5);
    EXPECT_LT(error(*run.learner.model()), 0.15);
}

/// The journal cut after any of its entries, and within the next one: the same end, bit for bit, and no result asked
/// for twice.
TEST(Learner, ResumesFromAnyEntryOfTheJournal) {
    const Outcome& whole = uninterrupted();
    ASSERT_GT(whole.n_calls, 5);
    for (int k = 0; k <= whole.n_calls; k += k < 6 ? 1 : 4) {
        const std::size_t torn = k < whole.n_calls ? static_cast<std::size_t>(37 * k) : 0;
        const TemporaryDirectory folder;
        const std::string path = folder.file("journal", whole.journal.substr(0, whole.begin_of(k) + torn));
        Training run(path);
        EXPECT_EQ(run.journal.entries().size(), static_cast<std::size_t>(k));
        run.resume();
        EXPECT_EQ(run.reference.n_calls, 0);
        run.finish();
        EXPECT_EQ(run.reference.n_calls, whole.n_calls - k);
        whole.expect_same(run, path);
    }
}

TEST(Learner, ResumesFromACheckpointBetweenCalls) {
    const Outcome& whole = uninterrupted();
    const TemporaryDirectory folder;
    const std::string path = folder.file("journal");
    std::string driver_state, learner_state;
    int n_calls = 0;
    {
        Training run(path);
        ASSERT_FALSE(run.driver.run(
            [&](const md::StepReport& report) { return report.step < 70 || run.actions.back() != Action::accurate; }));
        driver_state = run.driver.snapshot();
        learner_state = run.learner.state();
        n_calls = run.reference.n_calls;
    }
    Training run(path);
    run.learner.resume(true);
    run.learner.restore(learner_state);
    run.driver.restore(driver_state);
    run.finish();
    EXPECT_EQ(run.reference.n_calls, whole.n_calls - n_calls);
    whole.expect_same(run, path);
}

TEST(Learner, ResumesWithAThresholdThatMovesAtEveryStep) {
    LearnerOptions options = small_options();
    options.threshold = {.mode = ThresholdMode::moving_average, .start = 0.02, .window = 20, .factor = 0.2};
    options.calibrated = true;
    const Outcome whole(options);
    for (const int k : {whole.n_calls / 2, whole.n_calls - 1}) {
        const TemporaryDirectory folder;
        const std::string path = folder.file("journal", whole.journal.substr(0, whole.begin_of(k)));
        Training run(path, options);
        run.resume();
        run.finish();
        EXPECT_EQ(run.reference.n_calls, whole.n_calls - k);
        whole.expect_same(run, path);
    }
}

/// A reference that fails, or answers with NaN: the step is as if it had not been tried, and can be tried again.
TEST(Learner, GoesOnAfterAReferenceThatFailedOnce) {
    const Outcome& whole = uninterrupted();
    for (const int at : {1, 4, 9})
        for (const bool nan : {false, true}) {
            const TemporaryDirectory folder;
            const std::string path = folder.file("journal");
            Training run(path);
            (nan ? run.reference.nan_at : run.reference.fail_at) = at;
            EXPECT_THROW((void)run.driver.run(testing::go_on), std::runtime_error);
            EXPECT_EQ(run.learner.reference_calls(), at - 1);
            EXPECT_TRUE(content_of(path) == whole.journal.substr(0, whole.begin_of(at - 1)));
            run.finish();
            EXPECT_EQ(run.reference.n_calls, whole.n_calls + 1);
            whole.expect_same(run, path);
        }
}

TEST(Learner, RefusesTheJournalOfAnotherRun) {
    const TemporaryDirectory folder;
    Training run(folder.file("journal", uninterrupted().journal.substr(0, uninterrupted().begin_of(3))));
    run.resume();
    Structure other = run.driver.state().structure;
    other.positions(0, 0) += 0.1;
    EXPECT_THROW((void)run.learner.evaluate(other), InputError);
    EXPECT_EQ(run.reference.n_calls, 0);
}

/// Entries that are missing, doubled or out of order are no journal of one run, however intact each is.
TEST(Learner, RefusesAJournalWithoutItsOrder) {
    const Outcome& whole = uninterrupted();
    const auto entry = [&](int k) {
        return whole.journal.substr(whole.begin_of(k), whole.begin_of(k + 1) - whole.begin_of(k));
    };
    for (const std::string& journal : {entry(0) + entry(1) + entry(3), entry(1) + entry(2),
                                       entry(0) + entry(1) + entry(1), entry(0) + entry(2) + entry(1)}) {
        const TemporaryDirectory folder;
        Training run(folder.file("journal", journal));
        const std::string message = testing::error_of<InputError>([&] { run.learner.resume(false); });
        EXPECT_NE(message.find("removed, doubled or exchanged"), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos);
    }
}

/// A host may have set a locale in which 0.5 is written 0,5.
TEST(Learner, StateDoesNotDependOnTheLocale) {
    const TemporaryDirectory folder;
    const std::string name = "de_DE.UTF-8";
    if (std::setlocale(LC_ALL, name.c_str()) == nullptr) {  // not installed: made here
        const std::string made = folder.file(name);
        if (std::system(("localedef -c -i de_DE -f UTF-8 " + made + " > /dev/null 2>&1").c_str()) != 0)
            GTEST_SKIP() << "there is no locale de_DE, and localedef cannot make one";
        setenv("LOCPATH", folder.file("").c_str(), 1);
    }
    ASSERT_NE(std::setlocale(LC_ALL, name.c_str()), nullptr);
    Training run(folder.file("journal"));
    const std::string state = "12 3 4 | 0.0625 0.125 | 0.5 0.25 1e-05 0.75";
    run.learner.restore(state);
    const std::string again = run.learner.state();
    const std::string half = std::to_string(0.5);
    std::setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    EXPECT_EQ(half.substr(0, 3), "0,5") << "the locale has no comma";
    EXPECT_EQ(again, state);
    for (const char* damaged : {"12 3 | 0.1 | 0.5 0.25", "12 3 4 | 0.1 | 0.5", "12 3 4 | 0.1 | 0.5 x", "12 3 4 | 0.1"})
        EXPECT_THROW(run.learner.restore(damaged), InputError) << damaged;
    EXPECT_EQ(run.learner.state(), state) << "a state that is refused changes nothing";
}

TEST(Learner, BeginsWithStructuresThatAreKnown) {
    const TemporaryDirectory folder;
    CountingReference reference;
    std::vector<LabeledStructure> known;
    for (unsigned seed = 1; seed < 6; ++seed) {
        Structure s = silver_iodide();
        s.positions += 0.1 * testing::jittered_crystal(seed, 3, 1.0, species, false, 0.5).positions.leftCols(16);
        const Evaluation truth = reference.evaluate(s, Request{});
        known.push_back({s, {truth.energy, truth.forces, truth.stress}, "known"});
    }
    LearnerOptions options = small_options();
    options.threshold.start = 100.0;
    Learner learner(reference, options, species, {}, nullptr, {}, {});
    EXPECT_EQ(learner.model(), nullptr);
    learner.begin_with(known);
    ASSERT_NE(learner.model(), nullptr);
    reference.n_calls = 0;
    const Evaluation prediction = learner.evaluate(known[2].structure);
    EXPECT_EQ(reference.n_calls, 0);  // it is sure enough
    EXPECT_FALSE(prediction.uncertainty);
    EXPECT_TRUE(learner.evaluate(known[2].structure, {.uncertainty = true}).uncertainty);
    EXPECT_LT((prediction.forces - *known[2].labels.forces).norm(), 0.5 * known[2].labels.forces->norm());
}

/// Two atoms closer than any in the training data: the reference is called at once, though the model is sure; from then
/// on that distance is known.
TEST(Learner, LearnsAtOnceWhereAtomsAreCloserThanItKnows) {
    CountingReference reference;
    LearnerOptions options = small_options();
    options.min_references = 1;  // a model from the first call on
    options.threshold.start = 100.0;
    std::string log;
    std::vector<LearningEvent> events;
    Learner learner(reference, options, species, {}, nullptr, {}, [&](const LearningEvent& event) {
        events.push_back(event);
        log += learning_log_lines(event, species);
    });
    const Structure start = silver_iodide();
    (void)learner.evaluate(start);
    ASSERT_NE(learner.model(), nullptr);
    Environments environments(species, learner.model()->descriptor().cutoff(), 0.0);
    environments.update(start);
    const Eigen::MatrixXd expected = shortest_distances(environments);
    EXPECT_EQ(learner.model()->shortest_distances(), expected);

    (void)learner.evaluate(start);
    EXPECT_EQ(reference.n_calls, 1);
    Structure squeezed = start;
    squeezed.positions.col(1) += 0.4 * (start.positions.col(0) - start.positions.col(1));
    (void)learner.evaluate(squeezed);
    EXPECT_EQ(reference.n_calls, 2);
    EXPECT_EQ(events.back().action, Action::critical);
    EXPECT_NE(log.find("reference called and learned at once: atoms 2 (Ag) and 4 (I) are "), std::string::npos) << log;
    EXPECT_NE(log.find("(learning.distance 0.9)"), std::string::npos) << log;
    EXPECT_LT(learner.model()->shortest_distances()(0, 1), expected(0, 1));
    (void)learner.evaluate(squeezed);
    EXPECT_EQ(reference.n_calls, 2);
    EXPECT_EQ(events.back().action, Action::accurate);

    options.decision.distance = 0.0;
    Learner trusting(reference, options, species, {}, nullptr, {}, {});
    (void)trusting.evaluate(start);
    (void)trusting.evaluate(squeezed);
    EXPECT_EQ(reference.n_calls, 3);
}

/// A log that cannot be written, on a full disk say: a checkpoint of now must not be one step ahead of the dynamics.
TEST(Learner, AnExceptionOfTheObserverLeavesTheCounters) {
    CountingReference reference;
    bool full = false;
    Learner learner(reference, small_options(), species, {}, nullptr, {}, [&](const LearningEvent&) {
        if (full) throw std::runtime_error("no space left");
    });
    const Structure structure = silver_iodide();
    (void)learner.evaluate(structure);
    const std::string before = learner.state();
    full = true;
    EXPECT_THROW((void)learner.evaluate(structure), std::runtime_error);
    EXPECT_EQ(learner.state(), before);
}

/// Answers with energies so large that those of twice the atoms are no numbers any more. Each is the sum of what the
/// atoms have, to the last bit, so that nothing of them is left to be learned.
class Enormous final : public Calculator {
 public:
    static constexpr double per_atom = 0x1p1019;  ///< [eV]
    Evaluation evaluate(const Structure& structure, const Request& request) override {
        Evaluation answer = potential_->evaluate(structure, request);
        answer.energy = per_atom * static_cast<double>(structure.size());
        return answer;
    }
    std::string description() const override { return "enormous"; }

 private:
    std::unique_ptr<Calculator> potential_ = reference::make_embedded("agi-6.5");
};

/// Whatever of a prediction is not a number, the step is refused: here the energy alone, its forces and errors are.
TEST(Learner, RefusesAPredictionOfWhichOnlyTheEnergyIsNotFinite) {
    Enormous reference;
    LearnerOptions options = small_options();
    options.min_references = 1;  // a model from the first call on
    options.threshold.start = 100.0;
    options.regression.atom_energies = {{47, Enormous::per_atom}, {53, Enormous::per_atom}};
    Learner learner(reference, options, species, {}, nullptr, {}, {});
    const Structure structure = silver_iodide();
    (void)learner.evaluate(structure);
    EXPECT_TRUE(std::isfinite(learner.evaluate(structure).energy));
    const std::string before = learner.state();
    const std::string message = testing::error_of<std::runtime_error>([&] {
        (void)learner.evaluate(make_supercell(structure, {1, 1, 2}));
    });
    EXPECT_NE(message.find("not finite"), std::string::npos) << message;
    EXPECT_EQ(learner.state(), before);
}

/// What is asked for is there, whoever answers.
TEST(Learner, AnswersEveryRequestAlsoWhereTheReferenceAnswers) {
    CountingReference reference;
    LearnerOptions options = small_options();
    options.min_references = 1;  // a model from the first call on
    options.threshold = {.mode = ThresholdMode::fixed, .start = 1e-9};
    options.decision.interval = 1;
    Learner learner(reference, options, species, {}, nullptr, {}, {});
    Structure moving = silver_iodide();
    for (int k = 0; k < 3; ++k) {
        moving.positions.col(2)[0] += 0.05;
        const Evaluation answer = learner.evaluate(moving, {.uncertainty = true, .spilling = true});
        EXPECT_EQ(reference.n_calls, 2 * k + 1);
        ASSERT_TRUE(answer.uncertainty);
        EXPECT_EQ(answer.uncertainty->forces, Matrix3X(Matrix3X::Zero(3, 16)));
        ASSERT_EQ(answer.spilling.size(), 16);
        if (k == 0)
            EXPECT_EQ(answer.spilling, VectorXd(VectorXd::Ones(16)));
        else
            EXPECT_TRUE(answer.spilling.maxCoeff() > 0.0 && answer.spilling.maxCoeff() < 1.0);
        EXPECT_EQ(learner.evaluate(moving).spilling.size(), 0);
    }
}

TEST(Learner, KeepsToCapacityAndMemory) {
    LearnerOptions options = small_options();
    options.max_references = 9;
    const TemporaryDirectory folder;
    Training few(folder.file("few"), options);
    few.finish();
    EXPECT_TRUE(few.at_capacity);
    EXPECT_LE(few.learner.training_set().n_references(), 18);

    options = small_options();
    options.memory = 100'000;
    Training small(folder.file("small"), options);
    small.finish();
    EXPECT_TRUE(small.at_capacity);
    EXPECT_LE(small.learner.training_set().bytes(), 100'000u);
    EXPECT_GE(small.learner.training_set().n_references(), 6);
}

TEST(Learner, RefusesOptionsOutOfBounds) {
    const auto refuses = [](auto change) {
        LearnerOptions options = small_options();
        change(options);
        EXPECT_THROW(options.validate(), std::invalid_argument);
    };
    refuses([](auto& o) { o.decision.critical_factor = 0.9; });
    refuses([](auto& o) { o.decision.interval = 0; });
    refuses([](auto& o) { o.decision.block = 0; });
    refuses([](auto& o) { o.candidate_factor = 1.1; });
    refuses([](auto& o) { o.min_references = 0; });
    refuses([](auto& o) { o.max_references = 2; });
    refuses([](auto& o) { o.force_field.kernel_power = 0; });
    refuses([](auto& o) { o.threshold.start = 0.0; });
    EXPECT_NO_THROW(small_options().validate());
}

/// Memory that runs out anywhere in a step, after the answer of the reference too: the step is tried again until it has
/// enough. Nothing is learned twice, and no result is asked for twice.
TEST(Learner, GoesOnAfterMemoryRanOut) {
    if (!testing::can_fail_allocations()) GTEST_SKIP() << "malloc is not ours";
    const TemporaryDirectory folder;
    const auto learned = [&](const std::string& path, bool disturbed, int& n_calls) {
        CountingReference reference;
        Journal journal(path);
        Learner learner(reference, small_options(), species, {}, &journal, {}, {});
        long n_failures = 0;
        for (unsigned step = 0; step < 8; ++step) {
            Structure s = silver_iodide();
            s.positions +=
                0.2 * testing::jittered_crystal(step + 1, 3, 1.0, species, false, 0.5).positions.leftCols(16);
            bool done = false;
            for (long n = 5; disturbed && !done; n = 3 * n / 2) {
                const testing::FailingAllocation failing(n, testing::Where::outside_regions);
                try {
                    (void)learner.evaluate(s);
                    done = true;
                } catch (const std::bad_alloc&) {
                    ++n_failures;
                }
            }
            if (!disturbed) (void)learner.evaluate(s);
        }
        EXPECT_EQ(n_failures > 10, disturbed);
        EXPECT_EQ(learner.training_set().structures().size(), static_cast<std::size_t>(learner.reference_calls()));
        EXPECT_EQ(Journal(path).entries().size(), static_cast<std::size_t>(learner.reference_calls()));
        n_calls = static_cast<int>(learner.reference_calls());
        return VectorXd(learner.force_errors());
    };
    int n_calls = 0, n_undisturbed = 0;
    const VectorXd errors = learned(folder.file("disturbed"), true, n_calls);
    const VectorXd undisturbed = learned(folder.file("undisturbed"), false, n_undisturbed);
    EXPECT_GT(n_calls, 2);
    EXPECT_EQ(n_calls, n_undisturbed);
    EXPECT_TRUE(testing::agree(errors, undisturbed, 1e-6));
}

/// A retraining that fails: the step is tried again with the answer that is there.
TEST(Learner, LearnsAStepOnceAlthoughItsRetrainingFailed) {
    const TemporaryDirectory folder;
    CountingReference reference;
    LearnerOptions options = small_options();
    options.min_references = 1;
    options.regression.atom_energies = {{47, 0.0}};  // none for iodine: the fit fails
    const std::string path = folder.file("journal");
    Journal journal(path);
    Learner learner(reference, options, species, {}, &journal, {}, {});
    const Structure structure = silver_iodide();
    for (int trial = 0; trial < 3; ++trial) {
        EXPECT_THROW((void)learner.evaluate(structure), InputError);
        EXPECT_EQ(reference.n_calls, 1);
        EXPECT_EQ(learner.reference_calls(), 0);
        EXPECT_TRUE(learner.training_set().structures().empty());
        EXPECT_EQ(learner.training_set().n_references(), 0);
    }
    // Other atoms are another step; what is learned again from the journal is the last of them.
    Structure other = structure;
    other.positions(0, 0) += 0.1;
    EXPECT_THROW((void)learner.evaluate(other), InputError);
    EXPECT_EQ(reference.n_calls, 2);
    Journal written(path);
    ASSERT_EQ(written.entries().size(), 2u);
    options.regression.atom_energies.clear();
    Learner resumed(reference, options, species, {}, &written, {}, {});
    resumed.resume(true);
    ASSERT_EQ(resumed.training_set().structures().size(), 1u);
    EXPECT_EQ(resumed.training_set().structures()[0].structure.positions, other.positions);
}

/// The energy of an evaporated atom is in no descriptor: learned as that of a crystal it would raise the noise of all.
TEST(Learner, LearnsTheEnergyOfAnEvaporatedAtomOnlyIfItIsThatOfAKnownFreeAtom) {
    Structure evaporated = silver_iodide();
    evaporated.cell.col(2)[2] = 40.0;
    evaporated.positions(2, 0) = 22.0;
    for (const bool known : {false, true}) {
        CountingReference reference;
        LearnerOptions options = small_options();
        if (known) options.regression.atom_energies = {{47, 0.0}, {53, 0.0}};
        std::string log;
        Learner learner(reference, options, species, {}, nullptr, {},
                        [&](const LearningEvent& event) { log += learning_log_lines(event, species); });
        (void)learner.evaluate(silver_iodide());
        (void)learner.evaluate(evaporated);
        learner.finish();
        const auto& learned = learner.training_set().structures();
        ASSERT_EQ(learned.size(), 2u);
        EXPECT_TRUE(learned[0].labels.energy.has_value());
        EXPECT_EQ(learned[1].labels.energy.has_value(), known);
        EXPECT_TRUE(learned[1].labels.forces.has_value());
        EXPECT_EQ(log.find("energy not learned: Ag without neighbours") != std::string::npos, !known) << log;
    }
}

}  // namespace
}  // namespace mlff
