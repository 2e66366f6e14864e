#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff::reference {

/// Replaces every `{{name}}` of a text by its value.
/// @param place  for messages
/// @throws InputError naming the unknown word and all known ones
[[nodiscard]] std::string fill_in(std::string_view text, const std::map<std::string, std::string>& values,
                                  const std::string& place);

/// Values of a structure for templates, one line per vector or atom:
///   cell          lattice vectors, one a line, "5.0 0.0 0.0" [Å]
///   cell_cp2k     the same as keywords A, B and C
///   coordinates   "Ag 0.0 0.0 0.1" [Å]
///   n_atoms
///   lammps_data   a data file for read_data, atom_style atomic; only for a right-handed cell
///   lammps_types  the elements of its types, such as "Ag I", for pair_coeff * * FILE
[[nodiscard]] std::map<std::string, std::string> structure_values(const Structure& structure);

/// Input files of a code: the user's files, filled in and written into the working folder of the code.
///
/// The first rung is the usual input; each further one holds files that replace some of it for another attempt. A
/// folder as path means all files in it.
class InputFiles {
 public:
    InputFiles() = default;  ///< none: the code needs no files
    /// @param rungs  paths of each rung
    /// @throws InputError if a path does not exist, or is a folder without files
    explicit InputFiles(const std::vector<std::vector<std::string>>& rungs);

    /// A further file of the usual input; without files before, it becomes the main one.
    void add(const std::string& name, const std::string& content);

    [[nodiscard]] bool empty() const { return rungs_.front().empty(); }
    [[nodiscard]] std::size_t n_rungs() const { return rungs_.size(); }
    /// Name of the main input of a rung in the working folder: its first file; "" without files.
    [[nodiscard]] std::string main(std::size_t rung) const;
    /// Writes the files of rung 0 and overwrites them with the files of `rung`.
    /// @throws InputError for an unknown {{name}}; std::runtime_error if writing fails
    void write(const std::string& folder, std::size_t rung, const std::map<std::string, std::string>& values) const;
    /// Text of all text files of rung 0; and of its main file alone.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::string main_text() const;
    /// Checksum of names and contents of rung 0, without comments and blanks: it changes if the calculation changes.
    [[nodiscard]] std::string fingerprint() const;

 private:
    struct File {
        std::string path, name, content;
    };
    std::vector<std::vector<File>> rungs_ = {{}};
};

}  // namespace mlff::reference
