#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libmlff/io/frame_source.hpp"

namespace mlff {

/// A dump of LAMMPS (dump custom or atom), plain or gzip. Columns: element or type; x y z, xu yu zu, xs ys zs or
/// xsu ysu zsu, side by side; also id (atoms come in its order), ix iy iz, vx vy vz, and fx fy fz, which become labels.
/// The energy is not in a dump. `step` is the timestep, 'ITEM: TIME' the time, `origin` file and line of the frame.
///
/// Units metal, also real if 'ITEM: UNITS' says so: then times in fs and forces in kcal/(mol Å) are converted.
/// Positions are relative to the corner of the box, where the cell of a Structure begins; so a box that breathes about
/// its middle moves no atom. Images count for wrapped columns (x, xs) only.
///
/// A last frame that is cut off is left out. A last line with neither line end nor blank behind it is cut off: numbers
/// are printed with as many digits as they need, so that a part of one looks like another.
/// Source: https://docs.lammps.org/dump.html
class LammpsDumpFrames final : public TextFrames {
 public:
    /// @param species  atomic number of each type from 1; needed if there is no column element
    LammpsDumpFrames(const std::string& path, std::vector<int> species)
        : TextFrames(path), species_(std::move(species)) {}

 private:
    struct Atom {
        long id = 0;
        int species = 0;
        Vector3 position = Vector3::Zero(), velocity = Vector3::Zero(), force = Vector3::Zero();
    };
    struct Columns {
        std::vector<std::string> names;
        std::optional<std::size_t> id, type, element, positions, images, velocity, force;
        bool scaled = false;
    };

    std::optional<SourceFrame> read() override;
    [[nodiscard]] const char* kind() const override { return "a LAMMPS dump"; }
    void read_units();
    void read_box(Structure& structure);
    Columns read_columns();
    Atom read_atom(const Columns& columns, const Matrix3& cell, long number);
    void read_atoms(SourceFrame& frame, long n_atoms);
    int species_of(const Columns& columns);

    std::vector<int> species_;
    std::vector<Atom> atoms_;
    Vector3 corner_ = Vector3::Zero();  ///< of the box
    double time_unit_ = 1000.0;         ///< [fs]; metal: ps
    double force_unit_ = 1.0;           ///< [eV/Å]
};

/// All frames of a dump, with a note if the last is cut off.
/// @param species  as LammpsDumpFrames
/// @throws InputError `file:line: what; what would be right`
[[nodiscard]] DataFile read_lammps_dump(const std::string& path, const std::vector<int>& species = {});

}  // namespace mlff
