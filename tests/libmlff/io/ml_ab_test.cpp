#include "libmlff/io/ml_ab.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "support/truncation.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;
using testing::with;

/// Labelled triclinic structures of four species, in mixed order, numbers of many magnitudes.
std::vector<LabeledStructure> random_structures(unsigned seed = 3) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    const std::vector<std::vector<int>> species = {{47, 53, 16, 47, 3}, {53, 47, 53}, {16, 3, 3, 16, 47, 53}};
    std::vector<LabeledStructure> structures;
    for (const auto& list : species) {
        LabeledStructure& item = structures.emplace_back();
        const auto n = static_cast<Eigen::Index>(list.size());
        const auto number = [&] { return normal(random) * std::pow(10.0, 3.0 * normal(random)); };
        item.structure.species = list;
        item.structure.periodic = {true, true, true};
        for (Eigen::Index k = 0; k < 9; ++k) item.structure.cell(k) = normal(random) + (k % 4 == 0 ? 9.0 : 0.0);
        item.structure.positions = Matrix3X::NullaryExpr(3, n, number);
        item.labels.forces = Matrix3X::NullaryExpr(3, n, number);
        item.labels.stress = Voigt::NullaryExpr(number);
        item.labels.energy = number();
        item.origin = "structure " + std::to_string(structures.size());
    }
    structures[0].structure.positions.col(0).setZero();
    return structures;
}

const std::map<int, std::vector<LocalReferenceIndex>> some_references = {
    {47, {{0, 3}, {2, 4}}}, {53, {{1, 2}, {0, 1}, {1, 0}}}, {16, {{2, 3}}}};

std::string sample() { return format_ml_ab(make_ml_ab(random_structures(), some_references)); }

MlAb read(const std::string& text) {
    const TemporaryDirectory folder;
    return read_ml_ab(folder.file("ML_AB", text));
}

