#include "app/structure_observables.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "analysis/cell_average.hpp"
#include "analysis/distance_angle.hpp"
#include "analysis/pair_correlation.hpp"
#include "analysis/tetrahedra.hpp"
#include "app/observable_parts.hpp"
#include "libmlff/atoms/elements.hpp"

namespace mlff::app {
namespace {

class RadialDistribution final : public Metered<analysis::PairCorrelations, analysis::PairCorrelationOptions> {
 public:
    explicit RadialDistribution(ConfigSection& config) {
        config.read_positive("r_max", options_.r_max);
        if (config.has("bins")) {
            if (config.has("width")) config.fail("bins", "and width are both given; one of them is enough");
            int bins = 0;
            config.read_positive("bins", bins);
            options_.width = options_.r_max / bins;
        } else {
            config.read_positive("width", options_.width);
        }
        config.read_positive("every", options_.every);
        options_.pairs = read_pairs(config);
        config.validate(options_);
    }
    std::string kind() const override { return "rdf"; }
    std::vector<TableLayout> layouts() const override {
        return {{"", "rdf", {"pair"}, {"r_A"}, {{"g", "g_error"}, {"coordination"}}, true}};
    }
    Finding result() const override {
        Finding finding;
        for (const analysis::PairCorrelation& pair : meter_->result()) {
            const std::string &a = element_symbol(pair.a), &b = element_symbol(pair.b);
            finding.series.push_back(
                {0, {pair_name(pair.a, pair.b)}, {pair.r}, {pair.g, pair.coordination}, {pair.error, std::nullopt}});
            std::optional<double> peak, height, minimum, coordination;
            if (pair.shell) {
                peak = pair.shell->peak;
                height = pair.shell->height;
                minimum = pair.shell->minimum;
                coordination = pair.shell->coordination;
            }
            Entry entry{pair_name(pair.a, pair.b),
                        {scalar("peak_A", "peak", "Å", peak), scalar("peak_height", "height", "", height),
                         scalar("minimum_A", "minimum", "Å", minimum),
                         scalar(fmt::format("coordination/{} around {}", b, a), fmt::format("{} around {}", b, a), "",
                                coordination)}};
            if (a != b)
                entry.scalars.push_back(
                    scalar(fmt::format("coordination/{} around {}", a, b), fmt::format("{} around {}", a, b), "",
                           coordination ? std::optional(*coordination * pair.ratio) : std::nullopt));
            finding.entries.push_back(std::move(entry));
        }
        return finding;
    }
};

class Tetrahedra final : public Metered<analysis::TetrahedronAngles, analysis::TetrahedraOptions> {
 public:
    explicit Tetrahedra(ConfigSection& config) {
        options_.centres = read_elements(config, "centres");
        options_.corner = require_element(config, "corner");
        config.require("cutoff", options_.cutoff);
        config.read_positive("filter", options_.filter);
        config.read_positive("width", options_.width);
        config.read_positive("omega_max", options_.omega_max);
        config.read_positive("omega_bins", options_.omega_bins);
        config.read_positive("max_samples", options_.max_samples);
        config.validate(options_);
    }
    std::string kind() const override { return "tetrahedra"; }
    std::vector<TableLayout> layouts() const override {
        return {
            {"-theta", "theta", {"angles"}, {"theta_degrees"}, {{"density_per_degree", "density_error_per_degree"}}},
            {"-omega",
             "omega",
             {"angles"},
             {"omega_degrees_per_fs"},
             {{"density_fs_per_degree", "density_error_fs_per_degree"}}}};
    }
    Finding result() const override {
        const analysis::TetrahedronMotion motion = meter_->result();
        Finding finding;
        const auto add = [&](std::size_t table, const char* name, const analysis::Distribution& d) {
            finding.series.push_back({table, {name}, {d.x}, {d.density}, {d.error}});
        };
        add(0, "all", motion.theta);
        add(0, "filtered", motion.slow_theta);
        add(1, "filtered", motion.omega);
        const std::string corner = element_symbol(options_.corner);
        finding.entries.push_back(
            {fmt::format("{0}-{0}-{0}", corner),
             {scalar("units", "units", "", static_cast<double>(motion.n_units)),
              scalar("theta_deviation_degrees", "deviation of θ from 60°", "degrees", motion.theta_deviation),
              scalar("omega_rms_degrees_per_fs", "angular velocity (rms)", "degrees/fs", motion.omega_rms)}});
        finding.warnings = motion.warnings;
        return finding;
    }
};

class DistanceAngle final : public Metered<analysis::DistanceAngleMap, analysis::DistanceAngleOptions> {
 public:
    explicit DistanceAngle(ConfigSection& config) {
        options_.centres = read_elements(config, "centres");
        options_.anion = require_element(config, "anion");
        options_.cation = require_element(config, "cation");
        config.require("bond", options_.bond);
        config.read_positive("r_max", options_.r_max);
        config.read_positive("r_width", options_.r_width);
        config.read_positive("angle_width", options_.angle_width);
        config.read_positive("every", options_.every);
        config.validate(options_);
    }
    std::string kind() const override { return "distance_angle"; }
    std::vector<TableLayout> layouts() const override {
        return {{"",
                 "distance_angle",
                 {"angle"},
                 {"phi_degrees", "r_A"},
                 {{"density_per_A_degree", "density_error_per_A_degree"}}}};
    }
    Finding result() const override {
        const analysis::DistanceAngleDensity map = meter_->result();
        std::vector<std::string> centres;
        for (const int z : options_.centres) centres.push_back(element_symbol(z));
        const std::string name = fmt::format("{}-{}-{}", fmt::join(centres, "/"), element_symbol(options_.anion),
                                             element_symbol(options_.cation));
        Finding finding;
        finding.series.push_back(map_series(0, {name}, map.angle, map.r, map.density, map.error));
        Eigen::Index r = 0, angle = 0;
        map.density.maxCoeff(&r, &angle);
        finding.entries.push_back({name,
                                   {scalar("peak_r_A", "largest density at", "Å", map.r[r]),
                                    scalar("peak_phi_degrees", "and", "degrees", map.angle[angle]),
                                    scalar("bonds", "bonds", "", map.bonds)}});
        return finding;
    }
};

class Cell final : public Observable {
 public:
    std::string kind() const override { return "cell"; }
    std::vector<TableLayout> layouts() const override { return {{"", "cell", {"quantity"}, {"time_fs"}, {{"value"}}}}; }
    void begin(std::optional<double> temperature) override {
        meter_ = std::make_unique<analysis::CellAverage>(analysis::CellAverage::Options{temperature});
    }
    void add(const analysis::Frame& frame) override { meter_->add(frame); }
    Finding result() const override {
        const analysis::CellMeans cell = meter_->result();
        struct Quantity {
            const char *name, *unit, *column;
        };
        constexpr std::array<Quantity, analysis::CellMeans::n_quantities> quantities = {
            {{"volume", "Å³", "volume_A3"},
             {"density", "g/cm³", "density_g_cm3"},
             {"a", "Å", "a_A"},
             {"b", "Å", "b_A"},
             {"c", "Å", "c_A"},
             {"alpha", "degrees", "alpha_deg"},
             {"beta", "degrees", "beta_deg"},
             {"gamma", "degrees", "gamma_deg"}}};
        Finding finding;
        Entry entry{"cell", {}};
        for (std::size_t k = 0; k < quantities.size(); ++k) {
            const Quantity& q = quantities[k];
            const auto row = static_cast<Eigen::Index>(k);
            std::optional<double> error;
            if (cell.error) error = (*cell.error)[row];
            entry.scalars.push_back(
                scalar(q.column, q.name, q.unit, cell.mean[row], error,
                       std::string(q.name) + "_error" + std::string(q.column).substr(std::string_view(q.name).size())));
            finding.series.push_back({0, {q.column}, {cell.time}, {cell.values.col(row)}, {std::nullopt}});
        }
        entry.scalars.push_back(scalar("volume_deviation_A3", "", "", cell.volume_deviation));
        entry.scalars.push_back(scalar("bulk_modulus_GPa", "bulk modulus from fluctuations", "GPa", cell.bulk_modulus));
        finding.entries.push_back(std::move(entry));
        return finding;
    }

 private:
    std::unique_ptr<analysis::CellAverage> meter_;
};

}  // namespace

std::unique_ptr<Observable> read_cell(ConfigSection&) { return std::make_unique<Cell>(); }

std::unique_ptr<Observable> read_radial_distribution(ConfigSection& config) {
    return std::make_unique<RadialDistribution>(config);
}

std::unique_ptr<Observable> read_tetrahedra(ConfigSection& config) { return std::make_unique<Tetrahedra>(config); }

std::unique_ptr<Observable> read_distance_angle(ConfigSection& config) {
    return std::make_unique<DistanceAngle>(config);
}

}  // namespace mlff::app
