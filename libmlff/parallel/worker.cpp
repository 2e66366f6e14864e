#include "libmlff/parallel/worker.hpp"

#include "libmlff/parallel/distributed_calculator.hpp"
#include "libmlff/parallel/distributed_executor.hpp"
#include "libmlff/parallel/distributed_fit.hpp"

namespace mlff {

TaskHandlers task_handlers() {
    TaskHandlers handlers;
    add_calculator_tasks(handlers);
    add_executor_tasks(handlers);
    add_fit_tasks(handlers);
    return handlers;
}

}  // namespace mlff
