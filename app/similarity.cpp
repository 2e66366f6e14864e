#include <fmt/format.h>

#include <algorithm>

#include "app/labeled_data.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "bayes/kernel.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/model/environments.hpp"
#include "libmlff/regression/fit_data.hpp"

namespace mlff::app {

void similarity(const SimilarityArguments& arguments, const Console& console) {
    // Any fit.yaml or train.yaml can be used: only its force field is read here.
    auto config = ConfigSection::from_file(arguments.config);
    ModelDefaults defaults = read_model_defaults(config);
    defaults.force_field.descriptor.softening = 0.0;  // descriptors of unit length, unless the file asks otherwise
    const ForceFieldOptions options = read_force_field(config.section("force_field"), defaults.force_field);
    config.section("force_field").finish();
    require_writable(arguments.output);
    const auto data = load_data({arguments.data});
    const std::vector<int> species = species_of(data);
    const descriptors::Descriptor descriptor(options.descriptor, static_cast<int>(species.size()));

    Eigen::MatrixXd features(descriptor.size(), 0);
    std::vector<int> kinds;
    for (const auto& item : data) {
        Environments environments(species, descriptor.cutoff(), 0.0);
        environments.update(item.structure);
        const Eigen::MatrixXd own = compute_features(descriptor, environments);
        features.conservativeResize(Eigen::NoChange, features.cols() + own.cols());
        features.rightCols(own.cols()) = own;
        kinds.insert(kinds.end(), item.structure.species.begin(), item.structure.species.end());
    }
    const Eigen::MatrixXd K = bayes::kernel_matrix(features, options.kernel_power);
    std::string text;
    for (Eigen::Index i = 0; i < K.rows(); ++i)
        for (Eigen::Index j = 0; j < K.cols(); ++j) {
            const bool same = kinds[static_cast<std::size_t>(i)] == kinds[static_cast<std::size_t>(j)];
            text += same ? fmt::format("{:.17g}", K(i, j)) : "0";
            text += j + 1 < K.cols() ? ',' : '\n';
        }
    write_file_atomically(arguments.output, text);
    console.info(fmt::format("kernel matrix of {} atoms written to {}", K.rows(), arguments.output));
}

}  // namespace mlff::app
