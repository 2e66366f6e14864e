#include "libmlff/data/data_summary.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <sstream>

#include "libmlff/atoms/units.hpp"
#include "libmlff/data/data_checks.hpp"
#include "reference/embedded/catalogue.hpp"
#include "support/silicon.hpp"

namespace mlff {
namespace {

using testing::diamond;
using testing::jittered_crystal;
using testing::silicon_data;
using testing::strained;
using Data = std::vector<LabeledStructure>;

void label(Data& data) {
    const auto reference = reference::make_embedded("si");
    for (std::size_t k = 0; k < data.size(); ++k) {
        const Evaluation truth = reference->evaluate(data[k].structure);
        data[k].labels = {truth.energy, truth.forces, truth.stress};
        data[k].origin = "si.xyz:" + std::to_string(10 * k + 1);
    }
}

/// Triclinic silicon with atoms off their sites (so that strain does work of every kind), under strains of 1%.
Data strained_copies(std::array<int, 3> repeats = {2, 1, 1}, int n = 12, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(-0.01, 0.01);
    Structure base = make_supercell(strained(strained(diamond(), 3, 0.05), 5, -0.04), repeats);
    for (double& x : base.positions.reshaped()) x += 10.0 * uniform(random);
    Data data(static_cast<std::size_t>(n));
    for (auto& item : data) {
        item.structure = base;
        for (int component = 0; component < 6; ++component)
            item.structure = strained(item.structure, component, uniform(random));
    }
    label(data);
    return data;
}

/// A walk in steps of about 0.03 Å, as dynamics makes them; atoms leave the cell on the way.
Data trajectory(int n = 20, unsigned seed = 2) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0.0, 0.02);
    Data data(static_cast<std::size_t>(n));
    Structure s = strained(diamond(), 3, 0.05);
    s.cell.col(0).swap(s.cell.col(1));  // left-handed
    for (auto& item : data) {
        for (double& x : s.positions.reshaped()) x += normal(random);
        item.structure = s;
        for (int axis = 0; axis < 3; ++axis)
            item.structure.positions.col(axis) += s.cell.col(axis) * static_cast<double>(axis - 1);
        s.positions.col(0) -= s.cell.col(2) * static_cast<double>(random() % 2);
    }
    label(data);
    return data;
}

/// Dynamics under pressure: the cell of a compressed crystal trembles while its atoms move a little.
Data compressed_trajectory() {
    std::mt19937 random(5);
    std::normal_distribution<double> normal;
    Structure s = diamond();
    s.cell *= 0.94;
    s.positions *= 0.94;
    Data data(30);
    for (auto& item : data) {
        for (double& x : s.positions.reshaped()) x += 0.004 * normal(random);
        Structure now = s;
        const double factor = 1.0 + 3e-4 * normal(random);
        now.cell *= factor;
        now.positions *= factor;
        item.structure = now;
    }
    label(data);
    return data;
}

/// The only warning there is, as it is shown; what went wrong otherwise.
std::string only(const DataWarnings& warnings) {
    if (warnings.size() == 1) return format(warnings[0]);
    std::string all = std::to_string(warnings.size()) + " warnings";
    for (const auto& warning : warnings) all += "\n" + format(warning);
    return all;
}

::testing::AssertionResult says(const std::string& text, const std::string& part) {
    if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "'" << part << "' is not in: " << text;
}

EnergyCheck stress_of(const Data& data) { return check_stress(data, near_pairs(data)); }
EnergyCheck forces_of(const Data& data) { return check_forces(data, near_pairs(data)); }

Data with_stress(Data data, double factor, double offset = 0.0, bool virial = false) {
    for (auto& item : data) {
        *item.labels.stress *= virial ? factor * item.structure.volume() : factor;
        item.labels.stress->head(3).array() += offset;
    }
    return data;
}

TEST(DataSummary, SoundStressPasses) {
    const EnergyCheck check = stress_of(strained_copies());
    EXPECT_GT(check.n_pairs, 50);
    EXPECT_NEAR(check.slope, 1.0, 0.01);
    EXPECT_NEAR(check.offset, 0.0, 0.1 / units::ev_per_cubic_angstrom_in_gpa);
    EXPECT_GT(check.correlation, 0.999);
    EXPECT_TRUE(check.warnings.empty()) << only(check.warnings);
}

