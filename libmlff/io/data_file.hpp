#pragma once

#include <Eigen/Core>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmlff/atoms/structure.hpp"
#include "libmlff/io/extxyz.hpp"

/// Structures and labels from whatever file they are in. Each format has its reader, which says in its header which
/// energy it takes, in what units the file is and what is left out; here one is chosen.
namespace mlff {

enum class DataFormat { extxyz, poscar, xdatcar, vasprun, outcar, ml_ab, deepmd, lammps_data, lammps_dump, h5md };

/// An atom of one of the structures of a file.
struct LocalReferenceIndex {
    std::size_t structure = 0;  ///< from 0
    Eigen::Index atom = 0;      ///< from 0

    bool operator==(const LocalReferenceIndex&) const = default;
};

/// What a file of data says.
struct DataFile {
    std::vector<LabeledStructure> structures;
    std::map<int, std::vector<LocalReferenceIndex>> references;  ///< by atomic number; ML_AB alone has them
    std::vector<std::string> notes;                              ///< what was left out and why, one line each
    /// Largest |F − E| per atom [eV], F the free energy (the label) and E the energy without electronic entropy: how
    /// much the smearing matters. None if the file does not tell.
    std::optional<double> electronic_entropy;
    std::optional<double> timestep = {};  ///< of molecular dynamics, POTIM of vasprun.xml [fs]
};

/// Reads a file, plain or gzip, or a folder of DeePMD.
/// @param keys    names of the labels in extxyz; the other formats have fixed ones
/// @param format  what the file is; without it detect_format decides
/// @throws InputError `file:line: what; what would be right`
[[nodiscard]] DataFile read_data_file(const std::string& path, const ExtxyzKeys& keys = {},
                                      std::optional<DataFormat> format = std::nullopt);

/// What a file is, by its first lines, and if they do not tell, by its name. A folder is DeePMD's.
/// @throws InputError if neither tells
[[nodiscard]] DataFormat detect_format(const std::string& path);

/// What a file is to be by its name alone: *.xyz, *.extxyz, POSCAR*, CONTCAR*, *.vasp, XDATCAR*, vasprun*, *.xml,
/// OUTCAR*, ML_AB*, *.ml_ab, *.lmp, *.lammpstrj, *.dump, *.h5md, each also with .gz; none for another name.
[[nodiscard]] std::optional<DataFormat> format_of_name(const std::string& path);

/// Name of a format as users write it ("ml_ab"), and back.
[[nodiscard]] std::string_view format_name(DataFormat format);
/// @throws InputError if there is no such format; the message lists them
[[nodiscard]] DataFormat format_named(std::string_view name);

}  // namespace mlff
