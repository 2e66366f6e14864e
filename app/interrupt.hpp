#pragma once

namespace mlff::app {

/// From now on Ctrl-C, SIGTERM and SIGUSR1 (a queue's warning) ask the program to finish its step, save and stop, instead of killing it. A second
/// signal kills.
void catch_interrupts();
/// Leaves them to rank 0: another rank goes on until it is sent home.
void ignore_interrupts();
[[nodiscard]] bool interrupted();

/// Thrown after everything was saved; exit status 130.
struct Interrupted {};

}  // namespace mlff::app
