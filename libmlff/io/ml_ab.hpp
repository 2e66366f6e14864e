#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libmlff/io/data_file.hpp"

/// VASP's file of training data, ML_AB (ML_ABN is the same): structures with energy, forces and stress, and the list of
/// local reference configurations ("basis sets").
///
/// Energy [eV]: the free energy TOTEN, the one whose derivatives the forces are. Forces [eV/Å]. Stress: the pressure
/// tensor [kbar], positive if the cell wants to expand, XX YY ZZ and XY YZ ZX; the stress of this program is
/// −p/1602.18 [eV/Å³]. Positions are Cartesian [Å]. A local reference is a structure and one of its atoms, both counted
/// from 1 in the file; a species without a list has the dummy `1 1`.
/// Source: https://www.vasp.at/wiki/index.php/ML_AB
namespace mlff {

struct MlAbConfiguration {
    std::string origin;               ///< "file:line"
    std::string system;               ///< name, at most 40 characters
    std::optional<double> threshold;  ///< CTIFOR [eV/Å]
    Structure structure;              ///< periodic; the atoms of a species stand together
    double energy = 0.0;              ///< [eV]
    Matrix3X forces;                  ///< [eV/Å]
    std::array<double, 6>
        pressure{};  ///< [kbar], xx yy zz xy yz zx: as in the file, so that it is written back exactly
};

struct MlAb {
    std::vector<int> species;                ///< in the order of the header
    std::vector<double> reference_energies;  ///< of the isolated atoms [eV], by species
    std::vector<double> masses;              ///< [amu], by species; some programs write them in a wrong order
    std::map<int, std::vector<LocalReferenceIndex>> references;  ///< by atomic number; absent: dummy
    std::vector<MlAbConfiguration> configurations;
    std::vector<std::string> notes;
};

/// Reads ML_AB, plain or gzip. Blocks are found by their titles; leading blanks, the maxima of the header and CTIFOR
/// may be missing, and exponents may have three digits with or without an E.
/// A list of references that names atoms of another species (as a dummy does) is left out; `notes` says so.
/// @throws InputError `file:line: what; what would be right` if a block is missing, unknown or there twice, a count
///         disagrees, or a number is malformed or cut
[[nodiscard]] MlAb read_ml_ab(const std::string& path);

/// The file as VASP writes it, byte for byte (numbers in Fortran's 1P,G26.16E3: 16 or 17 digits).
/// @throws std::invalid_argument if sizes disagree, or a reference names an atom that is not there
[[nodiscard]] std::string format_ml_ab(const MlAb& file);
/// Writes it, atomically (output_file.hpp).
void write_ml_ab(const std::string& path, const MlAb& file);

/// Structures and references as ML_AB: atoms are grouped by species in the order of first occurrence, reference
/// energies are zero, masses the standard ones.
/// @throws InputError if a structure lacks a label, or is not periodic in three directions
[[nodiscard]] MlAb make_ml_ab(std::span<const LabeledStructure> structures,
                              const std::map<int, std::vector<LocalReferenceIndex>>& references = {});

/// The same in the units and signs of this program.
[[nodiscard]] DataFile to_data_file(const MlAb& file);

}  // namespace mlff
