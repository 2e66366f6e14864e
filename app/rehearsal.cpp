#include "app/rehearsal.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

#include "app/run_directory.hpp"
#include "libmlff/search/thread_time.hpp"

namespace mlff::app {
namespace {

using Eigen::Index;

constexpr Index few_atoms = 1000, many_atoms = 6000;  ///< of the two trials that memory is extrapolated from
constexpr double trial_seconds = 0.4;                 ///< of evaluations in a trial
constexpr double seam = 0.7;                          ///< [Å] atoms closer than this across a cut are left out
constexpr double half_skin = 0.5;                     ///< [Å] an atom moves between two searches of neighbours

template <class Action>
double seconds_of(const Action& action) {
    const double start = thread_seconds();
    action();
    return thread_seconds() - start;
}

/// Evaluates and times a calculator, but returns no forces: neither a seam nor a bad force field can disturb the trial.
class Rehearsed final : public Calculator {
 public:
    Rehearsed(Calculator* inner, bool with_spilling) : inner_(inner), with_spilling_(with_spilling) {}

    [[nodiscard]] Evaluation evaluate(const Structure& structure, const Request& request) override {
        Evaluation result;
        const double start = thread_seconds();
        if (inner_) {
            Request first = request;
            first.spilling = std::exchange(with_spilling_, false);
            result = inner_->evaluate(structure, first);
        }
        last_seconds_ = thread_seconds() - start;
        result.energy = 0.0;
        result.forces.setZero(3, structure.size());
        if (result.stress) result.stress->setZero();
        return result;
    }
    [[nodiscard]] std::string description() const override { return "rehearsal"; }
    [[nodiscard]] double last_seconds() const { return last_seconds_; }

