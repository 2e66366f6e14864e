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
#include <thread>
#include <utility>

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

struct Address {
    std::string name, path, port;  ///< NAME and its file, or HOST and PORT
};

Address parse_address(const std::string& address) {
    if (address.starts_with("unix:")) {
        const std::string name = address.substr(5);
        if (name.empty()) throw InputError("address 'unix:' has no name; unix:agi, for example");
        return {name, name.find('/') == std::string::npos ? "/tmp/ipi_" + name : name, ""};
    }
    const auto colon = address.rfind(':');
    const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
    const auto number = parse_long(port);
    if (colon == std::string::npos || colon == 0 || !number || *number < 0 || *number > 65535)
        throw InputError(fmt::format("address {} is neither unix:NAME nor HOST:PORT", show(address)));
    return {address.substr(0, colon), "", port};
}

/// @throws InputError if the path is longer than the system allows
sockaddr_un unix_address(const std::string& path) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    if (path.size() >= sizeof(where.sun_path))
        fail(path,
             fmt::format("the name is longer than the {} letters that the system allows", sizeof(where.sun_path) - 1));
    std::copy(path.begin(), path.end(), where.sun_path);
    return where;
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

/// @throws InputError if the host is unknown
AddressList internet_addresses(const std::string& host, const std::string& port, int flags) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo* list = nullptr;
    if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list); error != 0)
        throw InputError(fmt::format("address {}:{}: {}", host, port, gai_strerror(error)));
    return {list, freeaddrinfo};
}

/// TCP: without it each message waits some 40 ms for an acknowledgement.
void send_at_once(int descriptor) {
    const int yes = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
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
            throw CallFailure(fmt::format(
                "the {} did not answer within the time limit (time_limit, or start_limit to connect)", other_));
    }
}

void Connection::send(std::string_view bytes, Clock::time_point deadline, const Poll& poll) {
    while (!bytes.empty()) {
        wait(POLLOUT, deadline, poll);
        const ssize_t n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EAGAIN && errno != EINTR)
            throw CallFailure(fmt::format("the {} has gone ({})", other_, std::strerror(errno)));
    }
}

void Connection::receive(void* bytes, std::size_t size, Clock::time_point deadline, const Poll& poll) {
    char* next = static_cast<char*>(bytes);
    while (size > 0) {
        wait(POLLIN, deadline, poll);
        const ssize_t n = recv(descriptor_, next, size, MSG_DONTWAIT);
        if (n == 0) throw CallFailure(fmt::format("the {} closed the connection", other_));
        if (n > 0) {
            next += n;
            size -= static_cast<std::size_t>(n);
        } else if (errno != EAGAIN && errno != EINTR) {
            throw CallFailure(fmt::format("the {} has gone ({})", other_, std::strerror(errno)));
        }
    }
}

bool Connection::disturbed() const {
    pollfd entry{descriptor_, POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
}

Listener::Listener(const std::string& address) {
    Address parts = parse_address(address);
    name_ = std::move(parts.name);
    path_ = std::move(parts.path);
    is_unix() ? listen_unix() : listen_internet(parts.port);
}

void Listener::listen_unix() {
    const sockaddr_un where = unix_address(path_);
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
    const AddressList list = internet_addresses(name_, port, AI_PASSIVE);
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
                if (!is_unix()) send_at_once(client);
                return client;
            }
        }
        if (poll) poll();
        if (Clock::now() >= deadline) return -1;
    }
}

std::string Listener::address() const { return is_unix() ? path_ : fmt::format("{}:{}", name_, port_); }

std::unique_ptr<Connection> connect_to(const std::string& address, Clock::time_point deadline, const Poll& poll) {
    const Address parts = parse_address(address);
    const bool is_unix = !parts.path.empty();
    const AddressList list =
        is_unix ? AddressList(nullptr, freeaddrinfo) : internet_addresses(parts.name, parts.port, 0);
    const sockaddr_un file = is_unix ? unix_address(parts.path) : sockaddr_un{};
    for (;;) {
        const int descriptor = socket(is_unix ? AF_UNIX : list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int refused = is_unix ? connect(descriptor, reinterpret_cast<const sockaddr*>(&file), sizeof file)
                                    : connect(descriptor, list->ai_addr, list->ai_addrlen);
        if (refused == 0) {
            if (!is_unix) send_at_once(descriptor);
            return std::make_unique<Connection>(descriptor, "server");
        }
        const int error = errno;
        close(descriptor);
        if (poll) poll();
        if (Clock::now() >= deadline)
            throw InputError(fmt::format("nobody listens on {} ({}); start the server first",
                                         is_unix ? parts.path : address, std::strerror(error)));
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds_between_polls));
    }
}

}  // namespace mlff::reference
