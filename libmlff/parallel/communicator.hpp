#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "libmlff/atoms/message.hpp"
#include "libmlff/atoms/share.hpp"

namespace mlff {

/// Thrown on the other ranks when a task has failed: rank 0 has the message, the others wait for the next task.
struct TaskFailed {};

class Communicator;

/// Work of a rank when rank 0 starts a task, by the name of the task.
using TaskHandlers = std::map<std::string, std::function<void(Communicator&, Message)>>;

/// The processes of one MPI communicator. Rank 0 reads, decides and writes. The others wait in `serve`, at no cost to
/// other programs on their cores, until rank 0 starts a task, and then do their share of it:
///
///     rank 0:  start(task, message)   share of the work   agree()   sum() ...   done()
///     others:  handler(message)       share of the work   agree()   sum() ...
///
/// Nothing is exchanged between start and agree, so a rank may fail there: agree() then throws everywhere. The program
/// starts and ends MPI.
class Communicator {
 public:
    /// One process alone.
    Communicator() = default;
    /// @param fortran_handle  of an MPI communicator (MPI_Comm_c2f); MPI is initialised and outlives this
    /// @throws std::runtime_error if the library was built without MPI
    explicit Communicator(int fortran_handle);
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;
    /// Rank 0, between two tasks: tells the other ranks to leave serve().
    ~Communicator();

    [[nodiscard]] int rank() const { return rank_; }
    [[nodiscard]] int size() const { return size_; }
    [[nodiscard]] bool joined() const { return joined_; }  ///< there is an MPI communicator, even if of one process
    [[nodiscard]] int blacs_handle() const;                ///< of the communicator, for ScaLAPACK
    [[nodiscard]] bool alone() const { return size_ == 1; }
    [[nodiscard]] int ranks_on_node() const { return ranks_on_node_; }  ///< this one included
    [[nodiscard]] int cores_on_node() const { return cores_on_node_; }  ///< usable by these ranks together; 0: alone

    /// A number for an object on all ranks, such as a force field.
    [[nodiscard]] int new_handle() { return ++n_handles_; }

    void start(const std::string& task, const Message& message);  ///< rank 0
    void done();                                                  ///< rank 0
    /// Other ranks: does their share of every task that rank 0 starts, until it tells them to leave.
    /// @throws exceptions of a handler during an exchange, where ranks cannot agree any more: the job must end
    void serve(const TaskHandlers& handlers);
    [[nodiscard]] bool in_task() const { return in_task_; }

    /// Every rank reports the failure of its share (null: none). If any failed, rank 0 throws the failure of the lowest
    /// rank (InputError stays InputError), and the others TaskFailed.
    void agree(const std::exception_ptr& failure);

    [[nodiscard]] Eigen::Index largest(Eigen::Index value);  ///< of all ranks, everywhere
    [[nodiscard]] double broadcast(double from_rank_0);      ///< everywhere

    /// Sum over the ranks, on rank `to`; the others keep their values.
    void sum(std::span<double> values, int to = 0);
    template <class Matrix>
    void sum(Eigen::PlainObjectBase<Matrix>& values) {
        sum(std::span<double>(values.data(), static_cast<std::size_t>(values.size())));
    }
    /// Sum over the ranks of n columns, of which each rank receives its own block.
    [[nodiscard]] Eigen::MatrixXd sum_columns(const Eigen::MatrixXd& columns);
    /// One message for each rank, from rank 0, where `all` is given.
    [[nodiscard]] Message scatter(const std::vector<Message>& all);
    /// Sends n items of rank 0 in blocks of about equal cost (share_by_cost): each other rank receives, by scatter({}),
    /// the number of items in its block and then the items, as write(message, k) writes item k.
    /// @returns the number of items that stay on rank 0, the first ones
    template <class Cost, class Write>
    std::size_t scatter_by_cost(std::size_t n, const Cost& cost, const Write& write) {
        std::vector<double> costs;
        for (std::size_t k = 0; k < n; ++k) costs.push_back(static_cast<double>(cost(k)));
        const auto first = share_by_cost(costs, size_);
        std::vector<Message> blocks(static_cast<std::size_t>(size_));
        for (std::size_t rank = 1; rank < blocks.size(); ++rank) {
            blocks[rank] << first[rank + 1] - first[rank];
            for (std::size_t k = first[rank]; k < first[rank + 1]; ++k) write(blocks[rank], k);
        }
        (void)scatter(blocks);
        return first[1];
    }
    /// The messages of all ranks in their order, on rank 0; empty elsewhere.
    [[nodiscard]] std::vector<Message> gather(const Message& own);
    void send(int to, const Message& message);
    [[nodiscard]] Message receive(int from);

    /// `value` of all ranks merged into that of rank 0, in the order of the ranks, by a binary tree:
    /// value.merge(other). value.write(message) writes a value, and T::read makes it from a message.
    template <class T>
    void merge(T& value) {
        for (int step = 1; step < size_; step *= 2) {
            if (rank_ % (2 * step) != 0) {
                Message message;
                value.write(message);
                send(rank_ - step, message);
                return;
            }
            if (rank_ + step < size_) {
                Message message = receive(rank_ + step);
                value.merge(T::read(message));
            }
        }
    }

 private:
    int rank_ = 0, size_ = 1;
    int ranks_on_node_ = 1, cores_on_node_ = 0;
    int n_handles_ = 0;
    int handle_ = 0;
    bool joined_ = false, in_task_ = false;
};

/// Does this rank's share of a task and then calls agree(); without other ranks only the work.
template <class Work>
void do_share(Communicator* world, Work&& work) {
    if (world == nullptr) return work();
    std::exception_ptr failure;
    try {
        work();
    } catch (...) {
        failure = std::current_exception();
    }
    world->agree(failure);
}

}  // namespace mlff
