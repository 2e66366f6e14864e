#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <utility>
#include <vector>

#include "analysis/trajectory_reader.hpp"

namespace mlff::analysis {

/// Some frames of a run, equally spaced, in bounded memory: when `capacity` are kept every second one is dropped, then
/// every second new one, and so on. Memory: capacity × size of a moment, for any length of the run.
template <class Moment>
class History {
 public:
    explicit History(std::size_t capacity) : capacity_(capacity) {}

    /// Counts a frame; true if this one is due to be kept, with `keep`.
    [[nodiscard]] bool counts() {
        const long number = n_seen_++;
        if (number % stride_ != 0) return false;
        if (moments_.size() < capacity_) return true;
        for (std::size_t k = 1; 2 * k < moments_.size(); ++k) moments_[k] = std::move(moments_[2 * k]);
        moments_.resize((moments_.size() + 1) / 2);
        stride_ *= 2;
        return number % stride_ == 0;
    }
    void keep(Moment moment) { moments_.push_back(std::move(moment)); }

    [[nodiscard]] long n_seen() const { return n_seen_; }
    [[nodiscard]] std::size_t size() const { return moments_.size(); }
    [[nodiscard]] const Moment& operator[](std::size_t k) const { return moments_[k]; }

 private:
    std::size_t capacity_;
    long n_seen_ = 0, stride_ = 1;  ///< frames seen; of which every stride-th is kept
    std::vector<Moment> moments_;
};

/// Positions of some atoms at one moment.
struct PathMoment {
    double time = 0.0;     ///< [fs]
    Eigen::ArrayX3d path;  ///< [Å], n × 3
};

/// Weights of the atoms in the centre of mass of the framework, n_atoms, with sum 1.
/// @param framework  atomic numbers; none: all atoms
/// @throws InputError naming `frame` if a species is missing
[[nodiscard]] Eigen::VectorXd framework_weights(const Frame& frame, const std::vector<int>& framework);

/// Atoms by species: members[k] are the numbers of the atoms of species[k].
struct SpeciesMembers {
    std::vector<int> species;  ///< atomic numbers
    std::vector<std::vector<Eigen::Index>> members;
};
/// @param wanted  atomic numbers; none: all, ascending
/// @throws InputError naming `frame` if a species is not there
[[nodiscard]] SpeciesMembers members_of(const Frame& frame, const std::vector<int>& wanted);

}  // namespace mlff::analysis
