// Long because the tree of settings, the parser that keeps lines, and the reading of values with their messages share
// one node type, and this is the only file that includes yaml-cpp.
#include "libmlff/io/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <sstream>

#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp_tags.hpp"

namespace mlff {
namespace {

/// A value of the file: nothing, one word or text, a list, or a map (`keys` beside `items`).
struct Value {
    enum class Kind { nothing, scalar, list, map };
    Kind kind = Kind::nothing;
    int line = 1;
    std::string text;
    bool in_quotes = false;
    std::vector<std::string> keys;
    std::vector<int> key_lines;
    std::vector<Value> items;

    [[nodiscard]] const Value* find(const std::string& key) const {
        const auto found = std::find(keys.begin(), keys.end(), key);
        return found == keys.end() ? nullptr : &items[static_cast<std::size_t>(found - keys.begin())];
    }
    [[nodiscard]] int line_of(const std::string& key) const {
        return key_lines[static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin())];
    }
    /// How the value looks in a message.
    [[nodiscard]] std::string shown() const {
        switch (kind) {
            case Kind::nothing:
                return "nothing";
            case Kind::scalar:
                return show(in_quotes ? '"' + text + '"' : text);
            case Kind::list:
                return "a list";
            default:
                return "a map";
        }
    }
};

/// Builds the tree from the parser's events, and refuses what a careful reader would stumble over.
class Builder : public YAML::EventHandler {
 public:
    explicit Builder(std::string file) : file_(std::move(file)) {}

    Value root;

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnAnchor(const YAML::Mark& mark, const std::string&) override {
        fail(mark, "anchors (&name) are not supported; write the value out");
    }
    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(mark, {}); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        fail(mark, "aliases (*name) are not supported; write the value out");
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) override {
        Value value;
        value.kind = Value::Kind::scalar;
        value.text = text;
        value.in_quotes = tag == "!";  // what yaml-cpp makes of quotes
        add(mark, std::move(value));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        open(mark, Value::Kind::list);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
        open(mark, Value::Kind::map);
    }
    void OnMapEnd() override { close(); }

 private:
    struct Level {
        Value value;
        bool expects_key;
    };

    [[noreturn]] void fail(const YAML::Mark& mark, const std::string& what) const {
        throw InputError(fmt::format("{}:{}: {}", file_, mark.line + 1, what));
    }

    void open(const YAML::Mark& mark, Value::Kind kind) {
        if (!levels_.empty() && levels_.back().expects_key) fail(mark, "a key must be a single word");
        Value value;
        value.kind = kind;
        value.line = mark.line + 1;
        levels_.push_back({std::move(value), kind == Value::Kind::map});
    }

    void close() {
        Value value = std::move(levels_.back().value);
        levels_.pop_back();
        place(std::move(value));
    }

    void add(const YAML::Mark& mark, Value value) {
        value.line = mark.line + 1;
        if (levels_.empty() || !levels_.back().expects_key) return place(std::move(value));
        Value& map = levels_.back().value;
        if (value.kind != Value::Kind::scalar) fail(mark, "a key must be a single word");
        if (map.find(value.text) != nullptr)
            fail(mark, fmt::format("key '{}' is given twice (first in line {}); keep one", value.text,
                                   map.line_of(value.text)));
        map.keys.push_back(value.text);
        map.key_lines.push_back(value.line);
        levels_.back().expects_key = false;
    }

    void place(Value value) {
        if (levels_.empty()) {
            root = std::move(value);
            return;
        }
        Level& level = levels_.back();
        const bool in_map = level.value.kind == Value::Kind::map;
        // The parser notices that a value is missing only at the next key.
        if (in_map && value.kind == Value::Kind::nothing) value.line = level.value.key_lines.back();
        level.value.items.push_back(std::move(value));
        level.expects_key = in_map;
    }

    std::string file_;
    std::vector<Level> levels_;
};

