#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "libmlff/model/calculator.hpp"
#include "libmlff/model/guard.hpp"
#include "md/driver.hpp"
#include "md/trajectory.hpp"

/// Forecasts by trial: the work of a run is done for about a second with a piece of the user's structure and timed; the
/// peak memory is read from the system. No model of the code's cost is assumed.
namespace mlff::app {

/// A periodic piece of about n atoms, or the total structure if that is smaller. Axes that are not periodic are not
/// cut. Along an axis of several `cells` (a supercell) the cut is between cells and leaves no seam; elsewhere atoms
/// closer than 0.7 Å across the seam are left out.
[[nodiscard]] Structure piece_of(const Structure& whole, const std::array<int, 3>& cells, Eigen::Index n);

/// Peak resident memory [bytes] of this process while `action` runs; none where the system does not report it.
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

/// @param make  makes the calculator of the run; none: dynamics without forces
/// @param whole  moved in and freed, so that it takes no memory during the measurement
[[nodiscard]] RunForecast rehearse(const std::function<std::unique_ptr<Calculator>()>& make, Structure whole,
                                   const RunPlan& plan);

}  // namespace mlff::app
