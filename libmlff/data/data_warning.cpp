#include "libmlff/data/data_warning.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mlff {

std::string format(const DataWarning& warning) {
    std::string text = (warning.severity == Severity::warning ? "warning: " : "note: ") + warning.text;
    if (warning.frames.empty()) return text;
    text += fmt::format(": {}", fmt::join(warning.frames, ", "));
    const long more = warning.n_frames - static_cast<long>(warning.frames.size());
    return more > 0 ? text + fmt::format(" and {} more", more) : text;
}

std::string counted(const Frames& frames) {
    return fmt::format("{} structure{}", frames.size(), frames.size() == 1 ? "" : "s");
}

void report(DataWarnings& to, const std::vector<LabeledStructure>& data, const Frames& frames, std::string text,
            Severity severity) {
    constexpr std::size_t n_named = 3;
    if (frames.empty()) return;
    DataWarning warning{severity, std::move(text), {}, static_cast<long>(frames.size())};
    for (std::size_t k = 0; k < std::min(n_named, frames.size()); ++k) warning.frames.push_back(data[frames[k]].origin);
    to.push_back(std::move(warning));
}

}  // namespace mlff
