#include "libmlff/io/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "support/files.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;

ConfigSection config(const std::string& yaml) { return ConfigSection::from_text(yaml, "train.yaml"); }

/// What `action` has to complain about `yaml`.
template <class Action>
std::string complaint(const std::string& yaml, Action action) {
    return error_of<InputError>([&] {
        ConfigSection section = config(yaml);
        action(section);
    });
}

enum class Normalization { joint, separate };

const std::string example = R"(
structure: agi.xyz        # line 2
supercell: [1, 2, 3]
force_field:
  radial: {cutoff: 7.5, width: 0.4}
  normalization: separate
  filter: off
regression:
  memory: 8 GB
dynamics:
  temperature: 400
  steps: 1e6
observables:
  - type: msd
    species: Ag
  - {type: rdf, bins: 50}
)";

TEST(Config, ReadsEveryKindOfValueAndLeavesDefaults) {
    ConfigSection root = config(example);
    std::string structure;
    root.require("structure", structure);
    EXPECT_EQ(structure, "agi.xyz");
    std::vector<int> supercell = {1, 1, 1};
    EXPECT_TRUE(root.read("supercell", supercell));
    EXPECT_EQ(supercell, (std::vector<int>{1, 2, 3}));
    std::string output = "run";
    EXPECT_FALSE(root.read("output", output));
    EXPECT_EQ(output, "run");

    ConfigSection& force_field = root.section("force_field");
    EXPECT_EQ(&force_field, &root.section("force_field"));
    ConfigSection& radial = force_field.section("radial");
    EXPECT_EQ(radial.name(), "force_field.radial");
    double cutoff = 8.0, width = 0.5, unset = 1.5;
    EXPECT_TRUE(radial.read_positive("cutoff", cutoff));
    EXPECT_TRUE(radial.read("width", width));
    EXPECT_FALSE(radial.read_non_negative("beta", unset));
    EXPECT_EQ(cutoff, 7.5);
    EXPECT_EQ(width, 0.4);
    EXPECT_EQ(unset, 1.5);
    Normalization normalization = Normalization::joint;
    EXPECT_TRUE(force_field.read_choice("normalization", normalization,
                                        {{"joint", Normalization::joint}, {"separate", Normalization::separate}}));
    EXPECT_EQ(normalization, Normalization::separate);
    bool filter = true;
    force_field.read("filter", filter);
    EXPECT_FALSE(filter);
    std::int64_t memory = 0;
    root.section("regression").read_bytes("memory", memory);
    EXPECT_EQ(memory, 8'000'000'000);
    std::vector<double> temperature;
    root.section("dynamics").read("temperature", temperature);
    EXPECT_EQ(temperature, std::vector<double>{400.0});
    long steps = 0;
    root.section("dynamics").read("steps", steps);
    EXPECT_EQ(steps, 1'000'000);

    const auto observables = root.sections("observables");
    ASSERT_EQ(observables.size(), 2U);
    std::string type;
    for (ConfigSection& observable : observables) {
        observable.read("type", type);
        std::string species;
        int bins = 100;
        observable.read("species", species);
        observable.read("bins", bins);
    }
    EXPECT_EQ(type, "rdf");
    EXPECT_TRUE(root.sections("trajectories").empty());
    EXPECT_NO_THROW(root.finish());

    EXPECT_TRUE(root.has("structure"));
    EXPECT_FALSE(root.has("struct"));
    EXPECT_TRUE(root.is_map("force_field"));
    EXPECT_FALSE(root.is_map("structure"));
    EXPECT_TRUE(root.is_list("observables"));
    EXPECT_EQ(force_field.keys(), (std::vector<std::string>{"radial", "normalization", "filter"}));
    EXPECT_EQ(root.place("structure"), "train.yaml:2");
    EXPECT_EQ(radial.place("width"), "train.yaml:5");
    EXPECT_EQ(force_field.place(), "train.yaml:4");
    EXPECT_EQ(root.place(), "train.yaml");
}

/// One key may hold a word or a map.
TEST(Config, AKeyMayBeAWordOrAMap) {
    for (const std::string yaml : {"force_field: model.h5", "force_field: {auto: {time: 15 min}}"}) {
        ConfigSection root = config(yaml);
        std::string model;
        double time = 0.0;
        if (root.is_map("force_field"))
            root.section("force_field").section("auto").read_duration("time", time);
        else
            root.read_path("force_field", model);
        root.finish();
        EXPECT_TRUE(model == "model.h5" || time == 900.0);
        EXPECT_EQ(root.resolved(), time > 0.0 ? "force_field:\n  auto:\n    time: 900 s\n" : "force_field: model.h5\n");
    }
}

/// Or a word that stands for all the settings of a section.
TEST(Config, AWordInPlaceOfAMapLeavesTheSectionEmpty) {
    const std::vector<std::string> words = {"auto", "vasp"};
    for (const std::string yaml :
         {"force_field: vasp\n", "force_field: {kernel_power: 4}\n", "force_field:\n", "a: 1\n"}) {
        ConfigSection root = config(yaml + "b: 2\n");
        const std::string word = root.word_for_map("force_field", words);
        EXPECT_EQ(word, yaml == "force_field: vasp\n" ? "vasp" : "");
        int power = word.empty() ? 2 : 4, b = 0;
        root.section("force_field").read("kernel_power", power);
        root.read("b", b);
        EXPECT_EQ(power, yaml.starts_with("f") && yaml.size() > 14 ? 4 : 2);
        int a = 0;
        root.read("a", a);
        EXPECT_NO_THROW(root.finish());
        EXPECT_EQ(root.resolved(), fmt::format("force_field:\n  kernel_power: {}\nb: 2\na: {}\n", power, a));
    }
    for (const std::string yaml : {"force_field: vsap", "force_field: [vasp]"}) {
        try {
            (void)config(yaml).word_for_map("force_field", words);
            FAIL();
        } catch (const InputError& error) {
            EXPECT_EQ(std::string(error.what()).find("train.yaml:1: force_field must be auto, vasp, or a map of"), 0U)
                << error.what();
        }
    }
}

TEST(Config, AnEmptySectionIsASectionWithoutKeys) {
    ConfigSection root = config("dynamics:\n  # timestep: 2.0\noutput: run");
    double timestep = 1.0;
    EXPECT_FALSE(root.section("dynamics").read("timestep", timestep));
    EXPECT_EQ(timestep, 1.0);
}

TEST(Config, UnknownKeysAreErrorsWithTheirLineAndTheNearestKnownKey) {
    const auto read_radial = [](ConfigSection& root) {
        double value = 1.0;
        ConfigSection& radial = root.section("force_field").section("radial");
        radial.read("cutoff", value);
        radial.read("width", value);
        root.finish();
    };
    EXPECT_EQ(complaint("force_field:\n  radial:\n    widht: 0.5\n", read_radial),
              "train.yaml:3: unknown key 'widht' in force_field.radial; did you mean 'width'?");
    EXPECT_EQ(complaint("force_field:\n  radial: {cutoff: 2,\n  colour: 0.5}\n", read_radial),
              "train.yaml:3: unknown key 'colour' in force_field.radial; known here: cutoff, width");
    EXPECT_EQ(complaint("force_filed: {}\n", read_radial),
              "train.yaml:1: unknown key 'force_filed'; did you mean 'force_field'?");
    EXPECT_EQ(complaint("force_field: {radial: {cutoff: 2}}\n", read_radial), "no error");
    EXPECT_EQ(complaint("observables:\n- {type: msd}\n- {typ: rdf}\n",
                        [](ConfigSection& root) {
                            std::string type;
                            for (ConfigSection& item : root.sections("observables")) item.read("type", type);
                            root.finish();
                        }),
              "train.yaml:3: unknown key 'typ' in observables[1]; did you mean 'type'?");
}

TEST(Config, MissingKeysAreNamed) {
    const auto require = [](ConfigSection& root) {
        std::string text;
        root.require("structure", text);
        root.section("reference").require("type", text);
    };
    EXPECT_EQ(complaint("output: run", require), "train.yaml: missing key 'structure'; it has no default");
    EXPECT_EQ(complaint("output: run\nstructre: a.xyz", require),
              "train.yaml:2: missing key 'structure'; 'structre' looks like it");
    EXPECT_EQ(complaint("structure: a.xyz\nreference: {potential: agi}", require),
              "train.yaml:2: missing key 'type' in reference; it has no default");
    EXPECT_EQ(complaint("structure: a.xyz", require), "train.yaml: missing key 'type' in reference; it has no default");
}

TEST(Config, WrongTypesAreRefused) {
    const auto as = [](auto value) {
        return [value](ConfigSection& root) mutable { root.section("dynamics").read("x", value); };
    };
    const auto yaml = [](const std::string& value) { return "# comment\ndynamics:\n  x: " + value + "\n"; };
    const std::string x = "train.yaml:3: dynamics.x must be ";
    EXPECT_EQ(complaint(yaml("fast"), as(1.0)), x + "a number, got 'fast'");
    EXPECT_EQ(complaint(yaml("1.5abc"), as(1.0)), x + "a number, got '1.5abc'");
    EXPECT_EQ(complaint(yaml(".nan"), as(1.0)), x + "a number, got '.nan'");
    EXPECT_EQ(complaint(yaml("nan"), as(1.0)), x + "a number, got 'nan'");
    EXPECT_EQ(complaint(yaml("-.inf"), as(1.0)), x + "a number, got '-.inf'");
    EXPECT_EQ(complaint(yaml("inf"), as(1.0)), x + "a number, got 'inf'");
    EXPECT_EQ(complaint(yaml("\"2.0\""), as(1.0)), x + "a number, got '\"2.0\"'");
    EXPECT_EQ(complaint(yaml("[1, 2]"), as(1.0)), x + "a number, got a list");
    EXPECT_EQ(complaint(yaml("{a: 1}"), as(1.0)), x + "a number, got a map");
    EXPECT_EQ(complaint(yaml(""), as(1.0)), x + "a number, got nothing");
    EXPECT_EQ(complaint(yaml("~"), as(1.0)), x + "a number, got nothing");
    EXPECT_EQ(complaint(yaml("1.5"), as(1)), x + "a whole number, got '1.5'");
    EXPECT_EQ(complaint(yaml("3000000000"), as(1)), x + "a whole number, got '3000000000'");
    EXPECT_EQ(complaint(yaml("1e300"), as(1L)), x + "a whole number, got '1e300'");
    EXPECT_EQ(complaint(yaml("maybe"), as(true)), x + "true or false, got 'maybe'");
    EXPECT_EQ(complaint(yaml("1"), as(true)), x + "true or false, got '1'");
    EXPECT_EQ(complaint(yaml("[a]"), as(std::string())), x + "a word or text, got a list");
    EXPECT_EQ(complaint(yaml("[1, b]"), as(std::vector<double>())), x + "a list of numbers, got 'b'");
    EXPECT_EQ(complaint(yaml("[1, [2]]"), as(std::vector<int>())), x + "a list of whole numbers, got a list");
    EXPECT_EQ(complaint(yaml("[a, {b: c}]"), as(std::vector<std::string>())), x + "a list of words, got a map");
    EXPECT_EQ(complaint("dynamics: 3", as(1.0)), "train.yaml:1: dynamics must be a map of 'key: value' lines, got '3'");
    EXPECT_EQ(complaint("x: {a: 1}", [](ConfigSection& root) { (void)root.sections("x"); }),
              "train.yaml:1: x must be a list of maps, got a map");
    EXPECT_EQ(complaint("x: [{a: 1}, 2]", [](ConfigSection& root) { (void)root.sections("x"); }),
              "train.yaml:1: x[1] must be a map of 'key: value' lines, got '2'");
    EXPECT_EQ(complaint("x: ''", [path = std::string()](ConfigSection& root) mutable { root.read_path("x", path); }),
              "train.yaml:1: x must be the name of a file or directory, got '\"\"'");
}

TEST(Config, BoundsAreChecked) {
    const auto positive = [value = 1.0](ConfigSection& root) mutable { root.read_positive("x", value); };
    EXPECT_EQ(complaint("x: 0", positive), "train.yaml:1: x must be positive, got '0'");
    EXPECT_EQ(complaint("x: 0.1", positive), "no error");
    const auto non_negative = [value = 1L](ConfigSection& root) mutable { root.read_non_negative("x", value); };
    EXPECT_EQ(complaint("x: -1", non_negative), "train.yaml:1: x must not be negative, got '-1'");
    EXPECT_EQ(complaint("x: 0", non_negative), "no error");
    const auto in_range = [value = 0.5](ConfigSection& root) mutable { root.read_in_range("x", value, 0.0, 1); };
    EXPECT_EQ(complaint("x: 1.5", in_range), "train.yaml:1: x must lie in 0..1, got '1.5'");
    EXPECT_EQ(complaint("x: -0.1", in_range), "train.yaml:1: x must lie in 0..1, got '-0.1'");
    EXPECT_EQ(complaint("x: 1", in_range), "no error");
}

TEST(Config, ChoicesAreListedAndTheNearestIsSuggested) {
    const auto read = [](ConfigSection& root) {
        Normalization value = Normalization::joint;
        root.read_choice("x", value, {{"joint", Normalization::joint}, {"separate", Normalization::separate}});
    };
    EXPECT_EQ(complaint("x: seperate", read),
              "train.yaml:1: x must be joint or separate, got 'seperate'; did you mean 'separate'?");
    EXPECT_EQ(complaint("x: none", read), "train.yaml:1: x must be joint or separate, got 'none'");
    EXPECT_EQ(complaint("x: [joint]", read), "train.yaml:1: x must be joint or separate, got a list");
    EXPECT_EQ(complaint("x: joint", read), "no error");
    ConfigSection root = config("y: 1");
    auto strange = static_cast<Normalization>(7);
    EXPECT_THROW(root.read_choice("x", strange, {{"joint", Normalization::joint}}), std::invalid_argument);
}

TEST(Config, MemoryAndTimeHaveUnits) {
    const auto bytes = [](const std::string& text) {
        std::int64_t value = 0;
        config("x: " + text).read_bytes("x", value);
        return value;
    };
    EXPECT_EQ(bytes("8 GB"), 8'000'000'000);
    EXPECT_EQ(bytes("500MB"), 500'000'000);
    EXPECT_EQ(bytes("1.5 gb"), 1'500'000'000);
    EXPECT_EQ(bytes("2 GiB"), std::int64_t{1} << 31);
    EXPECT_EQ(bytes("1024"), 1024);
    EXPECT_EQ(bytes("1e9"), 1'000'000'000);
    for (const char* text : {"8 GW", "GB", "-8 GB", "0", "nan GB", "1e30 GB", "8 GB x"})
        EXPECT_THROW((void)bytes(text), InputError) << text;
    const auto seconds = [](const std::string& text) {
        double value = 0;
        config("x: " + text).read_duration("x", value);
        return value;
    };
    EXPECT_EQ(seconds("90 s"), 90.0);
    EXPECT_EQ(seconds("15 min"), 900.0);
    EXPECT_EQ(seconds("1.5h"), 5400.0);
    EXPECT_EQ(seconds("1 d"), 86400.0);
    EXPECT_EQ(seconds("45"), 45.0);
    for (const char* text : {"15 minutes ago", "min", "-1 s", "0 s", "inf h"})
        EXPECT_THROW((void)seconds(text), InputError) << text;
    EXPECT_EQ(complaint("x: 3 m", [value = 0.0](ConfigSection& root) mutable { root.read_duration("x", value); }),
              "train.yaml:1: x must be a time such as 90 s, 15 min or 2 h, got '3 m'");
}

TEST(Config, MalformedFilesAreRefused) {
    const auto error = [](const std::string& yaml) { return error_of<InputError>([&] { (void)config(yaml); }); };
    EXPECT_EQ(error("a: 1\nb: 2\na: 3\n"), "train.yaml:3: key 'a' is given twice (first in line 1); keep one");
    EXPECT_EQ(error("s:\n  - {x: 1, x: 2}\n"), "train.yaml:2: key 'x' is given twice (first in line 2); keep one");
    EXPECT_NE(error("a: [1, 2\nb: 3\n").find("not valid YAML"), std::string::npos);
    EXPECT_EQ(error("a: 1\nb: {c: [1, 2}\n").substr(0, 28), "train.yaml:2: not valid YAML");
    EXPECT_EQ(error("a: 1\n  b: 2\n").substr(0, 28), "train.yaml:2: not valid YAML");
    EXPECT_EQ(error(""), "train.yaml: is empty; 'key: value' lines are needed");
    EXPECT_EQ(error("# nothing\n"), "train.yaml: is empty; 'key: value' lines are needed");
    EXPECT_EQ(error("just a word"), "train.yaml:1: 'key: value' lines are needed, got 'just a word'");
    EXPECT_EQ(error("- a\n- b\n"), "train.yaml:1: 'key: value' lines are needed, got a list");
    EXPECT_EQ(error("a: &name 1\nb: 2\n"), "train.yaml:1: anchors (&name) are not supported; write the value out");
    EXPECT_EQ(error("a: 1\n---\nb: 2\n"), "train.yaml: holds more than one document; remove what follows the line ---");
    EXPECT_EQ(error("[1, 2]: 3\n"), "train.yaml:1: a key must be a single word");
    EXPECT_EQ(error("~: 3\n"), "train.yaml:1: a key must be a single word");
    EXPECT_NE(error("a: " + std::string(20000, '[')), "no error");
}

TEST(Config, FilesAreNamedInMessages) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("fit.yaml", "a: 1\r\nb: x\r\n");
    ConfigSection root = ConfigSection::from_file(path);
    int value = 0;
    root.read("a", value);
    EXPECT_EQ(value, 1);
    EXPECT_EQ(error_of<InputError>([&] { root.read("b", value); }), path + ":2: b must be a whole number, got 'x'");
    EXPECT_NE(error_of<InputError>([&] { (void)ConfigSection::from_file(folder.file("fit.yml")); }).find("fit.yaml"),
              std::string::npos);
}

TEST(Config, CallersComplainInTheSameForm) {
    ConfigSection root = config("a: 1\ndynamics:\n  ensemble: npt\n");
    ConfigSection& dynamics = root.section("dynamics");
    EXPECT_EQ(error_of<InputError>([&] { dynamics.fail("ensemble", "npt is not available yet; use nvt"); }),
              "train.yaml:3: dynamics.ensemble npt is not available yet; use nvt");
    EXPECT_EQ(error_of<InputError>([&] { dynamics.fail("steps", "must be given"); }),
              "train.yaml:2: dynamics.steps must be given");
    struct Options {
        void validate() const { throw std::invalid_argument("width must be below cutoff"); }
    };
    EXPECT_EQ(error_of<InputError>([&] { dynamics.validate(Options{}); }),
              "train.yaml:2: dynamics: width must be below cutoff");
}

/// What is in force, defaults included, reads back as the same settings.
TEST(Config, ResolvedTextHoldsWhatIsInForceAndReadsBack) {
    const auto read = [](ConfigSection& root) {
        std::string title = "none", odd = "a: 'b' # \"c\"\nd", empty, dash = "-x", null = "null";
        root.read("title", title);
        root.read("odd", odd);
        root.read("empty", empty);
        root.read("dash", dash);
        root.read("null_word", null);
        double pi = 3.141592653589793, tiny = 1e-12;
        root.read("pi", pi);
        std::vector<double> ramp = {400, 650.5};
        root.section("dynamics").read("temperature", ramp);
        root.section("dynamics").section("thermostat").read("period", tiny);
        std::int64_t memory = 1024;
        root.read_bytes("memory", memory);
        double seconds = 900;
        root.read_duration("time", seconds);
        Normalization normalization = Normalization::joint;
        root.read_choice("normalization", normalization,
                         {{"joint", Normalization::joint}, {"separate", Normalization::separate}});
        std::vector<std::string> files = {"a b.xyz", "c.xyz", "x, y"};
        root.read("files", files);
        bool on = true;
        for (ConfigSection& item : root.sections("observables")) {
            item.read("on", on);
            item.section("window").read("start", tiny);
        }
        root.finish();
    };
    ConfigSection root = config("title: test\nobservables: [{window: {start: 2}}, {on: off}]\nmemory: 1.5 GB\n");
    read(root);
    const std::string expected = R"(title: test
odd: "a: 'b' # \"c\"\nd"
empty: ""
dash: "-x"
null_word: "null"
pi: 3.141592653589793
dynamics:
  temperature: [400, 650.5]
  thermostat:
    period: 1e-12
memory: 1500 MB
time: 900 s
normalization: joint
files: ["a b.xyz", c.xyz, "x, y"]
observables:
  - on: true
    window:
      start: 2
  - on: false
    window:
      start: 2
)";
    EXPECT_EQ(root.resolved(), expected);
    ConfigSection again = config(root.resolved());
    read(again);
    EXPECT_EQ(again.resolved(), expected);
}

TEST(Config, ValuesAreListedWithTheirPaths) {
    const auto values = yaml_values(
        "steps: 5\nreference:\n  method: |\n    PBE,\n    Gamma\n  steps: 7\nlist: [1, 2.5, a b]\nruns:\n  - {steps: "
        "3}\n"
        "  - [x, {y: 1}]\nempty: {}\nnone: []\nnothing:\n# steps: 9\n",
        "a.yaml");
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"steps", "5"},           {"reference.method", R"("PBE,\nGamma\n")"},
        {"reference.steps", "7"}, {"list", R"([1, 2.5, "a b"])"},
        {"runs[0].steps", "3"},   {"runs[1][0]", "x"},
        {"runs[1][1].y", "1"},    {"empty", "{}"},
        {"none", "[]"},           {"nothing", ""}};
    EXPECT_EQ(values, expected);
    EXPECT_THROW((void)yaml_values("a: [", "a.yaml"), InputError);
}

TEST(Config, WhatTheProgramChoseStandsInTheResolvedSettings) {
    ConfigSection root = config("force_field: auto\noutput: m.h5");
    std::string word, output;
    root.read("force_field", word);
    root.read_path("output", output);
    root.resolve("force_field", "{kernel_power: 3}");
    root.section("references").resolve("max", "20");
    EXPECT_EQ(root.resolved(), "force_field: {kernel_power: 3}\noutput: m.h5\nreferences:\n  max: 20\n");
}

}  // namespace
}  // namespace mlff
