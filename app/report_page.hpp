#pragma once

#include <string>
#include <vector>

namespace mlff::app {

/// Text with the characters that HTML reserves replaced.
[[nodiscard]] std::string escape_html(const std::string& text);

/// One self-contained HTML page: styles inside, pictures as data, no script, and a policy that forbids the browser to
/// fetch anything. All text is escaped.
class ReportPage {
 public:
    explicit ReportPage(const std::string& title);

    void section(const std::string& title);  ///< also an entry of the table of contents
    void subsection(const std::string& title);
    void paragraph(const std::string& text);
    /// The first row is the head.
    void table(const std::vector<std::vector<std::string>>& rows);
    /// Text that is shown on a click, line by line.
    void details(const std::string& title, const std::string& text);
    /// The picture base.svg, or base.png if the SVG is large; a sentence instead if there is neither.
    void picture(const std::string& base, const std::string& caption);

    [[nodiscard]] std::string html() const;

 private:
    std::string title_, contents_, body_;
    int n_sections_ = 0;
};

}  // namespace mlff::app
