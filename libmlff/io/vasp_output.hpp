#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmlff/io/data_file.hpp"

/// What the readers of VASP's output files have in common.
namespace mlff {

/// Atomic number that a name in VASP's files stands for, with the suffixes of its potentials ("Zr_sv", "Ge_d/3f",
/// "H.75") and the two names that vasprun.xml spoils ("r" for Zr, "X" for Xe); none if it is no element.
[[nodiscard]] std::optional<int> vasp_species(std::string_view name);

/// Atomic number from the title of a potential, "PAW_PBE Zr_sv 04Jan2005"; none if it names no element.
[[nodiscard]] std::optional<int> potential_species(std::string_view title);

/// Words of a line of fixed-width columns, which may touch where a minus sign begins a number: "1.0-2.0" is two.
void split_columns(std::string_view line, std::vector<std::string_view>& words);

/// True for what stands in place of a number that is no number: "*****" (too wide for its column), NaN, Infinity.
[[nodiscard]] bool is_overflow(std::string_view word);

/// Stress [eV/Å³], tension positive, from VASP's pressure tensor [kbar], positive if the cell wants to expand.
[[nodiscard]] Voigt stress_of_pressure(const Matrix3& pressure);

/// Ionic steps that do not become data.
struct OmittedSteps {
    long machine_learned = 0;  ///< energies and forces of VASP's own force field
    long unconverged = 0;      ///< electronic loop ended at NELM
    long overflowed = 0;       ///< a number of the step is "*****" or NaN
    bool cut_off = false;      ///< the file ends within a step

    /// Adds one note for each kind of omission. @throws InputError, saying why, if no step is left
    void report(const std::string& path, DataFile& file) const;
};

}  // namespace mlff
