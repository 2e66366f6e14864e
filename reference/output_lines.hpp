#pragma once

#include <fmt/format.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "libmlff/io/text_file.hpp"
#include "reference/external_code.hpp"

namespace mlff::reference {

/// Lines of a code's output, read from beginning to end.
class OutputLines {
 public:
    /// @param code  its name, for error messages
    OutputLines(const std::string& text, std::string code) : in_(text), code_(std::move(code)) {}

    /// Moves to the next line that contains `words`; false if there is none.
    [[nodiscard]] bool skip_past(std::string_view words) {
        while (std::getline(in_, line_))
            if (line_.find(words) != std::string::npos) return true;
        return false;
    }
    /// Words of the next line; none after the last.
    [[nodiscard]] const std::vector<std::string_view>& next() {
        words_.clear();
        if (std::getline(in_, line_)) split_words(line_, words_);
        return words_;
    }
    [[nodiscard]] const std::string& line() const { return line_; }
    /// @throws CallFailure if the word is not a finite number
    [[nodiscard]] double number(std::string_view word) const {
        if (const auto value = parse_double(word)) return *value;
        throw CallFailure(fmt::format("{} stands in the output of {} where a number belongs", show(word), code_));
    }

 private:
    std::istringstream in_;
    std::string code_, line_;
    std::vector<std::string_view> words_;
};

}  // namespace mlff::reference
