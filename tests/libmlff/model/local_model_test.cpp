#include "libmlff/model/local_model.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/model/neighbor_arrays.hpp"
#include "libmlff/search/compile.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using Eigen::Index;
using testing::agree;

const std::vector<int> silver_iodide = {47, 53};

/// A structure as a host program holds it: atoms and ghosts, and neighbour lists with a skin, by brute force.
struct Host {
    std::vector<double> positions;
    std::vector<int> channels, owner, centres, counts;
    std::vector<std::vector<int>> lists;
    std::vector<const int*> pointers;

    Host(const Structure& structure, const std::vector<int>& species, double cutoff, int images) {
        for (const bool home : {true, false})
            for (int a = -images; a <= images; ++a)
                for (int b = -images; b <= images; ++b)
                    for (int c = -images; c <= images; ++c)
                        if ((a == 0 && b == 0 && c == 0) == home) add(structure, species, Vector3(a, b, c));
        for (int i = 0; i < structure.size(); ++i) {
            centres.push_back(i);
            std::vector<int>& list = lists.emplace_back();
            for (int j = 0; j < static_cast<int>(channels.size()); ++j)
                if (j != i && (position(j) - position(i)).norm() < cutoff + 0.7) list.push_back(j | mark);
        }
        for (const auto& list : lists) {
            counts.push_back(static_cast<int>(list.size()));
            pointers.push_back(list.data());
        }
    }
    static constexpr int mark = 1 << 30;  ///< hosts keep flags in the high bits of an entry

    [[nodiscard]] Eigen::Map<const Vector3> position(int i) const {
        return Eigen::Map<const Vector3>(positions.data() + 3 * i);
    }
    [[nodiscard]] NeighborView view() const { return {positions, channels, centres, counts, pointers, mark - 1}; }

 private:
    void add(const Structure& structure, const std::vector<int>& species, const Vector3& image) {
        for (Index i = 0; i < structure.size(); ++i) {
            const Vector3 r = structure.positions.col(i) + structure.cell * image;
            positions.insert(positions.end(), r.begin(), r.end());
            const int z = structure.species[static_cast<std::size_t>(i)];
            channels.push_back(static_cast<int>(std::find(species.begin(), species.end(), z) - species.begin()));
            owner.push_back(static_cast<int>(i));
        }
    }
};

/// Results in the arrays of a host, and folded back from the ghosts.
struct Answer {
    std::vector<double> forces, energies, virials, spilling;
    LocalSums sums;
    Matrix3X folded;

    Answer(const LocalModel& model, const Host& host, int n_threads) {
        const std::size_t n = host.channels.size();
        // What the host has summed up before stays.
        forces.assign(3 * n, 1.0);
        energies.assign(n, 1.0);
        virials.assign(9 * n, 0.0);
        spilling.assign(n, -1.0);
        const NeighborArrays source(host.view(), model.cutoff(), model.force_field().n_channels());
        const SpillingModel of_spilling(model.force_field());
        LocalModel::Workspace workspace;
        sums = model.evaluate(source, {forces, energies, virials, spilling}, workspace, n_threads, &of_spilling);
        folded.setZero(3, static_cast<Index>(host.centres.size()));
        for (std::size_t j = 0; j < n; ++j)
            folded.col(host.owner[j]) += Eigen::Map<const Vector3>(forces.data() + 3 * j) - Vector3::Ones();
    }
    [[nodiscard]] Matrix3 virial() const {
        const Eigen::Map<const Eigen::MatrixXd> all(virials.data(), 9, static_cast<Index>(virials.size() / 9));
        return all.rowwise().sum().reshaped(3, 3).transpose();
    }
};

std::vector<ForceField> forms() {
    const ForceField fitted = testing::random_force_field(testing::small_descriptor(), silver_iodide);
    const ProductionForms compiled(fitted);
    return {fitted, fitted.with_production(compiled.leading(4, false)),
            fitted.with_production(compiled.leading(4, true))};
}

