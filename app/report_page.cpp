#include "app/report_page.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "libmlff/io/encoding.hpp"

namespace mlff::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t largest_svg = 400'000;  ///< [bytes] above it the PNG is smaller and faster to draw

constexpr const char* style =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:64em;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.6em}h2{font-size:1.3em;border-bottom:1px solid #ccc;margin-top:2em}h3{font-size:1.05em}"
    "table{border-collapse:collapse;margin:1em 0;font-size:.9em}th,td{padding:.2em .8em;text-align:right;"
    "border-bottom:1px solid #e4e4e4}th{background:#f4f4f4}th:first-child,td:first-child{text-align:left}"
    "figure{margin:1em 0}img{max-width:100%;height:auto}figcaption{color:#555;font-size:.9em}"
    "pre{background:#f7f7f7;padding:1em;overflow:auto;font-size:.85em}nav a{margin-right:1.2em}";

std::string bytes_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

std::string escape_html(const std::string& text) {
    std::string out;
    for (const char c : text) switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out.push_back(c);
        }
    return out;
}

ReportPage::ReportPage(const std::string& title) : title_(title) {}

void ReportPage::section(const std::string& title) {
    const int number = ++n_sections_;
    contents_ += fmt::format("<a href=\"#s{}\">{}</a>\n", number, escape_html(title));
    body_ += fmt::format("<h2 id=\"s{}\">{}</h2>\n", number, escape_html(title));
}

void ReportPage::subsection(const std::string& title) { body_ += fmt::format("<h3>{}</h3>\n", escape_html(title)); }

void ReportPage::paragraph(const std::string& text) { body_ += fmt::format("<p>{}</p>\n", escape_html(text)); }

void ReportPage::table(const std::vector<std::vector<std::string>>& rows) {
    body_ += "<table>\n";
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const char* cell = r == 0 ? "th" : "td";
        body_ += "<tr>";
        for (const std::string& text : rows[r]) body_ += fmt::format("<{0}>{1}</{0}>", cell, escape_html(text));
        body_ += "</tr>\n";
    }
    body_ += "</table>\n";
}

void ReportPage::details(const std::string& title, const std::string& text) {
    body_ +=
        fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n", escape_html(title), escape_html(text));
}

void ReportPage::picture(const std::string& base, const std::string& caption) {
    std::error_code error;
    const auto svg_size = fs::file_size(base + ".svg", error);
    const bool small_svg = !error && svg_size <= largest_svg;
    const fs::path chosen = small_svg || !fs::exists(base + ".png") ? base + ".svg" : base + ".png";
    if (!fs::exists(chosen)) {
        paragraph(fmt::format("(The picture of {} could not be drawn: python3 with matplotlib is needed.)", caption));
        return;
    }
    body_ += fmt::format(
        "<figure><img alt=\"{0}\" src=\"data:image/{1};base64,{2}\"><figcaption>{0}</figcaption></figure>\n",
        escape_html(caption), chosen.extension() == ".svg" ? "svg+xml" : "png", to_base64(bytes_of(chosen)));
}

std::string ReportPage::html() const {
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
        "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{0}</title>\n"
        "<style>{1}</style></head>\n<body>\n<h1>{0}</h1>\n<nav>\n{2}</nav>\n{3}</body></html>\n",
        escape_html(title_), style, contents_, body_);
}

}  // namespace mlff::app
