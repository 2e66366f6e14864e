#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "reference/process.hpp"

/// Byte streams between programs of one machine or network: a listening and a connected socket.
namespace mlff::reference {

using Clock = std::chrono::steady_clock;

/// A connection. Waiting ends when the other side answers, when time is up, or when the Poll throws.
class Connection {
 public:
    /// @param other  what the other side is, for messages
    explicit Connection(int descriptor, std::string other = "client")
        : descriptor_(descriptor), other_(std::move(other)) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    /// @throws CallFailure if the other side is gone or takes nothing until `deadline`
    void send(std::string_view bytes, Clock::time_point deadline, const Poll& poll);
    /// Fills `size` bytes.  @throws CallFailure likewise
    void receive(void* bytes, std::size_t size, Clock::time_point deadline, const Poll& poll);
    /// True if the other side has closed, or has sent bytes without a request.
    [[nodiscard]] bool disturbed() const;

 private:
    void wait(short event, Clock::time_point deadline, const Poll& poll) const;

    int descriptor_;
    std::string other_;
};

/// Address for clients: "unix:NAME", the file /tmp/ipi_NAME as i-PI's clients expect it (a NAME with a slash is the
/// path itself), open to our user only; or "HOST:PORT", where port 0 is any free one. HOST is the interface to listen
/// on, 127.0.0.1 for this machine only. The protocol has no password: use 0.0.0.0 in trusted networks only. A file left
/// by a dead server is replaced; one in use is not.
class Listener {
 public:
    /// @throws InputError if the address is malformed, taken, or cannot be listened on
    explicit Listener(const std::string& address);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    /// The next client; a descriptor, or −1 if none connected before `deadline`. May be called by several threads.
    [[nodiscard]] int accept(Clock::time_point deadline, const Poll& poll) const;

    [[nodiscard]] bool is_unix() const { return !path_.empty(); }
    [[nodiscard]] std::string name() const { return name_; }  ///< NAME or HOST
    [[nodiscard]] int port() const { return port_; }          ///< the one in use; 0 for unix
    [[nodiscard]] std::string address() const;                ///< for messages: /tmp/ipi_NAME, 127.0.0.1:31415

 private:
    void listen_unix();
    void listen_internet(const std::string& port);

    std::string name_, path_;
    int port_ = 0;
    int descriptor_ = -1;
};

/// Connects to where another program listens, in the notation of Listener; tries again until `deadline`, as that may
/// not have started yet.
/// @throws InputError if the address is malformed, or nobody listens there in time
[[nodiscard]] std::unique_ptr<Connection> connect_to(const std::string& address, Clock::time_point deadline,
                                                     const Poll& poll);

}  // namespace mlff::reference
