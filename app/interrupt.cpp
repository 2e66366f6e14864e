#include "app/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace mlff::app {
namespace {

volatile std::sig_atomic_t signal_seen = 0;  // the only type that a signal handler may write

void note_signal(int number) {
    signal_seen = 1;
    std::signal(number, SIG_DFL);
}

/// A lost terminal may send the signal more than once (by the system, by the shell).
void note_hangup(int) { signal_seen = 1; }

}  // namespace

void prepare_signals() {
    std::signal(SIGCHLD, SIG_DFL);
    for (const int number : {SIGPIPE, SIGXFSZ}) std::signal(number, SIG_IGN);
}

void catch_interrupts() {
    for (const int number : {SIGINT, SIGTERM, SIGUSR1}) std::signal(number, note_signal);
    if (std::signal(SIGHUP, note_hangup) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);  // nohup
}

void ignore_warnings() { std::signal(SIGUSR1, SIG_IGN); }

void ignore_interrupts() {
    for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGHUP}) std::signal(number, SIG_IGN);
}

bool interrupted() { return signal_seen != 0; }

}  // namespace mlff::app