TEST(DataSummary, WorkOfTheStressCountsWhereTheCellMoves) {
    const EnergyCheck check = forces_of(compressed_trajectory());
    EXPECT_GT(check.n_pairs, 15);
    EXPECT_NEAR(check.slope, 1.0, 0.02);
    EXPECT_GT(check.correlation, 0.99);
    EXPECT_TRUE(check.warnings.empty()) << only(check.warnings);
    Data without = compressed_trajectory();
    for (auto& item : without) item.labels.stress.reset();
    EXPECT_LT(forces_of(without).correlation, 0.95);
}

TEST(DataSummary, StressOfTheWrongSignOrUnit) {
    const Data data = strained_copies();
    const double kbar = units::ev_per_cubic_angstrom_in_kbar, gpa = units::ev_per_cubic_angstrom_in_gpa;
    const auto warning = [&](double factor, bool virial = false) {
        return only(stress_of(with_stress(data, factor, 0.0, virial)).warnings);
    };
    EXPECT_TRUE(says(warning(-1.0), "stress has the opposite sign"));
    EXPECT_TRUE(says(warning(kbar), "is in kbar"));
    EXPECT_TRUE(says(warning(-kbar), "is in kbar, it seems, with the opposite sign"));
    EXPECT_TRUE(says(warning(-kbar), "si.xyz:1, si.xyz:11, si.xyz:21 and 9 more"));
    EXPECT_TRUE(says(warning(gpa), "is in GPa"));
    EXPECT_TRUE(says(warning(-1.0, true), "is a virial −V σ"));
    EXPECT_TRUE(says(warning(1.0, true), "is V σ"));
    EXPECT_TRUE(
        says(only(stress_of(with_stress(strained_copies({1, 1, 1}), gpa)).warnings), "is V σ, it seems, or is in GPa"));
    EXPECT_TRUE(says(warning(3.0), "does not agree with the energies (slope 3"));
    Data hartree = data;
    for (auto& item : hartree) {
        *item.labels.energy /= 27.211386;
        *item.labels.forces /= 27.211386;
    }
    EXPECT_TRUE(says(only(stress_of(hartree).warnings), "is sound if the energies are in Hartree"));
}

TEST(DataSummary, ConstantPressureInTheStress) {
    const double offset = -2.5 / units::ev_per_cubic_angstrom_in_gpa;
    const EnergyCheck check = stress_of(with_stress(strained_copies(), 1.0, offset));
    EXPECT_NEAR(check.slope, 1.0, 0.01);
    EXPECT_NEAR(check.offset, offset, 0.02 * std::abs(offset));
    EXPECT_TRUE(says(only(check.warnings), "stress is -2.5"));
    EXPECT_TRUE(stress_of(with_stress(strained_copies(), 1.0, 0.1 * offset)).warnings.empty());
}

TEST(DataSummary, StressThatFollowsNothing) {
    Data data = strained_copies();
    std::mt19937 random(20);
    std::normal_distribution<double> normal(0.0, 0.02);
    for (auto& item : data)
        for (double& component : *item.labels.stress) component = normal(random);
    EXPECT_TRUE(says(only(stress_of(data).warnings), "stress does not follow the energies"));
}

TEST(DataSummary, ShearStressAlone) {
    Data data(10);
    for (std::size_t k = 0; k < data.size(); ++k)
        data[k].structure = strained(diamond(), k < 5 ? 0 : 4, 0.004 * (static_cast<double>(k % 5) + 1.0));
    label(data);
    EXPECT_TRUE(stress_of(data).warnings.empty()) << only(stress_of(data).warnings);
    for (std::size_t k = 5; k < data.size(); ++k) (*data[k].labels.stress)[4] *= k % 2 == 0 ? -1.0 : 0.3;
    const EnergyCheck check = stress_of(data);
    EXPECT_TRUE(says(only(check.warnings), "shear stress does not follow the energies"));
    EXPECT_NEAR(check.slope, 1.0, 0.02);
    EXPECT_EQ(check.n_pairs, 10);
}

/// Without strained copies the magnitude is all there is.
TEST(DataSummary, StressWithoutPairs) {
    Data data = silicon_data(6, 3);
    EnergyCheck check = stress_of(data);
    EXPECT_EQ(check.n_pairs, 0);
    EXPECT_TRUE(check.warnings.empty());
    check = stress_of(with_stress(data, units::ev_per_cubic_angstrom_in_kbar));
    EXPECT_TRUE(says(only(check.warnings), "stress above 1 eV/Å³ (160 GPa) in 6 of 6 structures"));
}

