#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>
#include <vector>

#include "analysis/path_history.hpp"
#include "analysis/trajectory_reader.hpp"

namespace mlff::analysis {

struct DiffusionOptions {
    std::vector<int> species = {};    ///< atomic numbers; none: all of the trajectory
    std::vector<int> framework = {};  ///< atoms whose centre of mass is brought to rest; none: all atoms
    double window_start = 0.2;        ///< beginning of the fit, as a fraction of the length of the run, > 0
    double window_end = 0.5;          ///< its end, and the longest time of the curve, ≤ 1
    int max_frames = 2000;            ///< frames kept in memory, ≥ 20

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// Diffusion of one species.
struct Diffusion {
    int species = 0;                      ///< atomic number
    Eigen::ArrayXd time;                  ///< t [fs], from 0 to the end of the window
    Eigen::ArrayXd msd;                   ///< MSD(t) [Å²]
    std::optional<Eigen::ArrayXd> error;  ///< standard error of MSD(t), from the scatter between atoms; none for one

    double window_start = 0.0, window_end = 0.0;  ///< of the fit [fs]
    double fit = 0.0;                             ///< D from the fit [cm²/s]
    std::optional<double> fit_error;              ///< standard error [cm²/s]; none if the run is too short for one
    double intercept = 0.0;                       ///< of the fitted line [Å²]
    double end_point = 0.0;                       ///< D = MSD(t_max)/(6 t_max) [cm²/s]
    std::optional<double> end_point_error;        ///< [cm²/s]
    double exponent = 0.0;                        ///< of MSD ∝ t^exponent in the window: 0 bound, 1 diffusive, 2 free
    std::vector<std::string> warnings;            ///< why these numbers may not be a diffusion coefficient
};

/// Mean square displacement and tracer diffusion coefficient of each species,
///
///     MSD(t) = < |u_i(τ+t) − u_i(τ)|² >_{i,τ},   u_i = r_i − R,     R: centre of mass of the framework,
///     D = MSD(t_max) / (6 t_max)   and   D = slope/6 of  MSD = intercept + slope·t  in the window,
///
/// with weights (number of origins)/t³, which is 1/variance of MSD(t) for a random walk up to a factor, and t_max the
/// end of the window.
///
/// Errors of D: standard deviation of the same estimate over the fifths of the run, each with a proportional window. It
/// is not divided by √5: the relative error of a random walk's MSD depends on t/T alone, so each fifth has the error of
/// the full run. Where jumps are rare, the fifths have larger errors and the estimate is too large, which is safe.
///
/// All pairs of kept frames are used. When max_frames are kept every second one is dropped, then every second new one,
/// and so on: memory max_frames × n_atoms × 24 bytes, cost max_frames² × n_atoms / 3, for any length of the run.
/// Source: method.md section 7, [M24] eqs. 6 and 7; Frenkel & Smit, Understanding Molecular Simulation, section 4.4.
class MeanSquareDisplacement {
 public:
    /// @throws InputError as validate()
    explicit MeanSquareDisplacement(const DiffusionOptions& options);

    /// Frames of one run as TrajectoryReader gives them: with their paths, equally spaced. @throws InputError if a
    /// requested species is missing
    void add(const Frame& frame);

    /// One entry per species. @throws InputError if there are too few frames for three points in the window
    [[nodiscard]] std::vector<Diffusion> result() const;

 private:
    DiffusionOptions options_;
    SpeciesMembers members_;
    Eigen::VectorXd weights_;  ///< of each atom of the structure in the framework's centre of mass
    History<PathMoment> history_;
};

/// The same for any walkers: the rows [first, last) of the moments' paths. `name` is for warnings.
/// @throws InputError if there are too few moments for three points in the window
[[nodiscard]] Diffusion displacement_of(const History<PathMoment>& history, Eigen::Index first, Eigen::Index last,
                                        const DiffusionOptions& options, const std::string& name);

}  // namespace mlff::analysis
