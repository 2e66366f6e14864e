#include "reference/data.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <limits>

#include "libmlff/atoms/errors.hpp"

namespace mlff::reference {
namespace {

/// Distance of b from a [Å]: the largest displacement of an atom, modulo lattice vectors, or change of a lattice
/// vector.
double distance(const Structure& a, const Structure& b) {
    if (a.species != b.species || a.periodic != b.periodic) return std::numeric_limits<double>::infinity();
    double largest = (a.cell - b.cell).colwise().norm().maxCoeff();
    Matrix3X shift = b.positions - a.positions;
    if (a.has_volume()) {
        Matrix3X fractional = a.cell.inverse() * shift;
        for (int axis = 0; axis < 3; ++axis)
            if (a.periodic[static_cast<std::size_t>(axis)]) {
                const Eigen::RowVectorXd whole = fractional.row(axis).array().round();
                shift -= a.cell.col(axis) * whole;
            }
    }
    if (shift.cols() > 0) largest = std::max(largest, shift.colwise().norm().maxCoeff());
    return largest;
}

}  // namespace

StoredData::StoredData(std::vector<LabeledStructure> data, std::string description, double tolerance)
    : data_(std::move(data)), description_(std::move(description)), tolerance_(tolerance) {
    for (const auto& item : data_)
        if (!item.labels.energy || !item.labels.forces)
            throw InputError(item.origin + ": no energy or forces; a reference needs both");
}

void StoredData::check(const Structure& structure) const {
    const bool known = std::any_of(data_.begin(), data_.end(), [&](const LabeledStructure& item) {
        return item.structure.species == structure.species;
    });
    if (!known)
        throw InputError(fmt::format("none of the {} structures of the data has these atoms ({}, in this order)",
                                     data_.size(), formula(structure)));
}

Evaluation StoredData::evaluate(const Structure& structure, const Request& request) {
    if (request.uncertainty || request.spilling)
        throw InputError("stored data have no error estimates; ask a force field for them");
    check(structure);
    double nearest = std::numeric_limits<double>::infinity();
    const LabeledStructure* item = nullptr;
    for (std::size_t k = 0; k < data_.size(); ++k) {
        const std::size_t which = (next_ + k) % data_.size();
        const double d = distance(structure, data_[which].structure);
        if (d < nearest) {
            nearest = d;
            item = &data_[which];
        }
        if (d <= tolerance_) {
            next_ = (which + 1) % data_.size();
            return answer_of(data_[which].labels);
        }
    }
    throw InputError(fmt::format(
        "the structure asked for is not among the {} of the data; {}; stored data can only repeat what was computed, "
        "and a run "
        "that differs anywhere soon leaves them",
        data_.size(),
        item ? fmt::format("the nearest, {}, is {:.3g} Å away", item->origin, nearest) : "none has its cell"));
}

}  // namespace mlff::reference