 private:
    Calculator* inner_;
    bool with_spilling_;  ///< at the next evaluation
    double last_seconds_ = 0.0;
};

/// A file in memory, without a name.
class MemoryFile {
 public:
    MemoryFile() : descriptor_(memfd_create("rehearsal", MFD_CLOEXEC)) {}
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { close(descriptor_); }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
    int descriptor_;
};

/// Seconds of each kind of work for the atoms of a trial.
struct Costs {
    double evaluation = 0.0;
    double search = 0.0;    ///< of neighbours, in addition to an evaluation
    double spilling = 0.0;  ///< of the guard, likewise
    double driver = 0.0;    ///< a step of the dynamics without the evaluation
    double frame = 0.0;
    double frame_bytes = 0.0;
    double steps_per_search = 1.0;
};

/// Data exchanged by ranks in a step: the structure as a growing message (28 bytes, up to twice), and the sums of
/// forces and energies (32 bytes, and MPI's copy).
constexpr double exchanged = 56.0 + 2.0 * 32.0;  ///< [bytes] per atom
constexpr double mpi_bytes = 10e6;               ///< of the library, measured with Open MPI 4

/// @param calculator  null: dynamics without forces
Costs try_out(Calculator* calculator, const Structure& piece, const RunPlan& plan) {
    Rehearsed rehearsed(calculator, plan.guard.has_value());
    md::DynamicsOptions options = plan.dynamics;
    options.given_velocities = false;
    if (options.ensemble == md::Ensemble::npt) options.ensemble = md::Ensemble::nvt;
    options.barostat = {};  // its cost is that of no atom, and the trial has no stress
    options.max_displacement = options.max_temperature = std::numeric_limits<double>::max();
    md::Driver driver(rehearsed, md::make_state(piece), options);
    Costs costs;
    driver.advance();  // evaluates the structure itself and the first step
    costs.evaluation = costs.driver = std::numeric_limits<double>::max();
    double all = 0.0;
    for (int n_steps = 0; n_steps < 3 || (n_steps < 10 && all < trial_seconds); ++n_steps) {
        const double step = seconds_of([&] { driver.advance(); }), evaluation = rehearsed.last_seconds();
        costs.evaluation = std::min(costs.evaluation, evaluation);
        costs.driver = std::min(costs.driver, step - evaluation);
        all += step;
    }
    const double fastest = driver.state().velocities.colwise().norm().maxCoeff() * options.timestep;
    if (fastest > 0.0) costs.steps_per_search = std::max(1.0, half_skin / fastest);

    MemoryFile file;
    md::TrajectoryOptions every_step = plan.trajectory;
    every_step.every = 1;
    md::Trajectory trajectory(file.path(), every_step);
    const md::StepReport last = driver.report();
    constexpr double long_number = -0.1234567890123456;  // in text
    Evaluation usual = last.evaluation;
    usual.forces.setConstant(long_number);
    if (usual.stress) usual.stress->setConstant(long_number);
    const md::StepReport report{
        last.step,      last.time,      last.temperature, last.target_temperature, long_number,
        last.kinetic,   last.conserved, last.pressure,    last.pressure_tensor,    last.target_pressure,
        last.net_force, usual,          last.state};
    costs.frame = seconds_of([&] { trajectory.write(report); });
    costs.frame_bytes = static_cast<double>(trajectory.position());
    Checkpoint checkpoint;
    checkpoint.driver = driver.snapshot();
    (void)checkpoint.encode();

    if (calculator) {
        Structure moved = driver.state().structure;
        const auto beyond = [&](const Request& request, double step) {
            double shortest = std::numeric_limits<double>::max();
            for (int trial = 0; trial < 2; ++trial) {
                moved.positions.array() += step;
                shortest = std::min(shortest, seconds_of([&] { (void)calculator->evaluate(moved, request); }));
            }
            return std::max(0.0, shortest - costs.evaluation);
        };
        if (plan.guard) costs.spilling = beyond({.spilling = true}, 0.0);
        costs.search = beyond({}, 1.5 * half_skin);
    }
    return costs;
}

}  // namespace

Structure piece_of(const Structure& whole, const std::array<int, 3>& cells, Index n) {
    if (n >= whole.size()) return whole;
    std::array<std::size_t, 3> axes = {0, 1, 2};
    const auto length = [&](std::size_t axis) { return whole.cell.col(static_cast<Index>(axis)).norm(); };
    std::sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) { return length(a) < length(b); });
    // Shorten the longest axes to the edge of a cube of the wanted volume.
    std::array<double, 3> part = {1.0, 1.0, 1.0};
    double volume = static_cast<double>(n) / static_cast<double>(whole.size());
    int n_left = 0;
    for (const std::size_t axis : axes)
        if (whole.periodic[axis]) {
            volume *= length(axis);
            ++n_left;
        }
    for (const std::size_t axis : axes) {
        if (!whole.periodic[axis]) continue;
        const double edge = std::pow(volume, 1.0 / n_left--);
        part[axis] = std::min(1.0, edge / length(axis));
        if (cells[axis] > 1) part[axis] = std::max(1.0, std::round(part[axis] * cells[axis])) / cells[axis];
        volume /= part[axis] * length(axis);
    }

    Matrix3 full = whole.cell;  // axes that are not periodic may have no vector; they are not cut either
    for (Index axis = 0; axis < 3; ++axis)
        if (!whole.periodic[static_cast<std::size_t>(axis)]) full.col(axis).setZero();
    const Eigen::Matrix3d inverse = full.completeOrthogonalDecomposition().pseudoInverse();
    Structure piece;
    piece.periodic = whole.periodic;
    piece.cell = whole.cell;
    for (Index axis = 0; axis < 3; ++axis) piece.cell.col(axis) *= part[static_cast<std::size_t>(axis)];
    std::vector<Vector3> positions, near_cut;
    constexpr double rounding = 1e-9;
    for (Index i = 0; i < whole.size(); ++i) {
        Vector3 r = whole.positions.col(i), s = inverse * r;
        bool inside = true, at_cut = false;
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const auto a = static_cast<Index>(axis);
            if (part[axis] == 1.0) continue;
            r -= std::floor(s[a] + rounding) * whole.cell.col(a);
            s[a] -= std::floor(s[a] + rounding);
            inside &= s[a] < part[axis] - rounding;
            const double margin = seam / length(axis);
            at_cut |= s[a] < margin || s[a] > part[axis] - margin;
        }
        if (!inside) continue;
        if (at_cut) {
            const auto too_close = [&](const Vector3& other) {
                Vector3 d = r - other;
                for (Index axis = 0; axis < 3; ++axis) {
                    const auto vector = piece.cell.col(axis);
                    if (part[static_cast<std::size_t>(axis)] < 1.0)
                        d -= std::round(d.dot(vector) / vector.squaredNorm()) * vector;
                }
                return d.norm() < seam;
            };
            if (std::any_of(near_cut.begin(), near_cut.end(), too_close)) continue;
            near_cut.push_back(r);
        }
        positions.push_back(r);
        piece.species.push_back(whole.species[static_cast<std::size_t>(i)]);
    }
    piece.positions.resize(3, static_cast<Index>(positions.size()));
    for (std::size_t k = 0; k < positions.size(); ++k) piece.positions.col(static_cast<Index>(k)) = positions[k];
    return piece;
}

