#include "libmlff/parallel/communicator.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "libmlff/atoms/errors.hpp"

#ifdef MLFF_WITH_MPI
#define OMPI_SKIP_MPICXX
#include <mpi.h>
#endif
#ifdef MLFF_WITH_SCALAPACK
extern "C" int Csys2blacs_handle(MPI_Comm communicator);
#endif

namespace mlff {
namespace {

constexpr const char* leave = "";  ///< name of the task that ends serve()

#ifdef MLFF_WITH_MPI

constexpr std::size_t piece = std::size_t{1} << 30;  ///< bytes in one call: MPI counts with int

MPI_Comm world(int fortran_handle) { return MPI_Comm_f2c(fortran_handle); }

void send_bytes(const std::string& bytes, int to, int handle) {
    const unsigned long size = bytes.size();
    MPI_Send(&size, 1, MPI_UNSIGNED_LONG, to, 0, world(handle));
    for (std::size_t first = 0; first < size; first += piece)
        MPI_Send(bytes.data() + first, static_cast<int>(std::min(piece, size - first)), MPI_BYTE, to, 0, world(handle));
}

std::string receive_bytes(int from, int handle) {
    unsigned long size = 0;
    MPI_Recv(&size, 1, MPI_UNSIGNED_LONG, from, 0, world(handle), MPI_STATUS_IGNORE);
    std::string bytes(size, '\0');
    for (std::size_t first = 0; first < size; first += piece)
        MPI_Recv(bytes.data() + first, static_cast<int>(std::min(piece, size - first)), MPI_BYTE, from, 0,
                 world(handle), MPI_STATUS_IGNORE);
    return bytes;
}

/// From rank 0 to all. A waiting rank polls often at first (steps of dynamics follow each other at once), then less and
/// less, so that the cores are free while rank 0 works alone or waits for a reference.
void broadcast_bytes(void* data, std::size_t size, int handle) {
    using namespace std::chrono_literals;
    for (std::size_t first = 0; first < size; first += piece) {
        MPI_Request request;
        MPI_Ibcast(static_cast<char*>(data) + first, static_cast<int>(std::min(piece, size - first)), MPI_BYTE, 0,
                   world(handle), &request);
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

Communicator::Communicator([[maybe_unused]] int fortran_handle) {
#ifdef MLFF_WITH_MPI
    handle_ = fortran_handle;
    MPI_Comm_rank(world(handle_), &rank_);
    MPI_Comm_size(world(handle_), &size_);
    joined_ = true;
    MPI_Comm node;
    MPI_Comm_split_type(world(handle_), MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &ranks_on_node_);
    // Cores that ranks are bound to together count once.
    cpu_set_t cores;
    CPU_ZERO(&cores);
    sched_getaffinity(0, sizeof cores, &cores);
    MPI_Allreduce(MPI_IN_PLACE, &cores, static_cast<int>(sizeof cores), MPI_BYTE, MPI_BOR, node);
    cores_on_node_ = CPU_COUNT(&cores);
    MPI_Comm_free(&node);
#else
    throw std::runtime_error("this mlff was built without MPI");
#endif
}

Communicator::~Communicator() {
    if (!in_task_ && rank_ == 0 && size_ > 1) start(leave, {});
}

void Communicator::start([[maybe_unused]] const std::string& task, [[maybe_unused]] const Message& message) {
    if (in_task_ && !alone()) throw std::logic_error("a task was started in the middle of another one");
    in_task_ = task != leave;
#ifdef MLFF_WITH_MPI
    if (alone()) return;
    unsigned long header[2] = {task.size(), message.bytes().size()};
    broadcast_bytes(header, sizeof header, handle_);
    broadcast_bytes(const_cast<char*>(task.data()), task.size(), handle_);  // rank 0 is only read
    broadcast_bytes(const_cast<char*>(message.bytes().data()), message.bytes().size(), handle_);
#endif
}

void Communicator::serve([[maybe_unused]] const TaskHandlers& handlers) {
#ifdef MLFF_WITH_MPI
    for (;;) {
        in_task_ = false;
        unsigned long header[2] = {};
        broadcast_bytes(header, sizeof header, handle_);
        std::string task(header[0], '\0'), bytes(header[1], '\0');
        broadcast_bytes(task.data(), task.size(), handle_);
        broadcast_bytes(bytes.data(), bytes.size(), handle_);
        if (task == leave) return;
        in_task_ = true;
        try {
            handlers.at(task)(*this, Message(std::move(bytes)));
        } catch (const TaskFailed&) {
            // rank 0 has the failure and decides how to continue
        }
    }
#endif
}

int Communicator::blacs_handle() const {
#ifdef MLFF_WITH_SCALAPACK
    return Csys2blacs_handle(world(handle_));
#else
    return 0;
#endif
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
    ErrorCode code = ErrorCode::failed;
    std::string text;
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const Error& error) {
        code = error.code();
        text = error.what();
    } catch (const std::bad_alloc&) {
        text = "out of memory";
    } catch (const std::exception& error) {
        text = error.what();
    }
    int first = failure ? rank_ : size_;
    MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, world(handle_));
    if (first == size_) return;
    in_task_ = false;
    if (rank_ == first && rank_ != 0) {
        Message message;
        message << code << text;
        send(0, message);
    }
    if (rank_ != 0) throw TaskFailed{};
    if (first == 0) std::rethrow_exception(failure);
    Message message = receive(first);
    message >> code >> text;
    if (code == ErrorCode::input) throw InputError(text);
    if (code == ErrorCode::guard) throw GuardError(text);
    throw Error(code, fmt::format("rank {}: {}", first, text));
#endif
}

Eigen::Index Communicator::largest(Eigen::Index value) {
#ifdef MLFF_WITH_MPI
    auto most = static_cast<long long>(value);
    if (!alone()) MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_LONG_LONG, MPI_MAX, world(handle_));
    return static_cast<Eigen::Index>(most);
#else
    return value;
#endif
}

double Communicator::broadcast(double from_rank_0) {
#ifdef MLFF_WITH_MPI
    if (!alone()) broadcast_bytes(&from_rank_0, sizeof from_rank_0, handle_);
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
            MPI_Reduce(MPI_IN_PLACE, begin, count, MPI_DOUBLE, MPI_SUM, to, world(handle_));
        else
            MPI_Reduce(begin, nullptr, count, MPI_DOUBLE, MPI_SUM, to, world(handle_));
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
    send_bytes(message.bytes(), to, handle_);
#endif
}

Message Communicator::receive([[maybe_unused]] int from) {
#ifdef MLFF_WITH_MPI
    return Message(receive_bytes(from, handle_));
#else
    return {};
#endif
}

}  // namespace mlff
