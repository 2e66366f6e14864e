#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "libmlff/model/calculator.hpp"
#include "libmlff/model/guard.hpp"
#include "md/driver.hpp"
#include "md/trajectory.hpp"

/// Forecasts by trial: what a run is made of is done for about a second with a piece of the user's structure, timed,
/// and its peak memory read from the system. Nothing is assumed about how the code spends either.
namespace mlff::app {

/// A periodic piece of about n atoms, or the whole if that is smaller. Axes that are not periodic are not cut. Along an
/// axis of several `cells` (a supercell) it is cut between cells, so that it has no seam; elsewhere atoms that come
/// closer than 0.7 Å across the seam are left out.
[[nodiscard]] Structure piece_of(const Structure& whole, const std::array<int, 3>& cells, Eigen::Index n);

/// Peak resident memory [bytes] of this process while `action` runs; none where the system does not tell.
[[nodiscard]] std::optional<double> peak_while(const std::function<void()>& action);

struct RunPlan {
    md::DynamicsOptions dynamics;
    md::TrajectoryOptions trajectory;
    std::optional<GuardOptions> guard;
    std::array<int, 3> cells = {1, 1, 1};  ///< of the structure, as in piece_of
    int ranks = 1;  ///< MPI ranks: each evaluates its share of the atoms and holds the state of all
};

struct RunForecast {
    Eigen::Index atoms_tried = 0;
    double microseconds = 0.0;    ///< per atom and step, wall time of all ranks together
    double seconds = 0.0;         ///< of the run
    std::optional<double> bytes;  ///< peak memory of the largest rank
    double disk = 0.0;            ///< [bytes] of the trajectory
    long frames = 0;              ///< likewise
};

/// @param make  the calculator as the run will make it; none: dynamics without forces
/// @param whole  given away, so that it takes no memory while memory is measured
[[nodiscard]] RunForecast rehearse(const std::function<std::unique_ptr<Calculator>()>& make, Structure whole,
                                   const RunPlan& plan);

}  // namespace mlff::app
