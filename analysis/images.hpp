#pragma once

#include <Eigen/LU>
#include <cmath>

#include "libmlff/atoms/structure.hpp"

namespace mlff::analysis {

/// Periodic images of a difference vector within a reach, in any cell with three lattice vectors.
class Images {
 public:
    /// @param reach [Å] > 0
    Images(const Matrix3& cell, double reach) : cell_(cell), inverse_(cell.inverse()), reach_(reach) {
        for (int axis = 0; axis < 3; ++axis) span_[axis] = reach * inverse_.row(axis).norm();  // reach / height
    }

    /// Calls visit(vector, shift) for every S with |d + H S| < reach; vector = d + H S, shift = S (whole numbers).
    template <class Visit>
    void for_each(const Vector3& difference, const Visit& visit) const {
        const Vector3 s = inverse_ * difference;
        Vector3 first, last;
        for (int axis = 0; axis < 3; ++axis) {
            first[axis] = std::ceil(-span_[axis] - s[axis]);
            last[axis] = std::floor(span_[axis] - s[axis]);
        }
        Vector3 shift;
        for (shift[0] = first[0]; shift[0] <= last[0]; shift[0] += 1.0)
            for (shift[1] = first[1]; shift[1] <= last[1]; shift[1] += 1.0)
                for (shift[2] = first[2]; shift[2] <= last[2]; shift[2] += 1.0) {
                    const Vector3 vector = difference + cell_ * shift;
                    if (vector.squaredNorm() < reach_ * reach_) visit(vector, shift);
                }
    }

 private:
    Matrix3 cell_, inverse_;
    double reach_;
    Vector3 span_;
};

}  // namespace mlff::analysis
