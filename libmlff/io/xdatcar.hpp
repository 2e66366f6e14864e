#pragma once

#include <optional>
#include <span>
#include <string>

#include "libmlff/io/frame_source.hpp"

namespace mlff {

/// A trajectory of VASP, plain or gzip: a header as in POSCAR (with the line of chemical symbols), then frames, each
/// after "Direct configuration="; a variable cell repeats the header. No labels. Positions are what is printed: VASP
/// wraps them into the cell. `step` is the number behind "Direct configuration=", `origin` the file and line of it.
///
/// A last frame that is cut off is left out. If the file ends without a line end, its last number counts as cut off if
/// it has fewer decimals than the one before it: VASP prints all with the same number, and a file that somebody has
/// edited may lack the line end.
/// Source: https://www.vasp.at/wiki/index.php/XDATCAR
class XdatcarFrames final : public TextFrames {
 public:
    using TextFrames::TextFrames;

 private:
    std::optional<SourceFrame> read() override;
    [[nodiscard]] const char* kind() const override { return "an XDATCAR"; }
    [[nodiscard]] bool is_frame_title() const;
    /// The number in "Direct configuration=    12", with or without the blanks; none if there is none.
    [[nodiscard]] std::optional<double> configuration_number() const;
    [[nodiscard]] bool last_number_is_cut() const;
    Vector3 read_vector(const std::string& what);
    void read_header();  ///< from the title, which is the line read last, to the title of the first frame

    Structure header_;  ///< of the frames to come; positions without meaning
};

/// All frames of an XDATCAR, with a note if the last is cut off.
/// @throws InputError `file:line: what; what would be right`
[[nodiscard]] DataFile read_xdatcar(const std::string& path);

/// The structures as XDATCAR: atoms grouped by species in the order of first occurrence, positions in units of the cell
/// with 16 decimals, the header repeated if the cell changes.
/// @throws InputError if a structure has no atoms, is not periodic in three directions, or differs in composition
[[nodiscard]] std::string format_xdatcar(std::span<const LabeledStructure> frames);
/// Writes it, atomically (output_file.hpp).
void write_xdatcar(const std::string& path, std::span<const LabeledStructure> frames);

}  // namespace mlff
