#include "analysis/frame_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/errors.hpp"
#include "libmlff/io/data_file.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp_output.hpp"
#include "libmlff/io/vasprun.hpp"

namespace mlff::analysis {
namespace {

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file

class ExtxyzFrames final : public FrameSource {
 public:
    explicit ExtxyzFrames(const std::string& path) : reader_(path) {}

    std::optional<SourceFrame> next() override {
        std::optional<ExtxyzFrame> read = reader_.next();
        if (!read) return std::nullopt;
        SourceFrame frame;
        frame.time = number(*read, "time");
        frame.step = number(*read, "step");
        frame.temperature = number(*read, "temperature");
        frame.structure = std::move(read->structure);
        frame.velocities = std::move(read->velocities);
        frame.origin = std::move(read->origin);
        return frame;
    }

 private:
    static std::optional<double> number(const ExtxyzFrame& frame, const char* key) {
        const auto text = frame.find(key);
        if (!text) return std::nullopt;
        const auto value = parse_double(*text);
        if (!value)
            throw InputError(fmt::format("{}: {} must be a finite number, got {}", frame.origin, key, show(*text)));
        return value;
    }

    ExtxyzReader reader_;
};

class VasprunFrames final : public FrameSource {
 public:
    explicit VasprunFrames(const std::string& path) : file_(read_vasprun(path)) {
        for (const std::string& note : file_.notes)
            if (note.find("left out") != std::string::npos)
                throw InputError(note + "; a trajectory needs every step: the XDATCAR of the run has them");
    }

    std::optional<SourceFrame> next() override {
        if (next_ == file_.structures.size()) return std::nullopt;
        LabeledStructure& item = file_.structures[next_++];
        SourceFrame frame;
        frame.structure = std::move(item.structure);
        frame.step = static_cast<double>(next_);
        frame.origin = std::move(item.origin);
        return frame;
    }

 private:
    DataFile file_;
    std::size_t next_ = 0;
};

/// The file ends within a frame.
struct CutOff {};

/// Frames of a text file, by a description of how one of them is read.
class TextFrames : public FrameSource {
 public:
    explicit TextFrames(const std::string& path) : lines_(path) {}

    std::optional<SourceFrame> next() final {
        try {
            auto frame = read();
            if (frame) {
                ++n_frames_;
                try {
                    frame->structure.validate();
                } catch (const InputError& error) {
                    throw InputError(frame->origin + ": " + error.what());
                }
            }
            if (!frame && n_frames_ == 0) throw InputError(lines_.path() + ": no frame in this file");
            return frame;
        } catch (const CutOff&) {
            if (n_frames_ == 0) throw InputError(lines_.path() + ": the file ends before its first frame is complete");
            return std::nullopt;
        }
    }

 protected:
    /// Next frame; none at the end of the file. @throws CutOff if the file ends within it
    virtual std::optional<SourceFrame> read() = 0;

    bool next_nonblank() {
        while (std::exchange(line_is_ahead_, false) || lines_.next(line_)) {
            split_words(line_, words_);
            if (!words_.empty()) return true;
        }
        return false;
    }
    void next_line() {
        if (!lines_.next(line_)) throw CutOff();
        split_words(line_, words_);
    }
    /// Complains about the line read last; if nothing follows it, the file is cut off there.
    [[noreturn]] void malformed(const std::string& message) {
        const std::string place = lines_.place();
        std::string following;
        if (n_frames_ > 0 && !lines_.next(following)) throw CutOff();
        throw InputError(place + ": " + message);
    }
    double number(std::size_t k) {
        const auto value = k < words_.size() ? parse_double(words_[k]) : std::nullopt;
        if (!value) malformed(fmt::format("column {} must be a finite number, got {}", k + 1, show(line_)));
        return *value;
    }
    long integer(std::size_t k) {
        const auto value = k < words_.size() ? parse_long(words_[k]) : std::nullopt;
        if (!value) malformed(fmt::format("column {} must be a whole number, got {}", k + 1, show(line_)));
        return *value;
    }
    Vector3 vector(std::size_t k) { return {number(k), number(k + 1), number(k + 2)}; }

