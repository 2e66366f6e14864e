#include "app/interrupt.hpp"

#include <csignal>

namespace mlff::app {
namespace {

volatile std::sig_atomic_t signal_seen = 0;  // the one thing a signal handler may write

void note_signal(int number) {
    signal_seen = 1;
    std::signal(number, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
    std::signal(SIGINT, note_signal);
    std::signal(SIGTERM, note_signal);
}

bool interrupted() { return signal_seen != 0; }

}  // namespace mlff::app
