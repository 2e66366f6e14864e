#include "reference/stream.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/text_file.hpp"
#include "reference/external_code.hpp"

namespace mlff::reference {
namespace {

constexpr int backlog = 16;
constexpr int milliseconds_between_polls = 100;

[[noreturn]] void fail(const std::string& address, const std::string& why) {
    throw InputError(fmt::format("cannot listen on {}: {}", address, why));
}

/// True if `descriptor` is ready for `event`; waits a moment.
bool ready(int descriptor, short event, Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count() + 1;
    pollfd entry{descriptor, event, 0};
    return ::poll(&entry, 1, static_cast<int>(std::clamp<long>(left, 0, milliseconds_between_polls))) > 0;
}

}  // namespace

Connection::~Connection() { close(descriptor_); }

void Connection::wait(short event, Clock::time_point deadline, const Poll& poll) const {
    while (!ready(descriptor_, event, deadline)) {
        if (poll) poll();
        if (Clock::now() >= deadline)
            throw CallFailure(
                "the client did not answer within the time limit (time_limit, or start_limit to connect)");
    }
}

void Connection::send(std::string_view bytes, Clock::time_point deadline, const Poll& poll) {
    while (!bytes.empty()) {
        wait(POLLOUT, deadline, poll);
        const ssize_t n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EAGAIN && errno != EINTR)
            throw CallFailure(fmt::format("the client has gone ({})", std::strerror(errno)));
    }
}

void Connection::receive(void* bytes, std::size_t size, Clock::time_point deadline, const Poll& poll) {
    char* next = static_cast<char*>(bytes);
    while (size > 0) {
        wait(POLLIN, deadline, poll);
        const ssize_t n = recv(descriptor_, next, size, MSG_DONTWAIT);
        if (n == 0) throw CallFailure("the client closed the connection");
        if (n > 0) {
            next += n;
            size -= static_cast<std::size_t>(n);
        } else if (errno != EAGAIN && errno != EINTR) {
            throw CallFailure(fmt::format("the client has gone ({})", std::strerror(errno)));
        }
    }
}

bool Connection::disturbed() const {
    pollfd entry{descriptor_, POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
}

Listener::Listener(const std::string& address) {
    if (address.starts_with("unix:")) {
        name_ = address.substr(5);
        if (name_.empty()) throw InputError("address 'unix:' has no name; unix:agi, for example");
        path_ = name_.find('/') == std::string::npos ? "/tmp/ipi_" + name_ : name_;
        listen_unix();
        return;
    }
    const auto colon = address.rfind(':');
    const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
    const auto number = parse_long(port);
    if (colon == std::string::npos || colon == 0 || !number || *number < 0 || *number > 65535)
        throw InputError(fmt::format("address {} is neither unix:NAME nor HOST:PORT", show(address)));
    name_ = address.substr(0, colon);
    listen_internet(port);
}

void Listener::listen_unix() {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    if (path_.size() >= sizeof(where.sun_path))
        fail(path_,
             fmt::format("the name is longer than the {} letters that the system allows", sizeof(where.sun_path) - 1));
    std::copy(path_.begin(), path_.end(), where.sun_path);
    const auto* generic = reinterpret_cast<const sockaddr*>(&where);
    struct stat found {};
    if (lstat(path_.c_str(), &found) == 0) {
        if (!S_ISSOCK(found.st_mode)) fail(path_, "a file that is no socket has this name; choose another");
        const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool alive = connect(probe, generic, sizeof where) == 0;
        close(probe);
        if (alive) fail(path_, "another program listens there; end it, or choose another address");
        unlink(path_.c_str());  // left by a dead server
    }
    descriptor_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // For this user only, before a client can connect. Not by umask, which acts on all threads.
    if (bind(descriptor_, generic, sizeof where) != 0 || chmod(path_.c_str(), 0600) != 0 ||
        listen(descriptor_, backlog) != 0) {
        const int error = errno;
        close(descriptor_);
        fail(path_, std::strerror(error));
    }
}

void Listener::listen_internet(const std::string& port) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* list = nullptr;
    if (const int error = getaddrinfo(name_.c_str(), port.c_str(), &hints, &list); error != 0)
        fail(name_ + ":" + port, gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
    descriptor_ = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1;
    setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(descriptor_, list->ai_addr, list->ai_addrlen) != 0 || listen(descriptor_, backlog) != 0) {
        const int error = errno;
        close(descriptor_);
        fail(name_ + ":" + port, error == EADDRINUSE
                                     ? "another program has this port; end it, or choose another (0: any free one)"
                                     : std::strerror(error));
    }
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    getsockname(descriptor_, reinterpret_cast<sockaddr*>(&bound), &size);
    port_ = ntohs(bound.sin_port);
}

Listener::~Listener() {
    close(descriptor_);
    if (!path_.empty()) unlink(path_.c_str());
}

int Listener::accept(Clock::time_point deadline, const Poll& poll) const {
    for (;;) {
        if (ready(descriptor_, POLLIN, deadline)) {
            const int client = accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client >= 0) {
                const int yes = 1;  // without it each message waits some 40 ms for an acknowledgement
                if (!is_unix()) setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                return client;
            }
        }
        if (poll) poll();
        if (Clock::now() >= deadline) return -1;
    }
}

std::string Listener::address() const { return is_unix() ? path_ : fmt::format("{}:{}", name_, port_); }

}  // namespace mlff::reference