    /// Reads on to see whether the file goes on; next_nonblank then begins with that line.
    bool looks_ahead() { return line_is_ahead_ = lines_.next(line_); }

    LineReader lines_;
    std::string line_;
    std::vector<std::string_view> words_;

 private:
    bool line_is_ahead_ = false;
    long n_frames_ = 0;
};

class XdatcarFrames final : public TextFrames {
 public:
    using TextFrames::TextFrames;

 private:
    std::optional<SourceFrame> read() override {
        if (!next_nonblank()) return std::nullopt;
        if (!is_frame_title()) read_header();
        SourceFrame frame;
        frame.origin = lines_.place();
        frame.step = configuration_number();
        frame.structure = header_;
        std::size_t last_decimals = 0;
        for (Eigen::Index i = 0; i < header_.size(); ++i) {
            next_line();
            split_columns(line_, words_);
            frame.structure.positions.col(i) = header_.cell * vector(0);
            // A last number with fewer decimals than the one above it is part of a number, if nothing follows.
            const std::string_view last = words_.back();
            const auto decimals = last.size() - std::min(last.size(), last.rfind('.'));
            if (i + 1 == header_.size() && decimals < last_decimals && !looks_ahead()) throw CutOff();
            last_decimals = decimals;
        }
        return frame;
    }

    bool is_frame_title() const {
        return header_.size() > 0 && (words_[0].starts_with("Direct") || words_[0].starts_with("Konfig"));
    }

    /// The number in "Direct configuration=    12", with or without the blanks; none if there is none.
    std::optional<double> configuration_number() const {
        const auto equals = line_.find('=');
        if (equals == std::string::npos) return std::nullopt;
        const auto words = split_words(std::string_view(line_).substr(equals + 1));
        return words.size() == 1 ? parse_double(words[0]) : std::nullopt;
    }

    /// From the title, which is the line read last, to that of the first frame.
    void read_header() {
        next_line();
        const auto factor = words_.size() == 1 ? parse_double(words_[0]) : std::nullopt;
        if (!factor || *factor == 0.0)
            malformed("'Direct configuration=', or a header with its scaling, is needed here; got " + show(line_));
        header_ = {};
        header_.periodic = {true, true, true};
        for (int axis = 0; axis < 3; ++axis) {
            next_line();
            split_columns(line_, words_);
            header_.cell.col(axis) = vector(0);
        }
        if (!header_.has_volume())
            malformed("the lattice vectors are linearly dependent; three independent are needed");
        header_.cell *= *factor > 0.0 ? *factor : std::cbrt(-*factor / header_.volume());
        next_line();
        std::vector<int> elements;
        for (const std::string_view word : words_) {
            const auto z = vasp_species(word);
            if (!z) malformed(fmt::format("unknown element {}; the line of chemical symbols is needed", show(word)));
            elements.push_back(*z);
        }
        next_line();
        if (words_.size() != elements.size())
            malformed(fmt::format("{} counts of atoms for {} symbols", words_.size(), elements.size()));
        for (std::size_t k = 0; k < elements.size(); ++k) {
            const long count = integer(k);
            if (count < 0 || count > most_atoms) malformed("counts of atoms must be positive, got " + show(line_));
            header_.species.insert(header_.species.end(), static_cast<std::size_t>(count), elements[k]);
        }
        if (header_.species.empty()) malformed("there are no atoms; a positive count is needed");
        header_.positions.resize(3, static_cast<Eigen::Index>(header_.species.size()));
        next_line();
        if (words_.empty() || !is_frame_title())
            malformed("'Direct configuration=' is needed here, got " + show(line_));
    }

    Structure header_;  ///< of the frames to come; positions without meaning
};

class LammpsDumpFrames final : public TextFrames {
 public:
    LammpsDumpFrames(const std::string& path, std::vector<int> species)
        : TextFrames(path), species_(std::move(species)) {}

