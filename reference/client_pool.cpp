#include "reference/client_pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace mlff::reference {
namespace {

constexpr std::chrono::milliseconds between_looks{50};

}  // namespace

std::unique_ptr<Connection> ClientPool::take(Clock::time_point deadline, const Poll& poll) {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            while (!free_.empty()) {
                auto connection = std::move(free_.back());
                free_.pop_back();
                if (!connection->disturbed()) return connection;
            }
        }
        // Waits for a new one, but briefly: another thread may give one back earlier.
        const int descriptor = listener_.accept(std::min(deadline, Clock::now() + between_looks), {});
        if (descriptor >= 0) return std::make_unique<Connection>(descriptor);
        if (poll) poll();
        if (Clock::now() >= deadline) return nullptr;
    }
}

void ClientPool::give_back(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(connection));
}

void ClientPool::turn_away() {
    for (;;) {
        const int left = listener_.accept(Clock::now(), {});
        if (left < 0) return;
        close(left);
    }
}

std::vector<std::unique_ptr<Connection>> ClientPool::empty() {
    const std::lock_guard lock(mutex_);
    return std::exchange(free_, {});
}

}  // namespace mlff::reference
