#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "libmlff/atoms/structure.hpp"
#include "libmlff/io/text_file.hpp"

/// Extended XYZ (https://github.com/libAtoms/extxyz), the text format of labelled structures and trajectories:
///
///     2
///     Lattice="10 0 0 0 10 0 0 0 10" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 pbc="T T T"
///     Ag 0 0 0  0.1 0 0
///     I  0 0 2 -0.1 0 0
///
/// Understood: Lattice (nine numbers, one lattice vector after the other [Å]); pbc (absent: periodic if there is a
/// Lattice); species:S:1, else Z:I:1 or numbers:I:1; pos:R:3 [Å]; velocities, velo or vel:R:3 [Å/fs], else momenta:R:3
/// (ASE's unit, √(eV amu)); masses or mass:R:1 [amu]; move_mask:L:1 or L:3; config_type, the group; and the labels of
/// ExtxyzKeys. Values stand in "…", '…', {…}, […] or bare. Without Properties a line is plain XYZ: symbol, x y z, and
/// columns that nobody has named, which are not read.
///
/// i-PI's comment line, "# CELL(abcABC): a b c α β γ ... positions{atomic_unit} cell{atomic_unit}", gives cell and
/// units (atomic_unit or angstrom); CP2K's, "i = 0, time = 0.000, E = -34.33", step and time.
///
/// Two facts that contradict each other are refused: two energies of one name, stress and virial.
namespace mlff {

/// Under which names a file keeps its labels; an empty name stands for the usual ones, tried in the order given here.
struct ExtxyzKeys {
    /// Total energy [eV]. Usual: free_energy, which the forces are derivatives of where electrons are smeared, else
    /// energy; in upper or lower case.
    std::string energy = {};
    std::string forces = {};                 ///< [eV/Å]. Usual: forces, force
    std::string stress = {};                 ///< tension positive, nine numbers (3 × 3) or six (Voigt). Usual: stress
    std::string virial = {};                 ///< −V · stress [eV]. Usual, if there is no stress: virial
    std::optional<double> stress_unit = {};  ///< of `stress` in eV/Å³; none: not told, eV/Å³
    std::vector<std::string> columns = {};   ///< further real columns to keep in ExtxyzFrame::columns
    bool all_columns = false;                ///< keep every column of numbers in ExtxyzFrame::columns
};

/// A further per-atom quantity: `values` is width × n_atoms.
struct AtomColumn {
    std::string name;
    Eigen::MatrixXd values;
    char type = 'R';  ///< of Properties: R, or I for whole numbers
};

/// Which Cartesian components of the positions may change in dynamics, 3 × n_atoms; no columns: all may.
using MoveMask = Eigen::Array<bool, 3, Eigen::Dynamic>;

/// All that one frame holds: a labelled structure, and what a trajectory says besides.
struct ExtxyzFrame : LabeledStructure {
    std::optional<Matrix3X> velocities;                     ///< [Å/fs], 3 × n_atoms
    std::optional<Eigen::VectorXd> masses;                  ///< [amu], n_atoms
    MoveMask move_mask;                                     ///< no columns: all atoms may move
    std::optional<double> energy_without_entropy;           ///< [eV], if the label is a free energy beside it
    std::vector<std::pair<std::string, std::string>> info;  ///< every other key of the comment line, in order
    std::vector<AtomColumn> columns;

    /// Value of an info key; none if absent.
    [[nodiscard]] std::optional<std::string> find(std::string_view key) const;
};

/// Reads a file one frame at a time, in the memory of one frame.
class ExtxyzReader {
 public:
    /// @throws InputError if there is no such file
    explicit ExtxyzReader(const std::string& path, ExtxyzKeys keys = {});

    /// Next frame, validated; none after the last.
    /// @throws InputError, `file:line: what; what would be right`, if the file is empty or cut off, or anything that is
    ///         understood is malformed or not a finite number
    [[nodiscard]] std::optional<ExtxyzFrame> next();

    /// After next() has thrown: true if the file ends within the frame, as a killed job leaves it.
    [[nodiscard]] bool cut_off() const { return ended_ || !lines_.line_is_ended(); }

    /// True if something stands after the frame read last; no further frame can be read then.
    [[nodiscard]] bool more();

    /// Names of columns that were not read, so far; "columns without a name" for those of plain XYZ.
    [[nodiscard]] const std::set<std::string>& unread_columns() const { return unread_columns_; }

 private:
    LineReader lines_;
    ExtxyzKeys keys_;
    long n_frames_ = 0;
    bool ended_ = false;  ///< within a frame
    std::set<std::string> unread_columns_;
    std::string line_;
    std::vector<std::string_view> words_;
};

/// Names in a frame that are those of labels with something before them (REF_energy, dft_forces), for messages.
[[nodiscard]] std::vector<std::string> label_names(const std::vector<std::string>& names);

/// What a file holds.
struct ExtxyzData {
    std::vector<LabeledStructure> structures;
    std::vector<std::string> notes;            ///< what was chosen or left out, one line each
    std::optional<double> electronic_entropy;  ///< as in DataFile
};
/// All frames of a file; `origin` is the file and line of each.
/// @throws InputError as ExtxyzReader; also if a key was asked for by name and no frame has it
[[nodiscard]] ExtxyzData read_extxyz_data(const std::string& path, const ExtxyzKeys& keys = {});

/// The structures alone. `origin` is the file and line of each.
/// @throws InputError as ExtxyzReader; also if a key was asked for by name and no frame has it
[[nodiscard]] std::vector<LabeledStructure> read_extxyz(const std::string& path, const ExtxyzKeys& keys = {});

/// One frame as text. Numbers have the digits (up to 17) that bring back the same double; labels go under energy,
/// forces and stress (nine numbers), velocities under velocities [Å/fs]. An info key that a label already occupies is
/// left out.
/// @throws std::invalid_argument if sizes disagree or a number is not finite
[[nodiscard]] std::string format_extxyz(const ExtxyzFrame& frame);
[[nodiscard]] std::string format_extxyz(const LabeledStructure& structure);

/// Writes a whole file, atomically (output_file.hpp).
/// @throws std::runtime_error naming the file if the system refuses
void write_extxyz(const std::string& path, std::span<const LabeledStructure> structures);
void write_extxyz(const std::string& path, std::span<const ExtxyzFrame> frames);

}  // namespace mlff