 private:
    std::optional<SourceFrame> read() override {
        SourceFrame frame;
        long n_atoms = 0;
        double written_time = 0.0;
        bool has_time = false;
        for (bool first = true;; first = false) {
            if (!next_nonblank()) {
                if (first) return std::nullopt;
                throw CutOff();
            }
            if (words_.size() < 2 || words_[0] != "ITEM:") malformed("'ITEM: ...' is needed here, got " + show(line_));
            if (words_[1] == "UNITS") {
                next_line();
                read_units();
            } else if (words_[1] == "TIME") {
                next_line();
                written_time = number(0);
                has_time = true;
            } else if (words_[1] == "TIMESTEP") {
                if (frame.origin.empty()) frame.origin = lines_.place();
                next_line();
                frame.step = number(0);
            } else if (words_[1] == "NUMBER") {
                next_line();
                n_atoms = integer(0);
                if (n_atoms < 1 || n_atoms > most_atoms) malformed("a positive number of atoms is needed");
            } else if (words_[1] == "BOX") {
                read_box(frame.structure);
            } else if (words_[1] == "ATOMS") {
                read_atoms(frame, n_atoms);
                if (has_time) frame.time = written_time * time_unit_;
                return frame;
            } else {
                next_line();
            }
        }
    }

    void read_units() {
        if (words_.size() != 1 || (words_[0] != "metal" && words_[0] != "real"))
            malformed(fmt::format("units {}; metal and real are read", show(line_)));
        time_unit_ = words_[0] == "metal" ? 1000.0 : 1.0;
    }

    void read_box(Structure& structure) {
        const std::vector<std::string> words(words_.begin(), words_.end());
        if (words.size() > 3 && words[3] == "abc")
            malformed("a general triclinic box (abc origin) is not read; xy xz yz is");
        const bool tilted = words.size() > 3 && words[3] == "xy";
        for (std::size_t axis = 0; axis < 3; ++axis)
            structure.periodic[axis] = words.size() < 6 || words[words.size() - 3 + axis] == "pp";
        Vector3 low, high, tilt = Vector3::Zero();
        for (Eigen::Index axis = 0; axis < 3; ++axis) {
            next_line();
            low[axis] = number(0);
            high[axis] = number(1);
            if (tilted) tilt[axis] = number(2);
        }
        const double xy = tilt[0], xz = tilt[1], yz = tilt[2];
        low[0] -= std::min({0.0, xy, xz, xy + xz});  // the dump holds the box that bounds the cell
        high[0] -= std::max({0.0, xy, xz, xy + xz});
        low[1] -= std::min(0.0, yz);
        high[1] -= std::max(0.0, yz);
        if (!((high - low).minCoeff() > 0.0)) malformed("the box has no extent along x, y or z");
        origin_ = low;
        structure.cell = (high - low).asDiagonal();
        structure.cell(0, 1) = xy;
        structure.cell(0, 2) = xz;
        structure.cell(1, 2) = yz;
    }

    /// Where the first of three columns that stand together is among the words of an atom.
    std::optional<std::size_t> triple(const std::vector<std::string>& columns, const char* a, const char* b,
                                      const char* c) {
        const auto found = std::find(columns.begin(), columns.end(), a);
        if (found == columns.end()) return std::nullopt;
        if (columns.end() - found < 3 || *(found + 1) != b || *(found + 2) != c)
            malformed(fmt::format("columns {} {} {} must stand together", a, b, c));
        return static_cast<std::size_t>(found - columns.begin());
    }