TEST(DataSummary, SoundForcesPass) {
    const EnergyCheck check = forces_of(trajectory());
    EXPECT_GT(check.n_pairs, 30);
    EXPECT_NEAR(check.slope, 1.0, 0.03);
    EXPECT_GT(check.correlation, 0.99);
    EXPECT_TRUE(check.warnings.empty()) << only(check.warnings);
}

TEST(DataSummary, ForcesOfTheWrongSignOrUnit) {
    const auto warning = [](double force, double energy) {
        Data data = trajectory();
        for (auto& item : data) {
            *item.labels.forces *= force;
            *item.labels.energy *= energy;
        }
        return only(forces_of(data).warnings);
    };
    EXPECT_TRUE(says(warning(-1.0, 1.0), "forces have the opposite sign"));
    EXPECT_TRUE(says(warning(1.0 / 51.422067, 1.0), "are in Hartree/bohr"));
    EXPECT_TRUE(says(warning(1.0 / 25.711034, 1.0), "are in Rydberg/bohr"));
    EXPECT_TRUE(says(warning(-1.0 / 51.422067, 1.0), "are in Hartree/bohr, it seems, with the opposite sign"));
    EXPECT_TRUE(says(warning(1.0, 1.0 / 27.211386), "if the energies are in Hartree"));
    EXPECT_TRUE(says(warning(1.0, 1.0 / 8.0), "if the energies are per atom instead of total"));
    EXPECT_TRUE(says(warning(23.060548, 1.0), "are in kcal/mol/Å"));
    EXPECT_TRUE(says(warning(4.0, 1.0), "do not agree with the energies (slope "));
}

/// One wrong energy among many is an outlier, not a unit.
TEST(DataSummary, ForcesWithOneWrongEnergy) {
    Data data = trajectory();
    *data[7].labels.energy /= 27.211386;
    EXPECT_TRUE(forces_of(data).warnings.empty());
}

TEST(DataSummary, ForcesOfOtherStructures) {
    Data data = trajectory();
    std::mt19937 random(21);
    std::vector<int> order = {0, 1, 2, 3, 4, 5, 6, 7};
    for (auto& item : data) {
        std::shuffle(order.begin(), order.end(), random);
        item.labels.forces = Matrix3X((*item.labels.forces)(Eigen::all, order));
    }
    EXPECT_TRUE(says(only(forces_of(data).warnings), "do they belong to these structures?"));
}

TEST(DataSummary, ForcesWithoutPairs) {
    const EnergyCheck check = forces_of(silicon_data(6, 4));
    EXPECT_EQ(check.n_pairs, 0);
    EXPECT_TRUE(check.warnings.empty());
}

/// Order in the file does not matter: neighbours are found by their positions.
TEST(DataSummary, NearPairsAreFoundInAnyOrder) {
    Data data = trajectory(60);
    const auto in_order = near_pairs(data);
    std::mt19937 random(5);
    std::shuffle(data.begin(), data.end(), random);
    const auto shuffled = near_pairs(data);
    EXPECT_GT(shuffled.size(), 50);
    EXPECT_GT(in_order.size(), 100);
    for (const NearPair& pair : shuffled) {
        EXPECT_LT(pair.a, pair.b);
        EXPECT_LE(pair.displacement, 0.3);
        EXPECT_LT(pair.strain.norm(), 1e-12);
    }
    EXPECT_TRUE(forces_of(data).warnings.empty());
}

TEST(DataSummary, Duplicates) {
    Data data = silicon_data(5, 6);
    EXPECT_TRUE(find_duplicates(data).empty());
    data.push_back(data[1]);
    data.back().structure.positions.col(2) += data.back().structure.cell.col(1);  // another image of the same atom
    data.back().structure.positions(0, 4) += 5e-7;
    data.back().origin = "si.xyz:51";
    EXPECT_EQ(only(find_duplicates(data)), "warning: 1 of 6 structures occur before: si.xyz:51");
    *data.back().labels.energy += 0.1;
    EXPECT_EQ(only(find_duplicates(data)), "warning: 1 of 6 structures occur before with other labels: si.xyz:51");
    data.back().structure.positions(0, 4) += 1e-5;
    EXPECT_TRUE(find_duplicates(data).empty());
    data.back() = data[1];
    data.back().structure.species[0] = 32;
    EXPECT_TRUE(find_duplicates(data).empty());
    data.back() = data[1];
    data.back().structure = strained(data[1].structure, 4, 1e-5);
    EXPECT_TRUE(find_duplicates(data).empty());
}