TEST(LocalModel, NeighbourListsWithGhostsGiveThePeriodicStructure) {
    for (const ForceField& form : forms()) {
        const LocalModel model(form);
        ForceFieldCalculator calculator(form);
        // Another order of the neighbours, another rounding.
        const bool single = form.production() && form.production()->single_precision;
        const double close = single ? 1e-5 : 1e-9;
        for (const bool small : {false, true}) {
            const Structure structure =
                small ? testing::small_cell(silver_iodide, true) : testing::jittered_crystal(3, 3, 2.4, silver_iodide);
            const Evaluation expected = calculator.evaluate(structure, {.spilling = true, .virials = true});
            const Host host(structure, silver_iodide, model.cutoff(), small ? 3 : 1);
            for (const int n_threads : {1, 4}) {
                const Answer answer(model, host, n_threads);
                EXPECT_NEAR(answer.sums.energy, expected.energy, close * std::abs(expected.energy));
                EXPECT_TRUE(agree(answer.folded, expected.forces, close));
                EXPECT_TRUE(agree(Matrix3(-answer.sums.strain), answer.virial(), 1e-10));
                EXPECT_TRUE(agree(to_voigt(answer.virial()), Voigt(-structure.volume() * *expected.stress), close));
                const Matrix3 sum = expected.atom_virials.rowwise().sum().reshaped(3, 3).transpose();
                EXPECT_TRUE(agree(sum, answer.virial(), close));
                for (Index i = 0; i < structure.size(); ++i) {
                    const auto k = static_cast<std::size_t>(i);
                    EXPECT_NEAR(answer.energies[k] - 1.0, expected.atom_energies[i], close);
                    EXPECT_NEAR(answer.spilling[k], expected.spilling[i], 1e-9);
                }
            }
        }
    }
}

/// In double precision whatever the form, and the rest of the answer is the same.
TEST(LocalModel, HandsOverItsDescriptors) {
    const Structure structure = testing::jittered_crystal(3, 3, 2.4, silver_iodide);
    const auto n = static_cast<std::size_t>(structure.size());
    for (const ForceField& form : forms()) {
        const LocalModel model(form);
        Environments environments(silver_iodide, model.cutoff(), 0.0);
        environments.prepare(structure);
        const auto expected = describe(form.descriptor(), environments);
        std::vector<descriptors::Descriptor::Described> described(n);
        std::vector<double> forces(3 * n), same_forces(3 * n);
        LocalModel::Workspace workspace;
        (void)model.evaluate(environments, {forces, {}, {}, {}, described}, workspace);
        (void)model.evaluate(environments, {same_forces, {}, {}, {}}, workspace);
        EXPECT_EQ(forces, same_forces);
        for (std::size_t i = 0; i < n; ++i) {
            EXPECT_EQ(described[i].x, expected[i].x);
            EXPECT_EQ(described[i].c, expected[i].c);
            EXPECT_EQ(described[i].factor, expected[i].factor);
            EXPECT_EQ(described[i].part_weight, expected[i].part_weight);
        }
    }
}

TEST(LocalModel, VirialsOfTheNeighboursGiveTheHeatFlux) {
    // On an open cluster J = d/dt Σ r_i (E_i + m v²/2) is a plain derivative.
    std::mt19937 random(5);
    std::normal_distribution<double> normal;
    Structure structure = testing::jittered_crystal(4, 2, 2.4, silver_iodide);
    structure.periodic = {false, false, false};
    const Matrix3X velocities = Matrix3X::NullaryExpr(3, structure.size(), [&] { return normal(random); });
    for (const ForceField& form : forms()) {
        if (form.production() && form.production()->single_precision) continue;  // too coarse for a derivative
        ForceFieldCalculator calculator(form);
        const Evaluation now = calculator.evaluate(structure, {.virials = true});
        const Vector3 of_potential = testing::derivative([&](double t) -> Eigen::VectorXd {
            Structure later = structure;
            later.positions += t * velocities;
            return later.positions * calculator.evaluate(later).atom_energies;
        });
        const Vector3 of_kinetic =
            structure.positions * now.forces.cwiseProduct(velocities).colwise().sum().transpose();
        Vector3 flux = velocities * now.atom_energies;
        for (Index j = 0; j < structure.size(); ++j)
            flux += now.atom_virials.col(j).reshaped(3, 3).transpose() * velocities.col(j);
        EXPECT_TRUE(agree(flux, Vector3(of_potential + of_kinetic), 1e-7));
    }
}

