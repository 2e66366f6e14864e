#include "libmlff/io/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/hdf5_reader.hpp"
#include "libmlff/io/hdf5_writer.hpp"

namespace mlff {
namespace {

using descriptors::Compression;
using descriptors::Normalization;
using descriptors::RadialBasisOptions;

void write_basis(Hdf5Writer& file, const std::string& group, const RadialBasisOptions& options) {
    file.write(group + "/cutoff", options.cutoff);
    file.attribute(group + "/cutoff", "unit", "angstrom");
    file.write(group + "/width", options.width);
    file.attribute(group + "/width", "unit", "angstrom");
    file.write(group + "/functions", options.functions);
    file.write(group + "/l_max", options.l_max);
    file.write(group + "/filter", options.filter);
    if (options.decay > 0.0) {
        file.write(group + "/decay", options.decay);
        file.attribute(group + "/decay", "unit", "angstrom");
    }
}

RadialBasisOptions read_basis(const Hdf5Reader& file, const std::string& group) {
    return {.cutoff = file.read<double>(group + "/cutoff"),
            .width = file.read<double>(group + "/width"),
            .functions = file.read<int>(group + "/functions"),
            .l_max = file.read<int>(group + "/l_max"),
            .filter = file.read<double>(group + "/filter"),
            .decay = file.has(group + "/decay") ? file.read<double>(group + "/decay") : 0.0};
}

template <class Enum>
Enum parse(const Hdf5Reader& file, const std::string& name, std::initializer_list<std::pair<const char*, Enum>> words) {
    const auto text = file.read<std::string>(name);
    for (const auto& [word, value] : words)
        if (text == word) return value;
    throw InputError(fmt::format("{}: {} is '{}', which this version does not know", file.path(), name, text));
}

void write(Hdf5Writer& file, const ForceField& model, bool with_factor = true) {
    file.attribute("/", "format", "mlff-model");
    // The oldest format that has what the model needs: earlier programs would ignore a metric or a decay, and would
    // multiply the Bayesian estimate with the factors of the robust one.
    const auto& d = model.descriptor().options();
    const bool decays = d.radial.decay > 0.0 || d.angular.decay > 0.0;
    file.attribute("/", "version",
                   d.softening > 0.0 || model.repulsion() != Repulsion::none  ? 5
                   : with_factor && model.posterior().covariance().size() > 0 ? 4
                   : decays                                                   ? 3
                   : model.metric() == Metric::learned                        ? 2
                                                                              : 1);

    const Provenance& origin = model.provenance();
    file.write("provenance/program", origin.version);
    file.write("provenance/reference", origin.reference);
    file.write("provenance/settings", origin.settings);
    file.write("provenance/structures", origin.n_structures);
    file.write("provenance/atoms", origin.n_atoms);
    const auto training_error = [&](const char* kind, double rmse, const char* unit) {
        const std::string name = std::string("provenance/training_rmse/") + kind;
        file.write(name, rmse);
        file.attribute(name, "unit", unit);
    };
    training_error("energy", origin.rmse_energy, "eV/atom");
    training_error("force", origin.rmse_force, "eV/angstrom");
    training_error("stress", origin.rmse_stress, "eV/angstrom^3");

    const auto options = model.descriptor().options();
    write_basis(file, "descriptor/radial", options.radial);
    write_basis(file, "descriptor/angular", options.angular);
    file.write("descriptor/radial_weight", options.radial_weight);
    if (options.softening > 0.0) file.write("descriptor/softening", options.softening);
    file.write("descriptor/normalization", name_of(options.normalization));
    file.write("descriptor/compression", name_of(options.compression));
    if (!options.components.empty()) file.write("descriptor/components", options.components);
    file.write("kernel/power", model.kernel_power());

    std::vector<std::string> symbols;
    for (const int z : model.species()) symbols.push_back(element_symbol(z));
    file.write("species", symbols);
    file.write("e0", model.e0());
    file.attribute("e0", "unit", "eV");
    for (int channel = 0; channel < model.n_channels(); ++channel) {
        const std::string group = "references/" + symbols[static_cast<std::size_t>(channel)];
        const LocalReferences& set = model.references(channel);
        file.write(group + "/features", set.features);
        file.attribute(group + "/features", "shape", "descriptor components x local references");
        if (set.metric.size() > 0) file.write(group + "/metric", set.metric);
        file.write(group + "/weights",
                   Eigen::VectorXd(model.posterior().weights().segment(model.first(channel), set.size())));
        file.attribute(group + "/weights", "unit", "eV");
        file.write(group + "/structure", set.structure);
        file.write(group + "/atom", set.atom);
    }

    if (model.shortest_distances().size() > 0) {
        file.write("shortest_distances", model.shortest_distances());
        file.attribute("shortest_distances", "unit", "angstrom");
        file.attribute("shortest_distances", "shape", "species x species");
    }
    if (model.repulsion() != Repulsion::none) file.write("baseline/repulsion", name_of(model.repulsion()));

    const bayes::Evidence& evidence = model.posterior().evidence();
    if (with_factor) {
        file.write("posterior/factor", model.posterior().factor());
        file.attribute("posterior/factor", "meaning", "upper triangular T with inverse(Sigma) = transpose(T) T");
        if (const auto& F = model.posterior().covariance(); F.size() > 0) {
            file.write("posterior/covariance", F);
            file.attribute("posterior/covariance", "meaning",
                           "upper triangular F; the robust covariance of the weights is transpose(F) F");
        }
    }
    file.write("posterior/weight_precision", evidence.weight_precision);
    file.write("posterior/noise_precision", evidence.noise_precision);
    file.write("posterior/gamma", evidence.gamma);
    file.write("posterior/residual", evidence.residual);
    file.write("posterior/weight_norm", evidence.weight_norm);
    file.write("posterior/log_evidence", evidence.log_evidence);
    file.write("posterior/steps", evidence.steps);
    file.write("posterior/end", static_cast<int>(evidence.end));
    file.write("posterior/floored", evidence.floored ? 1 : 0);
    const auto scale = [&](const char* kind, double value, const char* unit) {
        const std::string name = std::string("scales/") + kind;
        file.write(name, value);
        file.attribute(name, "unit", unit);
    };
    scale("energy", model.scales().energy, "eV/atom");
    scale("force", model.scales().force, "eV/angstrom");
    scale("stress", model.scales().stress, "eV/angstrom^3");
    file.write("calibration/energy", model.calibration().energy);
    file.write("calibration/force", model.calibration().force);
    file.write("calibration/stress", model.calibration().stress);
    file.write("calibration/force_floor", model.calibration().force_floor);
    file.attribute("calibration/force_floor", "unit", "eV/angstrom");
    file.write("calibration/stress_floor", model.calibration().stress_floor);
    file.attribute("calibration/stress_floor", "unit", "eV/angstrom^3");
    for (const auto& [z, factor] : model.calibration().force_of_species)
        file.write("calibration/species/" + element_symbol(z), factor);
    if (const auto& form = model.production()) {
        for (std::size_t s = 0; s < symbols.size(); ++s) {
            const Expansion<double>& expansion = form->expansions[s];
            const std::string folder = "production/" + symbols[s] + "/";
            file.write(folder + "constant", expansion.constant);
            file.write(folder + "centre", expansion.centre);
            file.write(folder + "slope", expansion.slope);
            if (expansion.projection.cols() > 0) file.write(folder + "projection", expansion.projection);
            file.write(folder + "terms", expansion.terms);
            file.write(folder + "similarities", expansion.similarities);
            file.write(folder + "weights", expansion.weights);
            for (const char* energy : {"constant", "slope", "weights"}) file.attribute(folder + energy, "unit", "eV");
        }
        file.write("production/single_precision", form->single_precision ? 1 : 0);
        file.write("production/loss", form->loss);
        file.write("production/measured_on", form->measured_on);
    }
}

/// @param with_factor  of the posterior, which must then be there
ForceField read(const Hdf5Reader& file, bool with_factor = true) {
    const std::string& path = file.path();
    std::string format;
    if (file.has_attribute("/", "format")) file.attribute("/", "format", format);
    if (format != "mlff-model")
        throw InputError(fmt::format("{}: not a force field of mlff; a model.h5 of train or fit is needed", path));
    int version = 0;
    file.attribute("/", "version", version);
    if (version < 1) throw InputError(fmt::format("{}: the model is damaged: version {}", path, version));
    if (version > model_format_version)
        throw InputError(
            fmt::format("{}: model format version {} is newer than this program, which reads up to {}; "
                        "install a newer mlff",
                        path, version, model_format_version));
    try {
        Provenance origin;
        origin.version = file.read<std::string>("provenance/program");
        origin.reference = file.read<std::string>("provenance/reference");
        origin.settings = file.read<std::string>("provenance/settings");
        origin.n_structures = file.read<long>("provenance/structures");
        origin.n_atoms = file.read<long>("provenance/atoms");
        origin.rmse_energy = file.read<double>("provenance/training_rmse/energy");
        origin.rmse_force = file.read<double>("provenance/training_rmse/force");
        origin.rmse_stress = file.read<double>("provenance/training_rmse/stress");

        descriptors::DescriptorOptions options;
        options.radial = read_basis(file, "descriptor/radial");
        options.angular = read_basis(file, "descriptor/angular");
        options.radial_weight = file.read<double>("descriptor/radial_weight");
        options.softening = file.has("descriptor/softening") ? file.read<double>("descriptor/softening") : 0.0;
        options.normalization = parse<Normalization>(
            file, "descriptor/normalization", {{"joint", Normalization::joint}, {"separate", Normalization::separate}});
        options.compression = parse<Compression>(file, "descriptor/compression",
                                                 {{"none", Compression::none}, {"element", Compression::element}});
        if (file.has("descriptor/components")) file.read("descriptor/components", options.components);

        std::vector<int> species;
        std::vector<LocalReferences> references;
        std::vector<Eigen::VectorXd> weights;
        Eigen::Index n_weights = 0;
        const auto symbols = file.read<std::vector<std::string>>("species");
        for (const auto& symbol : symbols) {
            if (!is_element(symbol) || std::count(symbols.begin(), symbols.end(), symbol) > 1)
                throw std::invalid_argument("species '" + symbol + "' is no element, or stands twice");
            species.push_back(atomic_number(symbol));
            const std::string group = "references/" + symbol;
            LocalReferences set;
            file.read(group + "/features", set.features);
            file.read(group + "/structure", set.structure);
            file.read(group + "/atom", set.atom);
            weights.push_back(file.read<Eigen::VectorXd>(group + "/weights"));
            n_weights += weights.back().size();
            if (file.has(group + "/metric")) set = set.with_metric(file.read<Eigen::MatrixXd>(group + "/metric"));
            references.push_back(std::move(set));
        }
        Eigen::VectorXd all(n_weights);
        Eigen::Index first = 0;
        for (const auto& part : weights) {
            all.segment(first, part.size()) = part;
            first += part.size();
        }

        bayes::Evidence evidence;
        evidence.weight_precision = file.read<double>("posterior/weight_precision");
        evidence.noise_precision = file.read<double>("posterior/noise_precision");
        evidence.gamma = file.read<double>("posterior/gamma");
        evidence.residual = file.read<double>("posterior/residual");
        evidence.weight_norm = file.read<double>("posterior/weight_norm");
        evidence.log_evidence = file.read<double>("posterior/log_evidence");
        evidence.steps = file.read<int>("posterior/steps");
        const int end = file.read<int>("posterior/end");
        if (end < 0 || end > static_cast<int>(bayes::EvidenceEnd::no_signal))
            throw std::invalid_argument(fmt::format("posterior/end is {}", end));
        evidence.end = static_cast<bayes::EvidenceEnd>(end);
        evidence.floored = file.read<int>("posterior/floored") != 0;
        Eigen::MatrixXd factor;
        if (with_factor || file.has("posterior/factor")) file.read("posterior/factor", factor);
        bayes::Posterior posterior(std::move(all), std::move(factor), evidence);
        if (file.has("posterior/covariance"))
            posterior = posterior.with_covariance(file.read<Eigen::MatrixXd>("posterior/covariance"));

        const LabelScales scales{.energy = file.read<double>("scales/energy"),
                                 .force = file.read<double>("scales/force"),
                                 .stress = file.read<double>("scales/stress")};
        Calibration calibration;  // models of earlier programs have none
        if (file.has("calibration"))
            calibration = {.energy = file.read<double>("calibration/energy"),
                           .force = file.read<double>("calibration/force"),
                           .stress = file.read<double>("calibration/stress")};
        if (file.has("calibration/force_floor")) {
            calibration.force_floor = file.read<double>("calibration/force_floor");
            calibration.stress_floor = file.read<double>("calibration/stress_floor");
            for (std::size_t s = 0; s < symbols.size(); ++s)
                if (const std::string name = "calibration/species/" + symbols[s]; file.has(name))
                    calibration.force_of_species[species[s]] = file.read<double>(name);
        }
        Eigen::MatrixXd shortest_distances;  // likewise
        if (file.has("shortest_distances")) file.read("shortest_distances", shortest_distances);
        auto descriptor = std::make_shared<descriptors::Descriptor>(options, static_cast<int>(species.size()));
        ForceField model(std::move(descriptor), file.read<int>("kernel/power"), std::move(species),
                         std::move(references), file.read<Eigen::VectorXd>("e0"), std::move(posterior), scales,
                         std::move(origin), calibration, std::move(shortest_distances));
        if (file.has("baseline/repulsion"))
            model = model.with_repulsion(
                parse<Repulsion>(file, "baseline/repulsion", {{"none", Repulsion::none}, {"zbl", Repulsion::zbl}}));
        if (!file.has("production")) return model;
        ProductionForm form;
        for (const auto& symbol : symbols) {
            const std::string folder = "production/" + symbol + "/";
            Expansion<double>& expansion = form.expansions.emplace_back();
            expansion.terms = file.read<Eigen::MatrixXd>(folder + "terms");
            expansion.weights = file.read<Eigen::VectorXd>(folder + "weights");
            if (file.has(folder + "centre")) {
                expansion.constant = file.read<double>(folder + "constant");
                expansion.centre = file.read<Eigen::VectorXd>(folder + "centre");
                expansion.slope = file.read<Eigen::VectorXd>(folder + "slope");
                expansion.similarities = file.read<Eigen::VectorXd>(folder + "similarities");
            } else {  // an earlier form, expanded about zero
                expansion.centre.setZero(model.descriptor().size());
                expansion.slope.setZero(model.descriptor().size());
                if (model.kernel_power() == 1) expansion.slope = expansion.terms * expansion.weights;
                expansion.similarities.setZero(expansion.weights.size());
            }
            if (file.has(folder + "projection"))
                expansion.projection = file.read<Eigen::MatrixXd>(folder + "projection");
        }
        form.single_precision = file.read<int>("production/single_precision") != 0;
        form.loss = file.read<double>("production/loss");
        form.measured_on = file.read<std::string>("production/measured_on");
        return model.with_production(std::move(form));
    } catch (const std::invalid_argument& error) {
        throw InputError(fmt::format("{}: the model is damaged: {}", path, error.what()));
    }
}

}  // namespace

void write_model(const std::string& path, const ForceField& force_field) {
    Hdf5Writer file(path);
    write(file, force_field);
    file.commit();
}

std::string encode_model(const ForceField& force_field, bool with_factor) {
    Hdf5Writer file;
    write(file, force_field, with_factor);
    return file.image();
}

ForceField decode_model(const std::string& bytes) {
    return read(Hdf5Reader::from_image(bytes, "model from rank 0"), false);
}

ForceField read_model(const std::string& path) { return read(Hdf5Reader(path)); }

}  // namespace mlff
