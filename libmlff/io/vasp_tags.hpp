#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace mlff {

/// Key of a setting for a tag of VASP's INCAR, as a hint to people who type the tag; "" for another word. Source: VASP
/// wiki.
[[nodiscard]] constexpr std::string_view key_of_vasp_tag(std::string_view tag) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 43> table = {{
        {"ML_RCUT1", "force_field.radial.cutoff"},
        {"ML_RCUT2", "force_field.angular.cutoff"},
        {"ML_SION1", "force_field.radial.width"},
        {"ML_SION2", "force_field.angular.width"},
        {"ML_MRB1", "force_field.radial.functions"},
        {"ML_MRB2", "force_field.angular.functions"},
        {"ML_LMAX2", "force_field.angular.l_max"},
        {"ML_AFILT2", "force_field.angular.filter"},
        {"ML_W1", "force_field.radial_weight"},
        {"ML_NHYP", "force_field.kernel_power"},
        {"ML_DESC_TYPE", "force_field.compression"},
        {"ML_RDES_SPARSDES", "force_field.angular.keep"},
        {"ML_WTOTEN", "regression.weights.energy"},
        {"ML_WTIFOR", "regression.weights.force"},
        {"ML_WTSIF", "regression.weights.stress"},
        {"ML_IREG", "regression.precisions"},
        {"ML_SIGW0", "regression.weight_precision"},
        {"ML_SIGV0", "regression.noise_precision"},
        {"ML_IALGO_LINREG", "regression.solver"},
        {"ML_EATOM_REF", "regression.atom_energies"},
        {"ML_MB", "learning.max_references, or references.max of fit"},
        {"ML_MCONF", "regression.memory: structures are not limited in number"},
        {"ML_MCONF_NEW", "learning.block"},
        {"ML_CTIFOR", "learning.threshold.start"},
        {"ML_ICRITERIA", "learning.threshold.mode"},
        {"ML_CX", "learning.threshold.factor"},
        {"ML_MHIS", "learning.threshold.history"},
        {"ML_CDOUB", "learning.critical_factor"},
        {"ML_NMDINT", "learning.interval"},
        {"ML_SCLC_CTIFOR", "learning.candidate_factor"},
        {"ML_EPS_LOW", "learning.selection.tolerance"},
        {"ML_MODE", "the verb: mlff train, select, fit or run"},
        {"ML_LMLFF", "the verb: mlff train, select, fit or run"},
        {"ML_OUTBLOCK", "trajectory.every"},
        {"POTIM", "dynamics.timestep"},
        {"NSW", "dynamics.steps"},
        {"TEBEG", "dynamics.temperature"},
        {"TEEND", "dynamics.temperature: [start, end]"},
        {"MDALGO", "dynamics.thermostat.type, dynamics.barostat.type"},
        {"PSTRESS", "dynamics.barostat.pressure, in GPa"},
        {"PMASS", "dynamics.barostat.mass"},
        {"LANGEVIN_GAMMA", "dynamics.thermostat.period, 1/friction"},
        {"LANGEVIN_GAMMA_L", "dynamics.barostat.friction"},
    }};
    for (const auto& [known, key] : table)
        if (known == tag) return key;
    return "";
}

}  // namespace mlff
