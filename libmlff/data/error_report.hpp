#pragma once

#include <cmath>
#include <map>
#include <string>

#include "libmlff/model/calculator.hpp"

namespace mlff {

/// Running mean absolute and root mean square error, with the number of labels.
class ErrorSum {
 public:
    void add(double difference) {
        ++count_;
        absolute_ += std::abs(difference);
        squared_ += difference * difference;
    }
    [[nodiscard]] long count() const { return count_; }
    [[nodiscard]] double mae() const { return count_ > 0 ? absolute_ / static_cast<double>(count_) : 0.0; }
    [[nodiscard]] double rmse() const { return count_ > 0 ? std::sqrt(squared_ / static_cast<double>(count_)) : 0.0; }

 private:
    long count_ = 0;
    double absolute_ = 0.0, squared_ = 0.0;
};

/// Errors of predictions against labels, in eV/atom, eV/Å (over components) and eV/Å³ (over the six components).
struct ErrorReport {
    long structures = 0, atoms = 0;
    ErrorSum energy, force, stress;
    std::map<int, ErrorSum> force_by_species;  ///< by atomic number
    struct Group {
        ErrorSum energy, force;
    };
    std::map<std::string, Group> by_group;  ///< by LabeledStructure::group, where one is given

    void add(const LabeledStructure& truth, const Evaluation& prediction);
};

}  // namespace mlff