std::string error(const std::string& text) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("ML_AB", text);
    const std::string message = error_of<InputError>([&] { (void)read_ml_ab(path); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message.find("ML_AB") == std::string::npos ? message : message.substr(message.find("ML_AB"));
}

TEST(MlAb, RealFileComesBackByteForByte) {
    const std::string path = testing::shared_data("vasp/H2/ML_AB");
    if (path.empty()) GTEST_SKIP() << "no reference data vasp/H2/ML_AB (set MLFF_SHARED)";
    const MlAb file = read_ml_ab(path);
    EXPECT_EQ(file.configurations.size(), 43u);
    EXPECT_EQ(file.configurations[7].threshold, 0.002);
    EXPECT_EQ(file.references.at(1), (std::vector<LocalReferenceIndex>{{34, 1}, {31, 0}, {17, 0}}));
    EXPECT_TRUE(format_ml_ab(file) == testing::content_of(path));
}

TEST(MlAb, MalformedRealFile) {
    const std::string path = testing::shared_data("vasp/malformed/ML_AB_wrong_sections");
    if (path.empty()) GTEST_SKIP() << "no reference data vasp/malformed (set MLFF_SHARED)";
    const std::string message = error_of<InputError>([&] { (void)read_ml_ab(path); });
    EXPECT_TRUE(message.starts_with(path + ":30: ")) << message;
    EXPECT_NE(message.find("4 numbers where 5 are needed"), std::string::npos) << message;
}

TEST(MlAb, OwnStructuresThereAndBack) {
    const auto structures = random_structures();
    const DataFile back = to_data_file(read(sample()));
    ASSERT_EQ(back.structures.size(), structures.size());
    const std::vector<std::vector<Eigen::Index>> order = {{0, 3, 1, 2, 4}, {0, 2, 1}, {0, 3, 1, 2, 4, 5}};
    for (std::size_t k = 0; k < structures.size(); ++k) {
        const LabeledStructure &a = structures[k], &b = back.structures[k];
        const auto near = [](const auto& x, const auto& y) {  // number by number: 16 digits
            return ((x - y).array().abs() <= 1e-15 * x.array().abs()).all();
        };
        for (std::size_t i = 0; i < order[k].size(); ++i)
            EXPECT_EQ(b.structure.species[i], a.structure.species[static_cast<std::size_t>(order[k][i])]);
        EXPECT_TRUE(near(a.structure.cell, b.structure.cell));
        EXPECT_TRUE(near(a.structure.positions(Eigen::all, order[k]).eval(), b.structure.positions));
        EXPECT_TRUE(near((*a.labels.forces)(Eigen::all, order[k]).eval(), *b.labels.forces));
        EXPECT_TRUE(
            ((*a.labels.stress - *b.labels.stress).array().abs() <= 2e-15 * a.labels.stress->array().abs()).all());
        EXPECT_NEAR(*a.labels.energy, *b.labels.energy, 1e-15 * std::abs(*a.labels.energy));
    }
    // References name the same atoms, by their place after the grouping; Li has none, so a dummy.
    EXPECT_EQ(back.references.at(47), (std::vector<LocalReferenceIndex>{{0, 1}, {2, 4}}));
    EXPECT_EQ(back.references.at(53), (std::vector<LocalReferenceIndex>{{1, 1}, {0, 2}, {1, 0}}));
    EXPECT_EQ(back.references.at(16), (std::vector<LocalReferenceIndex>{{2, 1}}));
    EXPECT_FALSE(back.references.contains(3));
    ASSERT_EQ(back.notes.size(), 1u);
    EXPECT_NE(back.notes[0].find("local references of Li"), std::string::npos);
}

TEST(MlAb, WhatIsReadIsWrittenEqually) {
    MlAb file = make_ml_ab(random_structures(), some_references);
    for (std::size_t k = 0; k < 3; ++k) {
        file.configurations[k].threshold = 0.02 * std::pow(7.3, static_cast<double>(k));
        file.configurations[k].system = std::string(k + 1, 'x') + " name with blanks";
        file.reference_energies[k] = -1.0 / 3.0;
    }
    const std::string text = format_ml_ab(file);
    const MlAb back = read(text);
    EXPECT_EQ(back.configurations[2].system, "xxx name with blanks");
    EXPECT_EQ(back.masses[0], atomic_mass(47));
    EXPECT_EQ(format_ml_ab(back), text);
    // Types and numbers three to a line.
    EXPECT_NE(text.find("\n     Ag I  S \n     Li\n"), std::string::npos);
    EXPECT_NE(text.find("\n         2         3         1\n         1\n"), std::string::npos);
}

TEST(MlAb, NumbersAreWrittenAsFortranDoes) {
    const auto written = [](double x) {
        auto structures = random_structures();
        structures[1].labels.energy = x;
        const std::string text = format_ml_ab(make_ml_ab(structures));
        const auto at = text.find("Total energy (eV)", text.find("Total energy (eV)") + 1);
        const auto first = text.find('\n', text.find('\n', at) + 1) + 1;
        return text.substr(first, text.find('\n', first) - first);
    };
    EXPECT_EQ(written(0.0), "    0.000000000000000     ");
    EXPECT_EQ(written(8.0), "    8.000000000000000     ");
    EXPECT_EQ(written(-6.698149439246976), "   -6.698149439246976     ");
    EXPECT_EQ(written(0.1), "   0.1000000000000000     ");
    EXPECT_EQ(written(-0.368583000000001), "  -0.3685830000000010     ");
    EXPECT_EQ(written(0.09999999999999999), "   9.9999999999999992E-002");
    EXPECT_EQ(written(99.99999999999999999), "    100.0000000000000     ");
    EXPECT_EQ(written(-137.327), "   -137.3270000000000     ");
    EXPECT_EQ(written(-1.2225210582151737e-11), "  -1.2225210582151737E-011");
    EXPECT_EQ(written(std::pow(2.0, 400.0)), "   2.5822498780869086E+120");
}

TEST(MlAb, ReaderTakesWhatOtherProgramsWrite) {
    std::string text = sample();
    // No leading blanks, other exponents, no maxima, CTIFOR here and there, other spacing of lines.
    std::string bare;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!(text[i] == ' ' && (i == 0 || text[i - 1] == '\n'))) bare += text[i];
    const std::string rule(50, '*');
    const auto drop = [&](const std::string& title) {
        const auto at = bare.find(title);
        const auto first = bare.rfind(rule, at);
        bare.erase(first, bare.find(rule, at) - first);
    };
    drop("The maximum number of atoms per atom type");
    drop("The maximum number of atom type");
    const auto energy = bare.find('\n', bare.find('\n', bare.find("Total energy (eV)")) + 1) + 1;
    for (const auto& [number, value] :
         {std::pair("-1.25D+01", -12.5), std::pair("1.0-100", 1e-100), std::pair("2.5E-100", 2.5e-100),
          std::pair("0.5", 0.5), std::pair("7", 7.0), std::pair("1.0-400", 0.0), std::pair("-2.e3", std::nan(""))}) {
        std::string changed = bare;
        changed.replace(energy, changed.find('\n', energy) - energy, number);
        if (std::isnan(value))
            EXPECT_NE(error(changed).find("was cut"), std::string::npos);
        else
            EXPECT_EQ(read(changed).configurations[0].energy, value) << number;
    }
}