std::optional<double> peak_while(const std::function<void()>& action) {
    malloc_trim(0);
    std::ofstream reset("/proc/self/clear_refs");
    const bool can_tell = static_cast<bool>(reset << "5" << std::flush);  // 5: forget the peak
    action();
    if (!can_tell) return {};
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (double kibibytes = 0.0; word == "VmHWM:" && status >> kibibytes) return 1024.0 * kibibytes;
    return {};
}

RunForecast rehearse(const std::function<std::unique_ptr<Calculator>()>& make, Structure whole, const RunPlan& plan) {
    const Index n_atoms = whole.size();
    const Structure large = piece_of(whole, plan.cells, many_atoms), small = piece_of(whole, plan.cells, few_atoms);
    whole = {};
    const auto n_large = static_cast<double>(large.size()), n = static_cast<double>(n_atoms);
    const auto n_ranks = static_cast<double>(plan.ranks), n_steps = static_cast<double>(plan.dynamics.steps);

    Costs costs;
    const auto peak_of = [&](Calculator* calculator, const Structure& piece) {
        return peak_while([&] { costs = try_out(calculator, piece, plan); });
    };
    RunForecast forecast;
    forecast.atoms_tried = large.size();
    // Reading a model may take more memory than a few atoms: it has its own peak.
    std::unique_ptr<Calculator> calculator;
    const auto peak_made = peak_while([&] { calculator = make ? make() : nullptr; });
    const auto peak_small = peak_of(calculator.get(), small), peak_large = peak_of(calculator.get(), large);
    if (peak_made && peak_small && peak_large) {
        // Memory grows with the atoms of a rank and with all atoms; dynamics without forces has the second contribution
        // alone.
        const double more = n_large - static_cast<double>(small.size());
        const double slope = more > 0.0 ? (*peak_large - *peak_small) / more : 0.0;
        const Costs of_large = costs;
        double shared = 0.0;
        if (plan.ranks > 1) {
            const auto alone = peak_of(nullptr, large);
            const auto fivefold = peak_of(nullptr, make_supercell(large, {5, 1, 1}));
            shared = std::clamp((*fivefold - *alone) / (4.0 * n_large), 0.0, slope);
        }
        costs = of_large;
        const double running = *peak_large + shared * (n - n_large) + (slope - shared) * (n / n_ranks - n_large);
        forecast.bytes = std::max(*peak_made, running) + (plan.ranks > 1 ? mpi_bytes + exchanged * n : 0.0);
    }
    // Step 0 is evaluated too: one more of each.
    const auto occasions = [&](double every) { return std::floor(n_steps / every) + 1.0; };
    const double frames = occasions(static_cast<double>(plan.trajectory.every));
    const double checks = plan.guard ? occasions(static_cast<double>(plan.guard->every)) : 0.0;
    const double shared_out =
        (n_steps + 1.0) * costs.evaluation + occasions(costs.steps_per_search) * costs.search + checks * costs.spilling;
    const double serial = n_steps * costs.driver + frames * costs.frame;
    forecast.seconds = (shared_out / n_ranks + serial) * n / n_large;
    forecast.microseconds = 1e6 * forecast.seconds / (n * n_steps);
    forecast.frames = static_cast<long>(frames);
    forecast.disk = frames * costs.frame_bytes * n / n_large;
    return forecast;
}

}  // namespace mlff::app
