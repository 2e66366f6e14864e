#include "app/observable_parts.hpp"

#include <fmt/format.h>

#include "libmlff/atoms/elements.hpp"

namespace mlff::app {

int read_element(const ConfigSection& config, const std::string& key, const std::string& symbol) {
    if (!is_element(symbol)) config.fail(key, fmt::format("must hold chemical symbols such as Ag, got '{}'", symbol));
    return atomic_number(symbol);
}

int require_element(ConfigSection& config, const std::string& key) {
    std::string symbol;
    config.require(key, symbol);
    return read_element(config, key, symbol);
}

std::vector<int> read_elements(ConfigSection& config, const std::string& key) {
    std::vector<std::string> symbols;
    config.read(key, symbols);
    std::vector<int> elements;
    for (const std::string& symbol : symbols) elements.push_back(read_element(config, key, symbol));
    return elements;
}

std::vector<std::pair<int, int>> read_pairs(ConfigSection& config) {
    std::vector<std::string> words;
    config.read("pairs", words);
    std::vector<std::pair<int, int>> pairs;
    for (const std::string& word : words) {
        const std::size_t dash = word.find('-');
        if (dash == std::string::npos)
            config.fail("pairs", fmt::format("must hold pairs such as Ag-I, got '{}'", word));
        pairs.emplace_back(read_element(config, "pairs", word.substr(0, dash)),
                           read_element(config, "pairs", word.substr(dash + 1)));
    }
    return pairs;
}

std::string pair_name(int a, int b) { return element_symbol(a) + "-" + element_symbol(b); }

Scalar scalar(std::string name, std::string text, std::string unit, std::optional<double> value,
              std::optional<double> error, std::string error_name) {
    return {std::move(name), std::move(text), std::move(unit), value, error, std::move(error_name)};
}

Series map_series(std::size_t table, std::vector<std::string> keys, const Eigen::ArrayXd& outer,
                  const Eigen::ArrayXd& inner, const Eigen::ArrayXXd& value,
                  const std::optional<Eigen::ArrayXXd>& error) {
    const Eigen::Index n = outer.size() * inner.size();
    Series out{table, std::move(keys), {Eigen::ArrayXd(n), Eigen::ArrayXd(n)}, {value.reshaped()}, {std::nullopt}};
    for (Eigen::Index k = 0; k < n; ++k) {
        out.coordinates[0][k] = outer[k / inner.size()];
        out.coordinates[1][k] = inner[k % inner.size()];
    }
    if (error) out.errors[0] = error->reshaped();
    return out;
}

}  // namespace mlff::app
