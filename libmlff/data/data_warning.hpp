#pragma once

#include <string>
#include <vector>

#include "libmlff/atoms/structure.hpp"

/// Findings of the checks of labelled structures. Nothing is refused; the user is warned before a long fit.
namespace mlff {

enum class Severity {
    note,     ///< information, often as expected
    warning,  ///< a fit to these data is likely to be wrong, or worse than possible
};

/// One finding, for one line of a terminal.
struct DataWarning {
    Severity severity = Severity::warning;
    std::string text;                 ///< finding and its possible cause
    std::vector<std::string> frames;  ///< origin of the first structures concerned, at most three
    long n_frames = 0;                ///< of all structures concerned; 0 if it concerns the complete set
};
using DataWarnings = std::vector<DataWarning>;

/// "warning: text: file:1, file:53, file:105 and 4 more"
[[nodiscard]] std::string format(const DataWarning& warning);

/// Indices of structures in a data set.
using Frames = std::vector<std::size_t>;
/// "1 structure", "7 structures"
[[nodiscard]] std::string counted(const Frames& frames);
/// A warning about these structures of `data` if there are any, else nothing.
void report(DataWarnings& to, const std::vector<LabeledStructure>& data, const Frames& frames, std::string text,
            Severity severity = Severity::warning);

}  // namespace mlff
