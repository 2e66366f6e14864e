#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libmlff/io/output_file.hpp"
#include "reference/external_code.hpp"

namespace mlff::reference {

struct SupervisionOptions {
    std::string folder;                    ///< of the code in the run directory: log, failed calls
    std::vector<std::string> unconverged;  ///< words in what the code writes that spoil a result
    int attempts = 3;          ///< of one call before the run is stopped, ≥ 1; at least one for each rung of inputs
    double max_force = 100.0;  ///< on an atom [eV/Å]; more is not believed
    double max_force_sum = 0.05;   ///< |Σ F| per atom [eV/Å]; forces of a converged code nearly cancel
    double max_energy_jump = 1.0;  ///< between calls [eV/atom]; a larger one is believed if a second attempt repeats it
    bool stress = true;            ///< the code computes it; an answer without is refused
    bool stress_check = true;      ///< compare it with energies of a strained cell before the first call
    int audit = 0;                 ///< every so many calls are repeated from scratch and compared; 0: none
    double audit_energy = 1e-3;    ///< difference that is reported [eV/atom]
    double audit_force = 0.02;     ///< likewise, largest component [eV/Å]

    /// @throws std::invalid_argument naming field, value and bound
    void validate() const;
};

/// A code that is asked as often as it takes, and not believed blindly. The n-th attempt at a call is
///
///     1  the code as it stands, going on from what it remembers
///     2  afresh, with the same input
///     3… afresh, with the next rung of inputs (the last one again where there are no more)
///
/// A result is refused if the code says that it is not converged, if a number is not finite, if a force, the sum of
/// forces or the change of the energy is beyond what is physical. What is refused is kept with all files in
/// folder/failed-N, with the reason. If all attempts fail the run stops with a GuardError; what came before is saved.
///
/// Before the first call, once for a folder, the stress is compared with energies: with σ the stress and V the volume,
///     E(ε) − E(0) ≈ ½ [V σ(0) : ε + V' σ(ε) : ε (1 + ε)⁻¹]
/// up to third order; a wrong sign or unit is refused.
///
/// With several codes (clients, processes) the two calls of this check, and an audit and the call it repeats, are made
/// at the same time, and so are those of evaluate_all; all else asks the first.
///
/// folder/log has one line for each call: when, how many seconds, how many attempts.
class Supervised final : public Calculator {
 public:
    /// What the user should hear of, and whether it is a reason to worry: failures, audits, the check of the stress.
    using Note = std::function<void(const std::string& text, bool worrying)>;

    Supervised(std::unique_ptr<ExternalCode> code, SupervisionOptions options, Note note);
    /// @param codes  that compute the same; at least one
    Supervised(std::vector<std::unique_ptr<ExternalCode>> codes, SupervisionOptions options, Note note);

    /// @throws GuardError if no attempt gives a result to be believed
    /// @throws InputError if the result can never be right: uncertainty asked for, no stress, a wrong sign of it
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    /// Structures that have nothing to do with each other, as many at a time as there are codes; their energies may
    /// jump.
    /// @param answered  hears of each answer as it comes, in any order, one at a time; k counts the structures
    /// @throws as evaluate: the first failure, after the calls that were under way have come to their end
    void evaluate_all(std::span<const Structure> structures,
                      const std::function<void(std::size_t k, const Evaluation& answer)>& answered);
    void check(const Structure& structure) const override { codes_.front()->check(structure); }
    [[nodiscard]] std::string description() const override { return codes_.front()->description(); }

 private:
    struct Refusal {
        std::string reason;
        bool jump = false;  ///< only the energy is unexpected
    };
    /// @param who  index of the code
    [[nodiscard]] Evaluation call(std::size_t who, const Structure& structure, bool afresh, const char* purpose);
    [[nodiscard]] std::optional<Refusal> refuse(std::size_t who, const Structure& structure,
                                                const Evaluation& answer) const;
    void quarantine(std::size_t who, const Structure& structure, const Evaluation* answer, const std::string& reason);
    /// A call of the last code: it begins at once if that is another than the first, else when it is waited for.
    [[nodiscard]] std::future<Evaluation> call_aside(const Structure& structure, bool afresh, const char* purpose);
    void require_no_estimates(const Request& request) const;
    /// The answer for the structure, if it had to be asked.
    [[nodiscard]] std::optional<Evaluation> verify_stress(const Structure& structure);
    [[nodiscard]] Evaluation audited(const Evaluation& answer, const Evaluation& fresh, const Structure& structure);
    void log(const std::string& line);
    void tell(const std::string& text, bool worrying);
    [[nodiscard]] std::string file(const std::string& name) const;

    std::vector<std::unique_ptr<ExternalCode>> codes_;
    SupervisionOptions options_;
    Note note_;
    std::mutex log_mutex_, quarantine_mutex_;
    std::mutex hearing_mutex_;  ///< the caller is told one thing at a time: Note, answers of evaluate_all
    std::unique_ptr<OutputFile> log_;
    std::optional<double> last_energy_;  ///< of the last call [eV/atom]
    long n_calls_ = 0;
    bool stress_verified_ = false;
};

}  // namespace mlff::reference
