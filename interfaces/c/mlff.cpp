#include "interfaces/c/mlff.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include "bayes/thread_failure.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/model/neighbor_arrays.hpp"
#include "libmlff/model/version.hpp"

/// What the handles of the interface stand for.
struct mlff_model {
    std::shared_ptr<const mlff::LocalModel> model;
    mutable std::once_flag spilling_made;
    mutable std::optional<mlff::SpillingModel> spilling;  ///< made when first asked for
};

struct mlff_workspace {
    std::shared_ptr<const mlff::LocalModel> model;
    mlff::LocalModel::Workspace local;
    std::optional<mlff::ForceFieldCalculator> calculator;  ///< made when first asked for
};

namespace {

thread_local std::string last_error;  // errno's way: the one per-thread state that a C interface cannot do without

mlff_status fail(mlff_status status, const char* message) noexcept {
    try {
        last_error = message;
    } catch (...) {
        last_error.clear();
    }
    return status;
}

/// No exception leaves the library.
template <class Action>
mlff_status guarded(Action&& action) noexcept {
    try {
        action();
        return MLFF_OK;
    } catch (const mlff::Error& error) {
        return fail(static_cast<mlff_status>(error.code()), error.what());
    } catch (const std::invalid_argument& error) {
        return fail(MLFF_INPUT, error.what());
    } catch (const std::bad_alloc&) {
        return fail(MLFF_MEMORY, "out of memory");
    } catch (const std::exception& error) {
        return fail(MLFF_FAILED, error.what());
    } catch (...) {
        return fail(MLFF_FAILED, "unknown failure");
    }
}

void require(bool good, const char* message) {
    if (!good) throw mlff::InputError(message);
}

/// Runs `action` with a number of OpenMP threads; the setting of the caller stays as it is.
template <class Action>
void with_threads(int n, Action&& action) {
    mlff::ThreadFailure failure;
#pragma omp parallel num_threads(1)
    {
        omp_set_num_threads(n);  // of this task only
        failure.collect(action);
    }
    failure.rethrow();
}

bool is_atomic_number(int z) { return z >= 1 && z <= 118; }

template <class T>
std::span<T> span_of(T* data, std::size_t size) {
    return data == nullptr ? std::span<T>() : std::span<T>(data, size);
}

void require_model(const mlff_model* model, const mlff_workspace* workspace, int n_threads) {
    require(model != nullptr && workspace != nullptr, "a model and a workspace are needed, got NULL");
    require(workspace->model == model->model, "the workspace was created with another model");
    require(n_threads >= 1, "n_threads must be at least 1");
}

mlff_status load(mlff_model** model, const auto& read) {
    return guarded([&] {
        require(model != nullptr, "model must not be NULL");
        *model = nullptr;
        auto made = std::make_unique<mlff_model>();
        made->model = std::make_shared<const mlff::LocalModel>(read());
        *model = made.release();
    });
}

}  // namespace

