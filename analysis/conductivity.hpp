#pragma once

#include <map>
#include <optional>
#include <vector>

#include "analysis/diffusion.hpp"

namespace mlff::analysis {

struct ConductivityOptions {
    std::map<int, double> charges = {};      ///< [e] by atomic number, at least one; other species have none
    std::optional<double> temperature = {};  ///< [K] > 0; none: mean of the frames' temperatures
    DiffusionOptions diffusion = {};         ///< window, framework, frames kept; its species are the charged ones

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// Ionic conductivity by two routes.
struct Conductivity {
    double temperature = 0.0;                     ///< [K]
    double volume = 0.0;                          ///< [Å³], mean
    double nernst_einstein = 0.0;                 ///< [S/cm]
    std::optional<double> nernst_einstein_error;  ///< standard error [S/cm]
    double collective = 0.0;                      ///< [S/cm]
    std::optional<double> collective_error;       ///< standard error [S/cm]
    std::optional<double> haven_ratio;            ///< nernst_einstein / collective; none unless that is positive
    Diffusion charge;                             ///< <|ΔP|²> [e²Å²] in place of the MSD, with window and warnings
    std::vector<Diffusion> tracers;               ///< of each charged species
};

/// Conductivity of independent ions (Nernst-Einstein) and of the total charge (Einstein-Helfand),
///
///     σ_NE = e²/(V k_B T) Σ_s N_s q_s² D_s,
///     σ    = e²/(6 V k_B T) d/dt <|P(τ+t) − P(τ)|²>_τ,   P = Σ_i q_i (r_i − R),   R: centre of mass of the framework.
///
/// D and its error as in MeanSquareDisplacement. The error of the charge comes from the scatter of the fifths of the
/// run: the charge is one walker, so the error is √N times larger than a tracer's. Source: Frenkel & Smit,
/// Understanding Molecular Simulation, section 4.4; France-Lanord & Grossman, Phys. Rev. Lett. 122, 136001 (2019).
class ConductivityMeter {
 public:
    /// @throws InputError as validate()
    explicit ConductivityMeter(const ConductivityOptions& options);

    /// Frames of one run as TrajectoryReader gives them.
    /// @throws InputError if a requested species is missing, or the cell is not periodic in three directions
    void add(const Frame& frame);

    /// @throws InputError if there are too few frames, or no temperature is known
    [[nodiscard]] Conductivity result() const;

 private:
    ConductivityOptions options_;
    MeanSquareDisplacement tracers_;
    History<PathMoment> charge_;
    Eigen::VectorXd weights_;  ///< of each atom in the framework's centre of mass
    Eigen::VectorXd charges_;  ///< [e] of each atom
    std::map<int, double> counts_;
    double volume_sum_ = 0.0, temperature_sum_ = 0.0;
    long n_frames_ = 0, n_temperatures_ = 0;
};

}  // namespace mlff::analysis
