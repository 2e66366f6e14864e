#include "libmlff/io/frame_source.hpp"

#include <fmt/format.h>

#include "libmlff/atoms/errors.hpp"

namespace mlff {

DataFile collect_frames(FrameSource& source, const std::string& path) {
    DataFile file;
    while (auto frame = source.next()) file.structures.push_back(static_cast<LabeledStructure&&>(*frame));
    if (source.cut_off()) file.notes.push_back(path + ": the file is cut off; its complete frames are used");
    return file;
}

std::optional<SourceFrame> TextFrames::next() {
    if (cut_off_) return std::nullopt;
    std::optional<SourceFrame> frame;
    try {
        frame = read();
    } catch (const CutOff&) {
        if (n_frames_ == 0)
            throw InputError(lines_.path() +
                             ": the file ends before its first frame is complete (a last line without line end counts "
                             "as cut off)");
        cut_off_ = true;
        return std::nullopt;
    }
    if (!frame) {
        if (n_frames_ == 0)
            throw InputError(fmt::format("{}: no frame in this file; {} is needed", lines_.path(), kind()));
        return std::nullopt;
    }
    ++n_frames_;
    try {
        frame->structure.validate();
    } catch (const InputError& error) {
        throw InputError(frame->origin + ": " + error.what());
    }
    return frame;
}

bool TextFrames::next_nonblank() {
    while (lines_.next(line_)) {
        split_words(line_, words_);
        if (!words_.empty()) return true;
    }
    return false;
}

void TextFrames::next_line() {
    if (!lines_.next(line_)) throw CutOff();
    split_words(line_, words_);
}

void TextFrames::malformed(const std::string& message) {
    const std::string place = lines_.place();
    std::string following;
    if (n_frames_ > 0 && !lines_.next(following)) throw CutOff();
    throw InputError(place + ": " + message);
}

double TextFrames::number(std::size_t k) {
    const auto value = k < words_.size() ? parse_double(words_[k]) : std::nullopt;
    if (!value) malformed(fmt::format("column {} must be a finite number, got {}", k + 1, show(line_)));
    return *value;
}

long TextFrames::integer(std::size_t k) {
    const auto value = k < words_.size() ? parse_long(words_[k]) : std::nullopt;
    if (!value) malformed(fmt::format("column {} must be a whole number, got {}", k + 1, show(line_)));
    return *value;
}

}  // namespace mlff
