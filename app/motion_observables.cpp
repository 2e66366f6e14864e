#include "app/motion_observables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/arrhenius.hpp"
#include "analysis/conductivity.hpp"
#include "analysis/diffusion.hpp"
#include "analysis/van_hove.hpp"
#include "analysis/vibrations.hpp"
#include "app/observable_parts.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::app {
namespace {

void read_diffusion(ConfigSection& config, analysis::DiffusionOptions& options) {
    options.framework = read_elements(config, "framework");
    std::vector<double> window = {options.window_start, options.window_end};
    config.read("window", window);
    if (window.size() != 2) config.fail("window", "must hold two fractions of the run such as [0.2, 0.5]");
    options.window_start = window[0];
    options.window_end = window[1];
    config.read_positive("max_frames", options.max_frames);
}

std::vector<Scalar> diffusion_scalars(const analysis::Diffusion& d) {
    return {scalar("D_fit_cm2_per_s", "D by fit", "cm²/s", d.fit, d.fit_error, "D_fit_error_cm2_per_s"),
            scalar("D_end_point_cm2_per_s", "by end point", "cm²/s", d.end_point, d.end_point_error,
                   "D_end_point_error_cm2_per_s"),
            scalar("msd_at_end_of_window_A2", "", "", d.msd[d.msd.size() - 1]),
            scalar("intercept_A2", "", "", d.intercept), scalar("exponent", "MSD ∝ t to the power of", "", d.exponent)};
}

/// Warnings of a diffusion coefficient; none for the framework, which should not diffuse.
void warn_of(const analysis::Diffusion& d, const analysis::DiffusionOptions& options, Finding& finding) {
    if (std::find(options.framework.begin(), options.framework.end(), d.species) == options.framework.end())
        finding.warnings.insert(finding.warnings.end(), d.warnings.begin(), d.warnings.end());
}

class Displacement final : public Metered<analysis::MeanSquareDisplacement, analysis::DiffusionOptions> {
 public:
    explicit Displacement(ConfigSection& config) {
        options_.species = read_elements(config, "species");
        read_diffusion(config, options_);
        config.validate(options_);
    }
    std::string kind() const override { return "msd"; }
    std::vector<TableLayout> layouts() const override {
        return {{"", "msd", {"species"}, {"time_fs"}, {{"msd_A2", "msd_error_A2"}}}};
    }
    Finding result() const override {
        Finding finding;
        for (const analysis::Diffusion& d : meter_->result()) {
            const std::string& symbol = element_symbol(d.species);
            finding.series.push_back({0, {symbol}, {d.time}, {d.msd}, {d.error}});
            finding.entries.push_back({symbol,
                                       diffusion_scalars(d),
                                       {{"window_fs", {d.window_start, d.window_end}}, {"warnings", d.warnings}}});
            warn_of(d, options_, finding);
        }
        return finding;
    }
};

class Vibrations final : public Metered<analysis::VibrationalSpectrum, analysis::VibrationOptions> {
 public:
    explicit Vibrations(ConfigSection& config) {
        options_.species = read_elements(config, "species");
        config.read_positive("length", options_.length);
        config.read_non_negative("smoothing", options_.smoothing);
        config.read_positive("upper", options_.upper);
        enum class Source { automatic, positions };
        Source source = Source::automatic;
        config.read_choice("velocities", source, {{"auto", Source::automatic}, {"positions", Source::positions}});
        options_.from_positions = source == Source::positions;
        config.validate(options_);
    }
    std::string kind() const override { return "vdos"; }
    std::vector<TableLayout> layouts() const override {
        return {{"", "vdos", {"species"}, {"wavenumber_per_cm"}, {{"vdos_smooth_cm"}, {"vdos_cm", "vdos_error_cm"}}},
                {"-autocorrelation",
                 "autocorrelation",
                 {"species"},
                 {"time_fs"},
                 {{"autocorrelation", "autocorrelation_error"}}}};
    }
    Finding result() const override {
        Finding finding;
        for (const analysis::VibrationalDensity& v : meter_->result()) {
            const std::string name = v.species ? element_symbol(*v.species) : "all";
            finding.series.push_back({0, {name}, {v.frequency}, {v.smooth, v.density}, {std::nullopt, v.error}});
            finding.series.push_back({1, {name}, {v.time}, {v.autocorrelation}, {v.autocorrelation_error}});
            finding.entries.push_back({name,
                                       {scalar("band_centre_per_cm", "band centre", "cm⁻¹", v.centre, v.centre_error,
                                               "band_centre_error_per_cm"),
                                        scalar("modes", "modes", "", v.modes)}});
            finding.warnings.insert(finding.warnings.end(), v.warnings.begin(), v.warnings.end());
        }
        return finding;
    }
};

class VanHoveMaps final : public Metered<analysis::VanHoveFunctions, analysis::VanHoveOptions> {
 public:
    explicit VanHoveMaps(ConfigSection& config) {
        options_.species = read_elements(config, "species");
        options_.pairs = read_pairs(config);
        options_.framework = read_elements(config, "framework");
        config.read_positive("r_max", options_.r_max);
        config.read_positive("width", options_.width);
        config.read_positive("longest", options_.longest);
        config.read_positive("times", options_.times);
        config.read_positive("origins", options_.origins);
        config.read_positive("max_frames", options_.max_frames);
        config.validate(options_);
    }
    std::string kind() const override { return "van_hove"; }
    std::vector<TableLayout> layouts() const override {
        return {{"-self", "van_hove_self", {"species"}, {"time_fs", "r_A"}, {{"G_s_per_A3", "G_s_error_per_A3"}}, true},
                {"-distinct",
                 "van_hove_distinct",
                 {"pair"},
                 {"time_fs", "r_A"},
                 {{"G_d_per_A3", "G_d_error_per_A3"}},
                 true}};
    }
    Finding result() const override {
        const analysis::VanHoveResult result = meter_->result();
        Finding finding;
        for (const analysis::VanHove& g : result.self) {
            finding.series.push_back(map_series(0, {element_symbol(g.a)}, g.time, g.r, g.value, g.error));
            const Eigen::Index last = g.time.size() - 1;
            const double mean = (g.value.col(last) * g.r.cube()).sum() / (g.value.col(last) * g.r.square()).sum();
            finding.entries.push_back(
                {element_symbol(g.a),
                 {scalar("mean_distance_A", fmt::format("mean distance after {:.4g} ps", 1e-3 * g.time[last]), "Å",
                         mean)}});
        }
        for (const analysis::VanHove& g : result.distinct)
            finding.series.push_back(map_series(1, {pair_name(g.a, g.b)}, g.time, g.r, g.value, g.error));
        return finding;
    }
};

class IonicConductivity final : public Metered<analysis::ConductivityMeter, analysis::ConductivityOptions> {
 public:
    explicit IonicConductivity(ConfigSection& config) {
        ConfigSection& charges = config.section("charges");
        for (const std::string& symbol : charges.keys()) {
            double charge = 0.0;
            charges.read(symbol, charge);
            options_.charges[read_element(charges, symbol, symbol)] = charge;
        }
        read_diffusion(config, options_.diffusion);
        config.validate(options_);
    }
    std::string kind() const override { return "conductivity"; }
    std::vector<TableLayout> layouts() const override {
        return {{"", "conductivity", {"quantity"}, {"time_fs"}, {{"charge_displacement_e2_A2"}}}};
    }
    void begin(std::optional<double> temperature) override {
        analysis::ConductivityOptions options = options_;
        options.temperature = temperature;
        meter_ = std::make_unique<analysis::ConductivityMeter>(options);
    }
    Finding result() const override {
        const analysis::Conductivity c = meter_->result();
        Finding finding;
        finding.series.push_back({0, {"charge"}, {c.charge.time}, {c.charge.msd}, {std::nullopt}});
        finding.entries.push_back({"sigma",
                                   {scalar("collective_S_per_cm", "collective", "S/cm", c.collective,
                                           c.collective_error, "collective_error_S_per_cm"),
                                    scalar("nernst_einstein_S_per_cm", "Nernst-Einstein", "S/cm", c.nernst_einstein,
                                           c.nernst_einstein_error, "nernst_einstein_error_S_per_cm"),
                                    scalar("haven_ratio", "Haven ratio", "", c.haven_ratio),
                                    scalar("temperature_K", "at", "K", c.temperature)}});
        finding.warnings = c.charge.warnings;
        for (const analysis::Diffusion& d : c.tracers) warn_of(d, options_.diffusion, finding);
        return finding;
    }
};

class Arrhenius final : public Observable {
 public:
    explicit Arrhenius(ConfigSection& config) {
        options_.species = {require_element(config, "species")};
        read_diffusion(config, options_);
        config.validate(options_);
    }
    std::string kind() const override { return "arrhenius"; }
    std::vector<TableLayout> layouts() const override {
        return {{"", "arrhenius", {"species"}, {"temperature_K"}, {{"D_cm2_per_s", "D_error_cm2_per_s"}}}};
    }
    void begin(std::optional<double> temperature) override {
        temperature_ = temperature;
        sum_ = 0.0;
        n_ = 0;
        msd_ = std::make_unique<analysis::MeanSquareDisplacement>(options_);
    }
    void add(const analysis::Frame& frame) override {
        if (frame.temperature) {
            sum_ += *frame.temperature;
            ++n_;
        }
        msd_->add(frame);
    }
    Finding result() const override {
        if (!temperature_ && n_ == 0)
            throw InputError(
                "the frames tell no temperature; give the temperature [K] of each trajectory for arrhenius");
        const double temperature = temperature_ ? *temperature_ : sum_ / static_cast<double>(n_);
        const analysis::Diffusion d = msd_->result().at(0);
        Finding finding;
        finding.entries.push_back({element_symbol(d.species),
                                   {scalar("temperature_K", "at", "K", temperature),
                                    scalar("D_cm2_per_s", "D", "cm²/s", d.fit, d.fit_error, "D_error_cm2_per_s")}});
        finding.warnings = d.warnings;
        return finding;
    }
    std::optional<Finding> across(const std::vector<std::pair<std::string, Finding>>& findings) const override {
        std::vector<analysis::RateAtTemperature> points;
        for (const auto& [label, finding] : findings) {
            const auto& scalars = finding.entries.at(0).scalars;
            points.push_back({*scalars[0].value, *scalars[1].value, scalars[1].error});
        }
        const analysis::ArrheniusFit fit = analysis::fit_arrhenius(points);
        const std::string symbol = element_symbol(options_.species[0]);
        Finding out;
        const auto n = static_cast<Eigen::Index>(points.size());
        Series series{0, {symbol}, {Eigen::ArrayXd(n)}, {Eigen::ArrayXd(n)}, {Eigen::ArrayXd::Zero(n)}};
        for (Eigen::Index k = 0; k < n; ++k) {
            const auto& point = points[static_cast<std::size_t>(k)];
            series.coordinates[0][k] = point.temperature;
            series.values[0][k] = point.rate;
            if (series.errors[0] && point.error)
                (*series.errors[0])[k] = *point.error;
            else
                series.errors[0].reset();
        }
        out.series.push_back(std::move(series));
        out.entries.push_back({symbol,
                               {scalar("activation_energy_eV", "activation energy", "eV", fit.activation_energy,
                                       fit.activation_energy_error, "activation_energy_error_eV"),
                                scalar("prefactor_cm2_per_s", "prefactor", "cm²/s", fit.prefactor),
                                scalar("log_prefactor", "", "", std::log(fit.prefactor), fit.log_prefactor_error,
                                       "log_prefactor_error")}});
        return out;
    }

 private:
    analysis::DiffusionOptions options_;
    std::unique_ptr<analysis::MeanSquareDisplacement> msd_;
    std::optional<double> temperature_;
    double sum_ = 0.0;
    long n_ = 0;
};

}  // namespace

std::unique_ptr<Observable> read_displacement(ConfigSection& config) { return std::make_unique<Displacement>(config); }

std::unique_ptr<Observable> read_vibrations(ConfigSection& config) { return std::make_unique<Vibrations>(config); }

std::unique_ptr<Observable> read_van_hove(ConfigSection& config) { return std::make_unique<VanHoveMaps>(config); }

std::unique_ptr<Observable> read_conductivity(ConfigSection& config) {
    return std::make_unique<IonicConductivity>(config);
}

std::unique_ptr<Observable> read_arrhenius(ConfigSection& config) { return std::make_unique<Arrhenius>(config); }

}  // namespace mlff::app
