#include "app/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/regression/fit_data.hpp"

namespace mlff::app {
namespace {

std::string symbol_of(const Learner& learner, std::size_t channel) {
    return element_symbol(learner.training_set().species()[channel]);
}

}  // namespace

void write_status(const RunDirectory& directory, const Learner& learner, const Progress& progress) {
    nlohmann::ordered_json status;
    status["step"] = progress.step;
    status["steps"] = progress.steps;
    status["reference_calls"] = learner.reference_calls();
    auto references = nlohmann::ordered_json::object(), errors = references;
    const TrainingSet& set = learner.training_set();
    for (std::size_t s = 0; s < set.species().size(); ++s)
        references[symbol_of(learner, s)] = set.references()[s].size();
    if (learner.model())
        for (std::size_t s = 0; s < set.species().size(); ++s)
            errors[symbol_of(learner, s)] = learner.force_errors()[static_cast<Eigen::Index>(s)];
    status["local_references"] = references;
    status["threshold"] = learner.threshold();
    status["beef_max"] = progress.beef_max;
    status["temperature"] = progress.temperature;
    status["state"] = progress.state;
    if (!progress.reason.empty()) status["reason"] = progress.reason;
    status["force_rmse"] = errors;
    write_file_atomically(directory.file("status.json"), status.dump(2) + "\n");
}

void write_results(const RunDirectory& directory, const Learner& learner, const std::string& reference) {
    std::vector<ExtxyzFrame> frames;
    for (const auto& item : learner.training_set().structures()) {
        static_cast<LabeledStructure&>(frames.emplace_back()) = item;
        if (!reference.empty()) frames.back().info = {{"reference", reference}};
    }
    write_extxyz(directory.file("training.xyz"), frames);
    if (const ForceField* model = learner.model())
        write_model(directory.file("model.h5"), model->with_calibration(learner.calibration()));
}

void require_no_foreign_results(const std::string& output) {
    const auto stands_there = [&](const char* name) { return std::filesystem::exists(output + "/" + name); };
    for (const char* own : {"settings.yaml", "journal", "checkpoint"})
        if (stands_there(own)) return;
    for (const char* result : {"model.h5", "training.xyz", "status.json", "log"})
        if (stands_there(result))
            throw InputError(
                fmt::format("{}/{}: it would be overwritten, and there is no settings.yaml to say that it is "
                            "of the same run; choose another output",
                            output, result));
}

std::vector<int> species_with(const std::vector<int>& species, const std::vector<LabeledStructure>& initial_data) {
    const std::vector<int> earlier = species_of(initial_data);
    std::vector<int> all;
    std::set_union(species.begin(), species.end(), earlier.begin(), earlier.end(), std::back_inserter(all));
    return all;
}

std::string summary(const Learner& learner, long evaluations) {
    std::string text = fmt::format(
        "{} evaluations, {} reference calls ({:.2f} %), threshold {:.4f} eV/Å", evaluations, learner.reference_calls(),
        100.0 * static_cast<double>(learner.reference_calls()) / static_cast<double>(std::max(1L, evaluations)),
        learner.threshold());
    const TrainingSet& set = learner.training_set();
    if (!learner.model()) return text + "; no model: the references of some species are still too few";
    for (std::size_t s = 0; s < set.species().size(); ++s)
        text += fmt::format("\n  {:<2} {:>5} local references, training force RMSE {:.1f} meV/Å", symbol_of(learner, s),
                            set.references()[s].size(), 1000.0 * learner.force_errors()[static_cast<Eigen::Index>(s)]);
    return text;
}

}  // namespace mlff::app
