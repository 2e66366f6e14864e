// A host in C++: periodic images as ghosts, neighbour lists of its own, one force field for two threads at the same
// time.
//   consumer_model model.h5

#include <cmath>
#include <mlff/model.hpp>
#include <thread>

int main(int argc, char** argv) {
    if (argc != 2) return 1;
    const auto model = std::make_shared<const mlff::LocalModel>(mlff::read_model(argv[1]));
    mlff::Structure structure;
    structure.cell << 6.1, 1.0, -0.7, 0.0, 6.3, 0.9, 0.0, 0.0, 5.9;
    structure.periodic = {true, true, true};
    structure.species = {model->force_field().species().front(), model->force_field().species().back()};
    structure.positions = mlff::Matrix3X::Zero(3, 2);
    structure.positions.col(1) << 2.9, 0.3, 0.2;

    // The two atoms, then their images in the cells around: everything is a neighbour, the cutoff is the model's
    // affair.
    std::vector<double> positions;
    std::vector<int> channels, lists[2];
    for (int image = 0; image < 343; ++image)
        for (int i = 0; i < 2; ++i) {
            const int cell = image == 0 ? 171 : image <= 171 ? image - 1 : image;  // 171 is the cell itself: first
            const mlff::Vector3 r = structure.positions.col(i) +
                                    structure.cell * mlff::Vector3(cell / 49 - 3, cell / 7 % 7 - 3, cell % 7 - 3);
            for (int own = 0; own < 2; ++own)
                if (own != static_cast<int>(channels.size())) lists[own].push_back(static_cast<int>(channels.size()));
            positions.insert(positions.end(), r.begin(), r.end());
            channels.push_back(i == 0 ? 0 : static_cast<int>(model->force_field().species().size()) - 1);
        }
    const int centres[] = {0, 1}, counts[] = {static_cast<int>(lists[0].size()), static_cast<int>(lists[1].size())};
    const int* const neighbors[] = {lists[0].data(), lists[1].data()};
    const mlff::NeighborArrays arrays({positions, channels, centres, counts, neighbors}, model->cutoff(),
                                      model->force_field().n_channels());

    mlff::ForceFieldCalculator calculator(model);
    const mlff::Evaluation whole = calculator.evaluate(structure, {.uncertainty = true, .virials = true});
    bool good[2];
    std::thread threads[2];
    for (int t = 0; t < 2; ++t)
        threads[t] = std::thread([&, t] {
            std::vector<double> forces(positions.size()), energies(channels.size()), virials(3 * positions.size());
            mlff::LocalModel::Workspace workspace;
            const mlff::LocalSums sums =
                model->evaluate(arrays, {forces, energies, virials, {}}, workspace, t == 0 ? 1 : 4);
            const Eigen::Map<const mlff::Matrix3X> f(forces.data(), 3, static_cast<Eigen::Index>(channels.size()));
            mlff::Matrix3X folded = mlff::Matrix3X::Zero(3, 2);
            for (Eigen::Index j = 0; j < f.cols(); ++j) folded.col(j % 2) += f.col(j);
            const mlff::Matrix3 virial = Eigen::Map<const Eigen::MatrixXd>(virials.data(), 9, f.cols())
                                             .rowwise()
                                             .sum()
                                             .reshaped(3, 3)
                                             .transpose();
            good[t] = std::abs(sums.energy - whole.energy) < 1e-10 && (folded - whole.forces).norm() < 1e-10 &&
                      (virial + sums.strain).norm() < 1e-10 &&
                      (mlff::to_voigt(virial) + structure.volume() * *whole.stress).norm() < 1e-10;
        });
    for (auto& thread : threads) thread.join();
    return good[0] && good[1] && whole.forces.norm() > 1e-6 && whole.uncertainty->force_norms().minCoeff() > 0 ? 0 : 1;
}
