#include "libmlff/parallel/communicator.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "libmlff/atoms/errors.hpp"

#ifdef MLFF_WITH_MPI
#define OMPI_SKIP_MPICXX
#include <mpi.h>
#endif

namespace mlff {
namespace {

/// Launchers say in the environment that a process is one of several.
bool launched_by_mpi() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"})
        if (std::getenv(name) != nullptr) return true;
    return false;
}

#ifdef MLFF_WITH_MPI

constexpr std::size_t piece = std::size_t{1} << 30;  ///< bytes in one call: MPI counts with int

enum class Outcome : int { well = 0, failed, wrong_input, guard };

void send_bytes(const std::string& bytes, int to) {
    const unsigned long size = bytes.size();
    MPI_Send(&size, 1, MPI_UNSIGNED_LONG, to, 0, MPI_COMM_WORLD);
    for (std::size_t first = 0; first < size; first += piece)
        MPI_Send(bytes.data() + first, static_cast<int>(std::min(piece, size - first)), MPI_BYTE, to, 0,
                 MPI_COMM_WORLD);
}

std::string receive_bytes(int from) {
    unsigned long size = 0;
    MPI_Recv(&size, 1, MPI_UNSIGNED_LONG, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    std::string bytes(size, '\0');
    for (std::size_t first = 0; first < size; first += piece)
        MPI_Recv(bytes.data() + first, static_cast<int>(std::min(piece, size - first)), MPI_BYTE, from, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return bytes;
}

/// From rank 0 to all. Whoever waits looks often at first (steps of dynamics follow each other at once) and then ever
/// more seldom, so that the cores are free while rank 0 works alone or waits for a reference.
void broadcast_bytes(void* data, std::size_t size) {
    using namespace std::chrono_literals;
    for (std::size_t first = 0; first < size; first += piece) {
        MPI_Request request;
        MPI_Ibcast(static_cast<char*>(data) + first, static_cast<int>(std::min(piece, size - first)), MPI_BYTE, 0,
                   MPI_COMM_WORLD, &request);
        const auto begin = std::chrono::steady_clock::now();
        for (int arrived = 0;;) {
            MPI_Test(&request, &arrived, MPI_STATUS_IGNORE);
            if (arrived) break;
            const auto waited = std::chrono::steady_clock::now() - begin;
            if (waited > 2ms) std::this_thread::sleep_for(std::clamp<std::chrono::nanoseconds>(waited / 50, 20us, 1ms));
        }
    }
}

#endif

}  // namespace

std::vector<std::size_t> share_by_cost(const std::vector<double>& costs, int n_ranks) {
    double total = 0.0, sum = 0.0;
    for (const double cost : costs) total += cost;
    std::vector<std::size_t> first = {0};
    for (std::size_t k = 0; k < costs.size(); ++k) {
        // A thing belongs to the rank in whose stretch of the whole cost its middle lies.
        const double middle = sum + 0.5 * costs[k];
        while (static_cast<int>(first.size()) < n_ranks &&
               middle >= total * static_cast<double>(first.size()) / n_ranks)
            first.push_back(k);
        sum += costs[k];
    }
    first.resize(static_cast<std::size_t>(n_ranks) + 1, costs.size());
    return first;
}

Communicator::Communicator() {
    if (!launched_by_mpi()) {
        const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
        if (tasks != nullptr && std::atoi(tasks) > 1)
            throw std::runtime_error(fmt::format(
                "srun started {} processes without telling MPI; all would do the same work: use srun --mpi=pmix, or "
                "mpirun",
                tasks));
        return;
    }
#ifdef MLFF_WITH_MPI
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    joined_ = true;
    MPI_Comm node;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &ranks_on_node_);
    // Cores that ranks are bound to together count once.
    cpu_set_t cores;
    CPU_ZERO(&cores);
    sched_getaffinity(0, sizeof cores, &cores);
    MPI_Allreduce(MPI_IN_PLACE, &cores, static_cast<int>(sizeof cores), MPI_BYTE, MPI_BOR, node);
    cores_on_node_ = CPU_COUNT(&cores);
    MPI_Comm_free(&node);
#else
    const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
    if (size == nullptr) size = std::getenv("PMI_SIZE");
    if (size != nullptr && std::string(size) != "1")
        throw std::runtime_error(
            "started as one of several MPI processes, but this mlff was built without MPI; build it "
            "with MPI, or start it once and use --threads");
#endif
}

Communicator::~Communicator() {
#ifdef MLFF_WITH_MPI
    if (!joined_) return;
    if (in_task_) MPI_Abort(MPI_COMM_WORLD, 1);
    if (rank_ == 0 && size_ > 1) start(Task::stop, {});
    MPI_Finalize();
#endif
}

void Communicator::start(Task task, const Message& message) {
    if (in_task_ && !alone()) fail("a task was started in the middle of another one, which must have failed");
    in_task_ = task != Task::stop;
#ifdef MLFF_WITH_MPI
    if (alone()) return;
    unsigned long header[2] = {static_cast<unsigned long>(task), message.bytes().size()};
    broadcast_bytes(header, sizeof header);
    broadcast_bytes(const_cast<char*>(message.bytes().data()), message.bytes().size());  // rank 0 is only read
#else
    (void)message;
#endif
}

Message Communicator::next([[maybe_unused]] Task& task) {
#ifdef MLFF_WITH_MPI
    in_task_ = false;
    unsigned long header[2] = {};
    broadcast_bytes(header, sizeof header);
    task = static_cast<Task>(header[0]);
    std::string bytes(header[1], '\0');
    broadcast_bytes(bytes.data(), bytes.size());
    in_task_ = task != Task::stop;
    return Message(std::move(bytes));
#else
    throw std::logic_error("there are no other ranks");
#endif
}

void Communicator::fail(const std::string& message) const {
    fmt::print(stderr, "mlff: rank {}: {}\n", rank_, message);
#ifdef MLFF_WITH_MPI
    if (joined_) MPI_Abort(MPI_COMM_WORLD, 1);
#endif
    std::exit(1);
}

void Communicator::done() { in_task_ = false; }

void Communicator::agree(const std::exception_ptr& failure) {
    if (alone()) {
        if (failure) {
            in_task_ = false;
            std::rethrow_exception(failure);
        }
        return;
    }
#ifdef MLFF_WITH_MPI
    Outcome outcome = Outcome::well;
    std::string text;
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const InputError& error) {
        outcome = Outcome::wrong_input;
        text = error.what();
    } catch (const GuardError& error) {
        outcome = Outcome::guard;
        text = error.what();
    } catch (const std::bad_alloc&) {
        outcome = Outcome::failed;
        text = "out of memory";
    } catch (const std::exception& error) {
        outcome = Outcome::failed;
        text = error.what();
    }
    int first = failure ? rank_ : size_;
    MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (first == size_) return;
    in_task_ = false;
    if (rank_ == first && rank_ != 0) {
        Message message;
        message << outcome << text;
        send(0, message);
    }
    if (rank_ != 0) throw TaskFailed{};
    if (first == 0) std::rethrow_exception(failure);
    Message message = receive(first);
    outcome = message.get<Outcome>();
    text = message.get<std::string>();
    if (outcome == Outcome::wrong_input) throw InputError(text);
    if (outcome == Outcome::guard) throw GuardError(text);
    throw std::runtime_error(fmt::format("rank {}: {}", first, text));
#endif
}

