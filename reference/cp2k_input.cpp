#include "reference/cp2k_input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::reference {
namespace {

/// Valence electrons of the potential GTH-PBE, and the largest exponent [1/bohr²] of the basis MOLOPT-SR-GTH that
/// belongs to it, from the files GTH_POTENTIALS and BASIS_MOLOPT of CP2K 2023.1.
struct Element {
    std::string_view symbol;
    int electrons;
    double exponent;
};
constexpr std::array elements = std::to_array<Element>(
    {{"H", 1, 10.1},   {"He", 2, 11},    {"Li", 3, 7.13},  {"Be", 4, 14.9},  {"B", 3, 3.05},   {"C", 4, 5.61},
     {"N", 5, 7.34},   {"O", 6, 10.4},   {"F", 7, 13.7},   {"Ne", 8, 19.1},  {"Na", 9, 23.5},  {"Mg", 10, 30.7},
     {"Al", 3, 1.21},  {"Si", 4, 1.26},  {"P", 5, 1.63},   {"S", 6, 2.22},   {"Cl", 7, 2.38},  {"Ar", 8, 3.94},
     {"K", 9, 2.89},   {"Ca", 10, 5.28}, {"Sc", 11, 7.6},  {"Ti", 12, 7.88}, {"V", 13, 7.98},  {"Cr", 14, 8.51},
     {"Mn", 15, 8.54}, {"Fe", 16, 8.42}, {"Co", 17, 8.37}, {"Ni", 18, 10.1}, {"Cu", 11, 5.8},  {"Zn", 12, 6.4},
     {"Ga", 13, 7.07}, {"Ge", 4, 3.75},  {"As", 5, 1.1},   {"Se", 6, 1.47},  {"Br", 7, 1.74},  {"Kr", 8, 1.78},
     {"Rb", 9, 7.11},  {"Sr", 10, 7.29}, {"Y", 11, 7.17},  {"Zr", 12, 7.57}, {"Nb", 13, 3.45}, {"Mo", 14, 2.54},
     {"Tc", 15, 3.16}, {"Ru", 16, 2.79}, {"Rh", 17, 3.16}, {"Pd", 18, 3.41}, {"Ag", 11, 2.59}, {"Cd", 12, 2.62},
     {"In", 13, 3.1},  {"Sn", 4, 0.667}, {"Sb", 5, 0.757}, {"Te", 6, 0.871}, {"I", 7, 0.966},  {"Xe", 8, 1.06},
     {"Cs", 9, 1},     {"Ba", 10, 1.1},  {"Hf", 12, 2.67}, {"Ta", 13, 2.95}, {"W", 14, 3.1},   {"Re", 15, 3.24},
     {"Os", 16, 3.25}, {"Ir", 17, 3.38}, {"Pt", 18, 3.63}, {"Au", 11, 2.95}, {"Hg", 12, 3.03}, {"Tl", 13, 3.38},
     {"Pb", 4, 1.93},  {"Bi", 5, 1.67},  {"Po", 6, 1.76},  {"At", 7, 1.8},   {"Rn", 8, 2}});

const Element& element(int z) {
    const std::string& symbol = element_symbol(z);
    const auto* found =
        std::find_if(elements.begin(), elements.end(), [&](const Element& e) { return e.symbol == symbol; });
    if (found == elements.end())
        throw InputError(fmt::format(
            "CP2K has no MOLOPT-SR-GTH basis with a GTH-PBE potential for {}; write its input by hand", symbol));
    return *found;
}

/// Grid cutoff [Ry].
int cutoff(const Structure& structure, Cp2kQuality quality) {
    double hardest = 0.0;
    for (const int z : species_present(structure)) hardest = std::max(hardest, element(z).exponent);
    const double good = std::clamp(180.0 * std::sqrt(hardest), 280.0, 1000.0);
    const double chosen = quality == Cp2kQuality::good ? good : std::max(240.0, 0.75 * good);
    constexpr double step = 20.0;
    return static_cast<int>(step * std::ceil(chosen / step - 1e-9));
}

bool odd_electrons(const Structure& structure) {
    int sum = 0;
    for (const int z : structure.species) sum += element(z).electrons;
    return sum % 2 != 0;
}

std::string self_consistency(const Cp2kInputOptions& options) {
    const char* guess = options.functional == Cp2kFunctional::xtb ? "MOPAC" : "ATOMIC";
    const char* preconditioner = options.functional == Cp2kFunctional::xtb ? "FULL_SINGLE_INVERSE" : "FULL_ALL";
    std::string text = fmt::format(
        "    &SCF\n      SCF_GUESS {}\n      EPS_SCF 1e-6             # 1e-5 is faster, forces are noisier\n", guess);
    if (options.robust)
        text +=
            "      MAX_SCF 50\n"
            "      &OT                      # conjugate gradients with a line search: slow and safe\n"
            "        MINIMIZER CG\n"
            "        LINESEARCH 3PNT\n"
            "        PRECONDITIONER FULL_SINGLE_INVERSE\n"
            "      &END OT\n"
            "      &OUTER_SCF\n        EPS_SCF 1e-6\n        MAX_SCF 20\n      &END OUTER_SCF\n";
    else
        text += fmt::format(
            "      MAX_SCF 25\n"
            "      &OT                      # for materials with a gap; a metal needs diagonalisation and smearing "
            "instead\n"
            "        MINIMIZER DIIS\n"
            "        PRECONDITIONER {}\n"
            "      &END OT\n"
            "      &OUTER_SCF\n        EPS_SCF 1e-6\n        MAX_SCF 10\n      &END OUTER_SCF\n",
            preconditioner);
    return text + "      &PRINT\n        &RESTART OFF\n        &END RESTART\n      &END PRINT\n    &END SCF\n";
}

std::string exchange_correlation(Cp2kFunctional functional) {
    std::string text = "    &XC\n";
    if (functional == Cp2kFunctional::pbesol)
        text +=
            "      &XC_FUNCTIONAL           # PBEsol, with the potentials of PBE\n        &PBE\n          "
            "PARAMETRIZATION PBESOL\n"
            "        &END PBE\n      &END XC_FUNCTIONAL\n";
    else
        text += "      &XC_FUNCTIONAL PBE\n      &END XC_FUNCTIONAL\n";
    if (functional == Cp2kFunctional::pbe_d3)
        text +=
            "      &VDW_POTENTIAL\n        POTENTIAL_TYPE PAIR_POTENTIAL\n        &PAIR_POTENTIAL\n          TYPE "
            "DFTD3(BJ)\n"
            "          REFERENCE_FUNCTIONAL PBE\n          PARAMETER_FILE_NAME dftd3.dat\n        &END PAIR_POTENTIAL\n"
            "      &END VDW_POTENTIAL\n";
    return text + "    &END XC\n";
}

std::string quickstep(const Cp2kInputOptions& options, const char* precision) {
    std::string text = "    &QS\n";
    text += options.functional == Cp2kFunctional::xtb ? "      METHOD XTB               # GFN1-xTB: tight binding\n"
                                                      : "      METHOD GPW\n";
    text += fmt::format("      EPS_DEFAULT {}\n", precision);
    text += options.robust
                ? "      EXTRAPOLATION USE_GUESS  # from scratch at each call\n"
                : "      EXTRAPOLATION ASPC       # starts from the calls before\n      EXTRAPOLATION_ORDER 3\n";
    if (options.functional == Cp2kFunctional::xtb)
        text += "      &XTB\n        CHECK_ATOMIC_CHARGES F\n        DO_EWALD T\n      &END XTB\n";
    return text + "    &END QS\n";
}

}  // namespace

