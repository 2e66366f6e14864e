#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libmlff/io/frame_source.hpp"
#include "libmlff/io/hdf5_appender.hpp"
#include "libmlff/io/hdf5_reader.hpp"

/// Trajectories in HDF5 by the conventions of H5MD 1.1 (https://www.nongnu.org/h5md/h5md.html): T frames of N atoms,
///
///     h5md                              attributes version, author, creator; modules/units
///     particles/all/species             (N) atomic numbers
///     particles/all/box                 attributes dimension, boundary
///     particles/all/box/edges/value     (T, 3, 3) lattice vectors in rows [Å]
///     particles/all/position/value      (T, N, 3) [Å]; velocity [Å/fs] and force [eV/Å] likewise, if written
///     particles/all/position/step, time (T), time in fs; under the other elements the same data sets again
///     observables/potential_energy      value (T) [eV]; temperature [K]; stress (T, 3, 3) [eV/Å³], tension positive
namespace mlff {

/// Writes frame after frame. What `append` has finished can be read from then on, whatever happens to the writer
/// (Hdf5Appender). Doubles are exact.
class H5mdWriter {
 public:
    /// Goes on with the file of that name, if there is one that is not empty; else the first frame makes it.
    /// @throws InputError if there is a file that is no H5MD trajectory
    explicit H5mdWriter(std::string path);

    /// The first frame decides what all of them hold: velocities, forces, stress.
    /// @throws std::invalid_argument if a frame has other atoms or other parts than the first, or no step, time, energy
    ///         or temperature; std::runtime_error naming the file if the system refuses
    void append(const SourceFrame& frame);

    [[nodiscard]] std::int64_t n_frames() const { return n_frames_; }
    /// Keeps the first n frames: they are copied to a new file that takes the name of the old one, so that nothing is
    /// lost whenever the copying stops. None: the file is removed.
    /// @throws InputError if the file holds fewer
    void truncate(std::int64_t n);
    void sync();  ///< waits until the disk has everything
    /// @throws std::runtime_error if the file was removed or replaced since it was opened
    void require_in_place() const;

 private:
    void begin(const SourceFrame& first);

    std::string path_;
    std::int64_t n_frames_ = 0;
    std::vector<int> species_;
    std::optional<Hdf5Appender> file_;
    std::vector<double> values_;  ///< scratch
};

/// The frames of an H5MD file, ours or another program's: the first group of `particles` that has positions. Lengths in
/// Angstrom, nm or pm and times in fs, ps or ns are converted. Forces are labels if they are in eV/Å, energies if
/// observables/potential_energy is in eV. A frame that its writer did not finish is left out.
class H5mdFrames final : public FrameSource {
 public:
    /// @param species  atomic number of each species number from 1, needed for files of other programs: H5MD does not
    ///                 say what a number stands for (in ours it is the atomic number)
    /// @throws InputError naming the file, what is wrong and what would be right
    explicit H5mdFrames(const std::string& path, const std::vector<int>& species = {});

    [[nodiscard]] std::int64_t n_frames() const { return n_frames_; }
    [[nodiscard]] std::optional<SourceFrame> next() override;

 private:
    /// Data set of an element of which frame k is entry k, or all frames the same.
    struct Element {
        std::string value;
        double unit = 1.0;
        bool fixed = false;
    };
    [[noreturn]] void fail(const std::string& message) const;
    /// @throws InputError if the file is too small for a data set of this shape
    [[nodiscard]] std::vector<std::int64_t> shape_of(const std::string& name) const;
    /// Of a data set with an entry for each frame.
    [[nodiscard]] std::int64_t n_entries(const Element& element) const;
    [[nodiscard]] std::optional<Element> element(const std::string& name, double (*unit)(const std::string&)) const;
    [[nodiscard]] const std::vector<double>& read(const Element& element, std::int64_t k);
    [[nodiscard]] Matrix3X read_atoms(const Element& element, std::int64_t k);
    [[nodiscard]] std::vector<double> read_clock(const std::string& name) const;
    void find_species(const std::vector<int>& species);
    void find_box();

    std::string path_, group_;  ///< of the particles, with slash
    Hdf5Reader file_;
    std::int64_t n_frames_ = 0, next_ = 0;
    Structure structure_;  ///< species and boundaries
    std::optional<Element> position_, velocity_, force_, edges_, energy_, temperature_, stress_;
    std::vector<double> steps_, times_;  ///< [fs]; empty if the file does not tell
    std::vector<double> values_;
};

/// True if the file is HDF5, by its first bytes.
[[nodiscard]] bool is_hdf5(const std::string& path);

}  // namespace mlff
