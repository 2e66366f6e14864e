#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/trajectory_reader.hpp"
#include "app/findings.hpp"
#include "libmlff/io/config.hpp"

namespace mlff::app {

/// An observable of the settings: receives the frames of one run after the other.
class Observable {
 public:
    Observable() = default;
    Observable(const Observable&) = delete;
    Observable& operator=(const Observable&) = delete;
    virtual ~Observable() = default;

    [[nodiscard]] virtual std::string kind() const = 0;  ///< as in the settings
    [[nodiscard]] virtual std::vector<TableLayout> layouts() const = 0;
    /// A run begins. @param temperature [K] from the settings; none: from the frames
    virtual void begin(std::optional<double> temperature) = 0;
    virtual void add(const analysis::Frame& frame) = 0;
    [[nodiscard]] virtual Finding result() const = 0;
    /// A finding from all runs together, by label; none for most observables.
    [[nodiscard]] virtual std::optional<Finding> across(
        const std::vector<std::pair<std::string, Finding>>& findings) const {
        (void)findings;
        return std::nullopt;
    }
};

/// The observable of one entry of `observables:`; its `type` is one of rdf, msd, vdos, van_hove, tetrahedra,
/// distance_angle, conductivity, arrhenius, cell.
/// @throws InputError file:line if the entry is wrong
[[nodiscard]] std::unique_ptr<Observable> read_observable(ConfigSection& section);

}  // namespace mlff::app
