#pragma once

#include <cmath>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "analysis/trajectory_reader.hpp"
#include "libmlff/io/extxyz.hpp"

namespace mlff::testing {

/// A fully periodic structure without atoms; lattice vectors in columns.
inline Structure empty_cell(const Matrix3& cell) {
    Structure structure;
    structure.cell = cell;
    structure.periodic = {true, true, true};
    structure.positions.resize(3, 0);
    return structure;
}

inline Matrix3 triclinic(double size) {
    Matrix3 cell;
    cell << 1.0, 0.3, -0.2, 0.0, 1.1, 0.25, 0.0, 0.0, 0.9;
    return size * cell;
}

/// A frame whose paths are its positions.
inline analysis::Frame frame_of(double time, const Structure& structure, const std::string& origin = "frame") {
    return {time, structure, std::nullopt, origin, structure.positions};
}

/// Atoms with independent random steps: a discretised Brownian motion of diffusion coefficient D [Å²/fs].
class RandomWalk {
 public:
    RandomWalk(const Structure& start, double diffusion, double interval, unsigned seed)
        : structure_(start), interval_(interval), step_(0.0, std::sqrt(2.0 * diffusion * interval)), random_(seed) {}

    /// The frame at the present time; then every atom with flag true makes a step.
    analysis::Frame next(const std::vector<bool>& moves) {
        analysis::Frame frame = frame_of(static_cast<double>(n_++) * interval_, structure_, "walk");
        for (Eigen::Index i = 0; i < structure_.size(); ++i)
            if (moves[static_cast<std::size_t>(i)])
                for (int axis = 0; axis < 3; ++axis) structure_.positions(axis, i) += step_(random_);
        return frame;
    }

 private:
    Structure structure_;
    double interval_;
    std::normal_distribution<double> step_;
    std::mt19937_64 random_;
    long n_ = 0;
};

/// A frame as the trajectory of a run holds it.
inline ExtxyzFrame recorded(const Structure& structure, std::vector<std::pair<std::string, std::string>> info) {
    ExtxyzFrame frame;
    frame.structure = structure;
    frame.info = std::move(info);
    return frame;
}

inline std::string text_of(const std::vector<ExtxyzFrame>& frames) {
    std::string text;
    for (const ExtxyzFrame& frame : frames) text += format_extxyz(frame);
    return text;
}

}  // namespace mlff::testing
