#include "libmlff/io/xdatcar.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp_output.hpp"

namespace mlff {
namespace {

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file, not a structure

}  // namespace

std::optional<SourceFrame> XdatcarFrames::read() {
    if (!next_nonblank()) return std::nullopt;
    if (!is_frame_title()) read_header();
    SourceFrame frame;
    frame.origin = lines_.place();
    frame.step = configuration_number();
    frame.structure = header_;
    for (Eigen::Index i = 0; i < header_.size(); ++i)
        frame.structure.positions.col(i) =
            header_.cell * read_vector(fmt::format("the position of atom {} of {}", i + 1, header_.size()));
    if (last_number_is_cut()) throw CutOff();
    return frame;
}

bool XdatcarFrames::is_frame_title() const {
    return header_.size() > 0 && !words_.empty() &&
           (words_[0].starts_with("Direct") || words_[0].starts_with("Konfig"));
}

std::optional<double> XdatcarFrames::configuration_number() const {
    const auto equals = line_.find('=');
    if (equals == std::string::npos) return std::nullopt;
    const auto words = split_words(std::string_view(line_).substr(equals + 1));
    return words.size() == 1 ? parse_double(words[0]) : std::nullopt;
}

bool XdatcarFrames::last_number_is_cut() const {
    if (lines_.line_is_ended()) return false;
    const auto decimals = [](std::string_view word) {
        const auto point = word.find('.');
        return point == std::string_view::npos ? std::size_t{0} : word.size() - point;
    };
    return decimals(words_[2]) < decimals(words_[1]);
}

Vector3 XdatcarFrames::read_vector(const std::string& what) {
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

void XdatcarFrames::read_header() {
    next_line();
    const auto factor = words_.size() == 1 ? parse_double(words_[0]) : std::nullopt;
    if (!factor || *factor == 0.0)
        malformed(header_.size() > 0
                      ? "'Direct configuration=' or a new header is needed after the frame, got " + show(line_)
                      : "the scaling must be one number that is not zero, got " + show(line_));
    header_ = {};
    header_.periodic = {true, true, true};
    for (int axis = 0; axis < 3; ++axis) header_.cell.col(axis) = read_vector("a lattice vector");
    if (!header_.has_volume()) malformed("the lattice vectors are linearly dependent; three independent are needed");
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
        malformed(
            fmt::format("{} counts of atoms for {} symbols; one for each is needed", words_.size(), elements.size()));
    for (std::size_t k = 0; k < elements.size(); ++k) {
        const auto count = parse_long(words_[k]);
        if (!count || *count < 0 || *count > most_atoms)
            malformed("counts of atoms must be whole numbers, got " + show(line_));
        header_.species.insert(header_.species.end(), static_cast<std::size_t>(*count), elements[k]);
    }
    if (header_.species.empty()) malformed("there are no atoms; a positive count is needed");
    header_.positions.resize(3, static_cast<Eigen::Index>(header_.species.size()));
    next_line();
    if (!is_frame_title()) malformed("'Direct configuration=' is needed here, got " + show(line_));
}

DataFile read_xdatcar(const std::string& path) {
    XdatcarFrames frames(path);
    return collect_frames(frames, path);
}

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
