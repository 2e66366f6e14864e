#include "libmlff/io/xdatcar.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/errors.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp_output.hpp"

namespace mlff {
namespace {

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file, not a structure

/// The file ends within a frame.
struct CutOff {};

class XdatcarReader {
 public:
    explicit XdatcarReader(const std::string& path) : lines_(path) {}

    DataFile read() {
        try {
            while (next_nonblank()) {
                if (!is_frame_title()) read_header();
                read_frame();
            }
        } catch (const CutOff&) {
            cut_off_ = true;
        }
        if (!cut_off_ && last_number_is_cut()) {
            file_.structures.pop_back();
            cut_off_ = true;
        }
        if (file_.structures.empty())
            throw InputError(lines_.path() + (cut_off_ ? ": the file ends before its first frame is complete"
                                                       : ": no frame in this file; an XDATCAR is needed"));
        if (cut_off_) file_.notes.push_back(lines_.path() + ": the file is cut off; its complete frames are used");
        return std::move(file_);
    }

 private:
    bool next_nonblank() {
        while (lines_.next(line_))
            if (line_.find_first_not_of(" \t") != std::string::npos) return true;
        return false;
    }

    void next_line() {
        if (!lines_.next(line_)) throw CutOff();
        split_words(line_, words_);
    }

    /// Complains about the line read last; if nothing follows it, it is the file that is cut off.
    [[noreturn]] void malformed(const std::string& message) {
        const std::string place = lines_.place();
        std::string next;
        if (!file_.structures.empty() && !lines_.next(next)) throw CutOff();
        throw InputError(place + ": " + message);
    }

    bool is_frame_title() {
        split_words(line_, words_);
        return frame_.size() > 0 && !words_.empty() &&
               (words_[0].starts_with("Direct") || words_[0].starts_with("Konfig"));
    }

    Vector3 read_vector(const std::string& what) {
        next_line();
        split_columns(line_, words_);
        Vector3 vector;
        for (std::size_t k = 0; k < 3; ++k) {
            const auto number = k < words_.size() ? parse_double(words_[k]) : std::nullopt;
            if (!number) malformed(fmt::format("{} must be three finite numbers, got {}", what, show(line_)));
            vector[static_cast<Eigen::Index>(k)] = *number;
        }
        return vector;
    }

    /// From the title, which is the line read last, to the title of the first frame.
    void read_header() {
        next_line();
        const auto factor = words_.size() == 1 ? parse_double(words_[0]) : std::nullopt;
        if (!factor || *factor == 0.0)
            malformed(frame_.size() > 0
                          ? "'Direct configuration=' or a new header is needed after the frame, got " + show(line_)
                          : "the scaling must be one number that is not zero, got " + show(line_));
        frame_ = {};
        frame_.periodic = {true, true, true};
        for (int axis = 0; axis < 3; ++axis) frame_.cell.col(axis) = read_vector("a lattice vector");
        if (!frame_.has_volume()) malformed("the lattice vectors are linearly dependent; three independent are needed");
        frame_.cell *= *factor > 0.0 ? *factor : std::cbrt(-*factor / frame_.volume());

        next_line();
        std::vector<int> elements;
        for (const std::string_view word : words_) {
            const auto z = vasp_species(word);
            if (!z) malformed(fmt::format("unknown element {}; the line of chemical symbols is needed", show(word)));
            elements.push_back(*z);
        }
        next_line();
        if (words_.size() != elements.size())
            malformed(fmt::format("{} counts of atoms for {} symbols; one for each is needed", words_.size(),
                                  elements.size()));
        for (std::size_t k = 0; k < elements.size(); ++k) {
            const auto count = parse_long(words_[k]);
            if (!count || *count < 0 || *count > most_atoms)
                malformed("counts of atoms must be whole numbers, got " + show(line_));
            frame_.species.insert(frame_.species.end(), static_cast<std::size_t>(*count), elements[k]);
        }
        if (frame_.species.empty()) malformed("there are no atoms; a positive count is needed");
        frame_.positions.resize(3, static_cast<Eigen::Index>(frame_.species.size()));
        next_line();
        if (!is_frame_title()) malformed("'Direct configuration=' is needed here, got " + show(line_));
    }