Value parse(const std::string& yaml, const std::string& file) {
    std::istringstream stream(yaml);
    Builder builder(file);
    try {
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder)) throw InputError(file + ": is empty; 'key: value' lines are needed");
        if (Builder second(file); parser.HandleNextDocument(second))
            throw InputError(file + ": holds more than one document; remove what follows the line ---");
    } catch (const YAML::Exception& error) {
        throw InputError(fmt::format("{}:{}: not valid YAML: {}", file, error.mark.line + 1, error.msg));
    }
    if (builder.root.kind != Value::Kind::map)
        throw InputError(
            fmt::format("{}:{}: 'key: value' lines are needed, got {}", file, builder.root.line, builder.root.shown()));
    return std::move(builder.root);
}

// ------------------------------------------------------------------------------- single values, and back into YAML

std::string lower(std::string text) {
    for (char& c : text)  // std::tolower heeds the locale
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

std::optional<bool> to_bool(const std::string& text) {
    const std::string word = lower(text);
    if (word == "true" || word == "on") return true;
    if (word == "false" || word == "off") return false;
    return std::nullopt;
}

/// A whole number; 1e6 is one.
std::optional<long> to_long(const std::string& text) {
    if (const auto number = parse_long(text)) return number;
    constexpr double exact = 9007199254740992.0;  // beyond 2⁵³ a double skips whole numbers
    const auto number = parse_double(text);
    if (!number || std::floor(*number) != *number || std::abs(*number) > exact) return std::nullopt;
    return static_cast<long>(*number);
}

/// "8 GB" -> 8, "GB"
std::pair<std::optional<double>, std::string> split_unit(const std::string& text) {
    const std::size_t unit = text.find_first_not_of("0123456789.+-eE");
    std::size_t end = unit == std::string::npos ? text.size() : unit;
    while (end > 0 && text[end - 1] == ' ') --end;
    const auto number = parse_double(std::string_view(text).substr(0, end));
    const std::size_t word = unit == std::string::npos ? unit : text.find_first_not_of(' ', unit);
    return {number, word == std::string::npos ? "" : text.substr(word)};
}

std::string as_yaml(bool value) { return value ? "true" : "false"; }
std::string as_yaml(int value) { return fmt::format("{}", value); }
std::string as_yaml(long value) { return fmt::format("{}", value); }
std::string as_yaml(double value) { return fmt::format("{}", value); }
std::string as_yaml(const std::string& value) {
    const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' ||
               c == '.' || c == '/' || c == '+';
    });
    const bool safe = plain && value[0] != '-' && lower(value) != "null";
    if (safe) return value;
    YAML::Emitter emitter;
    emitter.SetStringFormat(YAML::DoubleQuoted);
    emitter << value;
    return emitter.c_str();
}
template <class T>
std::string as_yaml(const std::vector<T>& values) {
    std::string text;
    for (const T& value : values) text += (text.empty() ? "" : ", ") + as_yaml(value);
    return "[" + text + "]";
}

