#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "analysis/series.hpp"
#include "analysis/trajectory_reader.hpp"

namespace mlff::analysis {

/// Averages of the cell over a run.
struct CellMeans {
    static constexpr Eigen::Index n_quantities = 8;
    /// V [Å³], density [g/cm³], a, b, c [Å], α, β, γ [degrees]
    Eigen::ArrayXd mean;                  ///< n_quantities
    std::optional<Eigen::ArrayXd> error;  ///< standard errors; none if there are too few frames
    double volume_deviation = 0.0;        ///< standard deviation of V [Å³]; 0: the cell is fixed
    std::optional<double> bulk_modulus;   ///< k_B T <V>/<(V − <V>)²> [GPa]; none for a fixed cell or without T
    Eigen::ArrayXd time;                  ///< [fs], of the frames
    Eigen::ArrayXXd values;               ///< n_frames × n_quantities
};

/// Volume, density, lengths and angles of the cell of each frame, their means with standard errors from blocks
/// (series.hpp), and the isothermal bulk modulus from the fluctuations of V, which is meaningful where all of the cell
/// may change its volume at constant temperature. Masses are the standard atomic weights. Memory: 72 bytes per frame.
class CellAverage {
 public:
    struct Options {
        std::optional<double> temperature = {};  ///< [K]; none: that of the frames
    };
    explicit CellAverage(const Options& options) : options_(options) {}

    /// @throws InputError if the structure has no volume
    void add(const Frame& frame);
    /// @throws InputError if there was no frame
    [[nodiscard]] CellMeans result() const;

 private:
    Options options_;
    BlockAverage average_;
    std::vector<double> times_, values_;
    double temperatures_ = 0.0;
    long n_temperatures_ = 0;
};

}  // namespace mlff::analysis