Eigen::Index Communicator::largest(Eigen::Index value) {
#ifdef MLFF_WITH_MPI
    auto most = static_cast<long long>(value);
    if (!alone()) MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_LONG_LONG, MPI_MAX, MPI_COMM_WORLD);
    return static_cast<Eigen::Index>(most);
#else
    return value;
#endif
}

double Communicator::broadcast(double from_rank_0) {
#ifdef MLFF_WITH_MPI
    if (!alone()) broadcast_bytes(&from_rank_0, sizeof from_rank_0);
#endif
    return from_rank_0;
}

void Communicator::sum([[maybe_unused]] std::span<double> values, [[maybe_unused]] int to) {
#ifdef MLFF_WITH_MPI
    constexpr std::size_t most = piece / sizeof(double);
    for (std::size_t first = 0; first < values.size() && !alone(); first += most) {
        const auto count = static_cast<int>(std::min(most, values.size() - first));
        double* const begin = values.data() + first;
        if (rank_ == to)
            MPI_Reduce(MPI_IN_PLACE, begin, count, MPI_DOUBLE, MPI_SUM, to, MPI_COMM_WORLD);
        else
            MPI_Reduce(begin, nullptr, count, MPI_DOUBLE, MPI_SUM, to, MPI_COMM_WORLD);
    }
#endif
}

Eigen::MatrixXd Communicator::sum_columns(const Eigen::MatrixXd& columns) {
    if (alone()) return columns;
#ifdef MLFF_WITH_MPI
    Eigen::MatrixXd own;
    for (int to = 0; to < size_; ++to) {
        const Eigen::Index first = block_begin(columns.cols(), to, size_);
        Eigen::MatrixXd block = columns.middleCols(first, block_begin(columns.cols(), to + 1, size_) - first);
        sum(std::span<double>(block.data(), static_cast<std::size_t>(block.size())), to);
        if (rank_ == to) own = std::move(block);
    }
    return own;
#else
    return columns;
#endif
}

Message Communicator::scatter(const std::vector<Message>& all) {
    if (rank_ != 0) return receive(0);
    for (int to = 1; to < size_; ++to) send(to, all[static_cast<std::size_t>(to)]);
    return all.front();
}

std::vector<Message> Communicator::gather(const Message& own) {
    if (rank_ != 0) {
        send(0, own);
        return {};
    }
    std::vector<Message> all{own};
    for (int from = 1; from < size_; ++from) all.push_back(receive(from));
    return all;
}

void Communicator::send([[maybe_unused]] int to, [[maybe_unused]] const Message& message) {
#ifdef MLFF_WITH_MPI
    send_bytes(message.bytes(), to);
#endif
}

Message Communicator::receive([[maybe_unused]] int from) {
#ifdef MLFF_WITH_MPI
    return Message(receive_bytes(from));
#else
    return {};
#endif
}

}  // namespace mlff
