#include "libmlff/learning/learning_log.hpp"

#include <fmt/format.h>

#include <iterator>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff {
namespace {

constexpr double kbar = units::ev_per_cubic_angstrom_in_kbar;

}  // namespace

std::string learning_log_header() {
    return R"(# STATUS   step state number reference_called retrained steps_since_sample waiting_structures reference_calls
#          state: accurate 1 (model drives), threshold 2 (reference, candidate), learning 3 (reference, block learned),
#          critical 4 (reference, learned at once)
# BEEF     step energy[eV/atom] max_force[eV/A] mean_force[eV/A] threshold[eV/A] max_stress[kbar] mean_stress[kbar]
#          Bayesian error estimates (epistemic part) of the prediction of this step
# SF       step max min mean   spilling factor of the atoms
# LASTE    step dE[eV/atom] rms_dF[eV/A] rms_dS[kbar] true/estimated   true error of the prediction at a reference call
# LCONF    step element references_before candidates   for each species
# SPRSC    step structures element references_before_sparsification after   for each species
# REGR     step iterations s_w s_v (s_w/s_v) gamma log_evidence   regression; s_w, s_v: precision of weights and noise
# STDAB    step energy[eV/atom] force[eV/A] stress[kbar]   unit of each kind of label in the regression
# ERR      step rmse_E[eV/atom] rmse_F[eV/A] rmse_S[kbar]   training error
# ERRF     step element rmse_F[eV/A]   training error of the forces for each species
# THRHIST  step index max_force[eV/A]   errors after retraining that the threshold is made of
# THRUPD   step threshold_new[eV/A] threshold_before[eV/A]
# MSG      step text
)";
}

std::string learning_log_lines(const LearningEvent& event, const std::vector<int>& species) {
    std::string text;
    const auto line = [&]<class... Args>(const char* key, fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(text), "{:<8} {:>9} ", key, event.step);
        fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
        text += '\n';
    };
    const bool learned = !event.changes.empty();
    line("STATUS", "{:<9} {} {} {} {:>6} {:>3} {:>6}", name(event.action), static_cast<int>(event.action),
         event.truth ? "T" : "F", event.retrained ? "T" : "F", event.since_sample, event.n_candidates,
         event.reference_calls);
    if (event.prediction && event.prediction->uncertainty) {
        const Uncertainty& sigma = *event.prediction->uncertainty;
        const Eigen::VectorXd norms = sigma.force_norms();
        line("BEEF", "{:.8e} {:.8e} {:.8e} {:.8e} {:.8e} {:.8e}", sigma.energy, norms.maxCoeff(), norms.mean(),
             event.threshold, sigma.stress.maxCoeff() * kbar, sigma.stress.mean() * kbar);
        const Eigen::VectorXd& spilling = event.prediction->spilling;
        line("SF", "{:.8e} {:.8e} {:.8e}", spilling.maxCoeff(), spilling.minCoeff(), spilling.mean());
    }
    if (!event.close_pair.empty()) line("MSG", "reference called and learned at once: {}", event.close_pair);
    if (!event.note.empty()) line("MSG", "{}", event.note);
    if (event.prediction && event.truth) {
        const Evaluation &p = *event.prediction, &t = *event.truth;
        const auto n_atoms = static_cast<double>(t.forces.cols());
        const double stress = p.stress && t.stress ? (*p.stress - *t.stress).norm() / std::sqrt(6.0) : 0.0;
        line("LASTE", "{:.8e} {:.8e} {:.8e} {:.4f}", (p.energy - t.energy) / n_atoms,
             (p.forces - t.forces).norm() / std::sqrt(3.0 * n_atoms), stress * kbar, event.ratio);
    }
    for (std::size_t s = 0; learned && s < event.changes.size(); ++s) {
        const auto& [before, candidates, after] = event.changes[s];
        const std::string& symbol = element_symbol(species[s]);
        line("LCONF", "{:<2} {:>6} {:>6}", symbol, before, candidates);
        line("SPRSC", "{:<2} {:>6} {:>6}", symbol, before + candidates, after);
    }
    if (event.retrained) {
        const auto& evidence = event.retrained->posterior().evidence();
        const Provenance& fit = event.retrained->provenance();
        line("REGR", "{:>4} {:.8e} {:.8e} {:.8e} {:.4f} {:.8e}", evidence.steps, evidence.weight_precision,
             evidence.noise_precision, evidence.weight_precision / evidence.noise_precision, evidence.gamma,
             evidence.log_evidence);
        if (evidence.end != bayes::EvidenceEnd::converged && evidence.end != bayes::EvidenceEnd::fixed)
            line("MSG", "evidence: {}", bayes::describe(evidence.end));
        line("STDAB", "{:.8e} {:.8e} {:.8e}", event.retrained->scales().energy, event.retrained->scales().force,
             event.retrained->scales().stress * kbar);
        line("ERR", "{:.8e} {:.8e} {:.8e}", fit.rmse_energy, fit.rmse_force, fit.rmse_stress * kbar);
        for (std::size_t s = 0; s < species.size(); ++s)
            line("ERRF", "{:<2} {:.8e}", element_symbol(species[s]),
                 (*event.force_errors)[static_cast<Eigen::Index>(s)]);
    }
    if (event.threshold_moved && event.threshold_state) {
        if (learned)
            for (std::size_t k = 0; k < event.threshold_state->history().size(); ++k)
                line("THRHIST", "{:>3} {:.8e}", k + 1, event.threshold_state->history()[k]);
        line("THRUPD", "{:.8e} {:.8e}", event.threshold_state->value(), event.threshold);
    }
    if (event.at_capacity)
        line("MSG",
             "local references are at capacity; the most informative were kept (learning.max_references, "
             "regression.memory)");
    return text;
}

}  // namespace mlff
