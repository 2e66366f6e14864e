#include "libmlff/parallel/worker.hpp"

#include <omp.h>

#include <map>
#include <memory>

#include "libmlff/force_field.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/learning/row_accumulation.hpp"

namespace mlff {

void serve(Communicator& world) {
    std::map<int, std::unique_ptr<ForceFieldCalculator>> force_fields;
    for (;;) try {
            Task task{};
            Message message = world.next(task);
            switch (task) {
                case Task::stop:
                    return;
                case Task::set_threads:
                    omp_set_num_threads(world.fair_share_of_threads(message.get<int>()));
                    break;
                case Task::load_force_field:
                    do_share(&world, [&] {
                        const int handle = message.get<int>();
                        const auto skin = message.get<double>();
                        force_fields[handle] = std::make_unique<ForceFieldCalculator>(
                            decode_model(message.get<std::string>()), skin, &world);
                    });
                    break;
                case Task::drop_force_field:
                    force_fields.erase(message.get<int>());
                    break;
                case Task::evaluate: {
                    const int handle = message.get<int>();
                    const auto structure = message.get<Structure>();
                    Request request;
                    message >> request.uncertainty >> request.spilling;
                    (void)force_fields.at(handle)->evaluate(structure, request);
                    break;
                }
                case Task::gather_references:
                    help_gather_references(world, std::move(message));
                    break;
                case Task::accumulate_rows:
                    help_accumulate_rows(world, std::move(message));
                    break;
                default:
                    break;
            }
        } catch (const TaskFailed&) {
            // rank 0 knows; it decides what comes next
        }
}

}  // namespace mlff
