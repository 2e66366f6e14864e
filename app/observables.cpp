#include "app/observables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/arrhenius.hpp"
#include "analysis/conductivity.hpp"
#include "analysis/diffusion.hpp"
#include "analysis/distance_angle.hpp"
#include "analysis/pair_correlation.hpp"
#include "analysis/tetrahedra.hpp"
#include "analysis/van_hove.hpp"
#include "analysis/vibrations.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/errors.hpp"

namespace mlff::app {
namespace {

using nlohmann::ordered_json;

// ------------------------------------------------------------------------------------------------------- settings

/// Atomic number of a symbol of the settings.
int read_element(const ConfigSection& config, const std::string& key, const std::string& symbol) {
    if (!is_element(symbol)) config.fail(key, fmt::format("must hold chemical symbols such as Ag, got '{}'", symbol));
    return atomic_number(symbol);
}

int require_element(ConfigSection& config, const std::string& key) {
    std::string symbol;
    config.require(key, symbol);
    return read_element(config, key, symbol);
}

std::vector<std::pair<int, int>> read_pairs(ConfigSection& config) {
    std::vector<std::string> words;
    config.read("pairs", words);
    std::vector<std::pair<int, int>> pairs;
    for (const std::string& word : words) {
        const std::size_t dash = word.find('-');
        if (dash == std::string::npos)
            config.fail("pairs", fmt::format("must hold pairs such as Ag-I, got '{}'", word));
        pairs.emplace_back(read_element(config, "pairs", word.substr(0, dash)),
                           read_element(config, "pairs", word.substr(dash + 1)));
    }
    return pairs;
}

void read_diffusion(ConfigSection& config, analysis::DiffusionOptions& options) {
    options.framework = read_elements(config, "framework");
    std::vector<double> window = {options.window_start, options.window_end};
    config.read("window", window);
    if (window.size() != 2) config.fail("window", "must hold two fractions of the run such as [0.2, 0.5]");
    options.window_start = window[0];
    options.window_end = window[1];
    config.read_positive("max_frames", options.max_frames);
}

std::string pair_name(int a, int b) { return element_symbol(a) + "-" + element_symbol(b); }

Scalar scalar(std::string name, std::string text, std::string unit, std::optional<double> value,
              std::optional<double> error = std::nullopt, std::string error_name = {}) {
    return {std::move(name), std::move(text), std::move(unit), value, error, std::move(error_name)};
}

/// A map (r, t) or the like as rows, the second coordinate innermost.
Series map_series(std::size_t table, std::vector<std::string> keys, const Eigen::ArrayXd& outer,
                  const Eigen::ArrayXd& inner, const Eigen::ArrayXXd& value,
                  const std::optional<Eigen::ArrayXXd>& error) {
    const Eigen::Index n = outer.size() * inner.size();
    Series out{table, std::move(keys), {Eigen::ArrayXd(n), Eigen::ArrayXd(n)}, {value.reshaped()}, {std::nullopt}};
    for (Eigen::Index k = 0; k < n; ++k) {
        out.coordinates[0][k] = outer[k / inner.size()];
        out.coordinates[1][k] = inner[k % inner.size()];
    }
    if (error) out.errors[0] = error->reshaped();
    return out;
}

// ----------------------------------------------------------------------------------------------------- observables

/// What the observables have in common: options, and the meter of the run in progress.
template <class Meter, class Options>
class Metered : public Observable {
 public:
    void begin(std::optional<double>) override { meter_ = std::make_unique<Meter>(options_); }
    void add(const analysis::Frame& frame) override { meter_->add(frame); }

 protected:
    Options options_;
    std::unique_ptr<Meter> meter_;
};

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

std::vector<Scalar> diffusion_scalars(const analysis::Diffusion& d) {
    return {scalar("D_fit_cm2_per_s", "D by fit", "cm²/s", d.fit, d.fit_error, "D_fit_error_cm2_per_s"),
            scalar("D_end_point_cm2_per_s", "by end point", "cm²/s", d.end_point, d.end_point_error,
                   "D_end_point_error_cm2_per_s"),
            scalar("msd_at_end_of_window_A2", "", "", d.msd[d.msd.size() - 1]),
            scalar("intercept_A2", "", "", d.intercept), scalar("exponent", "MSD ∝ t to the power of", "", d.exponent)};
}

/// Warnings of a diffusion coefficient; the framework is not meant to diffuse.
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

std::vector<int> read_elements(ConfigSection& config, const std::string& key) {
    std::vector<std::string> symbols;
    config.read(key, symbols);
    std::vector<int> elements;
    for (const std::string& symbol : symbols) elements.push_back(read_element(config, key, symbol));
    return elements;
}

std::unique_ptr<Observable> read_observable(ConfigSection& section) {
    enum class Kind { rdf, msd, vdos, van_hove, tetrahedra, distance_angle, conductivity, arrhenius };
    if (!section.has("type")) section.fail("type", "is missing; it must be rdf, msd, vdos or the like");
    Kind kind = Kind::rdf;
    section.read_choice("type", kind,
                        {{"rdf", Kind::rdf},
                         {"msd", Kind::msd},
                         {"vdos", Kind::vdos},
                         {"van_hove", Kind::van_hove},
                         {"tetrahedra", Kind::tetrahedra},
                         {"distance_angle", Kind::distance_angle},
                         {"conductivity", Kind::conductivity},
                         {"arrhenius", Kind::arrhenius}});
    switch (kind) {
        case Kind::rdf:
            return std::make_unique<RadialDistribution>(section);
        case Kind::msd:
            return std::make_unique<Displacement>(section);
        case Kind::vdos:
            return std::make_unique<Vibrations>(section);
        case Kind::van_hove:
            return std::make_unique<VanHoveMaps>(section);
        case Kind::tetrahedra:
            return std::make_unique<Tetrahedra>(section);
        case Kind::distance_angle:
            return std::make_unique<DistanceAngle>(section);
        case Kind::conductivity:
            return std::make_unique<IonicConductivity>(section);
        case Kind::arrhenius:
            return std::make_unique<Arrhenius>(section);
    }
    throw std::logic_error("an observable that nobody knows");
}

}  // namespace mlff::app
