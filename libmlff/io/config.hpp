#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "libmlff/atoms/errors.hpp"

namespace mlff {

/// Strict view of a YAML file, one map at a time; yaml-cpp stays behind it. Each `read` claims a key, leaves the
/// default in `target` if the key is absent, and notes the value in force for `resolved()`. At the end `finish()`
/// refuses every key that nobody claimed.
///
///     ConfigSection config = ConfigSection::from_file("train.yaml");
///     ConfigSection& radial = config.section("force_field").section("radial");
///     radial.read_positive("cutoff", options.cutoff);
///     config.finish();
///
/// The root owns the tree: references from `section` and `sections` live as long as it does.
/// All errors are InputError, `file:line: what; what would be right`, e.g.
///     train.yaml:3: unknown key 'widht' in force_field.radial; did you mean 'width'?
///     train.yaml:7: dynamics.timestep must be a number, got 'fast'
class ConfigSection {
 public:
    /// @throws InputError if there is no such file, the YAML is malformed, a key is given twice, or the top is no map
    [[nodiscard]] static ConfigSection from_file(const std::string& path);
    [[nodiscard]] static ConfigSection from_text(const std::string& yaml, const std::string& name = "config");
    ConfigSection(ConfigSection&&) noexcept;
    ConfigSection& operator=(ConfigSection&&) noexcept;
    ~ConfigSection();

    [[nodiscard]] bool has(const std::string& key) const;                ///< the key is there, whatever its value
    [[nodiscard]] bool is_map(const std::string& key) const;             ///< … and its value is a map
    [[nodiscard]] bool is_list(const std::string& key) const;            ///< … and its value is a list
    [[nodiscard]] std::vector<std::string> keys() const;                 ///< in file order
    [[nodiscard]] const std::string& name() const;                       ///< "force_field.radial"; "" for the root
    [[nodiscard]] std::string place(const std::string& key = {}) const;  ///< "file:line" of key, else of the section

    /// The one of the words that stands under `key` in place of a map; "" if there is a map or nothing. Ask before the
    /// section is opened: it is then empty, with every setting at its default.
    [[nodiscard]] std::string word_for_map(const std::string& key, const std::vector<std::string>& words);

    /// The map under `key`, empty if absent; the same object each time.
    [[nodiscard]] ConfigSection& section(const std::string& key);
    /// The maps of the list under `key`, none if absent.
    [[nodiscard]] std::vector<std::reference_wrapper<ConfigSection>> sections(const std::string& key);

    /// True if the key is present. Whole numbers may be written 1e6; bool is true, false, on or off; text is any
    /// single value; for a list a single value is a list of one. NaN and infinity are refused.
    bool read(const std::string& key, bool& target);
    bool read(const std::string& key, int& target);
    bool read(const std::string& key, long& target);
    bool read(const std::string& key, double& target);
    bool read(const std::string& key, std::string& target);
    bool read(const std::string& key, std::vector<int>& target);
    bool read(const std::string& key, std::vector<double>& target);
    bool read(const std::string& key, std::vector<std::string>& target);

    /// As read, but the key must be there.
    template <class T>
    void require(const std::string& key, T& target) {
        if (!has(key)) fail_missing(key);
        read(key, target);
    }

    /// As read, with a bound on a value from the file (int, long, double).
    template <class T>
    bool read_positive(const std::string& key, T& target);
    template <class T>
    bool read_non_negative(const std::string& key, T& target);
    template <class T>
    bool read_in_range(const std::string& key, T& target, std::type_identity_t<T> low, std::type_identity_t<T> high);

    /// One of several words: read_choice("normalization", target, {{"joint", N::joint}, {"separate", N::separate}}).
    template <class Enum>
    bool read_choice(const std::string& key, Enum& target,
                     std::initializer_list<std::pair<const char*, std::type_identity_t<Enum>>> choices);