    void read_frame() {
        const std::string origin = lines_.place();
        for (Eigen::Index i = 0; i < frame_.size(); ++i) {
            last_but_one_ = std::move(line_);
            frame_.positions.col(i) =
                frame_.cell * read_vector(fmt::format("the position of atom {} of {}", i + 1, frame_.size()));
        }
        LabeledStructure item;
        item.structure = frame_;
        item.origin = origin;
        last_ = line_;
        file_.structures.push_back(std::move(item));
    }

    /// True if the file, a plain one, ends without a line end and its last number has fewer decimals than the one
    /// above it: then it is part of a number.
    bool last_number_is_cut() {
        if (file_.structures.empty()) return false;
        std::ifstream in(lines_.path(), std::ios::binary | std::ios::ate);
        if (!in || in.tellg() < 2) return false;
        in.seekg(0);
        char magic[2] = {};
        in.read(magic, 2);
        if (magic[0] == '\x1f' && magic[1] == '\x8b') return false;  // gzip has its own check
        in.seekg(-1, std::ios::end);
        if (in.get() == '\n') return false;
        const auto decimals = [](const std::string& line) {
            const auto words = split_words(line);
            const auto point = words.empty() ? std::string_view::npos : words.back().find('.');
            return point == std::string_view::npos ? std::size_t{0} : words.back().size() - point;
        };
        return decimals(last_) < decimals(last_but_one_);
    }

    LineReader lines_;
    std::string line_, last_, last_but_one_;
    std::vector<std::string_view> words_;
    Structure frame_;  ///< header, and positions of the frame read last
    bool cut_off_ = false;
    DataFile file_;
};

}  // namespace

DataFile read_xdatcar(const std::string& path) { return XdatcarReader(path).read(); }

std::string format_xdatcar(std::span<const LabeledStructure> frames) {
    if (frames.empty()) throw InputError("an XDATCAR needs structures; there are none");
    const Structure& first = frames.front().structure;
    std::vector<int> order;  // species by first occurrence
    for (const int z : first.species)
        if (std::find(order.begin(), order.end(), z) == order.end()) order.push_back(z);
    std::string symbols, counts;
    for (const int z : order) {
        symbols += fmt::format(" {:>5}", element_symbol(z));
        counts += fmt::format(" {:5}", std::count(first.species.begin(), first.species.end(), z));
    }
    const std::string title = formula(first);

    fmt::memory_buffer out;
    const auto append = [&](fmt::string_view text, const auto&... values) {
        fmt::vformat_to(std::back_inserter(out), text, fmt::make_format_args(values...));
    };
    const auto append_vector = [&](const Vector3& v) { append("{:21.16f}{:21.16f}{:21.16f}\n", v[0], v[1], v[2]); };
    for (std::size_t k = 0; k < frames.size(); ++k) {
        const Structure& structure = frames[k].structure;
        const auto refuse = [&](const std::string& why) { throw InputError(frames[k].origin + ": " + why); };
        if (structure.size() == 0) refuse("an XDATCAR needs atoms; this structure has none");
        if (structure.periodic != std::array{true, true, true} || !structure.has_volume())
            refuse("an XDATCAR needs a cell that is periodic in three directions");
        if (formula(structure).size() != title.size() ||
            !std::is_permutation(structure.species.begin(), structure.species.end(), first.species.begin(),
                                 first.species.end()))
            refuse("an XDATCAR needs the same atoms in all frames; this one differs from the first");
        if (k == 0 || structure.cell != frames[k - 1].structure.cell) {
            append("{}\n           1\n", title);
            for (int axis = 0; axis < 3; ++axis) append_vector(structure.cell.col(axis));
            append("{}\n{}\n", symbols, counts);
        }
        const std::size_t number = k + 1;
        append("Direct configuration={:6}\n", number);
        const Matrix3X scaled = structure.cell.inverse() * structure.positions;
        for (const int z : order)
            for (Eigen::Index i = 0; i < structure.size(); ++i)
                if (structure.species[static_cast<std::size_t>(i)] == z) append_vector(scaled.col(i));
    }
    return fmt::to_string(out);
}

void write_xdatcar(const std::string& path, std::span<const LabeledStructure> frames) {
    write_file_atomically(path, format_xdatcar(frames));
}

}  // namespace mlff
