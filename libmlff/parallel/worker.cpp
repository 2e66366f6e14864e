#include "libmlff/parallel/worker.hpp"

#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

#include "libmlff/io/model_file.hpp"
#include "libmlff/model/force_field.hpp"
#include "libmlff/parallel/distributed_fit.hpp"
#include "libmlff/regression/row_accumulation.hpp"
#include "libmlff/regression/training_rows.hpp"

namespace mlff {
namespace {

/// What a rank keeps between tasks, by handle.
struct Held {
    std::map<int, std::unique_ptr<ForceFieldCalculator>> force_fields;
    std::map<int, TrainingRows> training;
};

void help(Communicator& world, Task task, Message message, Held& held) {
    switch (task) {
        case Task::stop:
            break;
        case Task::set_threads:
            set_threads(world, message.get<int>());
            break;
        case Task::load_force_field:
            do_share(&world, [&] {
                const int handle = message.get<int>();
                const auto skin = message.get<double>();
                held.force_fields[handle] =
                    std::make_unique<ForceFieldCalculator>(decode_model(message.get<std::string>()), skin, &world);
            });
            break;
        case Task::load_factor:
            do_share(&world, [&] {
                const int handle = message.get<int>();
                held.force_fields.at(handle)->receive_factor(message.get<Eigen::MatrixXd>());
            });
            break;
        case Task::drop_force_field:
            held.force_fields.erase(message.get<int>());
            break;
        case Task::evaluate: {
            const int handle = message.get<int>();
            const auto structure = message.get<Structure>();
            Request request;
            message >> request.uncertainty >> request.spilling;
            (void)held.force_fields.at(handle)->evaluate(structure, request);
            break;
        }
        case Task::gather_references:
            help_gather_references(world, std::move(message));
            break;
        case Task::accumulate_rows:
            help_accumulate_rows(world, std::move(message));
            break;
        case Task::begin_training:
        case Task::drop_training:
        case Task::update_rows:
        case Task::accumulate_training:
        case Task::force_errors:
            help_with_training(world, task, std::move(message), held.training);
            break;
        case Task::distributed_fit:
            help_fit_distributed(world, std::move(message));
            break;
    }
}

}  // namespace

void set_threads(const Communicator& world, int given) {
    const int fair = std::max(1, world.cores_on_node() / world.ranks_on_node());
    if (given == 0 && std::getenv("OMP_NUM_THREADS") == nullptr) given = std::min(omp_get_max_threads(), fair);
    if (given > 0) omp_set_num_threads(given);
}

void serve(Communicator& world) {
    Held held;
    for (;;) {
        try {
            Task task{};
            Message message = world.next(task);
            if (task == Task::stop) return;
            help(world, task, std::move(message), held);
        } catch (const TaskFailed&) {
            // rank 0 knows; it decides what comes next
        } catch (const std::exception& error) {
            world.fail(error.what());  // in the middle of an exchange
        }
    }
}

}  // namespace mlff
