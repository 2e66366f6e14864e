#pragma once

#include <string>
#include <vector>

#include "app/console.hpp"
#include "libmlff/search/model_search.hpp"

/// Cost of accuracy: models of several sizes side by side.
namespace mlff::app {

/// One line about a model, for the log of a search.
[[nodiscard]] std::string trial_line(const Trial& trial);

/// A text table: references, descriptor size, time of an evaluation, errors on unseen data.
[[nodiscard]] std::string trade_off_table(const std::vector<Trial>& trials);

/// Writes `base_path`.csv and its picture (.png and .svg, if there is matplotlib).
void write_trade_off(const std::vector<Trial>& trials, const std::string& base_path, const Console& console);

}  // namespace mlff::app