    void read_atoms(SourceFrame& frame, long n_atoms) {
        if (n_atoms == 0) malformed("no 'ITEM: NUMBER OF ATOMS' before the atoms");
        if (frame.structure.cell.isZero()) malformed("no 'ITEM: BOX BOUNDS' before the atoms");
        const std::vector<std::string> columns(words_.begin() + 2, words_.end());
        const auto column = [&](const char* name) -> std::optional<std::size_t> {
            const auto found = std::find(columns.begin(), columns.end(), name);
            if (found == columns.end()) return std::nullopt;
            return static_cast<std::size_t>(found - columns.begin());
        };
        const auto id = column("id"), element = species_.empty() ? column("element") : std::nullopt;
        const auto type = column("type");
        if (!element && (species_.empty() || !type))
            malformed("no column element, and types alone say no species; give species: [Ag, I] or the like");
        const auto wrapped = triple(columns, "x", "y", "z"), unwrapped = triple(columns, "xu", "yu", "zu");
        const auto scaled = triple(columns, "xs", "ys", "zs"), images = triple(columns, "ix", "iy", "iz");
        const auto velocity = triple(columns, "vx", "vy", "vz");
        if (!wrapped && !unwrapped && !scaled) malformed("no columns x y z, xu yu zu or xs ys zs");

        atoms_.clear();
        for (long i = 0; i < n_atoms; ++i) {
            next_line();
            if (words_.size() != columns.size())
                malformed(fmt::format("{} columns where 'ITEM: ATOMS' names {}", words_.size(), columns.size()));
            Atom atom;
            atom.id = id ? integer(*id) : i;
            atom.species = element ? species_of_symbol(words_[*element]) : species_of_type(integer(*type));
            if (unwrapped || wrapped)
                atom.position = vector(unwrapped ? *unwrapped : *wrapped);
            else
                atom.position = origin_ + frame.structure.cell * vector(*scaled);
            if (images && !unwrapped) atom.position += frame.structure.cell * vector(*images);
            if (velocity) atom.velocity = vector(*velocity) / time_unit_;
            atoms_.push_back(atom);
        }
        std::stable_sort(atoms_.begin(), atoms_.end(), [](const Atom& a, const Atom& b) { return a.id < b.id; });
        frame.structure.positions.resize(3, n_atoms);
        if (velocity) frame.velocities.emplace(3, n_atoms);
        for (Eigen::Index i = 0; i < n_atoms; ++i) {
            const Atom& atom = atoms_[static_cast<std::size_t>(i)];
            frame.structure.species.push_back(atom.species);
            // Relative to the corner of the box: a box that breathes about its middle then moves no atom.
            frame.structure.positions.col(i) = atom.position - origin_;
            if (velocity) frame.velocities->col(i) = atom.velocity;
        }
    }

    int species_of_symbol(std::string_view symbol) {
        if (!is_element(symbol))
            malformed(fmt::format("unknown element {}; a chemical symbol is needed", show(symbol)));
        return atomic_number(symbol);
    }
    int species_of_type(long type) {
        if (type < 1 || static_cast<std::size_t>(type) > species_.size())
            malformed(fmt::format("type {} has no species; {} are named", type, species_.size()));
        return species_[static_cast<std::size_t>(type - 1)];
    }

    struct Atom {
        long id = 0;
        int species = 0;
        Vector3 position = Vector3::Zero(), velocity = Vector3::Zero();
    };
    std::vector<int> species_;
    std::vector<Atom> atoms_;
    Vector3 origin_ = Vector3::Zero();
    double time_unit_ = 1000.0;  ///< [fs] of the file; metal: ps
};

}  // namespace

std::unique_ptr<FrameSource> open_frames(const std::string& path, const std::vector<int>& species) {
    switch (const DataFormat format = detect_format(path)) {
        case DataFormat::extxyz:
            return std::make_unique<ExtxyzFrames>(path);
        case DataFormat::xdatcar:
            return std::make_unique<XdatcarFrames>(path);
        case DataFormat::vasprun:
            return std::make_unique<VasprunFrames>(path);
        case DataFormat::lammps_dump:
            return std::make_unique<LammpsDumpFrames>(path, species);
        default:
            throw InputError(
                fmt::format("{}: {} is no trajectory; extxyz, XDATCAR, vasprun.xml or a LAMMPS dump is "
                            "needed",
                            path, format_name(format)));
    }
}

}  // namespace mlff::analysis