TEST(LocalModel, ThreadsOfAHostShareOneModel) {
    const LocalModel model(forms().front());
    const Host host(testing::jittered_crystal(3, 3, 2.4, silver_iodide), silver_iodide, model.cutoff(), 1);
    const Answer expected(model, host, 1);
    std::vector<std::thread> threads;
    std::vector<int> same(4, 0);
    for (std::size_t t = 0; t < same.size(); ++t)
        threads.emplace_back([&, t] {
            const Answer answer(model, host, t % 2 == 0 ? 1 : 2);
            same[t] = agree(answer.folded, expected.folded, 1e-12) ? 1 : 0;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(same, std::vector<int>(4, 1));
}

TEST(LocalModel, LeavesTheSettingsOfOpenMpAlone) {
    const int before = omp_get_max_threads();
    const LocalModel model(forms().front());
    const Host host(testing::jittered_crystal(3, 2, 2.4, silver_iodide), silver_iodide, model.cutoff(), 1);
    (void)Answer(model, host, 3);
    EXPECT_EQ(omp_get_max_threads(), before);
}

TEST(LocalModel, IgnoresAtomsOfOtherModels) {
    const LocalModel model(forms().front());
    Structure structure = testing::jittered_crystal(3, 2, 2.4, silver_iodide);
    structure.periodic = {false, false, false};
    Host host(structure, silver_iodide, model.cutoff(), 0);
    host.channels.front() = -1;  // under hybrid/overlay, say
    const Answer answer(model, host, 1);
    structure.species.erase(structure.species.begin());
    structure.positions = Matrix3X(structure.positions.rightCols(structure.size() - 1));
    const Evaluation expected = ForceFieldCalculator(model.force_field()).evaluate(structure);
    EXPECT_NEAR(answer.sums.energy, expected.energy, 1e-10 * std::abs(expected.energy));
    EXPECT_TRUE(answer.folded.col(0).isZero(0.0));
    EXPECT_TRUE(agree(Matrix3X(answer.folded.rightCols(structure.size())), expected.forces, 1e-10));
}

TEST(LocalModel, RefusesArraysThatDoNotFit) {
    const LocalModel model(forms().front());
    const Host host(testing::jittered_crystal(3, 2, 2.4, silver_iodide), silver_iodide, model.cutoff(), 0);
    const auto source = [&](const NeighborView& view) { return NeighborArrays(view, model.cutoff(), 2); };
    NeighborView view = host.view();
    view.positions = view.positions.first(3);
    EXPECT_THROW(source(view), InputError);
    view = host.view();
    view.counts = view.counts.first(1);
    EXPECT_THROW(source(view), InputError);
    view = host.view();
    view.index_mask = -1;  // the flags of the host are taken for atoms
    EXPECT_THROW(source(view), InputError);
    EXPECT_THROW(NeighborArrays(host.view(), model.cutoff(), 1), InputError);  // channel 1 of one

    LocalModel::Workspace workspace;
    const NeighborArrays good = source(host.view());
    std::vector<double> forces(3 * host.channels.size()), few(1);
    EXPECT_THROW(model.evaluate(good, {few, {}, {}, {}}, workspace), std::invalid_argument);
    EXPECT_THROW(model.evaluate(good, {forces, few, {}, {}}, workspace), std::invalid_argument);
    EXPECT_THROW(model.evaluate(good, {forces, {}, {}, {}}, workspace, 0), std::invalid_argument);
    EXPECT_NO_THROW(model.evaluate(good, {forces, {}, {}, {}}, workspace));
}

TEST(LocalModel, SaysThatAtomsAreTooClose) {
    const LocalModel model(forms().front());
    Structure structure = testing::jittered_crystal(3, 2, 2.4, silver_iodide);
    structure.positions.col(1) = structure.positions.col(0) + Vector3(0.05, 0.0, 0.0);
    EXPECT_TRUE(Answer(model, Host(structure, silver_iodide, model.cutoff(), 1), 1).sums.too_close);
}

}  // namespace
}  // namespace mlff
