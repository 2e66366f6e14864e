#include "app/settings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "app/run_directory.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/neighbor_list.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/io/encoding.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp.hpp"

namespace mlff::app {
namespace {

/// @param functions  their number for a given cutoff and width
void read_basis(ConfigSection& section, descriptors::RadialBasisOptions& options, int (*functions)(double, double)) {
    bool given = section.read_positive("cutoff", options.cutoff);
    given |= section.read_positive("width", options.width);
    if (given) options.functions = functions(options.cutoff, options.width);
    section.read_positive("functions", options.functions);
    section.read_non_negative("decay", options.decay);
}

}  // namespace

std::int64_t default_memory() {
    const auto total = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
    return static_cast<std::int64_t>(0.7 * total);
}

StructureSettings read_structure_settings(ConfigSection& config) {
    StructureSettings settings;
    if (config.has("continue_from")) {
        config.read_path("continue_from", settings.path);
        settings.continues = true;
        for (const char* key : {"structure", "supercell"})
            if (config.has(key))
                config.fail(key, "and continue_from are both given; the earlier run has the structure, leave this out");
        return settings;
    }
    if (!config.has("structure")) config.require("structure", settings.path);
    config.read_path("structure", settings.path);
    std::vector<int> supercell(settings.supercell.begin(), settings.supercell.end());
    config.read("supercell", supercell);
    if (supercell.size() != 3 || *std::min_element(supercell.begin(), supercell.end()) < 1)
        config.fail("supercell", "must be three positive whole numbers such as [2, 2, 1]");
    std::copy_n(supercell.begin(), 3, settings.supercell.begin());
    return settings;
}

md::State load_state(const StructureSettings& settings, bool with_velocities) {
    if (settings.continues) {
        const std::string file = settings.path + "/checkpoint";
        if (!std::filesystem::is_regular_file(file))
            throw InputError(settings.path +
                             ": no run to continue from; a directory of mlff run or train with a checkpoint "
                             "is needed");
        md::State state;
        try {
            state = md::decode(Checkpoint::decode(read_text_file(file)).driver).state;
        } catch (const InputError& error) {
            throw InputError(fmt::format("{}: {}", file, error.what()));
        }
        state.step = 0;
        state.time = 0.0;
        if (!with_velocities) state.velocities.resize(3, 0);
        return state;
    }
    const ExtxyzFrame unit = read_first_frame(settings.path);
    if (with_velocities && !unit.velocities)
        throw InputError(settings.path +
                         ": no velocities; dynamics.velocities: file needs a column velocities [Å/fs] or momenta (ASE) "
                         "of extxyz, or the velocities of a CONTCAR");
    unit.structure.validate();
    const Structure structure = make_supercell(unit.structure, settings.supercell);
    const Eigen::Index copies = structure.size() / std::max<Eigen::Index>(1, unit.structure.size());
    require_distances(structure, settings.path);
    md::State state =
        md::make_state(structure, with_velocities ? Matrix3X(unit.velocities->replicate(1, copies)) : Matrix3X(3, 0));
    if (unit.masses) state.masses = unit.masses->replicate(copies, 1);
    if (unit.move_mask.cols() > 0) state.move_mask = unit.move_mask.replicate(1, copies);
    return state;
}

void describe_state(const md::State& state, const md::DynamicsOptions& dynamics, const std::string& path,
                    const Console& console) {
    if (dynamics.ensemble == md::Ensemble::npt) {
        const md::BarostatOptions& barostat = dynamics.barostat;
        const auto end_of = [](const Voigt& pressure) { return pressure.head<3>().mean(); };
        const double start = end_of(barostat.pressure_start), end = end_of(barostat.pressure_end);
        console.info(
            fmt::format("constant pressure: {:g} GPa{}", start, end != start ? fmt::format(" to {:g} GPa", end) : ""));
    }
    if (state.move_mask.cols() > 0) {
        const auto held = (!state.move_mask).colwise().any().count(),
                   whole = (!state.move_mask).colwise().all().count();
        console.info(fmt::format("{}: {} of {} atoms are held fixed{}", path, whole, state.size(),
                                 held > whole ? fmt::format(", {} more along some axes", held - whole) : ""));
    }
    if (!is_poscar_name(path) && !std::filesystem::is_directory(path)) {
        ExtxyzReader reader(path);
        (void)reader.next();
        if (reader.more())
            console.info(path + ": of its frames the first is taken (mlff convert IN OUT --frame N takes another)");
    }
    const Eigen::VectorXd standard = md::make_state(state.structure).masses;
    if (const double off = (state.masses - standard).cwiseQuotient(standard).cwiseAbs().maxCoeff(); off > 1e-3)
        console.info(fmt::format("{}: masses of the file are used, up to {:.3g} % off the standard atomic weights",
                                 path, 100.0 * off));
    if (state.velocities.cols() == 0) return;
    const auto freedom = md::degrees_of_freedom(dynamics.thermostat.type, state);
    const double hot = md::temperature(md::kinetic_energy(state), freedom), wanted = dynamics.temperature_start;
    if (hot <= 5.0 * wanted && hot <= 10'000.0) return;
    const double in_unit_of_ase = hot * units::acceleration;  // velocities × √(eV/amu) in Å/fs
    console.warn(fmt::format(
        "{}: its velocities make {:.0f} K where dynamics.temperature is {:g} K; they must be in "
        "Å/fs{}",
        path, hot, wanted,
        in_unit_of_ase < 5.0 * wanted
            ? fmt::format(" (in ASE's unit, which is 10.18 times smaller, they make {:.0f} K)", in_unit_of_ase)
            : ""));
}

std::uint64_t fingerprint(const md::State& state) {
    md::Snapshot snapshot;
    snapshot.state = state;
    return checksum(md::encode(snapshot));
}

ModelDefaults vasp_defaults() { return {vasp_force_field(), vasp_regression()}; }

ModelDefaults read_model_defaults(ConfigSection& config) {
    return config.word_for_map("force_field", {"vasp"}).empty() ? ModelDefaults{} : vasp_defaults();
}

ForceFieldOptions read_force_field(ConfigSection& section, const ForceFieldOptions& defaults, bool data_at_hand) {
    ForceFieldOptions options = defaults;
    auto& d = options.descriptor;
    read_basis(section.section("radial"), d.radial, descriptors::radial_functions);
    ConfigSection& angular = section.section("angular");
    read_basis(angular, d.angular, descriptors::angular_functions);
    bool filtered = true;  // both "filter: off" and a number are accepted
    std::string text;
    if (angular.has("filter")) {
        angular.read("filter", text);
        if (text == "off" || text == "false")
            filtered = false;
        else
            angular.read_non_negative("filter", d.angular.filter);
        filtered &= d.angular.filter > 0.0;
    } else {
        angular.read("filter", d.angular.filter);
    }
    if (!filtered) d.angular.filter = 0.0;
    angular.read_in_range("l_max", d.angular.l_max, 0, 20);
    if (data_at_hand || angular.has("keep")) angular.read_in_range("keep", options.keep, 0.0, 1.0);
    if (options.keep < 1.0 && !data_at_hand)
        angular.fail("keep", "below 1 is for fit only, which has the data to choose by; leave it out here");
    section.read_in_range("radial_weight", d.radial_weight, 0.0, 1.0);
    section.read_in_range("softening", d.softening, 0.0, 0.99);
    section.read_in_range("kernel_power", options.kernel_power, 1, 16);
    section.read_choice(
        "normalization", d.normalization,
        {{"joint", descriptors::Normalization::joint}, {"separate", descriptors::Normalization::separate}});
    section.read_choice("compression", d.compression,
                        {{"none", descriptors::Compression::none}, {"element", descriptors::Compression::element}});
    if (data_at_hand || section.has("metric"))
        section.read_choice("metric", options.metric, {{"plain", Metric::plain}, {"learned", Metric::learned}});
    if (options.metric == Metric::learned && !data_at_hand)
        section.fail("metric", "learned is for fit only, which has the data to learn it from; leave it out here");
    section.validate(options);
    return options;
}

std::string format_force_field(const ForceFieldOptions& options) {
    const auto& d = options.descriptor;
    const auto basis = [](const descriptors::RadialBasisOptions& b) {
        return fmt::format("cutoff: {}, width: {}, functions: {}, decay: {}", b.cutoff, b.width, b.functions, b.decay);
    };
    return fmt::format(
        "{{radial: {{{}}},\n  angular: {{{}, l_max: {}, filter: {}, keep: {}}},\n  radial_weight: {}, softening: {}, "
        "kernel_power: {}, normalization: {}, compression: {}, metric: {}}}",
        basis(d.radial), basis(d.angular), d.angular.l_max,
        d.angular.filter > 0.0 ? fmt::format("{}", d.angular.filter) : "off", options.keep, d.radial_weight,
        d.softening, options.kernel_power, name_of(d.normalization), name_of(d.compression), name_of(options.metric));
}

std::string format_atom_energies(const std::map<int, double>& energies) {
    std::string text;
    for (const auto& [z, energy] : energies)
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", element_symbol(z), energy);
    return "{" + text + "}";
}

void read_baseline(ConfigSection& config, RegressionOptions& options) {
    config.section("baseline")
        .read_choice("repulsion", options.repulsion, {{"zbl", Repulsion::zbl}, {"none", Repulsion::none}});
}

RegressionSettings read_regression(ConfigSection& section, const RegressionOptions& defaults, bool with_weights) {
    RegressionSettings settings{.options = defaults};
    auto& options = settings.options;
    section.read_choice("prior", options.prior, {{"identity", Prior::identity}, {"kernel", Prior::kernel}});
    if (with_weights) {
        ConfigSection& weights = section.section("weights");
        weights.read_non_negative("energy", options.weights.energy);
        weights.read_non_negative("force", options.weights.force);
        weights.read_non_negative("stress", options.weights.stress);
        weights.validate(options.weights);
    }
    section.read_choice("precisions", options.evidence.mode,
                        {{"evidence", bayes::EvidenceMode::maximise}, {"fixed", bayes::EvidenceMode::fixed}});
    section.read_positive("weight_precision", options.evidence.weight_precision);
    section.read_positive("noise_precision", options.evidence.noise_precision);
    ConfigSection& atoms = section.section("atom_energies");
    for (const auto& symbol : atoms.keys()) {
        if (!is_element(symbol)) atoms.fail(symbol, "is no element; chemical symbols such as Ag are needed");
        atoms.read(symbol, options.atom_energies[atomic_number(symbol)]);
    }
    settings.memory = default_memory();
    settings.memory_given = section.has("memory");
    if (settings.memory_given) section.read_bytes("memory", settings.memory);
    section.validate(options);
    return settings;
}

LearningSettings read_learning(ConfigSection& section) {
    LearningSettings settings;
    auto& options = settings.options;
    ConfigSection& threshold = section.section("threshold");
    threshold.read_choice("mode", options.threshold.mode,
                          {{"adaptive", ThresholdMode::adaptive},
                           {"fixed", ThresholdMode::fixed},
                           {"moving_average", ThresholdMode::moving_average}});
    if (options.threshold.mode == ThresholdMode::moving_average) options.threshold.factor = 0.2;
    threshold.read_positive("start", options.threshold.start);
    threshold.read("factor", options.threshold.factor);
    threshold.read_positive("history", options.threshold.history);
    threshold.read_positive("window", options.threshold.window);
    threshold.read_positive("max_spread", options.threshold.max_spread);
    threshold.read_positive("max_slope", options.threshold.max_slope);
    threshold.read("calibrated", options.calibrated);
    threshold.validate(options.threshold);
    section.read_positive("block", options.decision.block);
    section.read_positive("interval", options.decision.interval);
    section.read_positive("critical_factor", options.decision.critical_factor);
    section.read_in_range("distance", options.decision.distance, 0.0, 1.0);
    section.read_in_range("candidate_factor", options.candidate_factor, 0.0, 1.0);
    section.read_positive("min_references", options.min_references);
    long most = static_cast<long>(options.max_references);
    section.read_positive("max_references", most);
    options.max_references = most;
    ConfigSection& selection = section.section("selection");
    selection.read_choice("method", options.selection.method,
                          {{"cur", SelectionMethod::cur}, {"cholesky", SelectionMethod::cholesky}});
    if (options.selection.method == SelectionMethod::cholesky) options.selection.tolerance = 1e-6;
    selection.read_positive("tolerance", options.selection.tolerance);
    selection.validate(options.selection);
    section.read("start_from", settings.initial_data);
    for (std::string& path : settings.initial_data) {  // of a training: its structures
        namespace fs = std::filesystem;
        const fs::path folder = path.ends_with(".h5") ? fs::path(path).parent_path() : fs::path(path);
        const std::string data = (folder / "training.xyz").string();
        std::error_code none;
        if (fs::is_regular_file(data, none) && (path.ends_with(".h5") || fs::is_directory(path, none)))
            path = data;
        else if (path.ends_with(".h5"))
            section.fail("start_from",
                         fmt::format("needs labelled structures, which {} does not hold; give the training.xyz "
                                     "or the ML_AB that it was made from",
                                     path));
    }
    section.validate(options);
    return settings;
}

double read_time_limit(ConfigSection& config) {
    double seconds = 0.0;
    if (config.has("time_limit")) config.read_duration("time_limit", seconds);
    return seconds;
}

md::DynamicsOptions read_dynamics(ConfigSection& section, std::uint64_t seed, bool continues) {
    md::DynamicsOptions options;
    options.seed = seed;
    options.given_velocities = continues;
    section.read_choice("ensemble", options.ensemble,
                        {{"nve", md::Ensemble::nve}, {"nvt", md::Ensemble::nvt}, {"npt", md::Ensemble::npt}});
    if (options.ensemble == md::Ensemble::npt) {
        options.barostat = read_barostat(section.section("barostat"));
        // A piston with noise goes with noise on the atoms.
        if (options.barostat.type == md::BarostatType::langevin) options.thermostat.type = md::ThermostatType::langevin;
    } else if (section.has("barostat")) {
        section.fail("barostat", "has no meaning without ensemble: npt; leave it out, or set the ensemble");
    }
    if (options.ensemble == md::Ensemble::nve) {
        options.thermostat.type = md::ThermostatType::none;
        if (section.has("thermostat"))
            section.fail("thermostat", "has no meaning for ensemble nve; leave it out, or use nvt");
    } else {
        ConfigSection& thermostat = section.section("thermostat");
        thermostat.read_choice("type", options.thermostat.type,
                               {{"nose-hoover", md::ThermostatType::nose_hoover},
                                {"langevin", md::ThermostatType::langevin},
                                {"csvr", md::ThermostatType::csvr}});
        thermostat.read_positive("period", options.thermostat.period);
        if (options.thermostat.type == md::ThermostatType::nose_hoover)
            thermostat.read_positive("chain", options.thermostat.chain_length);
    }
    std::vector<double> temperature = {options.temperature_start};
    section.require("temperature", temperature);
    if (temperature.size() > 2 || temperature.empty())
        section.fail("temperature", "must be one number or a ramp [start, end], K");
    for (const double t : temperature)
        if (!(t > 0.0)) section.fail("temperature", fmt::format("must be positive, got {} K", t));
    options.temperature_start = temperature.front();
    options.temperature_end = temperature.back();
    section.read_positive("timestep", options.timestep);
    long steps = static_cast<long>(options.steps);
    section.require("steps", steps);
    if (steps < 1) section.fail("steps", fmt::format("must be positive, got {}", steps));
    options.steps = steps;
    section.read_choice("velocities", options.given_velocities, {{"draw", false}, {"file", true}});
    section.read_positive("max_displacement", options.max_displacement);
    section.read_positive("max_temperature", options.max_temperature);
    section.validate(options);
    return options;
}

md::TrajectoryOptions read_trajectory(ConfigSection& section) {
    md::TrajectoryOptions options;
    // Read only if present, so that runs begun before this setting existed can continue.
    if (section.has("format"))
        section.read_choice("format", options.format,
                            {{"extxyz", md::TrajectoryFormat::extxyz}, {"h5md", md::TrajectoryFormat::h5md}});
    long every = static_cast<long>(options.every);
    section.read_positive("every", every);
    options.every = every;
    section.read("velocities", options.velocities);
    section.read("forces", options.forces);
    return options;
}

std::optional<GuardOptions> read_guard(ConfigSection& config) {
    if (config.has("guard") && !config.is_map("guard")) {
        bool on = true;
        config.read("guard", on);
        return on ? std::optional(GuardOptions{}) : std::nullopt;
    }
    ConfigSection& section = config.section("guard");
    GuardOptions options;
    section.read_in_range("distance", options.distance, 0.0, 1.0);
    section.read_positive("spilling", options.spilling);
    section.read_positive("every", options.every);
    section.read_choice("action", options.action, {{"stop", GuardAction::stop}, {"warn", GuardAction::warn}});
    section.validate(options);
    return options;
}

void require_distances(const Structure& structure, const std::string& place) {
    try {
        NeighborList(10.0 * NeighborList::too_close).update(structure);
    } catch (const InputError& error) {
        throw InputError(fmt::format("{}: {}", place, error.what()));
    }
}

void require_known(const Structure& structure, const Calculator& calculator, const std::string& place) {
    try {
        calculator.check(structure);
    } catch (const InputError& error) {
        throw InputError(fmt::format("{}: {}", place, error.what()));
    }
}

void require_writable(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) throw InputError(path + ": is a directory; the name of a file is needed");
    const fs::path folder = fs::path(path).parent_path();
    const std::string where = folder.empty() ? "." : folder.string();
    if (!fs::is_directory(where, ignored))
        throw InputError(fmt::format("{}: there is no folder {}; make it first", path, where));
    if (access(where.c_str(), W_OK) != 0)
        throw InputError(fmt::format("{}: the folder {} does not allow new files; choose another", path, where));
}

void require_writable_directory(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    fs::path there = fs::absolute(path, ignored).lexically_normal();
    while (!fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
    if (!fs::is_directory(there, ignored))
        throw InputError(fmt::format("{}: {} is a file; choose another output", path, there.string()));
    if (access(there.c_str(), W_OK) != 0)
        throw InputError(
            fmt::format("{}: the folder {} does not allow new files; choose another", path, there.string()));
}

}  // namespace mlff::app