TEST(DataSummary, ManyCopiesCountOnce) {
    Data data(2000, silicon_data(1, 7)[0]);
    const DataWarnings warnings = find_duplicates(data);
    ASSERT_EQ(warnings.size(), 1);
    EXPECT_EQ(warnings[0].n_frames, 1999);
    EXPECT_EQ(warnings[0].frames.size(), 3);
}

TEST(DataSummary, SharedBetweenTrainingAndValidation) {
    const Data train = silicon_data(8, 8);
    Data validation = silicon_data(4, 9);
    validation.push_back(validation[0]);  // twice, but not in the training data
    EXPECT_TRUE(find_shared(train, validation).empty());
    validation.push_back(train[3]);
    validation.back().origin = "validation.xyz:51";
    EXPECT_EQ(only(find_shared(train, validation)),
              "warning: 1 of 6 validation structures are training structures: validation.xyz:51");
    (*validation.back().labels.forces)(1, 2) += 0.01;
    EXPECT_TRUE(says(only(find_shared(train, validation)), "are training structures with other labels"));
}

TEST(DataSummary, EnergyOutliers) {
    Data data = silicon_data(30, 10);
    for (std::size_t k = 0; k < 15; ++k) {  // strained crystals besides what is hot
        data[k].structure = strained(diamond(), 0, 1e-3 * static_cast<double>(k));
    }
    label(data);
    EXPECT_TRUE(check_energies(data).empty()) << only(check_energies(data));
    *data[20].labels.energy += 8.0 * 4.0;
    EXPECT_EQ(only(check_energies(data)), "warning: energy per atom far off the others in 1 structure: si.xyz:201");
    *data[20].labels.energy += 8.0 * 30.0;
    EXPECT_TRUE(says(only(check_energies(data)), "differ by more than 20 eV/atom"));
}

/// Several units in one set, too many for outliers.
TEST(DataSummary, EnergiesOfSeveralUnits) {
    Data data = silicon_data(20, 11);
    for (std::size_t k = 0; k < 4; ++k) *data[k].labels.energy /= 27.211386;
    const DataWarnings warnings = check_energies(data);
    ASSERT_EQ(warnings.size(), 1);
    EXPECT_EQ(warnings[0].n_frames, 4);
}

/// Compositions of one structure each: judged by energies of the elements.
TEST(DataSummary, EnergyOutliersOfManyCompositions) {
    Data data;
    for (int k = 0; k < 12; ++k) {
        LabeledStructure item;
        item.structure = jittered_crystal(static_cast<unsigned>(k), 2, 2.6, {14});
        double energy = 0.0;
        for (int i = 0; i < 8; ++i) {
            if (i < k % 9) item.structure.species[static_cast<std::size_t>(i)] = 32;
            energy += i < k % 9 ? -4.5 : -5.4;
        }
        item.structure.species[0] = k < 9 ? item.structure.species[0] : 6;
        item.labels.energy = energy + 0.2 * std::sin(k) + (k < 9 ? 0.0 : -3.0);
        item.origin = "alloy.xyz:" + std::to_string(10 * k + 1);
        data.push_back(std::move(item));
    }
    EXPECT_TRUE(check_energies(data).empty()) << only(check_energies(data));
    *data[4].labels.energy += 8.0 * 15.0;
    EXPECT_TRUE(says(only(check_energies(data)), "far off the others in 1 structure: alloy.xyz:41"));
}

TEST(DataSummary, EnergiesPerAtomInsteadOfTotal) {
    Data data = silicon_data(6, 12);
    for (std::size_t k = 0; k < 3; ++k) data[k].structure = make_supercell(data[k].structure, {2, 1, 1});
    label(data);
    EXPECT_TRUE(check_energies(data).empty()) << only(check_energies(data));
    for (auto& item : data) *item.labels.energy /= static_cast<double>(item.structure.size());
    EXPECT_TRUE(says(only(check_energies(data)), "energies do not grow with the number of atoms"));
}

