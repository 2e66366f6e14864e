#pragma once

#include <Eigen/Core>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mlff {

using Matrix3 = Eigen::Matrix3d;
using Vector3 = Eigen::Vector3d;
using Matrix3X = Eigen::Matrix3Xd;          ///< 3 × n_atoms, one column per atom
using Voigt = Eigen::Matrix<double, 6, 1>;  ///< symmetric 3 × 3 tensor in the order xx yy zz yz xz xy

/// Atoms in a box: r = H s with the lattice vectors in the columns of H. Any triclinic cell is allowed, also a
/// left-handed one; periodicity is per axis. Positions may be outside the cell and are never wrapped silently.
struct Structure {
    Matrix3 cell = Matrix3::Zero();                        ///< H [Å]; a column may be zero if its axis is not periodic
    std::array<bool, 3> periodic = {false, false, false};  ///< along each lattice vector
    std::vector<int> species;                              ///< atomic number of each atom
    Matrix3X positions;                                    ///< [Å], 3 × n_atoms

    [[nodiscard]] Eigen::Index size() const { return positions.cols(); }
    [[nodiscard]] bool has_volume() const;  ///< all three lattice vectors are given and independent
    [[nodiscard]] double volume() const;    ///< |det H| [Å³]

    /// @throws InputError if sizes disagree, an element or number is not valid, or a periodic axis has no usable
    ///         lattice vector (tolerance relative to the lengths, so that the handedness does not matter)
    void validate() const;
};

/// Labels of a structure from a reference calculation or a file.
struct Labels {
    std::optional<double> energy;    ///< total energy [eV]
    std::optional<Matrix3X> forces;  ///< [eV/Å], 3 × n_atoms
    std::optional<Voigt> stress;     ///< (1/V) dE/dε [eV/Å³], positive under tension
};

/// A structure with its labels and origin.
struct LabeledStructure {
    Structure structure;
    Labels labels;
    std::string origin;      ///< for messages: "file:line" or "step 120"
    std::string group = {};  ///< of similar structures, for errors by group (extxyz: config_type); may be empty
    double weight = 1.0;     ///< multiplicity in a fit: squared residuals are multiplied by it (structure_weights.hpp)
};

/// n₁ × n₂ × n₃ copies of a structure; copies of the cell are the outer loops, atoms of the cell the innermost.
[[nodiscard]] Structure make_supercell(const Structure& unit, const std::array<int, 3>& repeats);

/// Atomic numbers that occur in the structure, ascending, without repetition.
[[nodiscard]] std::vector<int> species_present(const Structure& structure);

/// Number of atoms by atomic number.
[[nodiscard]] std::map<int, long> composition(const Structure& structure);

/// Whether species, positions and cell are equal to the last bit.
[[nodiscard]] bool same_atoms(const Structure& a, const Structure& b);

/// Chemical formula in order of atomic number of first occurrence, e.g. "Ag64I64".
[[nodiscard]] std::string formula(const Structure& structure);

struct CellParameters {
    std::array<double, 3> lengths;  ///< a, b, c [Å]
    std::array<double, 3> angles;   ///< α between b and c, β, γ [degrees]
};
/// Of a cell with three independent lattice vectors.
[[nodiscard]] CellParameters cell_parameters(const Matrix3& cell);

/// Voigt vector of the symmetric part of a tensor, and back.
[[nodiscard]] Voigt to_voigt(const Matrix3& tensor);
[[nodiscard]] Matrix3 from_voigt(const Voigt& voigt);

}  // namespace mlff