/// @param path  "" for the root
void list_values(const Value& value, const std::string& path, std::vector<std::pair<std::string, std::string>>& out) {
    const auto single = [](const Value& item) { return item.kind == Value::Kind::scalar; };
    if (value.kind == Value::Kind::map && !value.keys.empty()) {
        for (std::size_t k = 0; k < value.keys.size(); ++k)
            list_values(value.items[k], path.empty() ? value.keys[k] : path + "." + value.keys[k], out);
    } else if (value.kind == Value::Kind::list && !std::all_of(value.items.begin(), value.items.end(), single)) {
        for (std::size_t k = 0; k < value.items.size(); ++k)
            list_values(value.items[k], fmt::format("{}[{}]", path, k), out);
    } else if (value.kind == Value::Kind::list) {
        std::vector<std::string> texts;
        for (const Value& item : value.items) texts.push_back(item.text);
        out.emplace_back(path, as_yaml(texts));
    } else {
        out.emplace_back(path, value.kind == Value::Kind::map ? "{}" : single(value) ? as_yaml(value.text) : "");
    }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> yaml_values(const std::string& yaml, const std::string& name) {
    std::vector<std::pair<std::string, std::string>> values;
    list_values(parse(yaml, name), "", values);
    return values;
}

// ---------------------------------------------------------------------------------------------------- a section

struct ConfigSection::State {
    std::string file;
    std::string name;                  ///< dotted path; "" for the root
    Value value;                       ///< a map, or nothing if the file has no such section
    int line = 0;                      ///< of its key; 0 if the file has no such section
    std::vector<std::string> claimed;  ///< in the order of first use
    /// What was read, in reading order: a value in force as YAML, or the sections under a key.
    struct Entry {
        std::string key;
        enum class Kind { value, section, list };
        Kind kind = Kind::value;
        std::string yaml;
        std::vector<std::unique_ptr<ConfigSection>> sections;
    };
    std::vector<Entry> entries;

    [[nodiscard]] std::string full(const std::string& key) const { return name.empty() ? key : name + "." + key; }

    [[nodiscard]] bool is_claimed(const std::string& key) const {
        return std::find(claimed.begin(), claimed.end(), key) != claimed.end();
    }

    /// The value under a key, which is claimed; null if absent.
    const Value* claim(const std::string& key) {
        if (!is_claimed(key)) claimed.push_back(key);
        return value.find(key);
    }
    Entry& entry(const std::string& key) {
        for (Entry& e : entries)
            if (e.key == key) return e;
        entries.push_back({});
        entries.back().key = key;
        return entries.back();
    }
    [[noreturn]] void fail_type(const std::string& key, const Value& got, const std::string& needed) const {
        throw InputError(fmt::format("{}:{}: {} must be {}, got {}", file, got.line, full(key), needed, got.shown()));
    }

    /// Reads a single value with `convert`, which gives an optional.
    template <class T, class Convert>
    bool read_scalar(const std::string& key, T& target, const std::string& needed, const Convert& convert) {
        const Value* found = claim(key);
        if (found != nullptr) target = convert_scalar<T>(key, *found, needed, convert);
        entry(key).yaml = as_yaml(target);
        return found != nullptr;
    }
    template <class T, class Convert>
    bool read_list(const std::string& key, std::vector<T>& target, const std::string& needed, const Convert& convert) {
        const Value* found = claim(key);
        if (found != nullptr) {
            std::vector<T> values;
            if (found->kind == Value::Kind::list)
                for (const Value& item : found->items) values.push_back(convert_scalar<T>(key, item, needed, convert));
            else
                values.push_back(convert_scalar<T>(key, *found, needed, convert));
            target = std::move(values);
        }
        entry(key).yaml = as_yaml(target);
        return found != nullptr;
    }
    template <class T, class Convert>
    T convert_scalar(const std::string& key, const Value& got, const std::string& needed, const Convert& convert) {
        if (got.kind != Value::Kind::scalar) fail_type(key, got, needed);
        const std::optional<T> result = convert(got);
        if (!result) fail_type(key, got, needed);
        return *result;
    }

    [[nodiscard]] ConfigSection child(const Value* found, const std::string& child_name, int child_line) const {
        auto state = std::make_unique<State>();
        state->file = file;
        state->name = child_name;
        if (found != nullptr) state->value = *found;
        state->line = child_line;
        return ConfigSection(std::move(state));
    }

    [[nodiscard]] std::string resolved(std::size_t indent) const;
};

std::string ConfigSection::State::resolved(std::size_t indent) const {
    const std::string margin(indent, ' ');
    std::string out;
    for (const Entry& e : entries) {
        out += margin + as_yaml(e.key) + ":";
        if (e.kind == Entry::Kind::value) out += " " + e.yaml + "\n";
        if (e.kind == Entry::Kind::section) {
            const std::string inside = e.sections[0]->state_->resolved(indent + 2);
            out += inside.empty() ? " {}\n" : "\n" + inside;
        }
        if (e.kind == Entry::Kind::list) {
            out += e.sections.empty() ? " []\n" : "\n";
            for (const auto& item : e.sections) {
                std::string inside = item->state_->resolved(indent + 4);
                if (inside.empty())
                    inside = margin + "  - {}\n";
                else
                    inside[indent + 2] = '-';
                out += inside;
            }
        }
    }
    return out;
}

ConfigSection::ConfigSection(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConfigSection::ConfigSection(ConfigSection&&) noexcept = default;
ConfigSection& ConfigSection::operator=(ConfigSection&&) noexcept = default;
ConfigSection::~ConfigSection() = default;

ConfigSection ConfigSection::from_file(const std::string& path) { return from_text(read_text_file(path), path); }

ConfigSection ConfigSection::from_text(const std::string& yaml, const std::string& name) {
    auto state = std::make_unique<State>();
    state->file = name;
    state->value = parse(yaml, name);
    return ConfigSection(std::move(state));
}

bool ConfigSection::has(const std::string& key) const { return state_->value.find(key) != nullptr; }

bool ConfigSection::is_map(const std::string& key) const {
    const Value* found = state_->value.find(key);
    return found != nullptr && found->kind == Value::Kind::map;
}

bool ConfigSection::is_list(const std::string& key) const {
    const Value* found = state_->value.find(key);
    return found != nullptr && found->kind == Value::Kind::list;
}

std::vector<std::string> ConfigSection::keys() const { return state_->value.keys; }

const std::string& ConfigSection::name() const { return state_->name; }

std::string ConfigSection::place(const std::string& key) const {
    const int line = has(key) ? state_->value.line_of(key) : state_->line;
    return line > 0 ? fmt::format("{}:{}", state_->file, line) : state_->file;
}

std::string ConfigSection::word_for_map(const std::string& key, const std::vector<std::string>& words) {
    const Value* found = state_->value.find(key);
    if (found == nullptr || found->kind == Value::Kind::map || found->kind == Value::Kind::nothing) return "";
    if (found->kind != Value::Kind::scalar || std::find(words.begin(), words.end(), found->text) == words.end())
        fail(key, fmt::format("must be {}, or a map of 'key: value' lines, got {}{}", fmt::join(words, ", "),
                              found->shown(), did_you_mean(found->text, words)));
    (void)state_->claim(key);
    State::Entry& entry = state_->entry(key);
    entry.kind = State::Entry::Kind::section;
    entry.sections.push_back(
        std::make_unique<ConfigSection>(state_->child(nullptr, state_->full(key), state_->value.line_of(key))));
    return found->text;
}

ConfigSection& ConfigSection::section(const std::string& key) {
    State::Entry& entry = state_->entry(key);
    if (entry.kind == State::Entry::Kind::section) return *entry.sections[0];
    const Value* found = state_->claim(key);
    if (found != nullptr && found->kind != Value::Kind::map && found->kind != Value::Kind::nothing)
        state_->fail_type(key, *found, "a map of 'key: value' lines");
    entry.kind = State::Entry::Kind::section;
    const int line = found != nullptr ? state_->value.line_of(key) : 0;
    entry.sections.push_back(std::make_unique<ConfigSection>(state_->child(found, state_->full(key), line)));
    return *entry.sections[0];
}

std::vector<std::reference_wrapper<ConfigSection>> ConfigSection::sections(const std::string& key) {
    State::Entry& entry = state_->entry(key);
    if (entry.kind != State::Entry::Kind::list) {
        const Value* found = state_->claim(key);
        if (found != nullptr && found->kind != Value::Kind::list) state_->fail_type(key, *found, "a list of maps");
        entry.kind = State::Entry::Kind::list;
        for (std::size_t k = 0; found != nullptr && k < found->items.size(); ++k) {
            const Value& item = found->items[k];
            const std::string item_name = fmt::format("{}[{}]", key, k);
            if (item.kind != Value::Kind::map) state_->fail_type(item_name, item, "a map of 'key: value' lines");
            entry.sections.push_back(
                std::make_unique<ConfigSection>(state_->child(&item, state_->full(item_name), item.line)));
        }
    }
    std::vector<std::reference_wrapper<ConfigSection>> list;
    for (const auto& item : entry.sections) list.emplace_back(*item);
    return list;
}

// --------------------------------------------------------------------------------------------------------- reading

namespace {

// What a word of the file means as each type; text in quotes is text and nothing else.
std::optional<bool> convert_bool(const Value& v) { return v.in_quotes ? std::nullopt : to_bool(v.text); }
std::optional<long> convert_long(const Value& v) { return v.in_quotes ? std::nullopt : to_long(v.text); }
std::optional<double> convert_double(const Value& v) { return v.in_quotes ? std::nullopt : parse_double(v.text); }
std::optional<std::string> convert_text(const Value& v) { return v.text; }
std::optional<int> convert_int(const Value& v) {
    const auto number = convert_long(v);
    if (!number || *number < std::numeric_limits<int>::min() || *number > std::numeric_limits<int>::max())
        return std::nullopt;
    return static_cast<int>(*number);
}

}  // namespace

bool ConfigSection::read(const std::string& key, bool& target) {
    return state_->read_scalar(key, target, "true or false", convert_bool);
}
bool ConfigSection::read(const std::string& key, int& target) {
    return state_->read_scalar(key, target, "a whole number", convert_int);
}
bool ConfigSection::read(const std::string& key, long& target) {
    return state_->read_scalar(key, target, "a whole number", convert_long);
}
bool ConfigSection::read(const std::string& key, double& target) {
    return state_->read_scalar(key, target, "a number", convert_double);
}
bool ConfigSection::read(const std::string& key, std::string& target) {
    return state_->read_scalar(key, target, "a word or text", convert_text);
}
bool ConfigSection::read(const std::string& key, std::vector<int>& target) {
    return state_->read_list(key, target, "a list of whole numbers", convert_int);
}
bool ConfigSection::read(const std::string& key, std::vector<double>& target) {
    return state_->read_list(key, target, "a list of numbers", convert_double);
}
bool ConfigSection::read(const std::string& key, std::vector<std::string>& target) {
    return state_->read_list(key, target, "a list of words", convert_text);
}

bool ConfigSection::read_bytes(const std::string& key, std::int64_t& bytes) {
    struct Unit {
        const char* name;
        double bytes;
    };
    static constexpr Unit units[] = {
        {"", 1.0},    {"b", 1.0},      {"kb", 1e3},        {"mb", 1e6},           {"gb", 1e9},
        {"tb", 1e12}, {"kib", 1024.0}, {"mib", 1048576.0}, {"gib", 1073741824.0}, {"tib", 1099511627776.0}};
    constexpr double most = 4e18;  // fits 63 bits
    const bool present =
        state_->read_scalar(key, bytes, "an amount of memory such as 8 GB or 500 MB", [&](const Value& v) {
            const auto [number, unit] = split_unit(v.text);
            std::optional<std::int64_t> result;
            for (const Unit& u : units)
                if (number && lower(unit) == u.name && *number * u.bytes >= 1.0 && *number * u.bytes < most)
                    result = static_cast<std::int64_t>(*number * u.bytes);
            return result;
        });
    std::string& yaml = state_->entry(key).yaml;
    if (bytes > 0 && bytes % 1'000'000'000 == 0)
        yaml = fmt::format("{} GB", bytes / 1'000'000'000);
    else if (bytes > 0 && bytes % 1'000'000 == 0)
        yaml = fmt::format("{} MB", bytes / 1'000'000);
    return present;
}

bool ConfigSection::read_duration(const std::string& key, double& seconds) {
    const bool present = state_->read_scalar(key, seconds, "a time such as 90 s, 15 min or 2 h", [](const Value& v) {
        const auto [number, unit] = split_unit(v.text);
        std::optional<double> result;
        const double factor = unit.empty() || unit == "s" ? 1.0
                              : unit == "min"             ? 60.0
                              : unit == "h"               ? 3600.0
                              : unit == "d"               ? 86400.0
                                                          : 0.0;
        if (number && *number > 0.0 && factor > 0.0) result = *number * factor;
        return result;
    });
    state_->entry(key).yaml += " s";
    return present;
}

bool ConfigSection::read_path(const std::string& key, std::string& path) {
    return state_->read_scalar(key, path, "the name of a file or directory",
                               [](const Value& v) { return v.text.empty() ? std::nullopt : std::optional(v.text); });
}

std::size_t ConfigSection::choose(const std::string& key, const std::vector<std::string>& words, std::size_t current) {
    const Value* found = state_->claim(key);
    if (found != nullptr) {
        const auto word = std::find(words.begin(), words.end(), found->text);
        if (found->kind != Value::Kind::scalar || word == words.end()) {
            std::string list;
            for (std::size_t k = 0; k < words.size(); ++k)
                list += (k == 0 ? "" : k + 1 < words.size() ? ", " : " or ") + words[k];
            fail(key, fmt::format("must be {}, got {}{}", list, found->shown(), did_you_mean(found->text, words)));
        }
        current = static_cast<std::size_t>(word - words.begin());
    }
    state_->entry(key).yaml = as_yaml(words[current]);
    return current;
}

// ------------------------------------------------------------------------------------------------------- complaints

void ConfigSection::fail(const std::string& key, const std::string& message) const {
    throw InputError(fmt::format("{}: {} {}", place(key), state_->full(key), message));
}

void ConfigSection::fail_section(const std::string& message) const {
    throw InputError(fmt::format("{}: {}{}", place(), state_->name.empty() ? "" : state_->name + ": ", message));
}

void ConfigSection::refuse(const std::string& key, const std::string& requirement) const {
    fail(key, fmt::format("{}, got {}", requirement, state_->value.find(key)->shown()));
}

void ConfigSection::refuse_range(const std::string& key, double low, double high) const {
    refuse(key, fmt::format("must lie in {}..{}", low, high));
}

void ConfigSection::fail_missing(const std::string& key) const {
    const std::string inside = state_->name.empty() ? "" : " in " + state_->name;
    for (const std::string& other : state_->value.keys)
        if (!state_->is_claimed(other) && !did_you_mean(other, {key}).empty())
            throw InputError(
                fmt::format("{}: missing key '{}'{}; '{}' looks like it", place(other), key, inside, other));
    throw InputError(fmt::format("{}: missing key '{}'{}; it has no default", place(), key, inside));
}

void ConfigSection::finish() const {
    for (const std::string& key : state_->value.keys) {
        if (!state_->is_claimed(key)) {
            std::string hint = did_you_mean(key, state_->claimed);
            if (const std::string_view ours = key_of_vasp_tag(key); !ours.empty())
                hint = fmt::format("; a tag of VASP; here: {}", ours);
            if (hint.empty() && !state_->claimed.empty()) {
                for (const std::string& known : state_->claimed)
                    hint += (hint.empty() ? "; known here: " : ", ") + known;
            }
            throw InputError(fmt::format("{}: unknown key '{}'{}{}", place(key), key,
                                         state_->name.empty() ? "" : " in " + state_->name, hint));
        }
        for (const auto& section : state_->entry(key).sections) section->finish();
    }
}

std::string ConfigSection::resolved() const { return state_->resolved(0); }

void ConfigSection::resolve(const std::string& key, const std::string& yaml) {
    State::Entry& entry = state_->entry(key);
    entry.kind = State::Entry::Kind::value;
    entry.yaml = yaml;
}

}  // namespace mlff