    /// Amount of memory: "8 GB", "500 MB", "2 GiB" (1 GB = 10⁹ bytes, 1 GiB = 2³⁰), or bytes as a plain number; > 0.
    bool read_bytes(const std::string& key, std::int64_t& bytes);
    /// Span of real time: "90 s", "15 min", "2 h", or seconds as a plain number; > 0 [s].
    bool read_duration(const std::string& key, double& seconds);
    /// Name of a file or directory, not empty. It is kept as typed: a relative one starts at the working directory.
    bool read_path(const std::string& key, std::string& path);

    /// @throws InputError "file:line: section.key message", always: fail("ensemble", "npt is not available yet; use
    /// nvt")
    [[noreturn]] void fail(const std::string& key, const std::string& message) const;

    /// Calls options.validate() and puts the place of this section before its complaint.
    template <class Options>
    void validate(const Options& options) const;

    /// @throws InputError for the first key, here or in a section that was opened, that nobody claimed
    void finish() const;

    /// Every key read, with the value in force, as YAML in reading order; it can be read back.
    [[nodiscard]] std::string resolved() const;

    /// From now on `resolved()` says `yaml` under the key: for what the program has chosen itself.
    void resolve(const std::string& key, const std::string& yaml);

 private:
    struct State;
    explicit ConfigSection(std::unique_ptr<State> state);
    [[noreturn]] void fail_missing(const std::string& key) const;
    [[noreturn]] void refuse(const std::string& key, const std::string& requirement) const;
    [[noreturn]] void refuse_range(const std::string& key, double low, double high) const;
    [[noreturn]] void fail_section(const std::string& message) const;
    /// Index of the word under `key`; `current` if it is absent.
    std::size_t choose(const std::string& key, const std::vector<std::string>& words, std::size_t current);

    std::unique_ptr<State> state_;
};

/// Every value of a YAML map, in its order, with its dotted path: {"dynamics.steps", "1000"}. A list of single values
/// is one value, "[a, b]"; the items of another list are path[0], path[1], ...; what is empty is "{}", "[]" or "".
/// Values are written as `resolved()` writes them, each on one line.
/// @throws InputError as ConfigSection::from_text
[[nodiscard]] std::vector<std::pair<std::string, std::string>> yaml_values(const std::string& yaml,
                                                                           const std::string& name);

template <class T>
bool ConfigSection::read_positive(const std::string& key, T& target) {
    const bool present = read(key, target);
    if (present && !(target > T{0})) refuse(key, "must be positive");
    return present;
}

template <class T>
bool ConfigSection::read_non_negative(const std::string& key, T& target) {
    const bool present = read(key, target);
    if (present && !(target >= T{0})) refuse(key, "must not be negative");
    return present;
}

template <class T>
bool ConfigSection::read_in_range(const std::string& key, T& target, std::type_identity_t<T> low,
                                  std::type_identity_t<T> high) {
    const bool present = read(key, target);
    if (present && !(low <= target && target <= high))
        refuse_range(key, static_cast<double>(low), static_cast<double>(high));
    return present;
}

template <class Enum>
bool ConfigSection::read_choice(const std::string& key, Enum& target,
                                std::initializer_list<std::pair<const char*, std::type_identity_t<Enum>>> choices) {
    std::vector<std::string> words;
    std::size_t current = choices.size();
    for (const auto& [word, value] : choices) {
        if (value == target && current == choices.size()) current = words.size();
        words.emplace_back(word);
    }
    if (current == choices.size()) throw std::invalid_argument("the default of " + key + " is none of its choices");
    const bool present = has(key);
    target = (choices.begin() + choose(key, words, current))->second;
    return present;
}

template <class Options>
void ConfigSection::validate(const Options& options) const {
    try {
        options.validate();
    } catch (const InputError& error) {
        fail_section(error.what());
    } catch (const std::invalid_argument& error) {  // from folders that know nothing of input
        fail_section(error.what());
    }
}

}  // namespace mlff
