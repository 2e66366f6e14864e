#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reference/stream.hpp"

namespace mlff::reference {

/// Client pool: the connected clients of one address that wait for work. Each call takes a free client; the others are
/// spares. Thread-safe.
class ClientPool {
 public:
    /// Listens at once.  @throws InputError as Listener
    explicit ClientPool(const std::string& address) : listener_(address) {}
    ClientPool(const ClientPool&) = delete;
    ClientPool& operator=(const ClientPool&) = delete;

    /// The connection that was given back last, else the next new one; none if none connects before `deadline`. A
    /// connection whose client has left is dropped.
    [[nodiscard]] std::unique_ptr<Connection> take(Clock::time_point deadline, const Poll& poll);
    void give_back(std::unique_ptr<Connection> connection);
    /// Drops new connections that no call has taken.
    void turn_away();
    /// Removes the free connections and returns them.
    [[nodiscard]] std::vector<std::unique_ptr<Connection>> empty();

    [[nodiscard]] const Listener& listener() const { return listener_; }

 private:
    Listener listener_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> free_;
};

}  // namespace mlff::reference
