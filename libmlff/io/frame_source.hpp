#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libmlff/io/data_file.hpp"
#include "libmlff/io/text_file.hpp"

/// Trajectories, one frame at a time. What reads a whole file loops over the same stream (collect_frames).
namespace mlff {

/// One frame of a trajectory as its file has it: positions wrapped or not, with the labels that are there.
struct SourceFrame : LabeledStructure {
    std::optional<Matrix3X> velocities;   ///< [Å/fs], 3 × n_atoms
    std::optional<double> time;           ///< [fs]
    std::optional<double> step;           ///< number of the molecular dynamics step, or of the frame
    std::optional<double> temperature;    ///< [K]
    std::optional<double> timestep = {};  ///< between steps, if the file tells no times [fs]
};

/// The frames of one file, in file order, in the memory of one frame (vasprun.xml: of all its steps). A last frame that
/// is cut off, as a killed job leaves it, is left out.
class FrameSource {
 public:
    FrameSource() = default;
    FrameSource(const FrameSource&) = delete;
    FrameSource& operator=(const FrameSource&) = delete;
    virtual ~FrameSource() = default;

    /// Next frame; none after the last.
    /// @throws InputError `file:line: what; what would be right`
    [[nodiscard]] virtual std::optional<SourceFrame> next() = 0;

    [[nodiscard]] bool cut_off() const { return cut_off_; }  ///< after the last frame: the file ends within another

 protected:
    bool cut_off_ = false;
};

/// All that is left of a source as labelled structures, with a note if the file is cut off.
[[nodiscard]] DataFile collect_frames(FrameSource& source, const std::string& path);

/// Frames of a text file: what such formats have in common. A format says how one frame is read.
class TextFrames : public FrameSource {
 public:
    explicit TextFrames(const std::string& path) : lines_(path) {}

    [[nodiscard]] std::optional<SourceFrame> next() final;

 protected:
    /// The file ends within a frame.
    struct CutOff {};

    /// Next frame; none at the end of the file. @throws CutOff if the file ends within it
    virtual std::optional<SourceFrame> read() = 0;
    /// What the file should be: "an XDATCAR"
    [[nodiscard]] virtual const char* kind() const = 0;

    bool next_nonblank();
    void next_line();
    /// Complains about the line read last; if nothing follows it, the file is cut off there.
    [[noreturn]] void malformed(const std::string& message);
    double number(std::size_t k);  ///< of column k, from 0
    long integer(std::size_t k);
    Vector3 vector(std::size_t k) { return {number(k), number(k + 1), number(k + 2)}; }

    LineReader lines_;
    std::string line_;
    std::vector<std::string_view> words_;

 private:
    long n_frames_ = 0;
};

}  // namespace mlff