std::string cp2k_input(const Structure& structure, const Cp2kInputOptions& options) {
    const bool good = options.quality == Cp2kQuality::good, dft = options.functional != Cp2kFunctional::xtb;
    std::string text = fmt::format(
        "# CP2K as reference of mlff{}. Words in double braces are filled in by mlff.\n"
        "&GLOBAL\n  PROJECT mlff\n  RUN_TYPE DRIVER              # waits for structures from mlff\n  PRINT_LEVEL "
        "LOW\n&END GLOBAL\n"
        "&FORCE_EVAL\n  METHOD QS\n  STRESS_TENSOR ANALYTICAL     # without it CP2K sends zeros\n  &DFT\n",
        options.robust ? ", for a second attempt: the same physics, a safer way to self-consistency" : "");
    if (dft)
        text += fmt::format(
            "    BASIS_SET_FILE_NAME BASIS_MOLOPT\n    POTENTIAL_FILE_NAME GTH_POTENTIALS\n"
            "    &MGRID\n      CUTOFF {}               # Ry, a guess by species: converge forces and stress with it\n"
            "      REL_CUTOFF 40\n      NGRIDS 4\n    &END MGRID\n",
            cutoff(structure, options.quality));
    if (dft && odd_electrons(structure))
        text += "    UKS T                      # an odd number of electrons\n    MULTIPLICITY 2\n";
    text += quickstep(options, good ? "1e-10" : "1e-8");
    text += "    &POISSON\n      PERIODIC XYZ\n    &END POISSON\n" + self_consistency(options);
    if (dft) text += exchange_correlation(options.functional);
    text +=
        "  &END DFT\n  &SUBSYS\n    &CELL\n{{cell_cp2k}}\n      PERIODIC XYZ\n    &END CELL\n    "
        "&COORD\n{{coordinates}}\n"
        "    &END COORD\n";
    if (dft)
        for (const int z : species_present(structure)) {
            const Element& e = element(z);
            text += fmt::format(
                "    &KIND {}\n      BASIS_SET {}-MOLOPT-SR-GTH-q{}\n      POTENTIAL GTH-PBE-q{}\n    &END KIND\n",
                e.symbol, good ? "DZVP" : "SZV", e.electrons, e.electrons);
        }
    return text +
           "  &END SUBSYS\n&END FORCE_EVAL\n"
           "&MOTION\n  &DRIVER\n    HOST {{socket}}\n    PORT {{port}}\n    UNIX {{unix}}\n  &END DRIVER\n"
           "  &PRINT\n    &RESTART OFF\n    &END RESTART\n    &RESTART_HISTORY OFF\n    &END RESTART_HISTORY\n  &END "
           "PRINT\n"
           "&END MOTION\n";
}

std::vector<std::string> cp2k_advice(const Structure& structure, const Cp2kInputOptions& options) {
    std::vector<std::string> advice;
    if (options.functional == Cp2kFunctional::xtb) {
        advice.emplace_back(
            "GFN1-xTB is a tight binding, quick and good to try everything with; it is not first principles");
    } else if (options.quality == Cp2kQuality::demo) {
        advice.emplace_back("an SZV basis shows how everything works; take --quality good for results");
    }
    if (options.functional != Cp2kFunctional::xtb) {
        advice.push_back(fmt::format("the grid cutoff of {} Ry is a guess by species: converge it",
                                     cutoff(structure, options.quality)));
        if (structure.has_volume()) {
            const double edge = structure.cell.colwise().norm().minCoeff();
            constexpr double enough = 10.0;  // [Å]
            if (edge < enough)
                advice.push_back(fmt::format(
                    "the shortest lattice vector has {:.1f} Å, little for the Γ point alone: take a supercell", edge));
        }
        if (odd_electrons(structure)) advice.emplace_back("the number of electrons is odd: check MULTIPLICITY");
    }
    return advice;
}

}  // namespace mlff::reference
