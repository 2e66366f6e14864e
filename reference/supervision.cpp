#include "reference/supervision.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <Eigen/LU>
#include <chrono>
#include <cmath>
#include <ctime>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::reference {
namespace {

namespace fs = std::filesystem;

constexpr const char* verified_name = "stress-verified";
constexpr double same_energy = 1e-3;  // [eV/atom] two attempts that differ by less agree

double per_atom(double energy, const Structure& structure) { return energy / static_cast<double>(structure.size()); }

std::string now() { return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(std::time(nullptr))); }

/// The strain of the check [1]: expansion and shear, all six components.
Matrix3 test_strain() {
    Matrix3 strain;
    strain << 0.6, 0.3, -0.25,  //
        0.3, 0.5, 0.2,          //
        -0.25, 0.2, 0.7;
    return 0.015 * strain / strain.norm();
}

}  // namespace

void SupervisionOptions::validate() const {
    const auto positive = [](double value, const char* name) {
        if (!(value > 0.0)) throw std::invalid_argument(fmt::format("{} must be positive, got {}", name, value));
    };
    if (attempts < 1) throw std::invalid_argument(fmt::format("attempts must be at least 1, got {}", attempts));
    if (audit < 0) throw std::invalid_argument(fmt::format("audit must not be negative, got {}", audit));
    positive(max_force, "max_force");
    positive(max_force_sum, "max_force_sum");
    positive(max_energy_jump, "max_energy_jump");
    positive(audit_energy, "audit_energy");
    positive(audit_force, "audit_force");
}

Supervised::Supervised(std::unique_ptr<ExternalCode> code, SupervisionOptions options, Note note)
    : options_(std::move(options)), note_(std::move(note)) {
    options_.validate();
    codes_.push_back(std::move(code));
}

Supervised::Supervised(std::vector<std::unique_ptr<ExternalCode>> codes, SupervisionOptions options, Note note)
    : codes_(std::move(codes)), options_(std::move(options)), note_(std::move(note)) {
    options_.validate();
    if (codes_.empty()) throw std::invalid_argument("no code to supervise");
}

std::string Supervised::file(const std::string& name) const { return (fs::path(options_.folder) / name).string(); }

void Supervised::tell(const std::string& text, bool worrying) {
    const std::lock_guard lock(hearing_mutex_);
    note_(text, worrying);
}

void Supervised::log(const std::string& line) {
    const std::lock_guard lock(log_mutex_);
    if (!log_) {
        fs::create_directories(options_.folder);
        log_ = std::make_unique<OutputFile>(file("log"));
        log_->write(fmt::format("# {}: {}\n", now(), description()));
    }
    log_->write(fmt::format("{}  {}\n", now(), line));
    log_->flush();
}

Evaluation Supervised::evaluate(const Structure& structure, const Request& request) {
    if (request.uncertainty || request.spilling)
        throw InputError("a reference has no error estimates; ask a force field for them");
    check(structure);
    std::optional<Evaluation> known;
    if (options_.stress && options_.stress_check && !stress_verified_) known = verify_stress(structure);
    ++n_calls_;
    std::future<Evaluation> fresh;
    if (options_.audit > 0 && n_calls_ % options_.audit == 0) fresh = call_aside(structure, true, "audit");
    Evaluation answer = known ? std::move(*known) : call(0, structure, false, "call");
    if (fresh.valid()) answer = audited(answer, fresh.get(), structure);
    last_energy_ = per_atom(answer.energy, structure);
    if (!options_.stress) answer.stress.reset();
    return answer;
}

