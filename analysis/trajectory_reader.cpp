#include "analysis/trajectory_reader.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::analysis {
namespace {

constexpr double time_tolerance = 0.01;        ///< of a spacing: times are often written with few digits
constexpr double highest_temperature = 5.0e4;  ///< [K] no condensed matter is hotter

[[noreturn]] void fail(const std::string& origin, const std::string& message) {
    throw InputError(origin + ": " + message);
}

}  // namespace

void TrajectoryReaderOptions::validate() const {
    if (!(skip >= 0.0)) throw InputError(fmt::format("skip is {}; it must not be negative", skip));
    if (timestep && !(*timestep > 0.0)) throw InputError(fmt::format("timestep is {}; it must be positive", *timestep));
    if (spacing && !(*spacing > 0.0)) throw InputError(fmt::format("spacing is {}; it must be positive", *spacing));
}

TrajectoryReader::TrajectoryReader(std::vector<std::string> files, const TrajectoryReaderOptions& options)
    : files_(std::move(files)), options_(options) {
    if (files_.empty()) throw std::invalid_argument("a trajectory needs at least one file");
    options_.validate();
}

std::optional<Frame> TrajectoryReader::next() {
    while (true) {
        if (!source_) {
            if (next_file_ == files_.size()) return std::nullopt;
            source_ = open_frames(files_[next_file_++], options_.species);
            file_begins_ = true;
        }
        std::optional<SourceFrame> read = source_->next();
        if (!read) {
            source_.reset();
            continue;
        }
        check_atoms(*read);
        const double time = time_of(*read);
        same_file_ = !std::exchange(file_begins_, false);
        if (!same_file_ && repeats_last(time)) continue;
        check_clock(*read, time);

        Frame frame{time, std::move(read->structure), std::move(read->velocities), std::move(read->origin),
                    {},   read->temperature};
        extend_path(frame);
        check_speed(frame);
        if (n_read_++ == 0) first_time_ = time;
        last_ = frame;
        // With a tolerance: rounding of the time must not exclude a frame.
        if (time - first_time_ < options_.skip - time_tolerance * spacing_) continue;
        ++n_frames_;
        return frame;
    }
}

double TrajectoryReader::time_of(const SourceFrame& frame) const {
    if (frame.time) return *frame.time;
    if (frame.step && options_.timestep) return *frame.step * *options_.timestep;
    if (options_.spacing) return static_cast<double>(n_read_) * *options_.spacing;
    if (frame.step && frame.timestep) return *frame.step * *frame.timestep;
    fail(frame.origin, frame.step ? "the frame tells its step but no time; give the timestep [fs] of the run"
                                  : "the frame tells no time; give the spacing [fs] of the frames");
}

bool TrajectoryReader::repeats_last(double time) const {
    return n_read_ > 0 && std::abs(time - last_.time) <= time_tolerance * spacing_;
}

void TrajectoryReader::check_atoms(const SourceFrame& frame) const {
    if (n_read_ == 0 || frame.structure.species == last_.structure.species) return;
    fail(frame.origin,
         fmt::format("the atoms are not those of the frames before ({} after {}, or another order); one run keeps its "
                     "atoms and their order",
                     formula(frame.structure), formula(last_.structure)));
}

void TrajectoryReader::check_clock(const SourceFrame& frame, double time) {
    const auto step = frame.step, last_step = std::exchange(last_step_, step);
    if (n_read_ == 0) return;
    if (same_file_ && step && last_step) {
        if (!step_spacing_) step_spacing_ = *step - *last_step;
        if (!(*step > *last_step) || *step - *last_step != *step_spacing_)
            fail(frame.origin,
                 fmt::format("step {} follows step {}; frames must be equally spaced and in order", *step, *last_step));
    }
    const double elapsed = time - last_.time;
    if (!(elapsed > 0.0))
        fail(frame.origin,
             fmt::format(
                 "time goes from {} fs to {} fs; the files of one run must be given in order, and different runs "
                 "as different trajectories{}",
                 last_.time, time,
                 !same_file_ && step && !frame.time
                     ? "; for parts that number their steps from 1 again give spacing instead of timestep"
                     : ""));
    const auto differs = [&](double expected) { return !(std::abs(elapsed - expected) <= time_tolerance * expected); };
    if (n_read_ == 1) {
        spacing_ = elapsed;
        const auto compare = [&](double expected, const std::string& what) {
            if (differs(expected))
                fail(frame.origin, fmt::format("the frames are {} fs apart by their time, but {} fs by {}; one of the "
                                               "two is wrong, or time is not in fs",
                                               elapsed, expected, what));
        };
        if (options_.spacing) compare(*options_.spacing, "the spacing given");
        if (frame.timestep && step && last_step && same_file_)
            compare((*step - *last_step) * *frame.timestep, "POTIM of the file");
        if (options_.timestep && step && last_step)
            compare((*step - *last_step) * *options_.timestep, "step × timestep");
    }
    if (differs(spacing_))
        fail(frame.origin,
             fmt::format("time goes from {} fs to {} fs, but the frames before are {} fs apart; frames must "
                         "be equally spaced (is one missing, or does another run begin here?)",
                         last_.time, time, spacing_));
}

void TrajectoryReader::extend_path(Frame& frame) {
    const Structure& structure = frame.structure;
    // Rows of a missing lattice vector are zero, so nothing is unwrapped along it.
    const Matrix3 inverse = structure.cell.completeOrthogonalDecomposition().pseudoInverse();
    Matrix3X fractional = inverse * structure.positions;
    Matrix3X outside = structure.positions - structure.cell * fractional;
    if (n_read_ == 0) {
        frame.path = structure.positions;
    } else {
        Matrix3X moved = fractional - last_fractional_;
        for (Eigen::Index i = 0; i < structure.size(); ++i) {
            bool jumped = false;
            for (int axis = 0; axis < 3; ++axis) {
                if (!structure.periodic[static_cast<std::size_t>(axis)]) continue;
                const double cells = std::nearbyint(moved(axis, i));
                moved(axis, i) -= cells;
                jumped = jumped || cells != 0.0;
            }
            if (jumped) ++n_jumps_;
        }
        const Matrix3 cell = 0.5 * (last_.structure.cell + structure.cell);
        frame.path = last_.path + cell * moved + (outside - last_outside_);
    }
    last_fractional_ = std::move(fractional);
    last_outside_ = std::move(outside);
}

/// The mean velocity between two frames bounds the true one from below, Σ m |Δr/Δt|² ≤ Σ m <v²>: an absurd temperature
/// from it proves a wrong unit of time (or length).
void TrajectoryReader::check_speed(const Frame& frame) const {
    if (n_read_ == 0) return;
    const Matrix3X moved = frame.path - last_.path;
    double twice_kinetic = 0.0;  // [eV]
    for (Eigen::Index i = 0; i < moved.cols(); ++i)
        twice_kinetic += atomic_mass(frame.structure.species[static_cast<std::size_t>(i)]) * moved.col(i).squaredNorm();
    const double elapsed = frame.time - last_.time;
    twice_kinetic /= elapsed * elapsed * units::acceleration;
    const double temperature = twice_kinetic / (3.0 * static_cast<double>(moved.cols()) * units::boltzmann);
    if (!(temperature <= highest_temperature))
        fail(frame.origin, fmt::format("since the frame {} fs before, the atoms moved as if they were {:.2g} K hot; is "
                                       "time in fs and are positions in Å?",
                                       elapsed, temperature));
}

}  // namespace mlff::analysis