extern "C" {

const char* mlff_version(void) { return mlff::version; }

const char* mlff_last_error(void) { return last_error.c_str(); }

mlff_status mlff_model_load(const char* path, mlff_model** model) {
    return load(model, [&] {
        require(path != nullptr, "path must not be NULL");
        return mlff::read_model(path);
    });
}

mlff_status mlff_model_from_bytes(const void* bytes, size_t size, mlff_model** model) {
    return load(model, [&] {
        require(bytes != nullptr, "bytes must not be NULL");
        return mlff::decode_model(std::string(static_cast<const char*>(bytes), size));
    });
}

void mlff_model_free(mlff_model* model) { delete model; }

double mlff_model_cutoff(const mlff_model* model) { return model->model->cutoff(); }

int mlff_model_n_species(const mlff_model* model) { return model->model->force_field().n_channels(); }

int mlff_model_species(const mlff_model* model, int channel) {
    const auto& species = model->model->force_field().species();
    return channel >= 0 && channel < mlff_model_n_species(model) ? species[static_cast<std::size_t>(channel)] : 0;
}

int mlff_model_channel(const mlff_model* model, int atomic_number) {
    const auto& species = model->model->force_field().species();
    const auto found = std::find(species.begin(), species.end(), atomic_number);
    return found == species.end() ? -1 : static_cast<int>(found - species.begin());
}

int mlff_atomic_number(const char* symbol) {
    return symbol != nullptr && mlff::is_element(symbol) ? mlff::atomic_number(symbol) : 0;
}

const char* mlff_element_symbol(int atomic_number) {
    return is_atomic_number(atomic_number) ? mlff::element_symbol(atomic_number).c_str() : "";
}

double mlff_atomic_mass(int atomic_number) {
    return is_atomic_number(atomic_number) ? mlff::atomic_mass(atomic_number) : 0.0;
}

mlff_status mlff_workspace_create(const mlff_model* model, mlff_workspace** workspace) {
    return guarded([&] {
        require(model != nullptr && workspace != nullptr, "model and workspace must not be NULL");
        *workspace = nullptr;
        auto made = std::make_unique<mlff_workspace>();
        made->model = model->model;
        *workspace = made.release();
    });
}

void mlff_workspace_free(mlff_workspace* workspace) { delete workspace; }

mlff_status mlff_evaluate_neighbors(const mlff_model* model, mlff_workspace* workspace, const mlff_neighbors* neighbors,
                                    int n_threads, mlff_results* results) {
    return guarded([&] {
        require_model(model, workspace, n_threads);
        require(neighbors != nullptr && results != nullptr, "neighbors and results must not be NULL");
        require(neighbors->n_atoms >= 0 && neighbors->n_centres >= 0,
                "numbers of atoms and centres must not be negative");
        const auto n = static_cast<std::size_t>(neighbors->n_atoms),
                   n_centres = static_cast<std::size_t>(neighbors->n_centres);
        require(
            n == 0 || (neighbors->positions != nullptr && neighbors->channels != nullptr && results->forces != nullptr),
            "positions, channels and forces must not be NULL");
        require(n_centres == 0 || (neighbors->centres != nullptr && neighbors->n_neighbors != nullptr &&
                                   neighbors->neighbors != nullptr),
                "centres, n_neighbors and neighbors must not be NULL");
        const mlff::LocalModel& local = *model->model;
        const mlff::NeighborArrays source({.positions = {neighbors->positions, 3 * n},
                                           .channels = {neighbors->channels, n},
                                           .centres = {neighbors->centres, n_centres},
                                           .counts = {neighbors->n_neighbors, n_centres},
                                           .neighbors = {neighbors->neighbors, n_centres},
                                           .index_mask = neighbors->index_mask == 0 ? -1 : neighbors->index_mask},
                                          local.cutoff(), local.force_field().n_channels());
        if (results->spilling != nullptr)
            std::call_once(model->spilling_made, [&] { model->spilling.emplace(local.force_field()); });
        const mlff::LocalSums sums =
            local.evaluate(source,
                           {span_of(results->forces, 3 * n), span_of(results->atom_energies, n),
                            span_of(results->virials, 9 * n), span_of(results->spilling, n)},
                           workspace->local, n_threads, results->spilling != nullptr ? &*model->spilling : nullptr);
        require(!sums.too_close, "two atoms are closer than 0.1 angstrom");
        results->energy = sums.energy;
        for (int a = 0; a < 3; ++a)
            for (int b = 0; b < 3; ++b) results->strain[3 * a + b] = sums.strain(a, b);
    });
}

mlff_status mlff_evaluate_structure(const mlff_model* model, mlff_workspace* workspace, const mlff_structure* structure,
                                    int n_threads, mlff_evaluation* evaluation) {
    return guarded([&] {
        require_model(model, workspace, n_threads);
        require(structure != nullptr && evaluation != nullptr, "structure and evaluation must not be NULL");
        require(structure->n_atoms >= 0, "n_atoms must not be negative");
        const auto n = static_cast<std::size_t>(structure->n_atoms);
        require(n == 0 || (structure->positions != nullptr && structure->atomic_numbers != nullptr),
                "positions and atomic_numbers must not be NULL");
        mlff::Structure own;
        own.cell = Eigen::Map<const mlff::Matrix3>(structure->cell);
        for (std::size_t axis = 0; axis < 3; ++axis) own.periodic[axis] = structure->periodic[axis] != 0;
        own.species.assign(structure->atomic_numbers, structure->atomic_numbers + n);
        own.positions = Eigen::Map<const mlff::Matrix3X>(structure->positions, 3, structure->n_atoms);
        own.validate();
        if (!workspace->calculator) workspace->calculator.emplace(workspace->model);
        mlff::Evaluation result;
        with_threads(n_threads, [&] {
            result = workspace->calculator->evaluate(own, {.uncertainty = evaluation->with_errors != 0,
                                                           .spilling = evaluation->spilling != nullptr,
                                                           .virials = evaluation->virials != nullptr});
        });
        const auto copy = [](const auto& from, double* to) {
            if (to != nullptr) std::copy_n(from.data(), from.size(), to);
        };
        evaluation->energy = result.energy;
        copy(result.forces, evaluation->forces);
        copy(result.atom_energies, evaluation->atom_energies);
        copy(result.atom_virials, evaluation->virials);
        copy(result.spilling, evaluation->spilling);
        copy(result.stress.value_or(mlff::Voigt::Zero()), evaluation->stress);
        if (!result.uncertainty) return;
        const mlff::ExpectedErrors errors =
            mlff::expected_errors(own, *result.uncertainty, workspace->model->force_field().calibration());
        evaluation->energy_error_per_atom = errors.energy;
        copy(errors.stress, evaluation->stress_error);
        copy(errors.forces, evaluation->force_errors);
    });
}

}  // extern "C"
