#include "app/study_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <regex>
#include <sstream>

#include "app/settings.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/config.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff::app {
namespace {

constexpr long least_steps = 200;  ///< of a quick run
constexpr int quick_runs = 2;

const std::vector<std::string> known_keys = {"structure",      "supercell",  "output",  "reference", "start_from",
                                             "force_field_of", "runs",       "skip",    "quick",     "compile",
                                             "train",          "production", "analysis"};

bool is_blank_or_remark(const std::string& line) {
    const auto first = line.find_first_not_of(" \t\r");
    return first == std::string::npos || line[first] == '#';
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

/// Divides every `steps: N`, down to least_steps.
std::string with_fewer_steps(const std::string& text, double divisor) {
    static const std::regex steps(R"((\bsteps:\s*)([0-9.eE+]+))");
    std::string out;
    auto from = text.cbegin();
    for (auto match = std::sregex_iterator(text.begin(), text.end(), steps); match != std::sregex_iterator(); ++match) {
        const auto number = parse_double((*match)[2].str());
        const auto fewer = number ? std::max(least_steps, std::lround(*number / divisor)) : 0;
        out.append(from, (*match)[0].first);
        out += number ? fmt::format("{}{}", (*match)[1].str(), fewer) : (*match)[0].str();
        from = (*match)[0].second;
    }
    return out.append(from, text.cend());
}

/// Settings of a training that starts from the data of another study.
std::string with_start(const std::string& train, const std::string& data) {
    const auto lines = lines_of(train);
    std::string out;
    bool placed = false;
    for (const std::string& line : lines) {
        const auto brace = line.find('{');
        if (!line.starts_with("learning:")) {
            out += line + "\n";
        } else if (brace != std::string::npos) {
            out += fmt::format("learning: {{start_from: {}, {}\n", data, line.substr(brace + 1));
            placed = true;
        } else {
            out += fmt::format("{}\n  start_from: {}\n", line, data);
            placed = true;
        }
    }
    return placed ? out : out + fmt::format("learning: {{start_from: {}}}\n", data);
}

}  // namespace

std::map<std::string, std::string> top_level_blocks(const std::string& text) {
    std::map<std::string, std::string> blocks;
    std::string* current = nullptr;
    for (const std::string& line : lines_of(text)) {
        const bool is_key = !is_blank_or_remark(line) && std::isspace(static_cast<unsigned char>(line[0])) == 0 &&
                            line[0] != '-' && line[0] != '}' && line[0] != ']' && line.find(':') != std::string::npos;
        if (is_key) current = &blocks[line.substr(0, line.find(':'))];
        if (current != nullptr) *current += line + "\n";
    }
    return blocks;
}

std::string content_of_block(const std::string& block) {
    const auto lines = lines_of(block);
    const std::string key = lines[0].substr(0, lines[0].find(':'));
    const std::string rest = lines[0].substr(lines[0].find(':') + 1);
    if (!is_blank_or_remark(rest))
        throw InputError(fmt::format("{} must be written over several lines, its keys indented below it", key));
    std::size_t margin = std::string::npos;
    for (std::size_t k = 1; k < lines.size(); ++k)
        if (!is_blank_or_remark(lines[k])) margin = std::min(margin, lines[k].find_first_not_of(' '));
    std::string out;
    for (std::size_t k = 1; k < lines.size(); ++k)
        if (!is_blank_or_remark(lines[k])) out += lines[k].substr(margin) + "\n";
    return out;
}

StudyPlan read_study(const std::string& path, bool quick) {
    auto config = ConfigSection::from_file(path);
    for (const std::string& key : config.keys())
        if (std::find(known_keys.begin(), known_keys.end(), key) == known_keys.end())
            throw InputError(
                fmt::format("{}: unknown key {}{}", config.place(key), show(key), did_you_mean(key, known_keys)));
    if (config.has("train") == config.has("force_field_of"))
        config.fail(
            config.has("train") ? "force_field_of" : "train",
            "or force_field_of: a study needs exactly one of the two, to learn a force field or to use another's");
    for (const char* key : {"structure", "reference", "production", "analysis"})
        if (!config.has(key))
            config.fail(key, "is missing; a study needs structure, reference, production and analysis");
    StudyPlan plan;
    plan.output = "study";
    config.read_path("output", plan.output);
    int n_runs = 5;
    config.read_positive("runs", n_runs);
    config.read_non_negative("skip", plan.skip);
    double divisor = 20.0;
    config.read_positive("quick", divisor);
    std::string start_from, force_field_of;
    if (config.has("compile")) {
        plan.max_loss = "1%";
        config.section("compile").read("max_loss", plan.max_loss);
        config.section("compile").finish();
    }
    if (config.has("start_from")) config.read_path("start_from", start_from);
    if (config.has("force_field_of")) config.read_path("force_field_of", force_field_of);

    auto blocks = top_level_blocks(read_text_file(path));
    const auto content = [&](const char* key) {
        try {
            const std::string text = content_of_block(blocks.at(key));
            return quick ? with_fewer_steps(text, divisor) : text;
        } catch (const InputError& error) {
            throw InputError(config.place(key) + ": " + error.what());
        }
    };
    const std::string train = config.has("train") ? content("train") : "", production = content("production"),
                      analysis = content("analysis");
    if (quick) {
        plan.output += "-quick";
        plan.skip /= divisor;
        n_runs = std::min(n_runs, quick_runs);
    }
    const std::string system = blocks["structure"] + blocks["supercell"];
    const char* suffix = quick ? "-quick" : "";
    plan.model = fmt::format("{}/train/model.h5", force_field_of.empty() ? plan.output : force_field_of + suffix);
    plan.production = plan.max_loss.empty() ? plan.model : plan.output + "/production.h5";
    if (force_field_of.empty()) {
        const std::string data = fmt::format("{}{}/train/training.xyz", start_from, suffix);
        plan.train = fmt::format("{}output: {}/train\n{}{}", system, plan.output, blocks["reference"],
                                 start_from.empty() ? train : with_start(train, data));
    }
    // The system in `production` replaces the study's.
    const auto own = top_level_blocks(production);
    std::string of_production;
    if (!own.contains("structure")) of_production += blocks["structure"];
    if (!own.contains("supercell") && !own.contains("structure")) of_production += blocks["supercell"];
    // The reference needs no guard: it does not extrapolate.
    std::string without_guard = of_production;
    for (const auto& [key, block] : own)
        if (key != "guard") without_guard += block;
    of_production += production;
    plan.reference =
        fmt::format("output: {}/reference\nseed: 100\n{}{}", plan.output, blocks["reference"], without_guard);
    const char* trajectory =
        md::trajectory_name(read_trajectory(config.section("production").section("trajectory")).format);
    plan.reference_frames = fmt::format("{}/reference/{}", plan.output, trajectory);
    std::vector<std::string> trajectories;
    for (int k = 1; k <= n_runs; ++k) {
        plan.runs.push_back(fmt::format("output: {0}/run-{1}\nseed: {2}\nforce_field: {3}\n{4}", plan.output, k,
                                        100 + k, plan.production, of_production));
        trajectories.push_back(fmt::format("{}/run-{}/{}", plan.output, k, trajectory));
    }
    plan.analysis = fmt::format(
        "output: {0}/analysis\ntrajectories:\n"
        "  - {{files: [{1}], label: reference, reference: true, skip: {2}}}\n"
        "  - {{runs: [{3}], label: force field, skip: {2}}}\n{4}",
        plan.output, plan.reference_frames, plan.skip, fmt::join(trajectories, ", "), analysis);
    return plan;
}

}  // namespace mlff::app
