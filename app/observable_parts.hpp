#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/diffusion.hpp"
#include "app/observables.hpp"

/// Common to observables: reading of their settings, and names of results.
namespace mlff::app {

/// Atomic number of a symbol given under `key` of the settings.
[[nodiscard]] int read_element(const ConfigSection& config, const std::string& key, const std::string& symbol);
[[nodiscard]] int require_element(ConfigSection& config, const std::string& key);
/// Atomic numbers of a list of symbols (or a single one) under `key`; empty if absent.
[[nodiscard]] std::vector<int> read_elements(ConfigSection& config, const std::string& key);
/// Key `pairs`: pairs of species such as Ag-I.
[[nodiscard]] std::vector<std::pair<int, int>> read_pairs(ConfigSection& config);
[[nodiscard]] std::string pair_name(int a, int b);

[[nodiscard]] Scalar scalar(std::string name, std::string text, std::string unit, std::optional<double> value,
                            std::optional<double> error = std::nullopt, std::string error_name = {});

/// A map, such as (r, t), as rows, the second coordinate innermost.
[[nodiscard]] Series map_series(std::size_t table, std::vector<std::string> keys, const Eigen::ArrayXd& outer,
                                const Eigen::ArrayXd& inner, const Eigen::ArrayXXd& value,
                                const std::optional<Eigen::ArrayXXd>& error);

/// Common base of the observables: options, and the meter of the run in progress.
template <class Meter, class Options>
class Metered : public Observable {
 public:
    void begin(std::optional<double>) override { meter_ = std::make_unique<Meter>(options_); }
    void add(const analysis::Frame& frame) override { meter_->add(frame); }

 protected:
    Options options_;
    std::unique_ptr<Meter> meter_;
};

}  // namespace mlff::app
