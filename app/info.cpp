#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>

#include "app/labeled_data.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/data/data_summary.hpp"
#include "libmlff/io/h5md.hpp"
#include "libmlff/io/model_file.hpp"

namespace mlff::app {
namespace {

/// The shortest distance of each pair of species, one row per species.
std::string distances_text(const ForceField& model) {
    const Eigen::MatrixXd& shortest = model.shortest_distances();
    const auto symbol = [&](Eigen::Index s) { return element_symbol(model.species()[static_cast<std::size_t>(s)]); };
    if (shortest.size() == 0)
        return "distances        not kept by the mlff that made this model; guard.distance needs them\n";
    std::string text =
        "distances        shortest in the training data [Å]; -: no such pair within the cutoff\n                 ";
    for (Eigen::Index s = 0; s < shortest.cols(); ++s) text += fmt::format("{:>9}", symbol(s));
    for (Eigen::Index r = 0; r < shortest.rows(); ++r) {
        text += fmt::format("\n                 {:<2}", symbol(r));
        for (Eigen::Index c = 0; c < shortest.cols(); ++c)
            text += std::isfinite(shortest(r, c)) ? fmt::format("{:>{}.3f}", shortest(r, c), c == 0 ? 7 : 9)
                                                  : fmt::format("{:>{}}", "-", c == 0 ? 7 : 9);
    }
    return text + "\n";
}

}  // namespace

void info(const std::string& path, const Console& console) {
    if (std::filesystem::exists(path) && !is_hdf5(path)) {
        console.result(fmt::format("{}: labelled structures\n{}", path, format(summarise(load_data({path})))));
        return;
    }
    const ForceField model = read_model(path);
    const auto& d = model.descriptor().options();
    const Provenance& origin = model.provenance();
    const bayes::Evidence& evidence = model.posterior().evidence();
    std::string text = fmt::format("{}: mlff force field, written by mlff {}\n", path, origin.version);
    text += fmt::format("species          {:>6} {:>12} {:>14}\n", "", "references", "e0 [eV]");
    for (int s = 0; s < model.n_channels(); ++s)
        text += fmt::format("                 {:>6} {:>12} {:>14.6f}\n",
                            element_symbol(model.species()[static_cast<std::size_t>(s)]), model.references(s).size(),
                            model.e0()[s]);
    const auto basis = [](const descriptors::RadialBasisOptions& b) {
        return fmt::format("{:.3g} Å, width {:.3g} Å, {}{} functions", b.cutoff, b.width,
                           b.decay > 0.0 ? fmt::format("decay {:.3g} Å, ", b.decay) : "", b.functions);
    };
    text +=
        fmt::format("descriptor       {} components; two-body {}; three-body {}, l_max {}, filter {:g}\n",
                    model.descriptor().size(), basis(d.radial), basis(d.angular), d.angular.l_max, d.angular.filter);
    if (!d.components.empty())
        text += fmt::format("                 kept {} of {} angular components\n", d.components.size(),
                            model.descriptor().three_body()->full_size());
    text += fmt::format("                 radial weight {:g}, softening {:g}, normalization {}, compression {}\n",
                        d.radial_weight, d.softening, name_of(d.normalization), name_of(d.compression));
    text += fmt::format("kernel power     {}, metric {}\n", model.kernel_power(), name_of(model.metric()));
    text +=
        fmt::format("baseline         {}\n",
                    model.repulsion() == Repulsion::zbl ? "ZBL repulsion below 0.9 of the shortest distances" : "none");
    text += fmt::format("training data    {} structures, {} atoms\n", origin.n_structures, origin.n_atoms);
    text += fmt::format("training RMSE    energy {:.3f} meV/atom, force {:.2f} meV/Å, stress {:.4f} GPa\n",
                        1e3 * origin.rmse_energy, 1e3 * origin.rmse_force,
                        origin.rmse_stress * units::ev_per_cubic_angstrom_in_gpa);
    text += fmt::format("regression       s_w {:.4e}, s_v {:.4e}, gamma {:.1f} of {}, log evidence {:.1f} ({})\n",
                        evidence.weight_precision, evidence.noise_precision, evidence.gamma, model.n_references(),
                        evidence.log_evidence, bayes::describe(evidence.end));
    if (const auto& form = model.production()) {
        std::vector<Eigen::Index> sizes;
        for (const auto& expansion : form->expansions) sizes.push_back(expansion.n_components());
        text +=
            fmt::format("production form  {} components, {} precision, loss {:.3f} % on {}\n", fmt::join(sizes, ", "),
                        form->single_precision ? "single" : "double", 100.0 * form->loss, form->measured_on);
    }
    const Calibration& factors = model.calibration();
    const char* estimate = model.posterior().covariance().size() > 0 ? "robust estimate" : "BEEF";
    if (factors.energy == 1.0 && factors.force == 1.0 && factors.stress == 1.0) {
        text += fmt::format("error estimates  {}, not calibrated on unseen data\n", estimate);
    } else {
        text += fmt::format(
            "error estimates  {} × {:.3g} is the force error (standard deviation) on unseen data; energy × {:.3g}, "
            "stress × {:.3g}\n",
            estimate, factors.force, factors.energy, factors.stress);
        std::vector<std::string> of_species;
        for (const auto& [z, factor] : factors.force_of_species)
            of_species.push_back(fmt::format("{} {:.3g}", element_symbol(z), factor));
        if (of_species.size() > 1)
            text += fmt::format("                 factors of forces by species: {}\n", fmt::join(of_species, ", "));
    }
    text += distances_text(model);
    text += fmt::format("reference        {}\n", origin.reference);
    text += "settings\n";
    std::string indented = "  ";
    for (const char c : origin.settings) {
        indented += c;
        if (c == '\n') indented += "  ";
    }
    while (!indented.empty() && (indented.back() == ' ' || indented.back() == '\n')) indented.pop_back();
    console.result(text + indented);
}

}  // namespace mlff::app