void Supervised::evaluate_all(std::span<const Structure> structures,
                              const std::function<void(std::size_t, const Evaluation&)>& answered) {
    for (const auto& structure : structures) check(structure);
    if (structures.empty()) return;
    if (options_.stress && options_.stress_check && !stress_verified_) (void)verify_stress(structures.front());
    last_energy_.reset();
    std::mutex mutex;  // protects the variables that the workers share
    std::size_t next = 0;
    std::exception_ptr failure;
    const auto work = [&](std::size_t who) {
        try {
            for (;;) {
                std::size_t k = 0;
                {
                    const std::lock_guard lock(mutex);
                    if (next == structures.size() || failure) return;
                    k = next++;
                }
                Evaluation answer = call(who, structures[k], false, "call");
                if (!options_.stress) answer.stress.reset();
                const std::lock_guard lock(hearing_mutex_);
                answered(k, answer);
            }
        } catch (...) {
            const std::lock_guard lock(mutex);
            if (!failure) failure = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> others;
        for (std::size_t who = 1; who < std::min(codes_.size(), structures.size()); ++who)
            others.emplace_back(work, who);
        work(0);
    }
    if (failure) std::rethrow_exception(failure);
}

std::future<Evaluation> Supervised::call_aside(const Structure& structure, bool afresh, const char* purpose) {
    return std::async(codes_.size() > 1 ? std::launch::async : std::launch::deferred,
                      [&, afresh, purpose] { return call(codes_.size() - 1, structure, afresh, purpose); });
}

Evaluation Supervised::call(std::size_t who, const Structure& structure, bool afresh, const char* purpose) {
    ExternalCode& code = *codes_[who];
    const std::string by = codes_.size() > 1 ? fmt::format(" (no. {})", who + 1) : std::string();
    const auto start = std::chrono::steady_clock::now();
    const auto rungs = static_cast<int>(code.n_rungs());
    const int n_attempts = std::max(options_.attempts, rungs > 1 ? rungs + 1 : 1);
    std::string first_reason, last_reason;
    std::optional<double> unexpected;  // an energy that was refused for its jump only
    for (int k = 0; k < n_attempts; ++k) {
        const Attempt attempt{.afresh = afresh || k > 0,
                              .rung = static_cast<std::size_t>(std::clamp(k - 1, 0, rungs - 1))};
        std::string reason;
        std::optional<Evaluation> answer;
        try {
            answer = code.call(structure, attempt);
            const auto refusal = refuse(who, structure, *answer);
            const bool repeated = refusal && refusal->jump && unexpected &&
                                  std::abs(per_atom(answer->energy - *unexpected, structure)) < same_energy;
            if (!refusal || repeated) {
                log(fmt::format("{}{}: {:.2f} s, {} attempt{}, {:.6f} eV{}", purpose, by,
                                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), k + 1,
                                k > 0 ? "s" : "", answer->energy,
                                repeated ? "; the unexpected energy came again and is believed" : ""));
                return *answer;
            }
            reason = refusal->reason;
            if (refusal->jump) unexpected = answer->energy;
        } catch (const CallFailure& failure) {
            reason = failure.what();
        }
        if (first_reason.empty()) first_reason = reason;
        last_reason = reason;
        quarantine(who, structure, answer ? &*answer : nullptr,
                   fmt::format("{}{}, attempt {} of {}: {}", purpose, by, k + 1, n_attempts, reason));
    }
    throw GuardError(
        fmt::format("the reference failed in all {} attempts at one structure. First: {}. Last: {}. What it was asked "
                    "and wrote is in {}; "
                    "everything before is saved: correct the cause and run the same command again",
                    n_attempts, first_reason, last_reason, file("failed-*")));
}

std::optional<Supervised::Refusal> Supervised::refuse(std::size_t who, const Structure& structure,
                                                      const Evaluation& answer) const {
    const std::string output = codes_[who]->output();
    for (const auto& word : options_.unconverged)
        if (output.find(word) != std::string::npos)
            return Refusal{fmt::format("the code says '{}': its result is worth nothing", word)};
    if (!std::isfinite(answer.energy) || !answer.forces.allFinite() || (answer.stress && !answer.stress->allFinite()))
        return Refusal{"energy, forces or stress hold a number that is not finite"};
    if (options_.stress && !answer.stress)
        throw InputError(
            "the reference gives no stress; ask the code for it, or set reference.stress: off to learn without");
    if (options_.stress && answer.stress->isZero(0.0))
        throw InputError(
            "the reference gives a stress of exactly zero: the code was not asked for it (CP2K: STRESS_TENSOR "
            "ANALYTICAL); or "
            "set reference.stress: off to learn without");
    Eigen::Index worst = 0;
    if (const double largest = answer.forces.colwise().norm().maxCoeff(&worst); largest > options_.max_force)
        return Refusal{fmt::format("the force on atom {} ({}) is {:.4g} eV/Å, more than max_force {} eV/Å", worst + 1,
                                   element_symbol(structure.species[static_cast<std::size_t>(worst)]), largest,
                                   options_.max_force)};
    if (const double sum = answer.forces.rowwise().mean().norm(); sum > options_.max_force_sum)
        return Refusal{
            fmt::format("the forces do not cancel: their sum is {:.4g} eV/Å per atom, more than max_force_sum {} eV/Å",
                        sum, options_.max_force_sum)};
    const double energy = per_atom(answer.energy, structure);
    if (last_energy_ && std::abs(energy - *last_energy_) > options_.max_energy_jump)
        return Refusal{
            fmt::format("the energy is {:.4f} eV/atom after {:.4f}, a jump of more than max_energy_jump {} eV/atom",
                        energy, *last_energy_, options_.max_energy_jump),
            true};
    return {};
}

