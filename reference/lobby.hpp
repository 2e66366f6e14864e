#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reference/stream.hpp"

namespace mlff::reference {

/// Where the clients of an address wait for work. Several may be connected: each call takes one that is free, and those
/// that were never needed, or came while all is well, are spares. May be used by several threads.
class Lobby {
 public:
    /// Listens at once.  @throws InputError as Listener
    explicit Lobby(const std::string& address) : listener_(address) {}
    Lobby(const Lobby&) = delete;
    Lobby& operator=(const Lobby&) = delete;

    /// The connection that was given back last, else the next one that comes; none if there is none until `deadline`.
    /// One whose client has gone meanwhile is dropped.
    [[nodiscard]] std::unique_ptr<Connection> take(Clock::time_point deadline, const Poll& poll);
    void give_back(std::unique_ptr<Connection> connection);
    /// Drops connections that have come and that nobody took.
    void turn_away();
    /// The free connections, for good.
    [[nodiscard]] std::vector<std::unique_ptr<Connection>> empty();

    [[nodiscard]] const Listener& listener() const { return listener_; }

 private:
    Listener listener_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> free_;
};

}  // namespace mlff::reference
