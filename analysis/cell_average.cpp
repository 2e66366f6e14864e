#include "analysis/cell_average.hpp"

#include <cmath>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::analysis {

using Eigen::Index;

void CellAverage::add(const Frame& frame) {
    const Structure& structure = frame.structure;
    if (!structure.has_volume())
        throw InputError(frame.origin + ": the cell has no volume; the observable cell needs three lattice vectors");
    double mass = 0.0;
    for (const int z : structure.species) mass += atomic_mass(z);
    const double volume = structure.volume();
    const CellParameters cell = cell_parameters(structure.cell);
    Eigen::ArrayXd sample(CellMeans::n_quantities);
    sample << volume, mass / volume * units::amu_per_a3_in_g_per_cm3, cell.lengths[0], cell.lengths[1], cell.lengths[2],
        cell.angles[0], cell.angles[1], cell.angles[2];
    average_.add(sample);
    times_.push_back(frame.time);
    values_.insert(values_.end(), sample.begin(), sample.end());
    if (frame.temperature) {
        temperatures_ += *frame.temperature;
        ++n_temperatures_;
    }
}

CellMeans CellAverage::result() const {
    if (times_.empty()) throw InputError("there are no frames to average the cell over");
    CellMeans out;
    const auto n = static_cast<Index>(times_.size());
    out.time = Eigen::Map<const Eigen::ArrayXd>(times_.data(), n);
    out.values = Eigen::Map<const Eigen::ArrayXXd>(values_.data(), CellMeans::n_quantities, n).transpose();
    out.mean = average_.mean();
    out.error = average_.error();
    const double variance = (out.values.col(0) - out.values.col(0).mean()).square().mean();
    if (!(variance > 1e-20 * out.mean[0] * out.mean[0])) return out;
    out.volume_deviation = std::sqrt(variance);
    std::optional<double> temperature = options_.temperature;
    if (!temperature && n_temperatures_ > 0) temperature = temperatures_ / static_cast<double>(n_temperatures_);
    if (temperature)
        out.bulk_modulus =
            units::boltzmann * *temperature * out.mean[0] / variance * units::ev_per_cubic_angstrom_in_gpa;
    return out;
}

}  // namespace mlff::analysis
