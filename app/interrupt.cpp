#include "app/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace mlff::app {
namespace {

volatile std::sig_atomic_t signal_seen = 0;  // the one thing a signal handler may write

void note_signal(int number) {
    signal_seen = 1;
    std::signal(number, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
    for (const int number : {SIGINT, SIGTERM, SIGUSR1}) std::signal(number, note_signal);
}

void ignore_warnings() { std::signal(SIGUSR1, SIG_IGN); }

void ignore_interrupts() {
    for (const int number : {SIGINT, SIGTERM, SIGUSR1}) std::signal(number, SIG_IGN);
}

bool interrupted() { return signal_seen != 0; }

}  // namespace mlff::app
