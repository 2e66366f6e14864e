#pragma once

#include <string>
#include <vector>

#include "libmlff/io/data_file.hpp"

namespace mlff::app {

/// All that a file holds, frame by frame: structures, labels, velocities, further columns and keys.
struct FrameFile {
    std::vector<ExtxyzFrame> frames;
    std::vector<std::string> notes;         ///< what was chosen or left out, one line each
    std::vector<std::string> about_labels;  ///< likewise, of the labels
    bool lists_references = false;          ///< local references of ML_AB, which are not taken along
};
/// @param species  of the types of LAMMPS, or of H5MD's; empty: what the file says
/// @throws InputError as the reader of the format
[[nodiscard]] FrameFile read_frames(const std::string& path, DataFormat format, const ExtxyzKeys& keys,
                                    const std::vector<int>& species = {});

/// What of these frames a format cannot hold: "velocities, config_type"; "" if it holds all.
[[nodiscard]] std::string not_kept(const std::vector<ExtxyzFrame>& frames, DataFormat format);

}  // namespace mlff::app