TEST(DataSummary, ForceAndStressOutliers) {
    Data data = silicon_data(20, 13);
    EXPECT_TRUE(check_outliers(data).empty()) << only(check_outliers(data));
    (*data[11].labels.forces)(2, 5) = 120.0;
    data[11].origin = "si.xyz:111";
    EXPECT_TRUE(says(only(check_outliers(data)), "forces up to 120.0 eV/Å, far above the others, in 1 structure: si."));
    data = with_stress(silicon_data(20, 13), 1.0);
    *data[3].labels.stress *= units::ev_per_cubic_angstrom_in_kbar;
    EXPECT_TRUE(says(only(check_outliers(data)), "GPa, far above the others, in 1 structure"));
}

TEST(DataSummary, ShortDistances) {
    Data data = silicon_data(10, 14);
    EXPECT_TRUE(check_distances(data, survey(data)).empty());
    Structure& s = data[4].structure;
    s.positions.col(1) = s.positions.col(0) + 1.0 * Vector3(1, 1, 1).normalized();
    data[4].origin = "si.xyz:41";
    EXPECT_TRUE(says(only(check_distances(data, survey(data))), "Si-Si as close as 1.00 Å, usually no closer than "));
    EXPECT_TRUE(says(only(check_distances(data, survey(data))), ": si.xyz:41"));
    s.positions.col(1) = s.positions.col(0);
    EXPECT_TRUE(says(only(check_distances(data, survey(data))), "atoms almost coincide"));
}

TEST(DataSummary, ForcesThatAreZero) {
    Data data = silicon_data(6, 15);
    data[0].structure = strained(diamond(), 2, 0.02);
    label(data);
    data[0].labels.forces->setZero();  // by symmetry
    const DataWarnings sound = check_zero_forces(data, survey(data));
    ASSERT_EQ(sound.size(), 1);
    EXPECT_EQ(sound[0].severity, Severity::note);
    EXPECT_TRUE(says(only(sound), "as symmetry demands, in 1 structure: si.xyz:1"));
    data.erase(data.begin());
    EXPECT_TRUE(check_zero_forces(data, survey(data)).empty());
    data[2].labels.forces->col(3).setZero();
    EXPECT_TRUE(says(only(check_zero_forces(data, survey(data))), "forces of some atoms only are exactly zero in 1"));
    data[2].labels.forces->setZero();
    EXPECT_TRUE(
        says(only(check_zero_forces(data, survey(data))), "all forces are exactly zero in 1 structure without"));
}

TEST(DataSummary, ForcesThatDoNotSumToZero) {
    Data data = silicon_data(6, 16);
    for (auto& item : data) item.labels.forces->row(1).array() += 0.04;
    EXPECT_TRUE(check_drift(data).empty());
    data[5].labels.forces->row(0).array() += 0.04;
    EXPECT_TRUE(says(only(check_drift(data)), "0.057 eV/Å per atom at most, above 0.05 in 1 structure"));
}

TEST(DataSummary, MissingLabels) {
    Data data = silicon_data(6, 17);
    EXPECT_TRUE(check_missing_labels(data).empty());
    for (auto& item : data) item.labels.energy.reset();  // of all: a choice, not an accident
    EXPECT_TRUE(check_missing_labels(data).empty());
    data[1].labels.stress.reset();
    EXPECT_EQ(only(check_missing_labels(data)), "note: 1 of 6 structures have no stress: silicon");
}

