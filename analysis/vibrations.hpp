#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/fourier.hpp"
#include "analysis/path_history.hpp"
#include "analysis/series.hpp"

namespace mlff::analysis {

struct VibrationOptions {
    std::vector<int> species = {};  ///< atomic numbers of the partial spectra; none: all of the trajectory
    double length = 4000.0;         ///< [fs] longest time of the autocorrelation, > 0; at most half of the run is used
    double smoothing = 15.0;        ///< [cm⁻¹] full width of the Savitzky-Golay window, ≥ 0; 0: none
    double upper = 0.0;             ///< [cm⁻¹] the band centre is integrated up to here, ≥ 0; 0: to the end
    bool from_positions = false;    ///< velocities from displacements even if the frames have some

    /// @throws InputError naming field, value and bound
    void validate() const;
};

/// Vibrational density of states of one species, or of all atoms.
struct VibrationalDensity {
    std::optional<int> species;                           ///< atomic number; none: all atoms
    Eigen::ArrayXd frequency;                             ///< ν̃ [cm⁻¹], equally spaced from 0
    Eigen::ArrayXd density;                               ///< g(ν̃) [modes per cm⁻¹]
    std::optional<Eigen::ArrayXd> error;                  ///< its standard error; none with fewer than 5 segments
    Eigen::ArrayXd smooth;                                ///< g after smoothing
    Eigen::ArrayXd time;                                  ///< [fs]
    Eigen::ArrayXd autocorrelation;                       ///< C(t)/C(0)
    std::optional<Eigen::ArrayXd> autocorrelation_error;  ///< its standard error, without the error of C(0)
    double modes = 0.0;                                   ///< ∫ g dν̃: 3 N_s for a classical system in equilibrium
    double centre = 0.0;                 ///< ∫ ν̃ g dν̃ / ∫ g dν̃ [cm⁻¹]; 0 if the species does not move
    std::optional<double> centre_error;  ///< standard error [cm⁻¹]; none with fewer than 5 segments
    std::vector<std::string> warnings;   ///< why the spectrum may mislead
};

/// Vibrational density of states from mass-weighted velocity autocorrelation functions,
///
///     C_s(t) = Σ_{i of s} m_i <v_i(τ) · v_i(τ+t)>_τ,       v relative to the centre of mass,
///     g_s(ν) = 3N · 4 ∫_0^∞ w(t) C_s(t) cos(2πνt) dt / C(0),      C = Σ_s C_s,   w(t) = cos²(πt/2T),
///
/// so that ∫ g dν over all species is 3N (Hann window w: peaks are 1/T wide, 8 cm⁻¹ for T = 4 ps; w(0) = 1 keeps the
/// integral). Without velocities, displacements of the paths over one frame are used and the spectrum is divided by
/// sinc²(πνδ), which is exact for periods longer than two frames.
///
/// The run is cut into segments of length 2T; within one, all pairs of frames up to T apart are correlated by Fourier
/// transform. Standard errors come from the scatter between segments. Memory: 2T/δ frames × n_atoms × 24 bytes; cost
/// O(n_frames n_atoms log(T/δ)).   Source: method.md section 7, [M24] eqs. 2 and 3; Allen & Tildesley, Computer
/// Simulation of Liquids, section 8.2.
class VibrationalSpectrum {
 public:
    /// @throws InputError as validate()
    explicit VibrationalSpectrum(const VibrationOptions& options);

    /// Frames of one run as TrajectoryReader gives them.
    /// @throws InputError if a requested species is missing, or only some frames have velocities
    void add(const Frame& frame);

    /// All atoms first, then one entry per species.
    /// @throws InputError if there are fewer than 20 frames, or nothing moves
    [[nodiscard]] std::vector<VibrationalDensity> result() const;

 private:
    /// Sums over the segments.
    struct Sums {
        BlockAverage spectra, correlations;    ///< of the sum and each species, one after the other
        std::vector<Eigen::ArrayX2d> moments;  ///< ∫ g and ∫ ν̃ g of each segment, rows as above
    };
    void begin(const Frame& frame);
    void add_segment(Eigen::Index n_frames, Eigen::Index n_lags, Sums& sums) const;
    [[nodiscard]] Eigen::ArrayXd frequencies(Eigen::Index n_lags) const;

    VibrationOptions options_;
    SpeciesMembers members_;  ///< of all species
    Eigen::VectorXd masses_;  ///< [amu] of each atom
    bool with_velocities_ = false;
    long n_frames_ = 0;
    double first_time_ = 0.0, spacing_ = 0.0;  ///< [fs]
    Matrix3X last_path_;
    Eigen::Index n_lags_ = 0;        ///< T/δ
    std::vector<Matrix3X> segment_;  ///< velocities of the segment in progress
    Sums sums_;
};

}  // namespace mlff::analysis
