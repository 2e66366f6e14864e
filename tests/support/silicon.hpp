#pragma once

#include <random>
#include <vector>

#include "libmlff/regression/fit_data.hpp"
#include "reference/embedded/catalogue.hpp"
#include "support/force_fields.hpp"

namespace mlff::testing {

/// Cubic cell of diamond with 8 atoms at its equilibrium volume.
inline Structure diamond() {
    Structure s;
    s.cell = 5.431 * Matrix3::Identity();
    s.periodic = {true, true, true};
    s.species.assign(8, 14);
    s.positions.resize(3, 8);
    Eigen::Index i = 0;
    for (const Vector3& face : {Vector3(0, 0, 0), Vector3(0, .5, .5), Vector3(.5, 0, .5), Vector3(.5, .5, 0)})
        for (const double shift : {0.0, 0.25}) s.positions.col(i++) = s.cell * (face.array() + shift).matrix();
    return s;
}

/// Silicon under random strains and displacements of about 0.15 Å, labelled by the Stillinger-Weber potential.
inline std::vector<LabeledStructure> silicon_data(int n, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    const auto reference = reference::make_embedded("si");
    std::vector<LabeledStructure> data;
    for (int k = 0; k < n; ++k) {
        Structure s = diamond();
        for (int component = 0; component < 6; ++component) s = strained(s, component, 0.02 * normal(random));
        for (double& x : s.positions.reshaped()) x += 0.15 * normal(random);
        const Evaluation truth = reference->evaluate(s);
        data.push_back({s, {truth.energy, truth.forces, truth.stress}, "silicon"});
    }
    return data;
}

/// A small force field of silicon: 60 references, a cutoff beyond that of the potential (3.77 Å).
inline FitOptions silicon_options() {
    FitOptions options;
    options.regression = vasp_regression();
    options.force_field.kernel_power = 4;
    options.force_field.descriptor = {
        .radial = {.cutoff = 4.4, .width = 0.5, .functions = 6, .l_max = 0, .filter = 0.0},
        .angular = {.cutoff = 4.2, .width = 0.5, .functions = 6, .l_max = 3, .filter = 0.002},
        .radial_weight = 0.3};
    options.max_references = 60;
    return options;
}

}  // namespace mlff::testing