void Supervised::quarantine(std::size_t who, const Structure& structure, const Evaluation* answer,
                            const std::string& reason) {
    const std::lock_guard lock(quarantine_mutex_);
    int number = 1;
    while (fs::exists(file(fmt::format("failed-{:03d}", number)))) ++number;
    const std::string name = fmt::format("failed-{:03d}", number);
    log(fmt::format("refused, see {}: {}", name, reason));
    tell(fmt::format("reference: {} (kept in {})", reason, file(name)), true);
    try {
        fs::create_directories(file(name));
        write_file_atomically(file(name + "/reason"), reason + "\n");
        LabeledStructure asked{structure, {}, {}};
        const bool finite = answer && std::isfinite(answer->energy) && answer->forces.allFinite() &&
                            (!answer->stress || answer->stress->allFinite());
        if (finite) asked.labels = {answer->energy, answer->forces, answer->stress};
        write_file_atomically(file(name + "/structure.xyz"), format_extxyz(asked));
        write_file_atomically(file(name + "/output"), codes_[who]->output());
        codes_[who]->quarantine(file(name));
    } catch (const std::exception& error) {  // an error here must not prevent the next attempt
        tell(fmt::format("reference: the files of a failed call could not be kept: {}", error.what()), true);
    }
}

std::optional<Evaluation> Supervised::verify_stress(const Structure& structure) {
    const std::string stamp = file(verified_name);
    if (fs::exists(stamp) && read_text_file(stamp) == description() + "\n") {
        stress_verified_ = true;
        return {};
    }
    const Matrix3 strain = test_strain(), deformation = Matrix3::Identity() + strain;
    Structure strained = structure;
    strained.cell = deformation * structure.cell;
    strained.positions = deformation * structure.positions;
    auto strained_call = call_aside(strained, false, "strained cell, to verify the stress");
    std::optional<Evaluation> first;
    if (codes_.size() == 1) first = strained_call.get();  // first, so that the code continues from the cell of the run
    Evaluation before = call(0, structure, false, "the same cell without strain");
    const Evaluation after = first ? *first : strained_call.get();
    const auto work = [](const Structure& s, const Evaluation& e, const Matrix3& increment) {
        return s.volume() * from_voigt(*e.stress).cwiseProduct(increment).sum();
    };
    const Matrix3 last_increment = strain * deformation.inverse();
    const double expected =
        per_atom(0.5 * (work(structure, before, strain) + work(strained, after, last_increment)), structure);
    const double found = per_atom(after.energy - before.energy, structure);
    const std::string numbers = fmt::format("a strain changes the energy by {:.3f} meV/atom, the stress says {:.3f}",
                                            1e3 * found, 1e3 * expected);
    constexpr double relative = 0.4, noise = 5e-4;  // [1], [eV/atom]: a wrong sign or unit deviates more
    const double difference = std::abs(found - expected);
    if (!(difference < std::max(noise, relative * std::max(std::abs(found), std::abs(expected))))) {
        const bool sign = std::abs(found + expected) < std::max(noise, relative * std::abs(found));
        throw InputError(
            fmt::format("the stress of the reference does not belong to its energy: {}{}; correct the code's input "
                        "(cutoff, stress), or set "
                        "reference.stress: off, or stress_check: off if you know better",
                        numbers, sign ? " (the opposite sign)" : ""));
    }
    const std::string verdict = difference < noise && std::max(std::abs(found), std::abs(expected)) < noise
                                    ? "stress of the reference: too small to be verified"
                                    : "stress of the reference: sign and unit verified";
    log(verdict + ": " + numbers);
    tell(verdict + ": " + numbers, false);
    write_file_atomically(stamp, description() + "\n");
    stress_verified_ = true;
    return before;
}

Evaluation Supervised::audited(const Evaluation& answer, const Evaluation& fresh, const Structure& structure) {
    const double energy = per_atom(std::abs(fresh.energy - answer.energy), structure);
    const double force = (fresh.forces - answer.forces).cwiseAbs().maxCoeff();
    const std::string text = fmt::format("audit: a call from scratch differs by {:.3g} meV/atom and {:.3g} meV/Å",
                                         1e3 * energy, 1e3 * force);
    log(text);
    if (energy <= options_.audit_energy && force <= options_.audit_force) return answer;
    tell(text + ", more than it should; its result is taken. Converge the code's calls more tightly", true);
    return fresh;
}

}  // namespace mlff::reference
