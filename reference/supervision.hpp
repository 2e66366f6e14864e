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
    std::string folder;                    ///< in the run directory: log, failed calls
    std::vector<std::string> unconverged;  ///< words in the code's output that invalidate a result
    int attempts = 3;              ///< of one call before the run stops, ≥ 1; at least one for each rung of inputs
    double max_force = 100.0;      ///< on an atom [eV/Å]; a larger one is refused
    double max_force_sum = 0.05;   ///< |Σ F| per atom [eV/Å]; forces of a converged code nearly cancel
    double max_energy_jump = 1.0;  ///< between calls [eV/atom]; a larger one is accepted if a second attempt repeats it
    bool stress = true;            ///< the code computes it; an answer without it is refused
    bool stress_check = true;      ///< compare it with energies of a strained cell before the first call
    int audit = 0;                 ///< interval of calls that are repeated from scratch and compared; 0: none
    double audit_energy = 1e-3;    ///< difference that is reported [eV/atom]
    double audit_force = 0.02;     ///< likewise, largest component [eV/Å]

    /// @throws std::invalid_argument naming field, value and bound
    void validate() const;
};

/// A code whose calls are repeated on failure and whose results are checked. The n-th attempt at a call is
///
///     1  the running code, continuing from its state
///     2  from scratch, with the same input
///     3… from scratch, with the next rung of inputs (the last one again where there are no more)
///
/// A result is refused if the code reports that it is not converged, if a number is not finite, or if a force, the sum
/// of forces or the change of the energy is unphysically large. A refused result is kept with all files and the reason
/// in folder/failed-N. If all attempts fail the run stops with a GuardError; earlier results are saved.
///
/// Before the first call, once for a folder, the stress is compared with energies: with σ the stress and V the volume,
///     E(ε) − E(0) ≈ ½ [V σ(0) : ε + V' σ(ε) : ε (1 + ε)⁻¹]
/// up to third order; a wrong sign or unit is refused.
///
/// With several codes (clients, processes) the two calls of this check run at the same time, as do an audit and the
/// call it repeats, and the calls of evaluate_all; all other calls use the first code.
///
/// folder/log has one line for each call: when, how many seconds, how many attempts.
class Supervised final : public Calculator {
 public:
    /// Receives messages for the user (failures, audits, the check of the stress) and whether they are warnings.
    using Note = std::function<void(const std::string& text, bool worrying)>;

    Supervised(std::unique_ptr<ExternalCode> code, SupervisionOptions options, Note note);
    /// @param codes  instances of the same code; at least one
    Supervised(std::vector<std::unique_ptr<ExternalCode>> codes, SupervisionOptions options, Note note);

    /// @throws GuardError if no attempt gives an acceptable result
    /// @throws InputError if the result can never be right: uncertainty requested, no stress, stress of the wrong sign
    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request = {}) override;
    /// Evaluates unrelated structures, one per code at a time; jumps of the energy are not checked.
    /// @param answered  called with each answer, in any order, one at a time; k is the index of the structure
    /// @throws as evaluate: the first failure, after the calls in progress have ended
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
    /// A call of the last code: with several codes it begins at once, else when its result is awaited.
    [[nodiscard]] std::future<Evaluation> call_aside(const Structure& structure, bool afresh, const char* purpose);
    void require_no_estimates(const Request& request) const;
    /// The answer for the structure, if the check called for it.
    [[nodiscard]] std::optional<Evaluation> verify_stress(const Structure& structure);
    [[nodiscard]] Evaluation audited(const Evaluation& answer, const Evaluation& fresh, const Structure& structure);
    void log(const std::string& line);
    void tell(const std::string& text, bool worrying);
    [[nodiscard]] std::string file(const std::string& name) const;

    std::vector<std::unique_ptr<ExternalCode>> codes_;
    SupervisionOptions options_;
    Note note_;
    std::mutex log_mutex_, quarantine_mutex_;
    std::mutex hearing_mutex_;  ///< one callback at a time: Note, answers of evaluate_all
    std::unique_ptr<OutputFile> log_;
    std::optional<double> last_energy_;  ///< of the last call [eV/atom]
    long n_calls_ = 0;
    bool stress_verified_ = false;
};

}  // namespace mlff::reference