TEST(DataSummary, CountsAndRanges) {
    Data data = silicon_data(5, 18);
    data[3].structure = make_supercell(data[3].structure, {1, 2, 1});
    data[4].structure.species[2] = 32;
    data[4].labels.stress.reset();
    data[3].labels = {-70.0, Matrix3X::Constant(3, 16, 0.5), Voigt::Constant(0.01)};
    const DataSummary summary = summarise(data);
    EXPECT_EQ(summary.n_structures, 5);
    EXPECT_EQ(summary.n_atoms, 48);
    EXPECT_EQ(summary.elements, (std::map<int, long>{{14, 47}, {32, 1}}));
    ASSERT_EQ(summary.compositions.size(), 3);
    EXPECT_EQ(summary.compositions[0].formula, "Si8");
    EXPECT_EQ(summary.compositions[0].n_structures, 3);
    EXPECT_EQ(summary.atoms_per_structure.high, 16.0);
    EXPECT_EQ(summary.n_stresses, 4);
    double squares = 0.0, n = 0.0, shortest = 1e9, volume = 0.0;
    for (const auto& item : data) {
        for (Eigen::Index i = 0; i < item.structure.size(); ++i)
            if (item.structure.species[static_cast<std::size_t>(i)] == 14) {
                squares += item.labels.forces->col(i).squaredNorm();
                n += 3.0;
            }
        volume = std::max(volume, item.structure.volume() / static_cast<double>(item.structure.size()));
    }
    EXPECT_NEAR(summary.forces.at(14).rms, std::sqrt(squares / n), 1e-12);
    EXPECT_EQ(summary.forces.at(32).n_atoms, 1);
    EXPECT_NEAR(summary.volume.high, volume, 1e-12);
    for (const auto& item : data)  // by brute force
        for (Eigen::Index i = 0; i < item.structure.size(); ++i)
            for (Eigen::Index j = 0; j < item.structure.size(); ++j)
                for (int image = 0; image < 27; ++image) {
                    const Vector3 shift(image / 9 - 1, image / 3 % 3 - 1, image % 3 - 1);
                    const Vector3 r =
                        item.structure.positions.col(j) - item.structure.positions.col(i) + item.structure.cell * shift;
                    const auto& species = item.structure.species;
                    if ((i != j || image != 13) && species[static_cast<std::size_t>(i)] == 14 &&
                        species[static_cast<std::size_t>(j)] == 14)
                        shortest = std::min(shortest, r.norm());
                }
    EXPECT_NEAR(summary.shortest.at({14, 14}), shortest, 1e-12);
    EXPECT_NEAR(summary.largest_drift, 0.5 * std::sqrt(3.0), 1e-12);
}

/// The table stays short whatever the data hold; warnings stand before notes.
TEST(DataSummary, TableIsCompact) {
    Data data;
    for (int k = 0; k < 60; ++k) {
        LabeledStructure item;
        item.structure = jittered_crystal(static_cast<unsigned>(k), 2, 2.6, {1 + k, 61 + k % 30, 91 - k % 7, 26});
        item.labels = {-3.0 * k, Matrix3X::Random(3, 8), Voigt::Random()};
        item.origin = "zoo.xyz:" + std::to_string(k);
        data.push_back(std::move(item));
    }
    DataSummary summary = summarise(data);
    for (int k = 0; k < 60; ++k) summary.groups["group " + std::to_string(k)] = 1;
    summary.warnings.clear();
    const std::string table = format(summary);
    EXPECT_LE(std::count(table.begin(), table.end(), '\n'), 25) << table;
    EXPECT_GE(std::count(table.begin(), table.end(), '\n'), 20) << table;
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 110) << line;
    EXPECT_TRUE(says(table, "group 0 1, group 1 1"));
    EXPECT_TRUE(says(table, " more"));
    EXPECT_EQ(format(summarise({})), "structures          none\n");
}

TEST(DataSummary, SoundDataGiveNoWarning) {
    Data data = strained_copies();
    for (const auto& part : {trajectory(), silicon_data(20, 19)}) data.insert(data.end(), part.begin(), part.end());
    const DataSummary summary = summarise(data);
    EXPECT_TRUE(summary.warnings.empty()) << format(summary);
    data[2].labels.stress.reset();
    data[3] = data[2];
    const DataSummary damaged = summarise(data);
    ASSERT_EQ(damaged.warnings.size(), 2) << format(damaged);
    EXPECT_EQ(damaged.warnings[0].severity, Severity::warning);
    EXPECT_EQ(damaged.warnings[1].severity, Severity::note);
    EXPECT_TRUE(says(format(damaged), "note: 2 of 52 structures have no stress: si.xyz:21"));
}

/// Molecules without a cell are ordinary.
TEST(DataSummary, WithoutACell) {
    Data data;
    for (int k = 0; k < 6; ++k) {
        LabeledStructure item;
        item.structure = testing::cluster({14, 14}, Matrix3X::Zero(3, 2));
        item.structure.positions(0, 1) = 2.3 + 0.02 * k;
        data.push_back(item);
    }
    label(data);
    const DataSummary summary = summarise(data);
    EXPECT_TRUE(summary.warnings.empty()) << format(summary);
    EXPECT_TRUE(summary.volume.empty());
    EXPECT_NEAR(summary.force_check.slope, 1.0, 0.02);
}

}  // namespace
}  // namespace mlff
