#include <fmt/format.h>

#include <tuple>

#include "app/reference_settings.hpp"
#include "app/settings.hpp"
#include "libmlff/atoms/errors.hpp"

/// Settings of a cell that changes: barostat and relaxation.
namespace mlff::app {
namespace {

constexpr const char* tensor_words = "a tensor [xx, yy, zz, yz, xz, xy], GPa";

/// [GPa]: one number, or a tensor; with `ramp` also [start, end].
std::pair<Voigt, Voigt> read_pressure(ConfigSection& section, bool isotropic, bool ramp) {
    std::vector<double> pressure = {0.0};
    section.read("pressure", pressure);
    Voigt start = Voigt::Zero(), end = Voigt::Zero();
    if (pressure.size() == 6) {
        if (isotropic)
            section.fail("pressure",
                         "is a tensor, but cell: isotropic changes the volume only; cell: triclinic follows all six, "
                         "orthorhombic the first three");
        start = Eigen::Map<const Voigt>(pressure.data());
        return {start, start};
    }
    if (pressure.size() != 1 && !(ramp && pressure.size() == 2))
        section.fail("pressure",
                     fmt::format("must be one number{} or {}", ramp ? ", a ramp [start, end]," : "", tensor_words));
    start.head<3>().setConstant(pressure.front());
    end.head<3>().setConstant(pressure.back());
    return {start, end};
}

std::array<bool, 3> read_fixed(ConfigSection& section) {
    std::array<bool, 3> fixed = {false, false, false};
    std::vector<std::string> names;
    section.read("fixed", names);
    for (const std::string& name : names) {
        if (name != "a" && name != "b" && name != "c")
            section.fail("fixed", fmt::format("names lattice vectors: a list of a, b, c such as [c], got '{}'", name));
        fixed[static_cast<std::size_t>(name[0] - 'a')] = true;
    }
    if (fixed[0] && fixed[1] && fixed[2])
        section.fail("fixed", "names all lattice vectors, so that nothing of the cell may change");
    return fixed;
}

}  // namespace

md::BarostatOptions read_barostat(ConfigSection& section) {
    md::BarostatOptions options;
    options.type = md::BarostatType::cell_rescaling;
    section.read_choice("type", options.type,
                        {{"cell-rescaling", md::BarostatType::cell_rescaling},
                         {"mtk", md::BarostatType::mtk},
                         {"langevin", md::BarostatType::langevin}});
    section.read_choice("cell", options.cell,
                        {{"isotropic", md::CellMotion::isotropic},
                         {"orthorhombic", md::CellMotion::orthorhombic},
                         {"triclinic", md::CellMotion::triclinic}});
    section.read_positive("period", options.period);
    std::tie(options.pressure_start, options.pressure_end) =
        read_pressure(section, options.cell == md::CellMotion::isotropic, true);
    options.fixed = read_fixed(section);
    section.read_positive("compressibility", options.compressibility);
    if (options.type != md::BarostatType::cell_rescaling && section.has("mass")) {
        double mass = 0.0;
        section.read_positive("mass", mass);
        options.mass = mass;
    }
    if (options.type == md::BarostatType::langevin) section.read_positive("friction", options.friction);
    if (options.type == md::BarostatType::mtk) section.read_positive("chain", options.chain_length);
    return options;
}

void require_moving_cell(const Structure& structure, const std::array<bool, 3>& fixed, md::CellMotion motion,
                         const std::string& place) {
    try {
        md::CellStrain(structure, fixed, motion);
    } catch (const InputError& error) {
        throw InputError(fmt::format("{}: {}", place, error.what()));
    }
}

void require_moving_cell(const Structure& structure, const md::DynamicsOptions& dynamics, const std::string& place) {
    if (dynamics.ensemble == md::Ensemble::npt)
        require_moving_cell(structure, dynamics.barostat.fixed, dynamics.barostat.cell, place);
}

md::RelaxationOptions read_relaxation(ConfigSection& section) {
    md::RelaxationOptions options;
    using Cell = std::optional<md::CellMotion>;
    section.read_choice("cell", options.cell,
                        {{"none", Cell()},
                         {"isotropic", Cell(md::CellMotion::isotropic)},
                         {"orthorhombic", Cell(md::CellMotion::orthorhombic)},
                         {"triclinic", Cell(md::CellMotion::triclinic)}});
    section.read_positive("force", options.force);
    if (options.cell) {
        section.read_positive("stress", options.stress);
        options.pressure = read_pressure(section, options.cell == md::CellMotion::isotropic, false).first;
        options.fixed = read_fixed(section);
    }
    long steps = static_cast<long>(options.steps);
    section.read_positive("steps", steps);
    options.steps = steps;
    section.read_positive("max_step", options.max_step);
    section.validate(options);
    return options;
}

void require_stress(ConfigSection& dynamics, const md::DynamicsOptions& options, const ReferenceSettings* reference,
                    double stress_weight) {
    if (options.ensemble != md::Ensemble::npt) return;
    if (reference && !reference->no_moving_cell.empty())
        dynamics.fail("ensemble", "npt cannot be used with this reference: " + reference->no_moving_cell);
    if (stress_weight == 0.0)
        dynamics.fail("ensemble",
                      "npt needs a force field that learns the stress, but regression.weights.stress is 0; "
                      "make it positive (default 1), or use nvt");
}

}  // namespace mlff::app