TEST(MlAb, DamagedFilesAreRefusedInOneLine) {
    const std::string good = sample();
    const auto refuses = [&](const std::string& part, const std::string& replacement, const std::string& why,
                             int occurrence = 0) {
        const std::string message = error(with(good, part, replacement, occurrence));
        EXPECT_NE(message.find(why), std::string::npos) << message;
        EXPECT_TRUE(message.starts_with("ML_AB:")) << message;
    };
    const std::string rule(50, '='), data(50, '-');
    refuses("          3\n", "          4\n", "the file holds 3 configurations, its header announces 4");
    refuses("     Ag I  S \n", "     Ag I  \n", "3 atom types where");
    refuses("     Ag I  S \n", "     Ag I  Qq\n", "unknown element 'Qq'");
    refuses("Atomic mass", "Atomic mess", "did you mean 'Atomic mass'");
    refuses("     Basis set for S ", "     Basis set for I ", "there twice");
    refuses("         2         3         1\n", "         2         3\n", "holds 3 numbers where 4");
    refuses("         2         3         1\n", "         2         2         1\n", "3 local references where");
    refuses("          3      5\n", "          3      7\n", "configuration 3 has no atom 7; 1 to 6 are there");
    refuses("          3      5\n", "          4      5\n", "there is no configuration 4");
    refuses("          3      5\n", "          3\n", "a structure and an atom are needed");
    refuses("Configuration num.      2", "Configuration num.      3", "configuration 2 follows here");
    refuses("     Ag      2\n", "     Ag      3\n", "'The number of atoms' says 5");
    refuses("     Ag      2\n", "     Ag       \n", "a species and its number of atoms");
    refuses("     Ag      2\n", "     Br      2\n", "is not among 'The atom types");
    refuses("          5\n", "          6\n", "adds up to 5");
    refuses("XX YY ZZ", "XX YY", "the stress must be");
    refuses("Forces (eV ang.^-1)", "Fores (eV ang.^-1)", "did you mean 'Forces (eV ang.^-1)'");
    refuses("Total energy (eV)\n" + data + "\n", "Total energy (eV)\n" + data + "\n 1.0", "numbers where 1");

    // The block of forces is missing.
    const auto title = good.find("     Forces");
    const auto first = good.rfind(rule, title), last = good.find(rule, title);
    const std::string message = error(good.substr(0, first) + good.substr(last));
    EXPECT_NE(message.find("the block 'Forces (eV ang.^-1)' is missing"), std::string::npos) << message;

    // Numbers that are cut, or none; a line that is cut; a line too many.
    const auto line = good.find('\n', good.find('\n', title) + 1) + 1;
    for (const std::string bad : {"NaN", "1.5E", "1.5E-", "1.5E-0", "1.5E-00", "1.5x", "Infinity", "1.0-10", "***"}) {
        std::string text = good;
        text.replace(line, 26, "  " + bad + "  ");
        EXPECT_NE(error(text).find("is not a number, or was cut"), std::string::npos) << bad << error(text);
    }
    std::string text = good;
    EXPECT_NE(error(text.erase(line + 50, 28)).find("three numbers are needed"), std::string::npos);
    text = good;
    EXPECT_NE(error(text.insert(line, " 0.0 0.0 0.0\n")).find("here is one more"), std::string::npos);
    EXPECT_NE(error("").find("is empty"), std::string::npos);
    EXPECT_NE(error("2\n\nH 0 0 0\nH 0 0 1\n").find("no line of asterisks"), std::string::npos);
}

TEST(MlAb, CutOffFileIsRefused) {
    // Its header announces what must be there: nothing is lost silently.
    EXPECT_EQ(testing::read_truncated("ML_AB", sample(), 97,
                                      [](const std::string& path) { return to_data_file(read_ml_ab(path)); }),
              0);
}

TEST(MlAb, WhatCannotBeWrittenIsRefused) {
    const auto refuses = [](auto change) {
        auto structures = random_structures();
        change(structures[1]);
        return error_of<InputError>([&] { (void)make_ml_ab(structures); });
    };
    EXPECT_EQ(refuses([](auto& s) { s.labels.stress.reset(); }),
              "structure 2: ML_AB needs energy, forces and stress of every structure; the stress is missing here");
    EXPECT_NE(refuses([](auto& s) { s.labels.forces.reset(); }).find("the forces are missing"), std::string::npos);
    EXPECT_NE(refuses([](auto& s) { s.labels.energy.reset(); }).find("the energy is missing"), std::string::npos);
    EXPECT_NE(refuses([](auto& s) { s.structure.periodic[1] = false; }).find("periodic"), std::string::npos);
    MlAb file = make_ml_ab(random_structures());
    file.configurations[0].energy = std::numeric_limits<double>::quiet_NaN();
    EXPECT_THROW((void)format_ml_ab(file), std::invalid_argument);
    file = make_ml_ab(random_structures());
    file.references[3] = {{1, 0}};
    EXPECT_THROW((void)format_ml_ab(file), std::invalid_argument);
}

}  // namespace
}  // namespace mlff
